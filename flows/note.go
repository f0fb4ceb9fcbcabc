package flows

import "github.com/rstwhy/rstwhy/packet"

// NoteKind is something that is no reset but belongs to the question.
type NoteKind uint8

// The kinds of note.
const (
	// UnansweredSYN is a connection attempt that nothing answered: a filter that
	// drops, a host that is down, or a full SYN backlog.
	UnansweredSYN NoteKind = iota
	// RepeatedSYNACK is a SYN/ACK sent again although the client had
	// acknowledged it and sent data: the accept queue is full and the kernel
	// ignores both (tcp_abort_on_overflow = 0).
	RepeatedSYNACK
	// UnansweredReuse is an UnansweredSYN from a port that had a connection to the
	// same server just before, one that ended with FIN: the server may still hold
	// it in TIME_WAIT and drop the SYN (RFC 6191; RFC 7323, 5).
	UnansweredReuse
	// RepeatedToSilent is a RepeatedSYNACK whose client had sent no data until
	// then: a listener that waits for that (TCP_DEFER_ACCEPT) does the same.
	RepeatedToSilent
)

// Note is one connection that deserves a word without having been reset.
type Note struct {
	Kind    NoteKind
	Ends    [2]Endpoint // by Dir
	Tries   int         // SYNs, or SYN/ACKs, that were seen
	First   int64       // time of the first of them
	Latest  int64
	Frame   packet.FrameRef // the first of them
	Watched int64           // nanoseconds from the first until the connection was given up, or the input ended
}

// note returns what is to be said of c when it leaves at that time of the clock.
func (c *connection) note(m *memory, at int64) (Note, bool) {
	client, server := &c.side[Client], &c.side[Server]
	switch {
	case c.marks&isRefused != 0:
		o, kind := &c.opening[Server], RepeatedSYNACK
		if client.Known&SawData == 0 || c.opening[Client].DataFirst > o.SYNLast {
			kind = RepeatedToSilent
		}
		return Note{
			Kind: kind, Ends: c.ends, Tries: int(server.SYNs),
			First: o.SYNFirst, Latest: o.SYNLast, Frame: o.SYNFrame, Watched: at - o.SYNFirst,
		}, true
	case c.handshake == SYNSent && !server.Spoke() && c.known()&SawRST == 0 && uint32(client.SYNs) == client.Packets:
		o := &c.opening[Client]
		if client.SYNs < 2 && at-o.SYNFirst < int64(answerPatience) {
			return Note{}, false
		}
		kind := UnansweredSYN
		if c.rare != 0 {
			if p := &m.rare(c).prior; p.Latest != 0 && (p.Known[0]|p.Known[1])&(SawFIN|SawRST) == SawFIN {
				kind = UnansweredReuse
			}
		}
		return Note{
			Kind: kind, Ends: c.ends, Tries: int(client.SYNs),
			First: o.SYNFirst, Latest: o.SYNLast, Frame: o.SYNFrame, Watched: at - o.SYNFirst,
		}, true
	}
	return Note{}, false
}
