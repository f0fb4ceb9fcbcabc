package flows

import (
	"net/netip"

	"github.com/rstwhy/rstwhy/packet"
)

// Endpoint is one end of a connection. IPv4 addresses are IPv4-mapped.
type Endpoint struct {
	Addr [16]byte
	Port uint16
}

// AddrPort returns e in the standard library's type.
func (e Endpoint) AddrPort() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(e.Addr).Unmap(), e.Port)
}

// Handshake is how far the three-way handshake has come.
type Handshake uint8

// The stages of the handshake.
const (
	MidStream   Handshake = iota // no SYN was captured
	SYNSent                      // a SYN
	SYNReceived                  // a SYN/ACK
	Established                  // the SYN/ACK was acknowledged
)

// RecentLen is how many segments a Flow remembers.
const RecentLen = 16

// pieceLen segments are what a connection takes from the Table's store at once:
// most connections that are reset never need more.
const pieceLen = 4

// copyWindow is how long after a frame another with the same IP ID and the same
// segment counts as the same packet captured twice (mirror ports, `any`).
const copyWindow = 5e6

// Earlier is what is kept of the connection that used the same addresses and
// ports before.
type Earlier struct {
	Max, Ack [2]packet.Seq
	Known    [2]Known
	Latest   int64 // 0 when there was none
}

// Flow is a Connection with its latest segments.
type Flow struct {
	Connection
	recent [RecentLen]Segment // in the order of Connection.pieces
}

// Connection is one use of a pair of addresses and ports, from its SYN, or from
// the first segment that the capture holds. It has no pointers.
type Connection struct {
	Ends      [2]Endpoint // by Dir
	Zone      uint32      // packet.Header.Zone
	Handshake Handshake
	// Guessed says that no SYN told which side is the client: the higher port
	// was taken for it.
	Guessed bool
	// Retried says that the client sent its SYN again after a RST had answered
	// the first, or had been sent by the client itself (port reuse).
	Retried bool
	// Refused says that a repeated SYN/ACK showed that the server had not taken
	// the client's acknowledgment (accept queue full).
	Refused  bool
	historyN uint8
	live     bool // the slot is in use
	history  [14]byte
	seen     uint32 // which letters the history has, by direction

	hash    uint32
	open    int32  // index+1 into Table.open, 0 when no reset waits
	gen     uint32 // how often the slot was used
	recentN uint32 // segments ever remembered
	// pieces are a ring of places in the Table's store, each +1, 0 for none.
	pieces [RecentLen / pieceLen]uint32
	due    int64 // capture second at which a closed connection leaves, 0 when open
	Start  int64 // first segment
	Side   [2]Side
	Prior  Earlier
}

// Recent returns the i-th latest segment, 0 being the latest, or nil when the
// connection had fewer or they are forgotten.
func (f *Flow) Recent(i int) *Segment {
	if i < 0 || i >= RecentLen || uint32(i) >= f.recentN {
		return nil
	}
	return &f.recent[(f.recentN-1-uint32(i))%RecentLen]
}

// latest is the time of the latest segment of either side.
func (f *Connection) latest() int64 { return max(f.Side[Client].Latest, f.Side[Server].Latest) }

// History is the connection in Zeek's letters, each once a direction, upper
// case for the client: s SYN, h SYN/ACK, a ACK, d data, f FIN, r RST,
// t retransmission, g gap, k keep-alive probe.
func (f *Connection) History() string { return string(f.history[:f.historyN]) }

// RTTServer is the time from the last SYN to the SYN/ACK: the capture point to
// the server and back. It is 0 when one of them was not captured.
func (f *Connection) RTTServer() int64 {
	c, s := &f.Side[Client], &f.Side[Server]
	if !c.Known.Has(SawSYN) || !s.Known.Has(SawSYN) {
		return 0
	}
	if s.SYNFirst >= c.SYNLast {
		return s.SYNFirst - c.SYNLast
	}
	return max(0, s.SYNFirst-c.SYNFirst)
}

// RTTClient is the time from the SYN/ACK to its acknowledgment: the capture
// point to the client and back. It is 0 when one of them was not captured.
func (f *Connection) RTTClient() int64 {
	c, s := &f.Side[Client], &f.Side[Server]
	if !s.Known.Has(SawSYN) || !c.Known.Has(SawPlainAck) {
		return 0
	}
	return max(0, c.AckFirst-s.SYNFirst)
}

const historyLetters = "shadfrtgk"

func (f *Connection) write(letter byte, d Dir) {
	for i := range len(historyLetters) {
		if historyLetters[i] != letter {
			continue
		}
		bit := uint32(1) << (2*uint(i) + uint(d))
		if f.seen&bit != 0 {
			return
		}
		f.seen |= bit
		if int(f.historyN) < len(f.history) {
			if d == Client {
				letter -= 'a' - 'A'
			}
			f.history[f.historyN] = letter
			f.historyN++
		}
		return
	}
}

// isCopy reports whether h is the frame before it of the same side, captured a
// second time. An IP ID of 0 proves nothing: Linux sends it on many segments.
func (f *Connection) isCopy(m *memory, h *packet.Header, d Dir) bool {
	if h.IPID == 0 || h.Marks&packet.IPv6 != 0 || h.Time-f.latest() > copyWindow {
		return false
	}
	for i := range 4 {
		s := m.recent(f, i)
		if s == nil || h.Time-s.Time > copyWindow {
			return false
		}
		if s.Dir == d && s.IPID == h.IPID && s.Seq == h.Seq && s.Ack == h.Ack && s.Len == h.Len && s.Flags == h.Flags {
			return true
		}
	}
	return false
}

// update takes a segment without RST into account.
func (f *Connection) update(m *memory, h *packet.Header, d Dir) {
	s, p := &f.Side[d], &f.Side[d.Peer()]
	if f.isCopy(m, h, d) {
		inc16(&s.Copies)
		return
	}
	first := s.Known&SawSegment == 0
	syn := h.Flags&packet.SYN != 0
	end := h.End()
	oldMax := s.Max

	switch {
	case syn:
		if s.SYNs == 0 {
			s.ISN, s.SYNFirst, s.SYNWhere = h.Seq, h.Time, h.Where()
			s.SYNOptions, s.SYNWindow, s.TTLSYN = h.Options, h.Window, h.TTL
			if h.Options&packet.OptMSS != 0 {
				s.MSS = h.MSS
			}
			if h.Options&packet.OptScale != 0 {
				s.SYNScale = min(h.Scale, 14) // RFC 7323, 2.3
			}
		}
		if s.SYNs > 0 && s.Known&SawPlainAck == 0 && h.Flags&packet.ACK == 0 && (s.Known|p.Known)&SawRST != 0 {
			// What answered the try before is not the connection that comes now.
			f.Retried = true
			f.Handshake = SYNSent
			*p = Side{Known: p.Known & SawRST}
		}
		inc16(&s.SYNs)
		s.SYNLast = h.Time
		s.Known |= SawSYN
		if first || s.Max.Less(end) {
			s.Max = end
		}
		if h.Flags&packet.ACK != 0 {
			f.write('h', d)
			f.synAck(h, d)
		} else {
			f.write('s', d)
		}
	case first:
		s.Max = end
	case h.SeqLen() <= 1 && h.Flags&(packet.FIN|packet.ACK) == packet.ACK && h.Seq == s.Max-1 && h.Len <= 1:
		// RFC 9293, 3.8.4: a keep-alive probe repeats the octet before SND.NXT.
		if s.Probes == 0 {
			s.ProbeFirst = h.Time
		}
		inc16(&s.Probes)
		s.ProbeLast = h.Time
		f.write('k', d)
	case h.SeqLen() == 0:
	case s.Max.Less(h.Seq):
		inc16(&s.Holes)
		f.write('g', d)
		s.Max = end
	case end.LessEq(s.Max):
		inc32(&s.Retrans)
		if s.RetransRun == 0 {
			s.RetransFirst = h.Time
		}
		inc16(&s.RetransRun)
		f.write('t', d)
	default:
		s.Max = end
	}

	s.Known |= SawSegment
	inc32(&s.Packets)
	s.Latest, s.LatestWhere = h.Time, h.Where()
	p.Probes, p.RetransRun = 0, 0

	if h.Flags&packet.ACK != 0 {
		f.acknowledge(h, d)
	}
	if h.Len > 0 {
		f.data(h, d, first, oldMax)
	}
	if h.Flags&packet.FIN != 0 && s.Known&SawFIN == 0 {
		s.Known |= SawFIN
		s.FINEnd, s.FINTime, s.FINWhere = end, h.Time, h.Where()
		f.write('f', d)
	}
	s.observe(h, syn)
	m.remember(f, segmentOf(h, d))
}

func (f *Connection) synAck(h *packet.Header, d Dir) {
	s, p := &f.Side[d], &f.Side[d.Peer()]
	if f.Handshake < SYNReceived {
		f.Handshake = SYNReceived
	}
	if f.Retried {
		// The RST ended the try before this one: what comes now is another
		// connection, although the SYN is the same.
		f.Retried = false
		s.Known &^= SawRST
		p.Known &^= SawRST
		f.due, f.open = 0, 0
	}
	if s.SYNOptions&p.SYNOptions&packet.OptScale != 0 {
		s.Scale, p.Scale = s.SYNScale, p.SYNScale
	}
	// The first retransmission of a SYN/ACK comes after the initial timeout of
	// one second (RFC 6298, 2); less than half of that is reordering.
	if s.SYNs > 1 && p.Known&SawPlainAck != 0 && h.Seq == s.ISN && h.Time-p.AckFirst > 5e8 {
		f.Refused = true
	}
}

func (f *Connection) acknowledge(h *packet.Header, d Dir) {
	s, p := &f.Side[d], &f.Side[d.Peer()]
	if h.Flags&packet.SYN == 0 {
		if s.Known&SawPlainAck == 0 {
			s.Known |= SawPlainAck
			s.AckFirst, s.AckWhere = h.Time, h.Where()
		}
		if h.Len == 0 && h.Flags&packet.FIN == 0 {
			f.write('a', d)
		}
		switch {
		case f.Handshake == SYNReceived && d == Client && h.Ack != p.ISN+1 && p.Known&SawSYN != 0 && h.Len == 0:
			// not the acknowledgment the server waits for
		case f.Handshake == SYNReceived && d == Client:
			f.Handshake = Established
		case f.Handshake == SYNSent && d == Client:
			// The SYN/ACK was not captured, but the client has seen it.
			f.Handshake = Established
		}
	}
	if s.Known&SawAck == 0 || s.Ack.Less(h.Ack) {
		s.Ack = h.Ack
	}
	window := uint32(h.Window)
	if h.Flags&packet.SYN == 0 {
		window <<= s.Scale
	}
	s.Edge = h.Ack.Add(window)
	s.Known |= SawAck
	if f.Handshake == Established || f.Handshake == MidStream {
		if p.Known&SawSegment != 0 && p.Max.Less(h.Ack) {
			p.Max = h.Ack
			p.Known |= Unseen
		}
	}
	if h.Options&packet.OptSACK != 0 && (s.Known&SawSACK == 0 || s.SACKRight.Less(h.SACKRight)) {
		s.SACKRight = h.SACKRight
		s.Known |= SawSACK
	}
}

func (f *Connection) data(h *packet.Header, d Dir, first bool, oldMax packet.Seq) {
	s, p := &f.Side[d], &f.Side[d.Peer()]
	end := h.Seq.Add(h.Len)
	fresh := h.Len
	if !first && h.Flags&packet.SYN == 0 {
		if end.LessEq(oldMax) {
			return
		}
		fresh = min(fresh, uint32(end-oldMax))
	}
	if s.Known&SawData == 0 {
		s.Known |= SawData
		s.DataFirst = h.Time
		s.First, s.FirstN = h.Peek, h.PeekN
	}
	s.LastBytes, s.LastN = h.Peek, h.PeekN
	s.DataLast, s.DataWhere = h.Time, h.Where()
	s.Bytes += uint64(fresh)
	s.Unanswered += uint64(fresh)
	p.Unanswered = 0
	f.write('d', d)
}

// observe keeps what tells one host or device from another.
func (s *Side) observe(h *packet.Header, syn bool) {
	s.Window = h.Window
	s.FlowLabel = h.FlowLabel
	if h.Options&packet.OptTimestamps != 0 {
		s.Known |= SawTS
		s.TSVal = h.TSVal
	}
	if h.Marks&(packet.IPv6|packet.DF) == 0 {
		inc16(&s.NoDF)
	}
	if !syn {
		s.TTL, s.TOS = h.TTL, h.TOS
		if s.TTLMin == 0 || h.TTL < s.TTLMin {
			s.TTLMin = h.TTL
		}
		s.TTLMax = max(s.TTLMax, h.TTL)
		if h.Marks&packet.IPv6 == 0 {
			switch step := h.IPID - s.IPID; {
			case h.IPID == 0:
			case s.IPID != 0 && step >= 1 && step <= 64:
				inc16(&s.IDStep)
			default:
				inc16(&s.IDJump)
			}
		}
	}
	if h.IPID != 0 {
		s.IPID = h.IPID
	}
}
