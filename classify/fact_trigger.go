package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// triggerFacts are those of the segment that the RST answers.
var triggerFacts = []*Fact{
	{"trigger", UnitFrame, "the segment that the RST answers, 0 without one", func(c *Case) int64 { return int64(c.Trigger.Frame) }},
	{"trigger_len", UnitOctets, "its payload", func(c *Case) int64 { return int64(c.Trigger.Len) }},
	{"trigger_flags", UnitFlags, "its flags", func(c *Case) int64 { return int64(c.Trigger.Flags) }},
	{"trigger_window", UnitNumber, "its window, as sent", func(c *Case) int64 { return int64(c.Trigger.Window) }},
	{"trigger_ts_echo", UnitNumber, "the timestamp that it echoes", func(c *Case) int64 { return int64(c.Trigger.TSEcr) }},
	{"trigger_ack_from_isn", UnitNumber, "its acknowledgment less what acknowledges the SYN of the RST's sender", func(c *Case) int64 {
		return int64(c.Trigger.Ack.Sub(c.Sender.ISN + 1))
	}},
	{"answer_time", UnitDuration, "from it to the RST, by the capture's clock: negative where the capture has them in the other order", func(c *Case) int64 {
		return c.RST.Time - c.Trigger.Time
	}},
	{"refused_again", UnitNumber, "further RSTs of the same sender", func(c *Case) int64 { return int64(furtherRSTs(c)) }},
}

// answers reports whether the RST answers a segment whose flags, those of mask,
// are want.
func (c *Case) answers(mask, want packet.Flags) bool {
	return c.Trigger.Valid() && c.Trigger.Flags&mask == want
}

// furtherRSTs is how many further RSTs of the same sender the case holds.
func furtherRSTs(c *Case) int {
	n := 0
	for i := range c.FollowUps {
		if c.FollowUps[i].RST.Dir == c.Dir {
			n++
		}
	}
	return n
}

// recent walks the remembered segments of the connection, the latest before the
// RST first, until yield returns false.
func (c *Case) recent(yield func(*flows.Segment) bool) {
	for i := 0; ; i++ {
		s := c.Flow.Recent(i)
		if s == nil || !yield(s) {
			return
		}
	}
}

// acknowledgedBefore reports whether a segment before the trigger had
// acknowledged the FIN of the RST's sender.
func acknowledgedBefore(c *Case) bool {
	for s := range c.recent {
		if s.Dir != c.Dir && s.Frame != c.Trigger.Frame && s.Ack == c.Sender.FINEnd && s.Flags&packet.ACK != 0 {
			return true
		}
	}
	return false
}

// passedOn returns the RST with which the host itself answered the segment as
// well, in another form, nil when there is none: a filter that rejects throws
// the segment away.
func passedOn(c *Case) *flows.Segment {
	for i := range min(len(c.FollowUps), 4) {
		a := &c.FollowUps[i]
		if a.RST.Dir == c.Dir && (!a.Trigger.Valid() || a.Trigger.Frame == c.Trigger.Frame) && a.RST.Flags&packet.ACK != c.RST.Flags&packet.ACK && a.RST.Seq == c.Trigger.Ack {
			return &a.RST
		}
	}
	return nil
}

// unknownHere reports whether the RST answers a segment of an open connection,
// as a host does that has no such connection.
func unknownHere(c *Case) bool {
	return !c.before() && !c.Sender.Known.Has(flows.SawFIN) && (c.Flow.Handshake == flows.MidStream || c.Flow.Handshake == flows.Established) &&
		(!c.Trigger.Valid() || c.Trigger.Flags&packet.SYN == 0)
}

var (
	saysSegment        = sentence("segment-of-connection", "{receiver} sends a segment of the connection ({trigger})")
	saysAnswersSegment = sentence("segment-answered", "{rst} answers that segment {answer_time} later; a socket would have answered with an ACK")
	saysAnswersUnseen  = sentence("unseen-segment-answered", "{rst} repeats an acknowledgment of {receiver}; the segment it answers is not in the capture")
)

// answersOpen says which segment of an open connection the RST answers.
func answersOpen(c *Case, f *Findings) {
	if !c.Trigger.Valid() {
		f.Say(saysAnswersUnseen)
		return
	}
	f.Say(saysSegment)
	f.Say(saysAnswersSegment)
}

var (
	saysAsks         = sentence("asks", "{receiver} asks {sender} for a connection (SYN, {trigger})")
	saysRefuses      = sentence("refuses", "{rst} refuses it {answer_time} later, acknowledging exactly that SYN")
	saysBareRST      = sentence("no-socket-behind", "the RST has window 0 and no TCP options: an answer without a socket behind it")
	saysSYNTries     = sentence("syn-tries", "the SYN was sent {client_syns} times before this answer")
	saysRefusedAgain = sentence("refused-again", "the client tried again with the same SYN and was refused {refused_again} more times")
)

// refusal says how a SYN was refused.
func refusal(c *Case, f *Findings) {
	f.Say(saysAsks)
	f.Say(saysRefuses)
	if c.RST.Window == 0 && c.RST.Options == 0 {
		f.Say(saysBareRST)
	}
	if c.Timing.Tries > 1 {
		f.Say(saysSYNTries)
	}
	if furtherRSTs(c) > 0 {
		f.Say(saysRefusedAgain)
	}
	if c.refusedInVain() {
		saysAgain(c, f)
		f.Say(saysInVain)
	}
}
