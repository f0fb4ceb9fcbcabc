package synth

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Profile describes generated traffic. The numbers that shape a conversation
// belong to the named profiles and are not for callers to set: take one from
// ProfileNamed, then change the exported fields.
//
// The capture is what the clients' side of the path sees: clients have TTL 64
// and acknowledge at once, servers are some hops and a round trip away.
type Profile struct {
	Name   string
	Seed   uint64
	PcapNG bool // pcapng with nanoseconds, and not pcap with microseconds

	// The capture ends with the first of these that is reached, in the middle
	// of the conversations that are open then. 0 is no limit; one is needed.
	Size        int64 // octets of the file; exceeded by less than one record
	Packets     int64
	Connections int64 // begun; unlike the others it lets them all end

	// Open is how many conversations run at the same time. Fewer do when the
	// limits leave too few conversations for it.
	Open int

	resets       int           // conversations of 10000 that end in a reset
	refused      bool          // every one is a SYN that is answered by a reset
	hold         bool          // all open before the first sends
	exchanges    int           // mean of requests in a conversation
	response     int           // mean octets of a response
	think        time.Duration // mean time between response and request
	share        int64         // percent of all conversations open at a time, at most
	octetsOfConn int64         // on average, in the file
	packsOfConn  int64
}

var profiles = []Profile{
	{
		Name: "web", Size: 1 << 30, Open: 5000,
		resets: 200, exchanges: 4, response: 15600, think: 3 * time.Second,
		share: 25, octetsOfConn: 51000, packsOfConn: 56,
	},
	{
		Name: "small", Size: 700_000_000, Open: 50000,
		resets: 200, exchanges: 8, response: 640, think: 2 * time.Second,
		share: 88, octetsOfConn: 12000, packsOfConn: 32,
	},
	{
		Name: "scan", Packets: 6_000_000, Connections: 3_000_000, Open: 200,
		refused: true, share: 25, octetsOfConn: 144, packsOfConn: 2,
	},
	{
		Name: "wide", Connections: 1_000_000, Open: 1_000_000,
		resets: 200, hold: true, exchanges: 1, response: 900, think: 10 * time.Second,
		share: 100, octetsOfConn: 1900, packsOfConn: 9,
	},
}

// ProfileNames are the names that ProfileNamed knows:
//
//	web    1 GiB: pages and downloads, frames of some 920 octets, 2 % of
//	       conversations reset
//	small  700 MB: short requests and responses, frames of some 370 octets,
//	       50,000 conversations at a time
//	scan   6 million packets: one host tries 3 million closed ports
//	wide   1 million conversations open before the first one sends
func ProfileNames() []string {
	var names []string
	for _, p := range profiles {
		names = append(names, p.Name)
	}
	return names
}

// ProfileNamed returns the profile with the given name, and whether there is one.
func ProfileNamed(name string) (Profile, bool) {
	i := slices.IndexFunc(profiles, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return profiles[i], true
}

// Summary is the truth about a generated capture: what it holds, and not what
// was planned when a limit cut it off.
type Summary struct {
	Packets     int64
	Octets      int64 // of the file
	Connections int64 // whose SYN is in the capture
	Peak        int   // conversations open at the same time, from SYN to last segment
	Span        time.Duration

	Resets    int64            // segments with RST
	Incidents map[string]int64 // first resets of a connection by cause: "no-listener" and so on
	FollowUps int64            // resets after the first of their connection
}

// heapNode is the next segment of the conversation in a slot.
type heapNode struct {
	at   int64
	slot int32
}

func (a heapNode) before(b heapNode) bool {
	return a.at < b.at || a.at == b.at && a.slot < b.slot
}

// traffic is a generator at work: a slot per open conversation, and a heap that
// says whose segment is next.
type traffic struct {
	p       Profile
	out     *recorder
	slots   []conversation
	heap    []heapNode
	seg     segment
	options [40]byte
	body    []byte // letters
	now     int64
	start   int64
	begun   int64 // conversations that have a slot or had one
	open    int
	sum     Summary
	causes  [numEndings]int64
}

// Generate writes the traffic of p as one capture file. The same profile gives
// the same bytes. Memory grows with p.Open and with nothing else. It fails when
// w does, and when p has no limit or no conversations.
func Generate(w io.Writer, p Profile) (Summary, error) {
	if p.Size < 0 || p.Packets < 0 || p.Connections < 0 || p.Size+p.Packets+p.Connections == 0 {
		return Summary{}, errors.New("synth: traffic needs a limit on size, packets or connections")
	}
	if p.Open < 1 || p.Open > 1<<24 || p.packsOfConn == 0 {
		return Summary{}, fmt.Errorf("synth: profile %q with %d conversations at a time", p.Name, p.Open)
	}
	p.fit()
	g := &traffic{
		p:     p,
		out:   newRecorder(w, &Format{PcapNG: p.PcapNG, Nano: p.PcapNG}),
		slots: make([]conversation, p.Open),
		heap:  make([]heapNode, p.Open),
		start: time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC).UnixNano(),
	}
	g.makePayloads()
	for i := range g.slots {
		g.begin(&g.slots[i])
		// In order of time, so already a heap.
		g.heap[i] = heapNode{at: g.start + int64(p.ramp())*int64(i)/int64(p.Open), slot: int32(i)}
	}
	for len(g.heap) > 0 && !g.full() {
		top := g.heap[0]
		g.now = top.at
		c := &g.slots[top.slot]
		delay, done := g.step(c)
		if done {
			g.open--
			if g.p.Connections > 0 && g.begun >= g.p.Connections {
				g.pop()
				continue
			}
			g.begin(c)
			delay = 1 + c.between(0, int64(100*time.Millisecond))
		}
		g.heap[0].at = g.now + delay
		g.sift()
	}
	g.sum.Packets, g.sum.Octets = int64(g.out.frames), int64(g.out.bytes)
	g.sum.Span = time.Duration(g.now - g.start)
	g.sum.Incidents = map[string]int64{}
	for e, n := range g.causes {
		if n > 0 {
			g.sum.Incidents[ending(e).cause()] += n
		}
	}
	return g.sum, g.out.flush()
}

// fit lowers Open to the share of all conversations that the profile has open
// at a time, so that a smaller capture is the same traffic in small.
func (p *Profile) fit() {
	expected := int64(1 << 40)
	if p.Size > 0 {
		expected = min(expected, p.Size/p.octetsOfConn)
	}
	if p.Packets > 0 {
		expected = min(expected, p.Packets/p.packsOfConn)
	}
	if p.Connections > 0 {
		expected = min(expected, p.Connections)
	}
	expected = max(expected, 1)
	if p.hold {
		p.Connections = expected
	}
	p.Open = int(min(int64(p.Open), max(expected*p.share/100, 1)))
}

// ramp is the time in which the slots begin their first conversation.
func (p *Profile) ramp() time.Duration {
	switch {
	case p.refused:
		return time.Millisecond
	case p.hold:
		return 10 * time.Second
	}
	return p.think
}

func (g *traffic) full() bool {
	return g.out.err != nil ||
		g.p.Size > 0 && int64(g.out.bytes) >= g.p.Size ||
		g.p.Packets > 0 && int64(g.out.frames) >= g.p.Packets
}

// sift moves the changed top of the heap to its place. Four children a node
// make it half as deep as two.
func (g *traffic) sift() {
	h, i := g.heap, 0
	moved := h[0]
	for {
		first := 4*i + 1
		if first >= len(h) {
			break
		}
		least := first
		for child := first + 1; child < min(first+4, len(h)); child++ {
			if h[child].before(h[least]) {
				least = child
			}
		}
		if !h[least].before(moved) {
			break
		}
		h[i], i = h[least], least
	}
	h[i] = moved
}

func (g *traffic) pop() {
	last := len(g.heap) - 1
	g.heap[0] = g.heap[last]
	if g.heap = g.heap[:last]; last > 0 {
		g.sift()
	}
}

// makePayloads fills one buffer that all payload is copied from: letters, which
// no dissector takes for a broken message of its own protocol.
func (g *traffic) makePayloads() {
	g.body = make([]byte, bodyLen)
	for i := range g.body {
		g.body[i] = 'a' + byte(mix(uint64(i))%26)
	}
}
