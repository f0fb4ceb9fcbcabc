package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// closeFacts are those of FINs, and of what came after one.
var closeFacts = []*Fact{
	{"sender_fin", UnitFrame, "the sender's FIN", func(c *Case) int64 { return int64(c.Sender.FINFrame) }},
	{"receiver_fin", UnitFrame, "the receiver's FIN", func(c *Case) int64 { return int64(c.Receiver.FINFrame) }},
	{"late", UnitOctets, "payload that reached the sender after its FIN, as far as it never acknowledged it", func(c *Case) int64 {
		late, _ := c.dataAfterFIN()
		return int64(late)
	}},
	{"late_segment", UnitFrame, "the segment that brought it, the last of several", func(c *Case) int64 { where, _ := c.lateSegment(); return int64(where) }},
	{"fin_to_late", UnitDuration, "the sender's FIN to that segment", func(c *Case) int64 { _, at := c.lateSegment(); return at - c.Sender.FINTime }},
	{"late_to_fin", UnitDuration, "that segment to the sender's FIN, where it came before", func(c *Case) int64 { _, at := c.lateSegment(); return c.Sender.FINTime - at }},
	{"late_to_rst", UnitDuration, "that segment to the RST", func(c *Case) int64 { _, at := c.lateSegment(); return c.RST.Time - at }},
	{"fin_to_answered", UnitDuration, "the sender's FIN to the segment that the RST answers", func(c *Case) int64 {
		return c.Trigger.Time - c.Sender.FINTime
	}},
	{"rst_beyond_sender", UnitOctets, "how far the RST stands beyond what the capture holds of its sender", func(c *Case) int64 {
		return int64(c.RST.Seq.Sub(c.Sender.SndNxt))
	}},
}

// dataAfterFIN returns how many octets reached the RST's sender after it had
// closed, as far as it never acknowledged them, and how sure that is; None when
// the RST is no answer to such data.
func (c *Case) dataAfterFIN() (late uint64, confidence Confidence) {
	x := c.Sender
	if !x.Known.Has(flows.SawFIN) || c.before() || c.Trigger.Flags&packet.SYN != 0 {
		return 0, None
	}
	if c.Mechanism == Abort {
		if late, confidence = c.refusedUntaken(); confidence != None {
			return late, confidence
		}
		return c.refusedByWindows()
	}
	late = c.late()
	if late == 0 {
		return 0, None
	}
	if c.Mechanism != Answer || c.Path.Off != 0 || c.RST.Window != 0 || c.Trigger.Len == 0 {
		return late, Likely // another box may have answered, the program aborted, or the data got lost
	}
	if c.RST.Flags&packet.ACK == 0 && c.RST.Seq != c.Trigger.Ack || c.unrefused() {
		return late, Likely // an abort, or something lets the rest pass
	}
	return late, Certain
}

// unrefused reports whether more data came after the RST without being refused: a
// host without the connection refuses each segment of it.
func (c *Case) unrefused() bool {
	if c.Late(c.Dir.Peer()) == 0 {
		return false
	}
	for i := range c.FollowUps {
		// One before the data is a copy of the first.
		if a := &c.FollowUps[i].RST; a.Dir == c.Dir && a.Time >= c.After.First[c.Dir.Peer()].Time {
			return false
		}
	}
	return true
}

// refusedByWindows is dataAfterFIN for Windows, which refuses such data with an
// abort that acknowledges it, with window 0, where others answer without ACK.
func (c *Case) refusedByWindows() (late uint64, confidence Confidence) {
	x, y, rst := c.Sender, c.Receiver, &c.RST
	if rst.Window != 0 || rst.Options != 0 || rst.Seq != x.FINEnd || !x.Known.Has(flows.SawAck) ||
		!y.Known.Has(flows.SawData) || y.DataLast < x.FINTime || y.Known.Has(flows.SawFIN) && rst.Ack == y.FINEnd {
		return 0, None
	}
	n := rst.Ack.Sub(x.RcvNxt)
	if n <= 0 || uint64(n) > y.Bytes || rst.Time-y.DataLast > windowsAnswers {
		return 0, None
	}
	return uint64(n), Likely
}

// refusedUntaken is dataAfterFIN for stacks that refuse such data with an abort of
// the endpoint that they still have, with all that a socket's segments have (gVisor
// does). It acknowledges nothing of the data, which had come in: an abort for
// another reason would acknowledge what it leaves unread.
func (c *Case) refusedUntaken() (late uint64, confidence Confidence) {
	x, y, rst := c.Sender, c.Receiver, &c.RST
	if rst.Window == 0 && rst.Flags&packet.ACK != 0 && rst.Seq == x.FINEnd && rst.Ack == x.RcvNxt && !y.Spoke() {
		return 0, Possible // what it refuses is not in the capture
	}
	if rst.Window != 0 || rst.Flags&packet.ACK == 0 || rst.Seq != x.FINEnd || !x.Known.Has(flows.SawAck) || rst.Ack != x.RcvNxt ||
		!y.Known.Has(flows.SawData) || y.DataLast < x.FINTime || y.Known.Has(flows.SawFIN) || !rst.Ack.Less(y.SndNxt) {
		return 0, None
	}
	// Sooner the data cannot have come in.
	took := rst.Time - y.DataLast
	if rtt := c.pathTo(); took > c.Flow.Patience(c.Dir) || rtt >= shortPath && took < rtt-rtt/4 {
		return 0, None
	}
	return min(uint64(y.SndNxt.Sub(rst.Ack)), y.Bytes), Likely
}

// late is how many octets of payload the RST's sender had not acknowledged, up
// to the end of the segment that it answers.
func (c *Case) late() uint64 {
	t := &c.Trigger
	if !t.Valid() {
		return 0
	}
	if !c.Sender.Known.Has(flows.SawAck) {
		return uint64(t.Len)
	}
	n := t.Seq.Add(t.Len).Sub(c.Sender.RcvNxt)
	return uint64(max(0, min(int64(n), int64(c.Receiver.Bytes))))
}

// lateSegment is the segment that brought the late data: the one that the RST
// answers, or the receiver's last with payload where that is an abort's or has
// none itself, as a FIN that followed the data.
func (c *Case) lateSegment() (packet.FrameRef, int64) {
	if c.Trigger.Valid() && c.Trigger.Len > 0 {
		return c.Trigger.Frame, c.Trigger.Time
	}
	return c.Receiver.DataFrame, c.Receiver.DataLast
}

// bothClosed reports whether both sides had closed and each had got the other's
// FIN: nothing is left that a reset could lose.
func (c *Case) bothClosed() bool {
	x, y := c.Sender, c.Receiver
	return x.Known.Has(flows.SawFIN|flows.SawAck) && y.Known.Has(flows.SawFIN|flows.SawAck) &&
		x.RcvNxt == y.FINEnd && y.RcvNxt == x.FINEnd && x.SndNxt == x.FINEnd && y.SndNxt == y.FINEnd &&
		c.After.Bytes[flows.Client]+c.After.Bytes[flows.Server] == 0
}

// crossed reports whether the segment that the RST answers was sent before its
// sender had seen the FIN.
func (c *Case) crossed() bool {
	return c.Trigger.Valid() && c.Trigger.Ack.Less(c.Sender.FINEnd)
}

// closedWith reports whether the RST's sender had got the FIN that ends at end.
func (c *Case) closedWith(end packet.Seq) bool {
	if c.RST.Flags&packet.ACK != 0 {
		return c.RST.Ack == end
	}
	return c.Sender.RcvNxt == end || c.Mechanism == Unexplained && c.RST.Seq != c.Sender.SndNxt
}

var (
	saysCloses           = sentence("closes", "{sender} closes: FIN in {sender_fin}")
	saysCrossed          = sentence("data-crossed-fin", "{receiver} sends {late} in {late_segment} without having seen the FIN: they crossed on the way")
	saysCrossedUntil     = sentence("data-crossed-fin-until", "{receiver} sends {late}, the last of them before {late_segment}, without having seen the FIN: they crossed on the way")
	saysDataAfterFIN     = sentence("data-after-fin", "{receiver} sends {late} in {late_segment}, {fin_to_late} after the FIN")
	saysDataAfterFINFrom = sentence("data-after-fin-until", "{receiver} sends {late} until {late_segment}, {fin_to_late} after the FIN")
	saysRefusesAsWindows = sentence("late-data-refused-as-windows", "{rst} refuses it {late_to_rst} later, with window 0 as Windows does")
	saysRefusesUntaken   = sentence("late-data-refused-untaken", "{rst} comes {late_to_rst} later and acknowledges nothing of it: an abort for another reason acknowledges what it leaves unread")
	saysDataBeforeFIN    = sentence("data-before-fin", "{receiver} had sent {late} that {sender} never acknowledged, the last of them in {late_segment}, {late_to_fin} before the FIN")
	saysAnswersFollower  = sentence("follower-of-late-data-answered", "{rst} answers {trigger}, which came after the data, {answer_time} later")
	saysAnswersLate      = sentence("late-data-answered", "{rst} answers that segment {late_to_rst} later")
)

// closedBefore says what makes an answer one to data that came after a close.
func closedBefore(c *Case, f *Findings, late uint64) {
	f.Say(saysCloses)
	whole := c.Trigger.Valid() && uint64(c.Trigger.Len) == late
	switch _, at := c.lateSegment(); {
	case at < c.Sender.FINTime && !c.crossed():
		f.Say(saysDataBeforeFIN)
	case c.crossed() && whole:
		f.Say(saysCrossed)
	case c.crossed():
		f.Say(saysCrossedUntil)
	case whole:
		f.Say(saysDataAfterFIN)
	default:
		f.Say(saysDataAfterFINFrom)
	}
	switch {
	case c.Mechanism == Abort && c.RST.Ack == c.Sender.RcvNxt:
		f.Say(saysRefusesUntaken)
		return
	case c.Mechanism == Abort:
		f.Say(saysRefusesAsWindows)
		return
	}
	if c.Trigger.Valid() && c.Trigger.Len == 0 {
		f.Say(saysAnswersFollower)
		return
	}
	f.Say(saysAnswersLate)
}
