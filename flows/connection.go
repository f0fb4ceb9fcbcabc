package flows

import "github.com/rstwhy/rstwhy/packet"

// connection is what a Table keeps of a Flow. It has no pointers. It is laid
// out by cache lines: most segments need the first, the Standing of both sides
// and, with payload, the Stream of one; those of a busy capture are in no cache
// when their next segment comes.
type connection struct {
	ends [2]Endpoint // by Dir
	zone uint32
	// pieces are a ring of places in the Table's memory, each +1, 0 for none.
	pieces    [RecentLen / pieceLen]uint32
	seen      uint32 // which letters the history has, by direction
	recentN   uint8  // segments remembered; beyond RecentLen only its remainder counts
	marks     marks
	handshake Handshake
	historyN  uint8

	side [2]Standing

	start   int64
	due     int64  // capture second at which it leaves, valid with isClosing
	open    uint32 // number of the reset that waits, valid with isWatched
	gen     uint32 // how often the place was used
	hash    uint32
	rare    uint32 // place in Table.memory.rares +1, 0 for none
	history [HistoryLen]byte
	rstDir  Dir // who sent the first RST, valid when rstFrame is not 0
	_       byte
	// The first RST of the connection. Those of the other side are in Rare.
	rstTime  int64
	rstFrame packet.FrameRef

	opening [2]Opening
	stream  [2]Stream
}

// standingLines are the cache lines that a connection's ends and both its sides
// take. What begins and ends it follows in the next, and the opening of the
// client after that.
const standingLines = 3

// marks are the booleans of a connection.
type marks uint8

const (
	isLive    marks = 1 << iota // the place is in use
	isClosing                   // it leaves at a time that is known
	isWatched                   // a reset waits
	isGuessed                   // Flow.RolesGuessed, and so on
	isRetried
	isRefused
	isTriedAgain // Flow.Retried
	isConversing // both sides have sent data
)

// latest is the time of the latest segment of either side.
func (c *connection) latest() int64 { return max(c.side[Client].Latest, c.side[Server].Latest) }

func (c *connection) packets() uint32 { return c.side[Client].Packets + c.side[Server].Packets }

func (c *connection) known() Known { return c.side[Client].Known | c.side[Server].Known }

func (c *connection) rttServer() int64 {
	return rttServer(c.side[Client].Known, c.side[Server].Known, &c.opening[Client], &c.opening[Server])
}

func (c *connection) rttClient() int64 {
	return rttClient(c.side[Client].Known, c.side[Server].Known, &c.opening[Client], &c.opening[Server])
}

// rttTo is the time from the capture point to the side d and back, from the
// handshake; 0 when that was not captured.
func (c *connection) rttTo(d Dir) int64 {
	if d == Client {
		return c.rttClient()
	}
	return c.rttServer()
}

// acted is when the side d last sent new payload, or its FIN; 0 for neither.
func (c *connection) acted(m *memory, d Dir) (at int64) {
	if c.side[d].Known&SawData != 0 {
		at = c.stream[d].DataLast
	}
	if c.side[d].Known&SawFIN != 0 {
		at = max(at, m.rare(c).side[d].FINTime)
	}
	return at
}

// quiet reports whether the side d, whose segment comes now, has been silent for
// longer than a pause, and the other has spoken since: only then there can be one.
func (c *connection) quiet(d Dir) bool {
	return c.side[d.Peer()].Latest-c.side[d].Latest >= int64(ShortestPause)
}

// pause is how long c had been silent before the other side sent what the side d
// answers now, 0 when that was less than ShortestPause. What was sent again and
// again ends the pause with its first try.
func (c *connection) pause(m *memory, d Dir) int64 {
	if c.handshake != Established && c.handshake != MidStream || c.side[d].Known&SawSegment == 0 {
		return 0
	}
	var later *Segment
	for i := range RecentLen {
		s := m.recent(c, i)
		switch {
		case s == nil:
			return 0
		case later != nil && later.Time-s.Time >= int64(ShortestPause) && (s.Dir == d || s.Seq != later.Seq || s.SeqLen() == 0):
			return later.Time - s.Time
		case s.Dir == d:
			return 0
		}
		later = s
	}
	return 0
}

// disowns reports whether the RST h of the side d says that it has no such
// connection: it takes nothing of what the other side sent, and neither side had
// closed.
func (c *connection) disowns(h *packet.Header, d Dir) bool {
	s, p := &c.side[d], &c.side[d.Peer()]
	if c.known()&(SawFIN|SawRST) != 0 || h.Time-p.Latest >= int64(ShortestPause) {
		return false
	}
	if h.Flags&packet.ACK == 0 {
		return p.Known&SawAck != 0 && h.Seq == p.RcvNxt && (s.Known&SawAck == 0 || s.RcvNxt.Less(p.SndNxt) || p.Probes > 0)
	}
	return s.Known&SawAck != 0 && h.Ack.LessEq(s.RcvNxt) && s.RcvNxt.Less(p.SndNxt)
}

// settled reports whether nothing was under way on c when the side d sent the
// RST h: no SYN sent again, no FIN, and all payload acknowledged.
func (c *connection) settled(h *packet.Header, d Dir) bool {
	s, p := &c.side[d], &c.side[d.Peer()]
	if s.SYNs == 0 || p.SYNs == 0 || c.opening[Client].SYNRepeated() || c.opening[Server].SYNRepeated() || c.known()&SawFIN != 0 {
		return false
	}
	got := p.Known&SawData == 0 || h.Flags&packet.ACK != 0 && h.Ack == p.SndNxt
	return got && (s.Known&SawData == 0 || p.RcvNxt == s.SndNxt)
}

// letter is an index into historyLetters.
type letter uint8

const historyLetters = "shadfrtgk"

const (
	letterSYN letter = iota
	letterSYNACK
	letterACK
	letterData
	letterFIN
	letterRST
	letterRetransmission
	letterGap
	letterProbe
)

func (c *connection) write(l letter, d Dir) {
	bit := uint32(1) << (2*uint(l) + uint(d))
	if c.seen&bit != 0 {
		return
	}
	c.seen |= bit
	if int(c.historyN) < len(c.history) {
		b := historyLetters[l]
		if d == Client {
			b -= 'a' - 'A'
		}
		c.history[c.historyN] = b
		c.historyN++
	}
}

// startsAnew reports whether h begins another connection on the addresses and
// ports of c: a SYN with another initial sequence number, or any SYN once c is
// known to be over.
func (c *connection) startsAnew(h *packet.Header, d Dir) bool {
	if h.Flags&(packet.SYN|packet.RST) != packet.SYN {
		return false
	}
	s := &c.side[d]
	if s.Known&SawSYN != 0 {
		return h.Seq != c.opening[d].ISN && (h.Flags&packet.ACK == 0 || c.marks&isClosing != 0)
	}
	if h.Flags&packet.ACK == 0 {
		return d == Server || s.Spoke() || c.side[d.Peer()].Spoke()
	}
	return c.handshake == MidStream && (s.Spoke() || c.marks&isClosing != 0)
}

// earlier is what the next connection on the same addresses and ports keeps of c:
// of a SYN that was refused, the connection that was there before it.
func (c *connection) earlier(m *memory) Earlier {
	if c.handshake == SYNSent && c.holdsEarlier(m) {
		e := m.rare(c).prior
		for d := range e.Known {
			e.Known[d] |= c.side[d].Known & SawRST
		}
		return e
	}
	return Earlier{
		SndNxt: [2]packet.Seq{c.side[0].SndNxt, c.side[1].SndNxt}, RcvNxt: [2]packet.Seq{c.side[0].RcvNxt, c.side[1].RcvNxt},
		Known:  [2]Known{c.side[0].Known &^ unanswered, c.side[1].Known &^ unanswered},
		Latest: c.latest(),
	}
}

// early is a SYN/ACK that came just before the SYN h of its client, and all that
// there was: somebody who knows of the SYN sooner than the capture does, or guesses
// it, answers it, and the client's RST answers that. It is not Valid when there is
// none.
func (c *connection) early(m *memory, h *packet.Header, d Dir) (s Segment) {
	x, y := &c.side[d], &c.side[d.Peer()]
	if h.Flags&packet.ACK != 0 || x.Spoke() || uint32(y.SYNs) != y.Packets || h.Time-c.latest() > int64(earlyAnswer) {
		return s
	}
	if r := m.recent(c, 0); r != nil && r.Flags&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK {
		s = *r
		s.Dir = Server
	}
	return s
}

// holdsEarlier reports whether there was a connection on the same addresses and
// ports before, one that the server had accepted.
func (c *connection) holdsEarlier(m *memory) bool {
	return c.rare != 0 && m.rare(c).prior.Known[Server].Has(SawAck)
}

// turned is e for a connection whose ends have changed their parts.
func (e Earlier) turned() Earlier {
	e.SndNxt[0], e.SndNxt[1] = e.SndNxt[1], e.SndNxt[0]
	e.RcvNxt[0], e.RcvNxt[1] = e.RcvNxt[1], e.RcvNxt[0]
	e.Known[0], e.Known[1] = e.Known[1], e.Known[0]
	return e
}
