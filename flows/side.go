package flows

import "github.com/rstwhy/rstwhy/packet"

// Known says which fields of a Side hold something that was seen.
type Known uint16

// What can be known of a side. Without SawSegment nothing else is.
const (
	SawSegment  Known = 1 << iota // SndNxt, Window, TTL
	SawSYN                        // ISN, SYNFirst, SYNLast, SYNOptions
	SawAck                        // RcvNxt, WindowEdge
	SawPlainAck                   // a segment with ACK and without SYN: AckFirst
	SawFIN                        // FINEnd, FINTime, FINFrame
	SawData                       // DataFirst, DataLast, First, Last
	SawSACK                       // SACKRight
	SawTS                         // TSVal
	SawRST                        // it sent a RST in this connection before: RSTTime, RSTFrame
	// AckedUnseen says that the peer acknowledged octets of this side that are not in
	// the capture, so that SndNxt came from the peer.
	AckedUnseen
	// SawRightSum says that a SYN or SYN/ACK of it had a right checksum in the capture:
	// what it sends is captured as it goes over the wire.
	SawRightSum
	// SawMessage says that it began an HTTP/1 message: Message, MessageEnd.
	SawMessage
	// Crossed says that the peer's latest payload came in the middle of what this
	// side was sending: it does not acknowledge all that the side had sent, or
	// the message that the side had begun was not over. What the side sends next
	// need not be an answer to it.
	Crossed
	// unanswered says that Stream.Unanswered is not 0, for those that have not
	// fetched it.
	unanswered
	// PeerISN says that ISN is one less than what the peer acknowledged first: the
	// SYN itself is not in the capture.
	PeerISN
)

// Has reports whether everything in want is known.
func (k Known) Has(want Known) bool { return k&want == want }

// Side is what one end of a connection has shown. Counters stop at their
// maximum instead of wrapping. The parts lie apart in a Table, by how often they
// are needed.
type Side struct {
	Standing
	Stream
	Opening
	Rare
}

// Standing is what nearly every segment changes. It is one cache line.
type Standing struct {
	Known      Known
	RetransRun uint16     // segments sent again since the peer last spoke
	Probes     uint16     // keep-alive probes since the peer last spoke
	Window     uint16     // latest, as sent
	SndNxt     packet.Seq // highest seq+len(+SYN+FIN) sent, or acknowledged by the peer
	RcvNxt     packet.Seq // highest acknowledgment number sent
	WindowEdge packet.Seq // Ack plus the window offered with it, scaled
	TSVal      uint32     // latest

	Latest      int64 // any segment
	LatestFrame packet.FrameRef
	Packets     uint32
	IPID        uint16 // latest
	IDStep      uint16 // segments with an IP ID 1 to 64 after the one before
	IDJump      uint16 // segments with any other IP ID than that, 0 excepted
	NoDF        uint16 // IPv4 segments without DF
	SYNs        uint16 // SYNs or SYN/ACKs sent
	Scale       uint8  // shift that Window needs; 0 unless both sides offered scaling
	LastN       uint8  // octets of LastBytes that are valid
	TTL         uint8  // latest, SYN segments excepted
	TTLMin      uint8  // SYN segments excepted; 0 when there were none
	TTLMax      uint8
	TOS         uint8  // latest, SYN segments excepted
	FlowLabel   uint32 // latest
}

// Stream is what segments with new payload change. It is one cache line.
type Stream struct {
	Bytes      uint64 // octets of new payload
	Unanswered uint64 // octets of new payload since the peer last sent payload
	DataLast   int64  // last segment with new payload
	DataFrame  packet.FrameRef
	LastBytes  [packet.PeekLen]byte // payload of that segment
	First      [packet.PeekLen]byte // payload of the first segment with any
}

// Opening is what the first segments tell.
type Opening struct {
	ISN               packet.Seq
	SYNOptions        packet.Options
	MSS               uint16
	SYNWindow         uint16 // as sent
	SYNScale          uint8  // shift offered in the SYN
	TTLSYN            uint8
	FirstN            uint8 // octets of Stream.First that are valid
	SYNFlags          packet.Flags
	SYNFirst, SYNLast int64 // its SYN, or SYN/ACK
	SYNFrame          packet.FrameRef
	AckFirst          int64 // first segment with ACK and without SYN
	AckFrame          packet.FrameRef
	DataFirst         int64 // first segment with new payload
}

// SYNRepeated reports whether the side sent its SYN, or SYN/ACK, again; a frame
// that the capture holds twice is none.
func (o *Opening) SYNRepeated() bool { return o.SYNLast-o.SYNFirst >= int64(reordered) }

// Rare is what most connections never show, or only at their end.
//
// Message is what the head of the HTTP/1 message says that the side began last,
// with MessageLastChunk once the last of its chunks was seen. MessageEnd is where
// it ends, valid with MessageLength or MessageLastChunk.
type Rare struct {
	SACKRight       packet.Seq // right edge of the highest block it sent
	Retransmissions uint32     // segments sent again, over the whole connection
	Gaps            uint16     // jumps in its sequence numbers: segments lost by the capture or late
	Duplicates      uint16     // frames seen twice by the capture (same IP ID, same segment)
	FINEnd          packet.Seq // just after the FIN
	MessageEnd      packet.Seq // see Message
	Message         packet.Message
	FINTime         int64
	FINFrame        packet.FrameRef
	ProbeFirst      int64 // keep-alive probes since the peer last spoke
	ProbeLast       int64
	RetransFirst    int64 // first retransmission since the peer last spoke
	RSTTime         int64 // its first RST
	RSTFrame        packet.FrameRef
}

// Spoke reports whether the capture holds any segment of the side.
func (s *Standing) Spoke() bool { return s.Known&SawSegment != 0 }

// ScaledWindow is the window offered last, in octets.
func (s *Standing) ScaledWindow() uint32 { return uint32(s.Window) << s.Scale }

// StreamEnd is where the side's stream has come to, its FIN left out.
func (s *Side) StreamEnd() packet.Seq {
	if s.Known&SawFIN != 0 && s.SndNxt == s.FINEnd {
		return s.SndNxt - 1
	}
	return s.SndNxt
}

// Whole reports whether nothing of the side is known to be missing from the capture.
func (s *Side) Whole() bool { return s.Known&AckedUnseen == 0 && s.Gaps == 0 }

func inc16(n *uint16) {
	if *n != 1<<16-1 {
		*n++
	}
}

func inc32(n *uint32) {
	if *n != 1<<32-1 {
		*n++
	}
}
