package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// abortFacts are those of a connection that its owner ended.
var abortFacts = []*Fact{
	{"unacknowledged", UnitOctets, "what the receiver had sent and the RST does not acknowledge", func(c *Case) int64 {
		return int64(max(0, c.Receiver.SndNxt.Sub(c.RST.Ack)))
	}},
	{"resets_of_data", UnitNumber, "further RSTs of the sender that answer payload", func(c *Case) int64 { return int64(resetsOfData(c)) }},
	{"longest_unread", UnitOctets, "what the receiver sent last, or one TLS record of it where that is more", func(c *Case) int64 {
		return int64(max(c.Receiver.Unanswered, c.recordWhole()))
	}},
}

// linuxAbort reports whether the RST has what an abort by Linux has: a window,
// and timestamps where the connection has them (tcp_send_active_reset).
func linuxAbort(c *Case) bool {
	return c.RST.Window != 0 && (!c.Sender.Known.Has(flows.SawTS) || c.RST.Options.Has(packet.OptTimestamps))
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
	saysAbort         = sentence("abort-numbers", "{rst} stands where {sender}'s own stream had come to and acknowledges what it had got: an abort, not an answer")
	saysUndelivered   = sentence("undelivered", "{undelivered} that it had sent were not acknowledged yet and may be lost")
	saysFINBeforeThat = sentence("fin-before-abort", "it had sent its FIN {fin_to_rst} before ({sender_fin})")
)

// abortNumbers says what makes the RST an abort and no answer.
func abortNumbers(c *Case, f *Findings) {
	f.Say(saysAbort)
	if c.undelivered() > 0 {
		f.Say(saysUndelivered)
	}
	if c.Sender.Known.Has(flows.SawFIN) {
		f.Say(saysFINBeforeThat)
	}
}
