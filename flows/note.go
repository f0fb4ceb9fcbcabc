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
	// acknowledged it: the accept queue is full and the kernel ignores the
	// acknowledgment (tcp_abort_on_overflow = 0).
	RepeatedSYNACK
	// UnansweredReuse is an UnansweredSYN from a port that had a connection to the
	// same server just before, one that ended with FIN: the server may still hold
	// it in TIME_WAIT and drop the SYN (RFC 6191; RFC 7323, 5).
	UnansweredReuse
)

// Note is one connection that deserves a word without having been reset.
type Note struct {
	Kind    NoteKind
	Ends    [2]Endpoint // by Dir
	Tries   int         // SYNs, or SYN/ACKs, that were seen
	First   int64       // time of the first of them
	Latest  int64
	Where   packet.Where // the first of them
	Watched int64        // nanoseconds from the first to the end of the watch
}

// answerPatience is how long a SYN must have been without an answer before it
// counts as ignored: the initial retransmission timeout (RFC 6298, 2).
const answerPatience = 1e9

// note returns what is to be said of f when it leaves the table at clock.
func (f *Connection) note(clock int64) (Note, bool) {
	c, s := &f.Side[Client], &f.Side[Server]
	switch {
	case f.Refused:
		return Note{
			Kind: RepeatedSYNACK, Ends: f.Ends, Tries: int(s.SYNs),
			First: s.SYNFirst, Latest: s.SYNLast, Where: s.SYNWhere, Watched: clock - s.SYNFirst,
		}, true
	case f.Handshake == SYNSent && !s.Spoke() && (c.Known|s.Known)&SawRST == 0 && uint32(c.SYNs) == c.Packets:
		if c.SYNs < 2 && clock-c.SYNFirst < answerPatience {
			return Note{}, false
		}
		kind := UnansweredSYN
		if p := &f.Prior; p.Latest != 0 && (p.Known[0]|p.Known[1])&(SawFIN|SawRST) == SawFIN {
			kind = UnansweredReuse
		}
		return Note{
			Kind: kind, Ends: f.Ends, Tries: int(c.SYNs),
			First: c.SYNFirst, Latest: c.SYNLast, Where: c.SYNWhere, Watched: clock - c.SYNFirst,
		}, true
	}
	return Note{}, false
}
