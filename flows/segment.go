package flows

import "github.com/rstwhy/rstwhy/packet"

// Dir says which side of a connection sent a segment.
type Dir uint8

// The two directions.
const (
	Client Dir = 0 // from the side that sent the SYN
	Server Dir = 1
)

// Peer is the other direction.
func (d Dir) Peer() Dir { return d ^ 1 }

// String is "client" or "server".
func (d Dir) String() string {
	if d == Client {
		return "client"
	}
	return "server"
}

// Segment is what is remembered of one recent segment of a connection.
type Segment struct {
	Time    int64 // nanoseconds since the Unix epoch
	Frame   packet.FrameRef
	Seq     packet.Seq
	Ack     packet.Seq // as sent, also when the ACK flag is off
	Len     uint32     // octets of payload
	TSVal   uint32     // valid with packet.OptTimestamps
	TSEcr   uint32
	Window  uint16 // not scaled
	IPID    uint16
	Flags   packet.Flags
	Options packet.Options
	TTL     uint8
	TOS     uint8
	Dir     Dir
}

// Valid reports whether the segment stands for a frame; the zero Segment does not.
func (s *Segment) Valid() bool { return s.Frame != 0 }

// SeqLen is the room the segment takes in sequence space.
func (s *Segment) SeqLen() uint32 {
	n := s.Len
	if s.Flags&packet.SYN != 0 {
		n++
	}
	if s.Flags&packet.FIN != 0 {
		n++
	}
	return n
}

// End is the sequence number just after the segment.
func (s *Segment) End() packet.Seq { return s.Seq.Add(s.SeqLen()) }

func segmentOf(h *packet.Header, d Dir) (s Segment) {
	s.set(h, d)
	return s
}

func (s *Segment) set(h *packet.Header, d Dir) {
	s.Time, s.Frame, s.Seq, s.Ack, s.Len = h.Time, h.Ref(), h.Seq, h.Ack, h.Len
	s.TSVal, s.TSEcr, s.Window, s.IPID = h.TSVal, h.TSEcr, h.Window, h.IPID
	s.Flags, s.Options, s.TTL, s.TOS, s.Dir = h.Flags, h.Options, h.TTL, h.TOS, d
}
