package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// loopFacts are those of two ends that answer each other without end: a RST that
// its receiver does not take, and the ACK with which it says so.
var loopFacts = []*Fact{
	{"loop_rounds", UnitNumber, "how often an ACK of the receiver was answered with the same RST", func(c *Case) int64 { return int64(loopOf(c).rounds) }},
	{"loop_pace", UnitDuration, "the mean time from one of these RSTs to the next", func(c *Case) int64 { l := loopOf(c); return l.pace() }},
	{"loop_last", UnitFrame, "the last of them", func(c *Case) int64 { return int64(loopOf(c).latest.Frame) }},
	{"loop_at", UnitNumber, "the sequence number of the RSTs, from the first of the sender's stream", func(c *Case) int64 {
		return int64(uint32(c.RST.Seq - c.Sender.ISN))
	}},
	{"loop_asks", UnitNumber, "the acknowledgment number of these ACKs, counted likewise", func(c *Case) int64 {
		return int64(uint32(loopOf(c).ack.Ack - c.Sender.ISN))
	}},
	{"loop_receiver_at", UnitNumber, "the sequence number of these ACKs, from the first of the receiver's stream", func(c *Case) int64 {
		return int64(uint32(loopOf(c).ack.Seq - c.Receiver.ISN))
	}},
}

// loop is a run of RSTs of one number, each of which answers an ACK of one
// number.
type loop struct {
	rounds        int
	first, latest *flows.Segment
	ack           *flows.Segment
}

func (l *loop) pace() int64 {
	if l.rounds < 2 {
		return 0
	}
	return (l.latest.Time - l.first.Time) / int64(l.rounds-1)
}

var noSegment flows.Segment

// loopOf finds the loop that the first RST began.
func loopOf(c *Case) loop {
	l := loop{first: &noSegment, latest: &noSegment, ack: &noSegment}
	for i := range c.FollowUps {
		f := &c.FollowUps[i]
		t := &f.Trigger
		if f.RST.Dir != c.Dir || f.RST.Seq != c.RST.Seq || t.SeqLen() > 0 || !t.Valid() || t.Flags&packet.ACK == 0 || t.Time < c.RST.Time ||
			l.rounds > 0 && (t.Seq != l.ack.Seq || t.Ack != l.ack.Ack) {
			continue
		}
		if l.rounds == 0 {
			l.first, l.ack = &f.RST, t
		}
		l.latest = &f.RST
		l.rounds++
	}
	return l
}

// loopLeast is how many rounds make a loop: a segment or two that were in flight
// draw as many RSTs.
const loopLeast = 3

// sayLoop adds that two ends answer each other, and what ended that.
func sayLoop(c *Case, f *Findings) {
	if len(c.FollowUps) < loopLeast {
		return
	}
	l := loopOf(c)
	if l.rounds < loopLeast {
		return
	}
	if c.Sender.Known.Has(flows.SawSYN) && c.Receiver.Known.Has(flows.SawSYN) {
		f.Say(saysLoopNumbers)
	}
	f.Say(saysLoop)
	switch {
	case c.Taken != 0 && c.Taken != l.latest.Frame:
		f.Say(saysLoopEnded)
	case c.After.AtEnd:
		f.Say(saysLoopOpen)
	}
}

var (
	saysLoopNumbers = sentence("loop-numbers", "the RSTs stand at {loop_at} of {sender}'s stream; the ACKs of {receiver} stand at {loop_receiver_at} of its own and acknowledge {loop_asks}")
	saysLoop        = sentence("loop", "the two answer each other: an ACK of {receiver}, and the same RST again, {loop_rounds} rounds, one every {loop_pace}, the last with {loop_last}")
	saysLoopEnded   = sentence("loop-ended", "{taken_rst} ended it: its number is another, the one that {receiver} waited for")
	saysLoopOpen    = sentence("loop-open", "the capture ends before anything ends that")
)
