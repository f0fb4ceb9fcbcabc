package flows

import "github.com/rstwhy/rstwhy/packet"

// EventKind is a turn in a connection that tells something about its hosts.
type EventKind uint8

// The kinds of event.
const (
	Asked    EventKind = iota // the first SYN of a connection
	Answered                  // its first SYN/ACK
	WasReset                  // a RST, each one
)

// Event is one such turn, with what a host shows in it. Events come in the
// order of the segments; facts that only many connections show are made from
// them.
type Event struct {
	Clock   int64 // the table's clock at the segment
	Time    int64 // of the segment
	Ends    [2]Endpoint
	RTT     int64 // Answered, or a Refusal: from the client's latest SYN, 0 when that was not captured
	Frame   packet.FrameRef
	Seq     packet.Seq // of the segment
	Zone    uint32
	Window  uint16
	IPID    uint16
	Options packet.Options
	Marks   packet.Marks
	Flags   packet.Flags
	TTL     uint8
	Kind    EventKind
	Dir     Dir // who sent the segment
	// First says that this RST is the first of its connection.
	First bool
	// Payload is how many octets of payload both sides had sent before a RST.
	Payload uint64
	// Stray says that no SYN of the connection was seen before a RST.
	Stray bool
	// Refusal says that a RST answers a SYN.
	Refusal bool
}

// event appends an event to out and returns it.
func (c *connection) event(k EventKind, h *packet.Header, d Dir, clock int64, out *Output) *Event {
	return out.event(Event{
		Clock: clock, Time: h.Time, Ends: c.ends, Frame: h.Ref(), Seq: h.Seq, Zone: h.Zone, Window: h.Window, IPID: h.IPID,
		Options: h.Options, Marks: h.Marks, Flags: h.Flags, TTL: h.TTL, Kind: k, Dir: d,
	})
}
