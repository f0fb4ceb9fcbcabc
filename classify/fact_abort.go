package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// abortFacts are those of a connection that its owner ended.
var abortFacts = []*Fact{
	{"unacknowledged", UnitOctets, "what the receiver had sent and the sender has not acknowledged, with the RST or before it", func(c *Case) int64 {
		return int64(c.untaken())
	}},
	{"resets_of_data", UnitNumber, "further RSTs of the sender that answer payload", func(c *Case) int64 { return int64(resetsOfData(c)) }},
	{"longest_unread", UnitOctets, "what the receiver sent last, or one TLS record of it where that is more", func(c *Case) int64 {
		return int64(max(c.Receiver.Unanswered, c.recordWhole()))
	}},
}

// linuxAbort reports whether the RST has what an abort by Linux has: a window,
// and timestamps where the connection has them (tcp_send_active_reset).
func linuxAbort(c *Case) bool {
	return c.RST.Window != 0 && (!usesTimestamps(c.Reset) || c.RST.Options.Has(packet.OptTimestamps))
}

// unlikeSocket reports whether the RST acknowledges all that came and has neither
// a window nor the timestamps of its connection, as the aborts of Linux have:
// load balancers and small stacks make them so.
func unlikeSocket(c *Case) bool {
	return c.RST.Flags&packet.ACK != 0 && c.Path.Off == 0 && c.Receiver.Spoke() && c.gotAll() &&
		c.Flow.Handshake == flows.Established && !c.Receiver.Known.Has(flows.SawFIN) && c.RST.Window == 0 && c.Sender.Known.Has(flows.SawTS) && !c.RST.Options.Has(packet.OptTimestamps)
}

// bareAfterAnswer reports whether the RST is an abort without ACK by a side that
// had answered what came, one message after the other.
func bareAfterAnswer(c *Case) bool {
	return c.RST.Flags&packet.ACK == 0 && c.Receiver.Unanswered == 0 && c.Sender.Known.Has(flows.SawData) && c.gotAll() && !c.pipelined()
}

// probablyRead reports whether the receiver's data had most likely been read
// before the abort. A server answers what it has read; a client that asks again
// or has its answer has read too, since to do so is what it asked for.
func (c *Case) probablyRead() bool {
	x, y := c.Sender, c.Receiver
	switch {
	case c.Dir == flows.Client && !c.Flow.RolesGuessed:
		if !x.Known.Has(flows.SawData) || !c.gotAll() {
			return false
		}
		if y.Unanswered == 0 {
			return !inMidst(x) // it asked again
		}
		switch messageOf(y) {
		case whole:
			return true
		case partial, endUnknown:
			return c.Timing.At[ReceiverDataToRST] >= longRead
		}
		return y.Unanswered <= answerMax && !c.streaming()
	case y.Unanswered > 0:
		return c.Timing.At[ReceiverDataToRST] >= longRead
	default:
		return c.undelivered() == 0 && c.Timing.At[SenderDataToRST] >= soonAfter
	}
}

func resetsOfData(c *Case) int {
	n := 0
	for i := range c.FollowUps {
		if a := &c.FollowUps[i]; a.RST.Dir == c.Dir && a.Trigger.Len > 0 {
			n++
		}
	}
	return n
}

var (
	saysAbort         = sentence("abort-numbers", "{rst} carries {sender}'s next sequence number and acknowledges what it had received, as the abort of a socket does")
	saysAbortBare     = sentence("abort-numbers-bare", "{rst} has no ACK, carries {sender}'s next sequence number, and nothing is left for it to answer: an abort as in RFC 9293, 3.10.5")
	saysAbortWindow   = sentence("abort-own-window", "{rst} has no ACK, carries {sender}'s next sequence number, and offers {sender}'s own window, {rst_window}: an abort as in RFC 9293, 3.10.5")
	saysUndelivered   = sentence("undelivered", "{undelivered} that it had sent were not acknowledged yet and may be lost")
	saysFINBeforeThat = sentence("fin-before-abort", "it had sent its FIN {fin_to_rst} before ({sender_fin})")
)

// abortNumbers says what makes the RST an abort and no answer.
func abortNumbers(c *Case, f *Findings) {
	switch {
	case c.RST.Flags&packet.ACK != 0:
		f.Say(saysAbort)
	case c.Reset.Trigger.Valid():
		f.Say(saysAbortWindow)
	default:
		f.Say(saysAbortBare)
	}
	if c.undelivered() > 0 {
		f.Say(saysUndelivered)
	}
	if c.Sender.Known.Has(flows.SawFIN) {
		f.Say(saysFINBeforeThat)
	}
	passesOn(c, f)
}
