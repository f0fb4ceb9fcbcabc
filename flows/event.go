package flows

import "github.com/rstwhy/rstwhy/packet"

// EventKind is a turn in a connection that tells something about its hosts.
type EventKind uint8

// The kinds of event.
const (
	Asked     EventKind = iota // the first SYN of a connection
	Answered                   // its first SYN/ACK
	WasReset                   // a RST, each one
	Survived                   // an answer to what came after a pause
	Completed                  // the client acknowledged the SYN/ACK
	Conversed                  // both sides have sent data now
	Closed                     // the first FIN of a connection
)

// Event is one such turn, with what a host shows in it. Events come in the
// order of the segments; facts that only many connections show are made from
// them.
type Event struct {
	Clock int64 // the table's clock at the segment
	Time  int64 // of the segment
	Ends  [2]Endpoint
	// RTT is to who sent the segment and back, 0 when that was not captured: for
	// Answered and a Refusal from the client's latest SYN to it, for Completed and
	// any other RST from the handshake.
	RTT int64
	// RTTServer is Flow.RTTServer of a connection that was Completed.
	RTTServer int64
	Frame     packet.FrameRef
	Seq       packet.Seq // of the segment
	Zone      uint32
	Window    uint16
	IPID      uint16
	Options   packet.Options
	Marks     packet.Marks
	Flags     packet.Flags
	TTL       uint8
	Kind      EventKind
	Dir       Dir // who sent the segment
	// First says that this RST is the first of its connection.
	First bool
	// Sent is how many octets of payload each side had sent before a RST, and
	// Segments how many segments, by Dir.
	Sent     [2]uint64
	Segments [2]uint32
	// Settled says that nothing was under way at a RST: each side had sent a SYN,
	// none of them twice, and no FIN, and all payload is acknowledged, by this RST at
	// the latest.
	Settled bool
	// Pause is how long the connection had been silent before the segment came that
	// this one answers: of Survived; and of a RST that answers it as who has no
	// such connection does, 0 when that was less than ShortestPause.
	Pause int64
	// Stray says that no SYN of the connection was seen before a RST.
	Stray bool
	// Refusal says that a RST answers a SYN.
	Refusal bool
	// Spoke says that the sender of a RST had sent payload before.
	Spoke bool
	// Acted is when the other side last sent new payload, or its FIN, before a
	// RST; 0 when it had sent neither.
	Acted int64
	// Completed is when the client first acknowledged the SYN/ACK of a connection that
	// is reset, or when the SYN/ACK came where that was not captured, 0 for neither.
	Completed int64
	// SYNOptions and SYNFlags are those of the client's first SYN, 0 without one.
	SYNOptions packet.Options
	SYNFlags   packet.Flags
}

// event appends an event to out and returns it.
func (c *connection) event(k EventKind, h *packet.Header, d Dir, clock int64, out *Output) *Event {
	e := out.event()
	*e = Event{} // a literal would be made apart, and copied
	e.Clock, e.Time, e.Ends, e.Frame, e.Seq = clock, h.Time, c.ends, h.Ref(), h.Seq
	e.Zone, e.Window, e.IPID, e.Options, e.Marks, e.Flags, e.TTL = h.Zone, h.Window, h.IPID, h.Options, h.Marks, h.Flags, h.TTL
	e.Kind, e.Dir = k, d
	e.SYNOptions, e.SYNFlags = c.opening[Client].SYNOptions, c.opening[Client].SYNFlags
	return e
}
