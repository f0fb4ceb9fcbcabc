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
	{"trigger_offset", UnitNumber, "its sequence number less that of its sender's first octet of data", func(c *Case) int64 {
		return int64(c.Trigger.Seq.Sub(c.Receiver.ISN + 1))
	}},
	{"answer_time", UnitDuration, "from it to the RST, by the capture's clock: negative where the capture has them in the other order", func(c *Case) int64 {
		return c.RST.Time - c.Trigger.Time
	}},
	{"late_unseen", UnitNumber, "numbers of the receiver's stream that the sender acknowledges with the RST and not with its FIN, where the capture lacks the receiver", func(c *Case) int64 {
		return int64(c.lateUnseen())
	}},
	{"refused_again", UnitNumber, "further RSTs of the same sender", func(c *Case) int64 { return int64(furtherRSTs(c)) }},
}

// answers reports whether the RST answers a segment whose flags, those of mask,
// are want.
func (c *Case) answers(mask, want packet.Flags) bool {
	return c.Trigger.Valid() && c.Trigger.Flags&mask == want
}

// oldCopy reports whether the RST answers a segment that its sender had
// acknowledged before: one that was let pass when it came first.
func oldCopy(c *Case) bool {
	t := &c.Trigger
	if !t.Valid() || t.SeqLen() == 0 || !c.Sender.Known.Has(flows.SawAck) || c.Sender.RcvNxt.Less(t.End()) {
		return false
	}
	for s := range c.recent {
		if s.Dir == c.Dir && s.Time < t.Time && s.Flags&packet.ACK != 0 && t.End().LessEq(s.Ack) {
			return true
		}
	}
	return false
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
	return !c.before() && !c.Sender.Known.Has(flows.SawFIN) && !c.closedUnseen() && c.open() &&
		(!c.Trigger.Valid() || c.Trigger.Flags&packet.SYN == 0)
}

// open reports whether the connection was open, or may have been: data shows it where
// the other side is not captured.
func (c *Case) open() bool {
	h := c.Flow.Handshake
	return h == flows.MidStream || h == flows.Established || (c.client().Known | c.server().Known).Has(flows.SawData)
}

// answersUnseen reports whether the RST answers a segment that is not in the
// capture: without ACK it is a copy of the acknowledgment that it answers
// (RFC 9293, 3.5.2).
func (c *Case) answersUnseen() bool {
	return c.Mechanism == Answer && !c.Trigger.Valid() && c.RST.Flags&packet.ACK == 0
}

// unseenAfterFIN reports whether the RST answers a segment that is not in the
// capture and that came after its sender's FIN, or crossed it.
func (c *Case) unseenAfterFIN() bool {
	x := c.Sender
	if c.lateUnseen() > 0 {
		return true
	}
	return c.answersUnseen() && !c.before() && x.Known.Has(flows.SawFIN) && c.RST.Seq.LessEq(x.FINEnd) &&
		(!x.Known.Has(flows.SawSYN) || x.ISN+1 != c.RST.Seq || x.FINEnd == x.ISN+2)
}

// lateUnseen is how many octets reached the RST's sender after its FIN, by the
// RST's own acknowledgment, where the capture holds nothing of its receiver and
// the RST is as Windows refuses such data.
func (c *Case) lateUnseen() int32 {
	x, rst := c.Sender, &c.RST
	if c.Mechanism != Abort || c.before() || c.Receiver.Spoke() || !x.Known.Has(flows.SawFIN|flows.SawAck) ||
		rst.Flags&packet.ACK == 0 || rst.Seq != x.FINEnd || rst.Window != 0 || rst.Options != 0 {
		return 0
	}
	return rst.Ack.Sub(x.RcvNxt)
}

// closedUnseen reports whether the sender's FIN is not in the capture and yet
// has been acknowledged: by a segment without payload that acknowledges one octet
// more than the one before it, and more than the capture holds.
func (c *Case) closedUnseen() bool {
	return c.RST.Flags&packet.ACK == 0 && c.Mechanism == Answer && c.finAckedUnseen()
}

// finAckedUnseen is closedUnseen for a RST of whatever form.
func (c *Case) finAckedUnseen() bool {
	x, y := c.Sender, c.Receiver
	if x.Known.Has(flows.SawFIN) || !x.Known.Has(flows.AckedUnseen) || c.RST.Seq != y.RcvNxt || c.before() {
		return false
	}
	bare := false
	for s := range c.recent {
		switch {
		case s.Dir == c.Dir && s.SeqLen() > 0 && c.RST.Seq.LessEq(s.End()):
			return false
		case s.Dir == c.Dir || s.Flags&packet.ACK == 0:
		case s.Ack == c.RST.Seq:
			bare = s.SeqLen() == 0
		default:
			return bare && s.Ack+1 == c.RST.Seq
		}
	}
	return false
}

var (
	saysSegment        = sentence("segment-of-connection", "{receiver} sends a segment of the connection ({trigger})")
	saysAnswersSegment = sentence("segment-answered", "{rst} answers that segment {answer_time} later; a socket would have answered with an ACK")
	saysRepeatsFIN     = sentence("repeats-fin", "{rst} has no ACK, so it repeats an acknowledgment: {receiver} had taken the FIN and sent something after it, which the capture lacks")
	saysRepeatsBefore  = sentence("repeats-before-fin", "{rst} has no ACK, so it repeats an acknowledgment: {receiver} had not taken the FIN when it sent what the capture lacks and {rst} answers")
	saysTookAfterFIN   = sentence("took-after-fin", "{rst} acknowledges {late_unseen} more than its sender had before; they came after the FIN or crossed it, and the capture lacks them")
	saysRepeated       = sentence("refused-more-unseen", "{refused_again} more of the same follow: {sender} refused more than one segment")
	saysFINUnseen      = sentence("fin-unseen", "{receiver} had acknowledged one octet more than the capture holds of {sender}, in a segment without payload: most likely a FIN that was not captured")
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

// closedUnseenBefore says what shows that the segment which the RST answers came
// after a close, where the capture lacks the one or the other.
func closedUnseenBefore(c *Case, f *Findings) {
	if !c.unseenAfterFIN() {
		f.Say(saysFINUnseen)
		answersOpen(c, f)
		return
	}
	f.Say(saysCloses)
	switch {
	case c.lateUnseen() > 0:
		f.Say(saysTookAfterFIN)
		return
	case c.RST.Seq == c.Sender.FINEnd:
		f.Say(saysRepeatsFIN)
	default:
		f.Say(saysRepeatsBefore)
	}
	if furtherRSTs(c) > 0 {
		f.Say(saysRepeated)
	}
}

// afterUnseenClose is how well data after a close fits where the capture lacks
// the segment that the RST answers, or the FIN; None where it lacks neither.
func afterUnseenClose(c *Case, f *Findings) Confidence {
	switch {
	case c.unseenAfterFIN():
		closedUnseenBefore(c, f)
		return Possible
	case c.closedUnseen() && c.Trigger.Len > 0:
		closedUnseenBefore(c, f)
		return Likely
	}
	return None
}

// afterMaybeClose is the same where nothing but what the RST's sender did shows that it
// may have closed.
func afterMaybeClose(c *Case, f *Findings) Confidence {
	y := c.Receiver
	switch {
	case c.Mechanism == Abort && c.finAckedUnseen() && y.Known.Has(flows.SawData) && c.RST.Ack.Less(y.SndNxt):
		f.Say(saysFINUnseen)
		f.Say(saysTakesNone)
		return Likely
	case c.mayHaveClosed() && (c.Trigger.Len > 0 || !c.Trigger.Valid()):
		switch {
		case c.oneMoreThanSent():
			f.Say(saysOneMore)
		case c.Sender.Known.Has(flows.AckedUnseen):
			f.Say(saysMoreAcked)
		default:
			f.Say(saysWasThere)
		}
		answersOpen(c, f)
		return Possible
	}
	return None
}

// mayHaveClosed reports whether the sender refuses, with a number that is no abort's, a
// connection in which it had been a moment before, or of which more was acknowledged
// than the capture holds: its FIN may be lost, or not be in the capture.
func (c *Case) mayHaveClosed() bool {
	x := c.Sender
	if c.Mechanism == Abort || c.RST.Flags&packet.ACK != 0 || !x.Known.Has(flows.SawPlainAck) || !unknownHere(c) || onlyAccepted(c) || tooSoon(c) || c.Path.Off != 0 {
		return false
	}
	if x.Known.Has(flows.AckedUnseen) {
		return true
	}
	return c.RST.Seq != x.SndNxt && c.spokeJustNow()
}

// oneMoreThanSent reports whether the RST stands one octet beyond what the capture
// holds of its sender's stream.
func (c *Case) oneMoreThanSent() bool {
	for s := range c.recent {
		if s.Dir == c.Dir && s.SeqLen() > 0 {
			return c.RST.Seq == s.End()+1
		}
	}
	return false
}

// spokeJustNow reports whether the sender had sent something a moment before the RST:
// it, and no other host in its place, knew the connection.
func (c *Case) spokeJustNow() bool {
	return c.Sender.Spoke() && c.RST.Time-c.Sender.Latest <= max(2*c.roundTrip(), shortestFailover)
}

var (
	saysOneMore      = sentence("one-more", "{rst} stands one octet beyond what the capture holds of {sender}'s stream, where a FIN would have been")
	saysTakesNone    = sentence("takes-none", "{rst} acknowledges nothing of what {receiver} sent last ({receiver_data})")
	saysMoreAcked    = sentence("acknowledged-more-stream-capture", "{receiver} had acknowledged more of {sender}'s stream than the capture holds: a FIN may be missing")
	saysWasThere     = sentence("was-there", "{sender} had been in the connection ({sender_latest}); no FIN of it is in the capture")
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
