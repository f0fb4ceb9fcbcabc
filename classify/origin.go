package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Who says whose hand a RST came from. That a RST bears a host's address
// proves nothing.
type Who uint8

// The origins. AnotherBox and Forged are kept apart: a RST that was made
// elsewhere is mostly the work of the operator's own load balancer or firewall.
const (
	WhoUnknown Who = iota // nothing speaks for or against the address it bears
	Endpoint              // it looks like the endpoint's other segments
	AnotherBox            // a load balancer, NAT or firewall answered in its name
	Forged                // the endpoint itself disproves it, or its numbers are impossible
)

// String is the word in reports and JSON.
func (w Who) String() string {
	return [...]string{"unknown", "endpoint", "another-box", "forged"}[w]
}

// Signs is a set of indicators that another hand than the endpoint's made a RST.
type Signs uint32

// The hard indicators. Each alone proves a third party.
const (
	// CarriedOn: the sender went on with its stream, beyond the RST and in a way
	// that it cannot have sent before it.
	CarriedOn Signs = 1 << iota
	// AnsweredToo: the same SYN was refused and accepted in one name.
	AnsweredToo
	// AnsweredTwice: the RST acknowledges a segment, and another RST of the same
	// sender answers it as if it had only come then.
	AnsweredTwice
	// ImpossibleNumber: outside anything that either side has sent, offered or
	// acknowledged.
	ImpossibleNumber
	// ImpossibleTimestamp: far before the clock that the sender has shown.
	ImpossibleTimestamp
	// SteppedCopies: several RSTs at once whose sequence numbers, windows or
	// TTLs step, and no segment that each of them would answer.
	SteppedCopies
	// ReservedBits: bits that no conforming sender sets.
	ReservedBits
	// BothEnds: each end was reset in the name of the other at once, by one hand.
	BothEnds
	// NamesItself: a device says in the RST what it is.
	NamesItself

	// The soft indicators that speak of another box. The first four are strong
	// and count twice.

	// OtherDistance: so many hops away as none of the sender's other segments.
	OtherDistance
	// TooEarly: sooner than the path to the sender allows.
	TooEarly
	// IDEcho: the IP ID of the segment it answers, out of the sender's own order.
	IDEcho
	// FarOff: five hops or more of difference, which no other route explains.
	FarOff
	// BothEndsIdle: both ends at once after a silence, as a timer does.
	BothEndsIdle
	// Nearer: one hop nearer than all of the sender's other segments.
	Nearer
	// WindowEcho: the window of the segment it answers.
	WindowEcho
	// NoDF: without Don't Fragment, unlike all the sender's other segments.
	NoDF
	// NotCopied: TOS or flow label zero, where the segment it answers has one.
	NotCopied
	// NoTimestamps: an abort without the timestamps of its connection.
	NoTimestamps
	// OtherID: an abort whose IP ID is not the next of the sender's counter.
	OtherID

	// The soft indicators that speak of a forger. The first is strong.

	// WrongRefusal: it acknowledges the SYN's own number; clients ignore that.
	WrongRefusal
	// Ahead: beyond what the sender had sent, though in the window.
	Ahead
	// NotAdvanced: at the beginning of the sender's own latest data.
	NotAdvanced
	// WindowOnReply: an answer without ACK that offers a window.
	WindowOnReply
	// Damaged: the checksum is wrong; a stack drops it.
	Damaged
)

const (
	hardSigns   = CarriedOn | AnsweredToo | AnsweredTwice | ImpossibleNumber | ImpossibleTimestamp | SteppedCopies | ReservedBits | BothEnds | NamesItself
	forgedSigns = CarriedOn | AnsweredToo | AnsweredTwice | ImpossibleNumber | ImpossibleTimestamp | SteppedCopies | ReservedBits | BothEnds
	strongSigns = OtherDistance | TooEarly | IDEcho | BothEndsIdle | WrongRefusal
	forgerSigns = WrongRefusal | Ahead | NotAdvanced | WindowOnReply | Damaged
)

// enough is the weight at which soft indicators decide: a strong one and
// another, or three.
const enough = 3

// Has reports whether every sign of want was found.
func (s Signs) Has(want Signs) bool { return s&want == want }

// Any reports whether one of want was found.
func (s Signs) Any(want Signs) bool { return s&want != 0 }

// Hard returns the hard indicators among s.
func (s Signs) Hard() Signs { return s & hardSigns }

// weight counts the soft indicators of s, the strong ones twice.
func (s Signs) weight() int {
	n := 0
	for left := s &^ hardSigns; left != 0; left &= left - 1 {
		n++
	}
	for left := s & strongSigns; left != 0; left &= left - 1 {
		n++
	}
	return n
}

// Origin is who really sent a RST and what tells.
type Origin struct {
	Who    Who
	Device string // what the box calls itself or is known by, "" when nothing names it
	Signs  Signs
	// Hard indicators prove a third party, each alone. Soft ones count together.
	Hard, Soft []Evidence
}

// originNotes is where originOf writes; a Judge uses it again for every reset.
type originNotes struct{ hard, soft Findings }

// originOf looks for another hand than the endpoint's. What it returns refers
// to n.
//
// Sources of the indicators: Weaver, Sommer, Paxson, "Detecting Forged TCP Reset
// Packets", NDSS 2009; RFC 9293, 3.5.2 and 3.10.7; the senders' source named at
// each.
func originOf(c *Case, n *originNotes) Origin {
	n.hard.n, n.soft.n = 0, 0
	o := originCase{Case: c, notes: n}
	o.named()
	o.answeredToo()
	o.answeredTwice()
	o.impossible()
	o.stepped()
	o.bothEnds()
	o.distance()
	o.early()
	o.echoes()
	o.stack()
	o.forgery()
	o.carriedOn() // last: it asks what else speaks against the endpoint
	return Origin{Who: o.who(), Device: o.device, Signs: o.signs, Hard: n.hard.All(), Soft: n.soft.All()}
}

type originCase struct {
	*Case
	notes    *originNotes
	signs    Signs
	device   string
	rejected bool // it could be the work of a filter that threw the segment away
}

func (o *originCase) add(s Signs, format string, args ...Arg) {
	o.signs |= s
	if s&hardSigns != 0 {
		o.notes.hard.Add(format, args...)
	} else {
		o.notes.soft.Add(format, args...)
	}
}

func (o *originCase) who() Who {
	s := o.signs
	switch {
	case s.Has(NamesItself):
		return AnotherBox
	case s.Any(forgedSigns &^ CarriedOn), s.Has(CarriedOn) && !o.rejected:
		return Forged
	case s.Has(CarriedOn):
		return AnotherBox
	case (s & forgerSigns).weight() >= enough:
		return Forged
	case s.weight() >= enough:
		return AnotherBox
	case s == 0 && o.looksOwn():
		return Endpoint
	}
	return WhoUnknown
}

// looksOwn reports whether the RST is like the sender's other segments.
func (o *originCase) looksOwn() bool {
	x, rst := o.X, &o.RST
	if !x.Spoke() {
		return false
	}
	if rst.TTL != x.TTLSYN && (rst.TTL < x.TTLMin || rst.TTL > x.TTLMax) {
		return false
	}
	if o.Kind == Active && x.Known.Has(flows.SawTS) {
		return rst.Options.Has(packet.OptTimestamps)
	}
	return o.Kind != Unexplained
}

// named takes the word of a device for what it is.
func (o *originCase) named() {
	rst := &o.RST
	switch note := o.Payload; {
	case hasPrefix(note, "BIG-IP:"):
		o.device = "F5 BIG-IP"
		o.add(NamesItself, "the payload of {} is a message of an F5 BIG-IP", frame(rst.Where()))
	case len(note) == 8 && note[0] == 0x33 && note[1] == 0xaa:
		// draft-boucadair-tcpm-rst-diagnostic-payload, as tcpdump prints it.
		o.device = "a box that sends diagnostic payloads"
		o.add(NamesItself, "the payload of {} is a diagnostic record: reason {}", frame(rst.Where()), number(int(note[2])<<8|int(note[3])))
	}
	if meaning := netScaler(rst.Window); meaning != "" && rst.Options == 0 && rst.Window != o.X.Window && rst.Window != o.Trigger.Window {
		o.device = "Citrix NetScaler"
		o.add(NamesItself, meaning, frame(rst.Where()), number(int(rst.Window)))
	}
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// carriedOn looks for a segment of the sender that it cannot have sent before
// the RST, and would not have sent after it.
func (o *originCase) carriedOn() {
	rst, s, x := &o.RST, &o.After.Carried, o.X
	if !s.Valid() || s.End().LessEq(rst.Seq) || s.Seq.Sub(x.Max) > 1<<20 {
		s = &o.After.Took
	}
	gap := s.Time - rst.Time
	if !s.Valid() || gap <= disorder || gap > int64(flows.Grace) {
		return
	}
	// In SYN-SENT and SYN-RECEIVED a wrong acknowledgment draws a RST, and the
	// attempt goes on (RFC 9293, 3.10.7.3 and 3.10.7.4).
	if rst.Flags&packet.ACK == 0 && (o.Flow.Handshake == flows.SYNSent && o.Dir == flows.Client ||
		o.Flow.Handshake == flows.SYNReceived && o.Dir == flows.Server && rst.Seq != x.ISN+1) {
		return
	}
	// A program that makes its own segments on a raw socket has a kernel beside
	// it that knows nothing of them and answers the SYN/ACK.
	if o.Answers(packet.SYN|packet.ACK, packet.SYN|packet.ACK) && o.looksStateless() && o.signs == 0 {
		return
	}
	if s.IPID != 0 && rst.IPID != 0 && o.countsIDs() {
		if step := rst.IPID - s.IPID; step >= 1 && step <= 64 {
			return // sent before the RST, captured after it
		}
	}
	if (s.Options & rst.Options).Has(packet.OptTimestamps) && int32(s.TSVal-rst.TSVal) < 0 {
		return
	}
	// A filter that rejects throws the segment away: the sender, which carries
	// on, never acknowledges it. Somebody who only listens lets it pass.
	took := o.Trigger.Valid() && o.Trigger.SeqLen() > 0 && o.Trigger.End().LessEq(o.After.Acked[o.Dir])
	o.rejected = o.looksStateless() && !took && o.Effect != Ignored
	if took {
		o.add(CarriedOn, "{} carries on {} after the RST: {}, and has taken what the RST seems to answer", end(o.Dir), dur(gap), frame(s.Where))
		return
	}
	o.add(CarriedOn, "{} carries on {} after the RST: {}", end(o.Dir), dur(gap), frame(s.Where))
}

// looksStateless reports whether the RST is what a stack, or a filter, answers
// to a segment of no connection.
func (o *originCase) looksStateless() bool {
	return (o.Kind == Reply || o.Kind == ReplyACK) && o.RST.Options == 0 && (o.RST.Window == 0 || o.signs.Has(WindowEcho))
}

// countsIDs reports whether the sender's IP IDs come from a counter.
func (o *originCase) countsIDs() bool {
	return o.RST.Marks&packet.IPv6 == 0 && o.X.IDStep >= 3 && o.X.IDJump <= o.X.IDStep/4
}

// answeredToo looks for a SYN/ACK to the SYN that was refused. One host says
// yes or no to one SYN; a SYN that was sent twice may get both.
func (o *originCase) answeredToo() {
	s, first := &o.After.NewSYNACK, &o.After.First[o.Dir.Peer()]
	if !s.Valid() || s.Dir != o.Dir || o.Flow.Handshake != flows.SYNSent || o.Dir != flows.Server ||
		o.Y.SYNs != 1 || s.Ack != o.Y.ISN+1 || first.Valid() && first.Time <= s.Time {
		return
	}
	o.add(AnsweredToo, "the SYN of {} was refused, and accepted {} later: {}", frame(o.Y.SYNWhere), dur(s.Time-o.RST.Time), frame(s.Where))
}

// answeredTwice looks for a second RST, one that answers a segment which the
// first has acknowledged: had the first come from the sender, the segment would
// have arrived before it and drawn nothing more.
func (o *originCase) answeredTwice() {
	rst := &o.RST
	if o.Lacks != 0 || rst.Flags&packet.ACK == 0 || len(o.Follow) == 0 || o.Y.Retrans != 0 || o.X.Known.Has(flows.SawFIN) {
		return
	}
	f := &o.Follow[0]
	for i := 1; f.RST.Seq == rst.Seq && f.RST.Flags == rst.Flags && i < min(len(o.Follow), 4); i++ {
		f = &o.Follow[i] // that was the first one again: two taps, or `any`
	}
	t := &f.Trigger
	if f.RST.Dir != o.Dir || f.RST.Flags&packet.ACK != 0 || t.Len == 0 || t.Time > rst.Time || rst.Ack.Less(t.End()) {
		return
	}
	if s := &o.After.First[o.Dir.Peer()]; s.Valid() && s.Time <= f.RST.Time {
		return // it answers what came in between
	}
	// What was still on its way draws a RST of its own: what the first does not
	// acknowledge, and a bare acknowledgment, which nobody acknowledges.
	late := 2*(o.Flow.RTTServer()+o.Flow.RTTClient()) + 50e6
	for i := range flows.RecentLen {
		s := o.Flow.Recent(i)
		if s == nil {
			break
		}
		if s.Dir != o.Dir && (s.SeqLen() == 0 || rst.Ack.Less(s.End())) && s.Ack == f.RST.Seq && f.RST.Time-s.Time <= late {
			return
		}
	}
	o.add(AnsweredTwice, "{} acknowledges {}, and {} answers it {} later as if it came from nowhere: they were not sent by one host", frame(rst.Where()), frame(t.Where), frame(f.RST.Where), dur(f.RST.Time-rst.Time))
}

// slack is how far beyond a window a number must be to count as impossible:
// the capture may lack the latest window update.
const slack = 1 << 16

// impossible looks for numbers that belong to nothing. It needs to know where
// the streams begin and that the capture has no holes.
func (o *originCase) impossible() {
	rst, x, y := &o.RST, o.X, o.Y
	if rst.Flags&0xe00 != 0 && !o.setsReserved() {
		o.add(ReservedBits, "{} has reserved bits set in its TCP header", frame(rst.Where()))
	}
	if (rst.Options.Has(packet.OptTimestamps)) && x.Known.Has(flows.SawTS) {
		if behind := int32(x.TSVal - rst.TSVal); behind > 1000 || behind < -1<<30 {
			o.add(ImpossibleTimestamp, "its timestamp is {} ticks before the sender's latest, in {}", number(int(behind)), frame(x.LatestWhere))
		}
	}
	if o.Lacks != 0 || o.Trigger.Valid() || o.Flow.Handshake != flows.Established || o.Flow.Prior.Latest != 0 || o.Before() || o.scaleCut() {
		return
	}
	end := y.Edge.Max(x.Max)
	switch {
	case rst.Seq == 0 || rst.Seq == y.Ack:
	case rst.Seq.Sub(end) > slack:
		o.add(ImpossibleNumber, "its sequence number is {} octets beyond the window that its receiver had offered", number(int(rst.Seq.Sub(end))))
	case rst.Seq.Less(x.ISN):
		o.add(ImpossibleNumber, "its sequence number is {} before the beginning of its sender's stream", number(int(x.ISN.Sub(rst.Seq))))
	case rst.Seq.Sub(x.Max) > 0 && o.Kind != Active:
		o.add(Ahead, "its sequence number is {} octets beyond what its sender had sent", number(int(rst.Seq.Sub(x.Max))))
	}
	if rst.Flags&packet.ACK == 0 || rst.Ack == 0 {
		return
	}
	end = x.Edge.Max(y.Max)
	switch {
	case rst.Ack.Sub(end) > slack:
		o.add(ImpossibleNumber, "it acknowledges {} octets more than its sender had offered to take", number(int(rst.Ack.Sub(end))))
	case rst.Ack.Less(y.ISN):
		o.add(ImpossibleNumber, "it acknowledges a number {} before the beginning of its receiver's stream", number(int(y.ISN.Sub(rst.Ack))))
	}
}

// scaleCut reports whether the capture may lack the scale of the windows: the
// options of a SYN were cut by the snapshot length.
func (c *Case) scaleCut() bool {
	return (c.X.SYNOptions | c.Y.SYNOptions).Has(packet.OptBroken)
}

func (o *originCase) setsReserved() bool {
	for i := range flows.RecentLen {
		s := o.Flow.Recent(i)
		if s == nil {
			return false
		}
		if s.Dir == o.Dir && s.Flags&0xe00 != 0 {
			return true
		}
	}
	return false
}

// together is how close in time RSTs of one hand are.
const together = 100e6

// stepped looks at RSTs of one sender that come together.
func (o *originCase) stepped() {
	if len(o.Follow) == 0 {
		return
	}
	rst := &o.RST
	var seqs, windows, ttls run
	last := segment(rst, o.Dir)
	for i := range o.Follow {
		f := &o.Follow[i]
		if i == 16 || f.RST.Time-rst.Time > together {
			break
		}
		if f.RST.Dir != o.Dir || f.RST.Flags != rst.Flags {
			continue
		}
		seqs.step(int(f.RST.Seq.Sub(last.Seq)))
		windows.step(int(f.RST.Window) - int(last.Window))
		ttls.step(int(f.RST.TTL) - int(last.TTL))
		last = f.RST
	}
	if windows.steady() && seqs.still() || ttls.steady() {
		o.add(SteppedCopies, "{} RSTs from {} on step by {} in the window and by {} in the TTL: no stack counts them", number(seqs.n+1), frame(rst.Where()), number(windows.delta), number(ttls.delta))
		return
	}
	// A stack's RST stands where its stream had come to or answers an
	// acknowledgment, and nobody acknowledges what was not sent: a second one
	// beyond both belongs to somebody who guesses (NDSS 2009, RST_SEQ_CHANGE).
	if o.Lacks != 0 || (o.X.Known | o.Y.Known).Has(flows.SawFIN) {
		return
	}
	known := o.X.Max.Max(o.Y.Ack)
	if o.After.Latest[o.Dir.Peer()] != 0 {
		known = known.Max(o.After.Acked[o.Dir.Peer()])
	}
	for i := range o.Follow {
		f := &o.Follow[i]
		if i == 16 || f.RST.Time-rst.Time > together {
			return
		}
		if f.RST.Dir == o.Dir && !f.Trigger.Valid() && f.RST.Seq.Sub(known) > 2 && f.RST.Seq.Sub(rst.Seq) > 2 && !o.After.Carried.Valid() {
			o.add(SteppedCopies, "a second RST, {}, is {} octets further on, where its sender's stream never was", frame(f.RST.Where), number(int(f.RST.Seq.Sub(rst.Seq))))
			return
		}
	}
}

// run follows the differences between numbers.
type run struct {
	n, delta int
	broken   bool
}

func (r *run) step(delta int) {
	if r.n > 0 && delta != r.delta {
		r.broken = true
	}
	r.n++
	r.delta = delta
}

// steady: three numbers or more, each the same small step from the one before.
func (r *run) steady() bool {
	return r.n >= 2 && !r.broken && r.delta != 0 && r.delta >= -4 && r.delta <= 4
}

func (r *run) still() bool { return !r.broken && r.delta == 0 }

func segment(h *packet.Header, d flows.Dir) flows.Segment {
	return flows.Segment{Time: h.Time, Where: h.Where(), Seq: h.Seq, Window: h.Window, IPID: h.IPID, TTL: h.TTL, Flags: h.Flags, Dir: d}
}

// bothEnds looks for a RST to each end, neither of which answers anything.
func (o *originCase) bothEnds() {
	rst, x, y := &o.RST, o.X, o.Y
	if o.Kind == Reply || (x.Known | y.Known).Has(flows.SawFIN) || !x.Spoke() || !y.Spoke() {
		return
	}
	for i := range o.Follow {
		f := &o.Follow[i]
		gap := f.RST.Time - rst.Time
		if gap > together/2 || i == 16 {
			return
		}
		if f.RST.Dir == o.Dir {
			continue
		}
		if f.Trigger.Valid() || !f.RST.Valid() {
			return
		}
		if idle := o.Timing.At[IdleBefore]; idle >= ShortestIdle {
			o.add(BothEndsIdle, "{} and {} reset both ends {} apart after {} of silence", frame(rst.Where()), frame(f.RST.Where), dur(gap), dur(idle))
			return
		}
		// One hand: what the two share is not what the ends have.
		id := int32(f.RST.IPID) - int32(rst.IPID)
		sameID := rst.IPID != 0 && f.RST.IPID != 0 && id >= -4 && id <= 4 && !near(rst.IPID, x.IPID) && !near(f.RST.IPID, y.IPID)
		sameWindow := rst.Window != 0 && rst.Window == f.RST.Window && x.Window != y.Window
		sameTTL := rst.TTL == f.RST.TTL && x.TTLMax != 0 && y.TTLMax != 0 && rst.TTL > x.TTLMax && f.RST.TTL > y.TTLMax
		path := o.Flow.RTTClient() + o.Flow.RTTServer()
		tooClose := path >= 4e6 && gap < path/4
		if sameID || sameWindow || sameTTL || tooClose {
			o.add(BothEnds, "{} and {} reset both ends {} apart, each in the name of the other, and answer nothing", frame(rst.Where()), frame(f.RST.Where), dur(gap))
		}
		return
	}
}

func near(id, counter uint16) bool { return id-counter <= 64 }

// hops is how many routers a packet with this TTL has passed, by the initial
// values in use: 64, 128 and 255, and 32 for a host that never shows more.
func hops(ttl uint8, low bool) int {
	switch {
	case low && ttl <= 32:
		return 32 - int(ttl)
	case ttl <= 64:
		return 64 - int(ttl)
	case ttl <= 128:
		return 128 - int(ttl)
	}
	return 255 - int(ttl)
}

const (
	baseline = 3  // segments that it takes to know how far away a host is
	farthest = 40 // hops; beyond it a program has set the TTL itself
)

// distance compares hops, not TTLs: answers of a stack have the host's default
// TTL, whatever a program has set on its socket.
func (o *originCase) distance() {
	rst, x := &o.RST, o.X
	low := x.TTLMax <= 32 && rst.TTL <= 32
	d := hops(rst.TTL, low)
	if d > farthest {
		return
	}
	if x.Packets-min(x.Packets, uint32(x.SYNs)) >= baseline && x.TTLMin != 0 {
		nearest, most := hops(x.TTLMax, low), hops(x.TTLMin, low)
		if nearest > most {
			nearest, most = most, nearest
		}
		if x.TTLMax-x.TTLMin > 4 || most > farthest {
			return
		}
		off := max(nearest-d, d-most)
		if x.Known.Has(flows.SawSYN) {
			if s := hops(x.TTLSYN, low); d-s <= 1 && s-d <= 1 && off > 1 {
				return // the SYN came from just there
			}
		}
		switch {
		case off >= 2:
			sign := OtherDistance
			if off >= 5 {
				sign |= FarOff
			}
			o.add(sign, "its TTL {} means {} hops, those of its sender's other segments, {}, mean {}", number(int(rst.TTL)), number(d), number(int(x.TTL)), number(hops(x.TTL, low)))
		case off == 1 && d < nearest && x.TTLMin == x.TTLMax && rst.TTL > x.TTLMax && rst.TTL-x.TTLMax == 1:
			o.add(Nearer, "its TTL {} is one more than that of all its sender's other segments", number(int(rst.TTL)))
		}
		return
	}
	// The host's SYN/ACKs in other connections, when this one has too little.
	if t := o.Around.TTL; t != 0 && o.Dir == flows.Server && !x.Spoke() {
		if s := hops(t, false); s <= farthest && (s-d >= 2 || d-s >= 2) {
			o.add(OtherDistance, "its TTL {} means {} hops; the host's SYN/ACKs in other connections, with {}, come over {}", number(int(rst.TTL)), number(d), number(int(t)), number(s))
		}
	}
}

// early asks whether the RST can have come from the sender in the time since
// what it answers, or acknowledges, passed the capture point.
func (o *originCase) early() {
	rst := &o.RST
	rtt := o.pathTo()
	if rtt < 1e6 {
		return // too short to be sure of
	}
	if o.Trigger.Valid() && rst.Flags&packet.ACK == 0 || o.Answers(packet.SYN|packet.ACK, packet.SYN) {
		for i := range flows.RecentLen {
			s := o.Flow.Recent(i)
			if s == nil {
				break
			}
			same := s.Ack == rst.Seq && s.Flags&packet.ACK != 0 || s.Where == o.Trigger.Where || rst.Seq == 0 && s.Flags&packet.SYN != 0
			if s.Dir == o.Dir || !same {
				continue
			}
			age := rst.Time - s.Time
			if age >= rtt/2 && age <= 3*rtt+200e6 {
				return
			}
		}
		if age := rst.Time - o.Trigger.Time; age >= 0 && age < rtt/2 {
			o.add(TooEarly, "it comes {} after {}, half the way there and back takes {}", dur(age), frame(o.Trigger.Where), dur(rtt/2))
		}
		return
	}
	if rst.Flags&packet.ACK == 0 || !o.Y.Spoke() {
		return
	}
	// It acknowledges data that cannot have arrived yet.
	for i := range flows.RecentLen {
		s := o.Flow.Recent(i)
		if s == nil {
			return
		}
		if s.Dir == o.Dir || s.Len == 0 || s.End() != rst.Ack {
			continue
		}
		if o.Y.Retrans != 0 {
			return // an earlier try may have arrived
		}
		if age := rst.Time - s.Time; age >= 0 && age < rtt/2 {
			o.add(TooEarly, "it acknowledges {} after {}, half the way there and back takes {}", frame(s.Where), dur(age), dur(rtt/2))
		}
		return
	}
}

// pathTo is the shortest time in which an answer of the sender has ever come
// back to the capture point, 0 when none was seen.
func (o *originCase) pathTo() int64 {
	rtt := o.Flow.RTTServer()
	if o.Dir == flows.Client {
		rtt = o.Flow.RTTClient()
	}
	if m := o.Around.MinRTT; o.Dir == flows.Server && m > 0 && (rtt == 0 || m < rtt) {
		rtt = m
	}
	if rtt < 1e6 {
		return rtt
	}
	// Acknowledgments that came sooner show a shorter path.
	for i := range flows.RecentLen {
		a := o.Flow.Recent(i)
		if a == nil {
			break
		}
		if a.Dir != o.Dir || a.Flags&packet.ACK == 0 {
			continue
		}
		for k := i + 1; k < flows.RecentLen; k++ {
			s := o.Flow.Recent(k)
			if s == nil {
				break
			}
			if s.Dir != o.Dir && s.SeqLen() > 0 && s.End() == a.Ack {
				rtt = min(rtt, a.Time-s.Time)
				break
			}
		}
	}
	return rtt
}

// echoes looks for fields copied from the segment that the RST answers.
func (o *originCase) echoes() {
	rst, x, t := &o.RST, o.X, &o.Trigger
	if !t.Valid() {
		// What a filter answers in both directions has no trigger by its numbers.
		if t = o.Flow.Recent(0); t == nil || o.Kind == Active && rst.Options.Has(packet.OptTimestamps) || rst.Time-t.Time > together {
			return
		}
	}
	v4 := rst.Marks&packet.IPv6 == 0
	if v4 && rst.IPID > 1 && rst.IPID == t.IPID && t.Dir != o.Dir && !near(rst.IPID, x.IPID) {
		o.add(IDEcho, "its IP ID {} is that of {}", number(int(rst.IPID)), frame(t.Where))
	}
	if rst.Window != 0 && rst.Window == t.Window && t.Dir != o.Dir && (!x.Spoke() || x.Window != rst.Window) {
		o.add(WindowEcho, "its window {} is that of {}", number(int(rst.Window)), frame(t.Where))
		if o.device != "" || !v4 || rst.Marks&packet.DF != 0 || rst.Options != 0 {
			return
		}
		switch {
		case rst.TTL > 128:
			o.device = "Cisco ASA or PAN-OS, or a firewall like them"
		case rst.TTL <= 64 && rst.IPID == 0:
			o.device = "Suricata, or an IPS like it" // respond-reject-libnet11.c
		}
	}
	if o.Kind == Reply && o.Trigger.Valid() && (rst.TOS == 0 && t.TOS&^3 != 0 || !v4 && rst.FlowLabel == 0 && x.FlowLabel != 0) {
		o.add(NotCopied, "its TOS or flow label is 0, unlike that of {}: packet filters leave it so", frame(t.Where))
	}
}

// stack compares the RST with what the sender's stack does.
func (o *originCase) stack() {
	rst, x := &o.RST, o.X
	v4 := rst.Marks&packet.IPv6 == 0
	if v4 && x.Packets >= baseline && x.NoDF == 0 && rst.Marks&packet.DF == 0 {
		o.add(NoDF, "it may be fragmented, none of its sender's {} other segments may", number(int(x.Packets)))
	}
	if o.Kind != Active && o.Kind != ReplyACK {
		return // answers of a stack have neither timestamps nor an IP ID of the connection
	}
	if x.Known.Has(flows.SawTS) && rst.Options&(packet.OptTimestamps|packet.OptBroken) == 0 {
		o.add(NoTimestamps, "it has no timestamps although the connection uses them")
	}
	if v4 && o.countsIDs() && rst.IPID-x.IPID > 1<<12 { // a host's one counter for all may have gone far
		o.add(OtherID, "its IP ID is {}, its sender had come to {}", number(int(rst.IPID)), number(int(x.IPID)))
	}
}

// forgery looks for the marks of those who make RSTs without a stack.
func (o *originCase) forgery() {
	rst, x, y := &o.RST, o.X, o.Y
	if o.Flow.Handshake == flows.SYNSent && o.Dir == flows.Server && rst.Flags&packet.ACK != 0 && rst.Ack == y.ISN && !x.Spoke() {
		o.add(WrongRefusal, "it acknowledges the number of the SYN in {}, not the next: a client ignores it", frame(y.SYNWhere))
	}
	if rst.Flags&packet.ACK == 0 && rst.Window != 0 && rst.Window != o.Trigger.Window && !o.signs.Has(NamesItself) {
		o.add(WindowOnReply, "it has no ACK and offers a window of {}; stacks offer none", number(int(rst.Window)))
	}
	if rst.Flags&packet.ACK != 0 && x.Known.Has(flows.SawData) && !o.Trigger.Valid() && rst.Seq != y.Ack && rst.Seq.Less(x.Max) {
		for i := range flows.RecentLen {
			s := o.Flow.Recent(i)
			if s == nil {
				break
			}
			if s.Dir == o.Dir && s.Len > 0 {
				if s.Seq == rst.Seq {
					o.add(NotAdvanced, "its sequence number is that of {}, its sender's latest data, and not after it", frame(s.Where))
				}
				break
			}
		}
	}
	if o.badChecksum() {
		o.add(Damaged, "the TCP checksum of {} is wrong: a receiver drops it", frame(rst.Where()))
	}
}
