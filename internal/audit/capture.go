package audit

import "github.com/rstwhy/rstwhy/packet"

// Answer is what an auditor says of a value.
type Answer uint8

// The answers.
const (
	Undecidable Answer = iota
	True
	False
)

// String names the answer.
func (a Answer) String() string { return [...]string{"undecidable", "true", "false"}[a] }

func answer(holds bool) Answer {
	if holds {
		return True
	}
	return False
}

// Capture is every TCP segment of a capture, in its order.
type Capture struct {
	headers []packet.Header
	by      map[tuple][]int
	at      map[packet.FrameRef]int
}

// tuple is both ends of a connection, the lesser first, and the tunnel.
type tuple struct {
	a, b   [16]byte
	pa, pb uint16
	zone   uint32
}

func tupleOf(h *packet.Header) tuple {
	t := tuple{h.Src, h.Dst, h.SrcPort, h.DstPort, h.Zone}
	if string(t.a[:]) > string(t.b[:]) || t.a == t.b && t.pa > t.pb {
		t.a, t.b, t.pa, t.pb = t.b, t.a, t.pb, t.pa
	}
	return t
}

// New returns the capture of these segments.
func New(headers []packet.Header) *Capture {
	c := &Capture{headers: headers, by: map[tuple][]int{}, at: map[packet.FrameRef]int{}}
	for i := range headers {
		h := &headers[i]
		c.by[tupleOf(h)] = append(c.by[tupleOf(h)], i)
		c.at[h.Ref()] = i
	}
	return c
}

// Claim is a value of a fact that was said of a reset.
type Claim struct {
	RST     packet.FrameRef // the first of the incident
	Trigger packet.FrameRef // what it is said to answer, 0 for nothing
	Client  [16]byte        // who is said to be the client
	Port    uint16          // and its port
	Fact    string
	Value   int64
}

// Check audits a claim. It reports false for known when there is no auditor.
func (c *Capture) Check(claim Claim) (a Answer, known bool) {
	audit, ok := auditors[claim.Fact]
	if !ok {
		return Undecidable, false
	}
	v, ok := c.view(&claim)
	if !ok {
		return False, true // there is no such RST
	}
	return audit(v, claim.Value), true
}

// Facts returns the names of the facts that have an auditor.
func Facts() []string {
	var out []string
	for name := range auditors {
		out = append(out, name)
	}
	return out
}

// view is the connection around a RST.
type view struct {
	c    *Capture
	rst  *packet.Header
	trig *packet.Header // nil without one
	pre  []*packet.Header
	post []*packet.Header // of the same tuple, after the RST in the capture, for as long as a reset is watched
	// all is the whole conversation of the tuple before the RST, earlier
	// connections included.
	all []*packet.Header
	// whole says that pre is this connection and nothing else, each segment once.
	whole  bool
	client bool // the RST came from the client
}

// watched is how long what comes after a RST is looked at: the grace, and what a
// capture's clock may lag.
const watched = 2100e6

func (c *Capture) view(claim *Claim) (*view, bool) {
	i, ok := c.at[claim.RST]
	if !ok {
		return nil, false
	}
	v := &view{c: c, rst: &c.headers[i], whole: true}
	v.client = v.rst.Src == claim.Client && v.rst.SrcPort == claim.Port
	if k, ok := c.at[claim.Trigger]; ok && claim.Trigger != 0 {
		v.trig = &c.headers[k]
	}
	list := c.by[tupleOf(v.rst)]
	for _, k := range list {
		h := &c.headers[k]
		switch {
		case k < i:
			v.all = append(v.all, h)
		case k > i && h.Time-v.rst.Time <= watched:
			v.post = append(v.post, h)
		}
	}
	v.pre = v.all
	// A SYN with another number than the one before begins another connection.
	for k := len(v.all) - 1; k >= 0; k-- {
		h := v.all[k]
		if h.Flags&(packet.SYN|packet.ACK|packet.RST) != packet.SYN {
			continue
		}
		first := k
		for m := k - 1; m >= 0; m-- {
			if o := v.all[m]; o.Flags&(packet.SYN|packet.ACK|packet.RST) == packet.SYN && o.Src == h.Src && o.SrcPort == h.SrcPort && o.Seq == h.Seq {
				first = m
			}
		}
		v.pre = v.all[first:]
		break
	}
	seen := map[string]bool{}
	last := int64(0)
	for k, h := range v.pre {
		key := string(h.Src[:]) + string(rune(h.SrcPort)) + h.Flags.String() + string(rune(h.IPID)) + string(rune(h.Seq%0xffff)) + string(rune(h.Ack%0xffff)) + string(rune(h.Len%0xffff))
		if h.IPID != 0 && seen[key] || h.Flags&packet.RST != 0 || k > 0 && h.Time-last > 120e9 || h.Time < last {
			v.whole = false // captured twice, reset before, forgotten meanwhile, or in disorder
		}
		seen[key] = true
		last = h.Time
	}
	if len(v.pre) > 0 && v.rst.Time-last > 120e9 {
		v.whole = false
	}
	return v, true
}

// header is the segment of a frame reference, nil for none.
func (v *view) header(ref int64) *packet.Header {
	if i, ok := v.c.at[packet.FrameRef(ref)]; ok {
		return &v.c.headers[i]
	}
	return nil
}

// fromSender reports whether h was sent in the name that the RST bears.
func (v *view) fromSender(h *packet.Header) bool {
	return h.Src == v.rst.Src && h.SrcPort == v.rst.SrcPort && h.Dst == v.rst.Dst && h.DstPort == v.rst.DstPort
}

// of returns the segments of one side that pass keep.
func (v *view) of(list []*packet.Header, sender bool, keep func(*packet.Header) bool) (out []*packet.Header) {
	for _, h := range list {
		if tupleOf(h) == tupleOf(v.rst) && v.fromSender(h) == sender && (keep == nil || keep(h)) {
			out = append(out, h)
		}
	}
	return out
}

func has(f packet.Flags) func(*packet.Header) bool {
	return func(h *packet.Header) bool { return h.Flags&f == f }
}

func none(f packet.Flags) func(*packet.Header) bool {
	return func(h *packet.Header) bool { return h.Flags&f == 0 }
}

// fresh returns the segments of one side with octets that none before it had, and
// how many octets.
func (v *view) fresh(sender bool) (segments []*packet.Header, octets []int64) {
	var max packet.Seq
	began := false
	for _, h := range v.of(v.pre, sender, none(packet.RST)) {
		end := h.End()
		if h.Len > 0 {
			data := h.Seq.Add(h.Len)
			if h.Flags&packet.SYN != 0 {
				data = h.Seq.Add(h.Len + 1)
			}
			switch {
			case !began || h.Flags&packet.SYN != 0:
				segments, octets = append(segments, h), append(octets, int64(h.Len))
			case max.Less(data):
				segments, octets = append(segments, h), append(octets, min(int64(h.Len), int64(data.Sub(max))))
			}
		}
		if !began || max.Less(end) {
			max = end
		}
		began = true
	}
	return segments, octets
}
