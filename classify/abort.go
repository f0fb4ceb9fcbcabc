package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// longRead is how long after the peer's last data an abort finds it read: a
// program that serves a connection reads what comes long before.
const longRead = 500e6

// soonAfter is how long after its own last data an abort counts as one step
// with it: write, then close.
const soonAfter = 100e6

// aborted reports whether the RST is an abort, and the first of its connection.
func (c *Case) aborted() bool { return c.Kind == Active && !c.Before() }

// linuxAbort reports whether the RST has what an abort by Linux has: a window,
// and timestamps where the connection has them (tcp_send_active_reset).
func linuxAbort(c *Case) bool {
	return c.RST.Window != 0 && (!c.X.Known.Has(flows.SawTS) || c.RST.Options.Has(packet.OptTimestamps))
}

// gotAll reports whether the RST's sender had got everything that the receiver
// sent, and nothing came after.
func (c *Case) gotAll() bool {
	return c.RST.Flags&packet.ACK != 0 && c.Y.Max.LessEq(c.RST.Ack) && c.After.Bytes[c.Dir.Peer()] == 0
}

// probablyRead reports whether the receiver's data had most likely been read
// before the abort. A server answers what it has read; a client that asks again
// or has its answer has read too, since to do so is what it asked for.
func (c *Case) probablyRead() bool {
	x, y := c.X, c.Y
	switch {
	case c.Dir == flows.Client && !c.Flow.Guessed:
		return x.Known.Has(flows.SawData) && c.gotAll() && (y.Unanswered == 0 || y.Unanswered <= answerMax)
	case y.Unanswered > 0:
		return c.Timing.At[ReceiverDataToRST] >= longRead
	default:
		return c.Undelivered() == 0 && c.Timing.At[SenderDataToRST] >= soonAfter
	}
}

// answerMax is how much an answer may have that a client reads at once.
const answerMax = 64 << 10

// pipelined reports whether the receiver had sent more than one write before
// the sender's last answer, as far as the segments remembered tell.
func (c *Case) pipelined() bool {
	segments, answered := 0, false
	for i := range flows.RecentLen {
		s := c.Flow.Recent(i)
		if s == nil {
			break
		}
		switch {
		case s.Len == 0:
		case s.Dir == c.Dir && segments == 0:
			answered = true
		case s.Dir == c.Dir:
			return answered && segments > 1
		case answered:
			segments++
		}
	}
	return answered && segments > 1
}
