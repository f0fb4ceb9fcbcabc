package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// afterFacts are those of what came after the first RST, within the grace.
var afterFacts = []*Fact{
	{"retried_syn", UnitFrame, "the sender's first segment after the RST", func(c *Case) int64 { return int64(c.After.First[c.Dir].Frame) }},
	{"rst_to_retried_syn", UnitDuration, "the RST to that", func(c *Case) int64 { return c.After.First[c.Dir].Time - c.RST.Time }},
	{"syn_ack_after", UnitFrame, "the first SYN/ACK after the RST", func(c *Case) int64 { return int64(c.After.NewSYNACK.Frame) }},
	{"rst_to_syn_ack_after", UnitDuration, "the RST to that", func(c *Case) int64 { return c.After.NewSYNACK.Time - c.RST.Time }},
	{"rst_to_sender_spoke", UnitDuration, "the RST to the latest segment of its sender within the grace", func(c *Case) int64 { return c.After.Latest[c.Dir] - c.RST.Time }},
	{"new_syn", UnitFrame, "the first SYN of a new connection on the same addresses and ports", func(c *Case) int64 { return int64(c.After.NewSYN.Frame) }},
	{"challenge_ack", UnitFrame, "the first pure ACK of the receiver after the RST", func(c *Case) int64 { return int64(c.After.Challenge.Frame) }},
	{"carried_on", UnitFrame, "the first segment in which the sender went on with its stream", func(c *Case) int64 { return int64(c.After.CarriedOn.Frame) }},
	{"bytes_after", UnitOctets, "payload of the receiver after the RST", func(c *Case) int64 { return int64(c.After.Bytes[c.Dir.Peer()]) }},
	{"receiver_after_rst", UnitFrame, "the first segment of the receiver after the RST", func(c *Case) int64 { return int64(c.After.First[c.Dir.Peer()].Frame) }},
	{"rst_to_receiver_after", UnitDuration, "the RST to that", func(c *Case) int64 { return c.After.First[c.Dir.Peer()].Time - c.RST.Time }},
	{"further_rsts", UnitNumber, "RSTs of the connection after the first", func(c *Case) int64 { return int64(len(c.FollowUps)) }},
	{"passed_on", UnitFrame, "the RST with which the host itself answered the same segment", func(c *Case) int64 {
		if s := passedOn(c); s != nil {
			return int64(s.Frame)
		}
		return 0
	}},
	{"other_end_rst", UnitFrame, "the RST towards the sender at the same time", func(c *Case) int64 {
		if s := otherEnd(c); s != nil {
			return int64(s.Frame)
		}
		return 0
	}},
	{"rst_to_other_end_rst", UnitDuration, "the RST to that", func(c *Case) int64 {
		if s := otherEnd(c); s != nil {
			return s.Time - c.RST.Time
		}
		return -1
	}},
	{"denying_rst", UnitFrame, "the RST with which the receiver answered what the sender sent after the reset", func(c *Case) int64 {
		if s, _ := c.denies(); s != nil {
			return int64(s.Frame)
		}
		return 0
	}},
	{"guesses", UnitNumber, "RSTs of the sender whose numbers nobody waits for, of the first guessesMax", func(c *Case) int64 { return int64(guessesOf(c).n) }},
	{"guess_stride", UnitNumber, "from the number of each to the next, 0 when it varies", func(c *Case) int64 { return int64(guessesOf(c).stride) }},
	{"guesses_span", UnitDuration, "the first of them to the last", func(c *Case) int64 { return guessesOf(c).last - c.RST.Time }},
}

// otherEnd returns the RST that ended the connection towards the sender of this
// one at the same time, nil when there was none.
func otherEnd(c *Case) *flows.Segment {
	for i := range min(len(c.FollowUps), 4) {
		s := &c.FollowUps[i].RST
		if s.Dir != c.Dir && s.Time-c.RST.Time <= together {
			return s
		}
	}
	return nil
}

var (
	saysTriesAgain     = sentence("syn-again", "it sends the same SYN again {rst_to_retried_syn} later ({retried_syn})")
	saysGetsConnection = sentence("connected-after-all", "and gets its connection: SYN/ACK in {syn_ack_after}")
)

// triesAgain adds what the client did next, after it had refused an answer to
// its SYN. Linux sends the SYN again within two ticks.
func triesAgain(c *Case, f *Findings) {
	again := &c.After.First[c.Dir]
	if !again.Valid() || again.Flags&(packet.SYN|packet.ACK) != packet.SYN {
		return
	}
	f.Say(saysTriesAgain)
	if s := &c.After.NewSYNACK; s.Valid() && s.Dir != c.Dir {
		f.Say(saysGetsConnection)
	}
}

// guesses are RSTs of one sender that stand nowhere.
type guesses struct {
	n      int
	stride int32 // from each to the next, 0 when it varies
	last   int64
}

func guessesOf(c *Case) guesses {
	g := guesses{n: 1, last: c.RST.Time}
	seq, steady := c.RST.Seq, true
	for i := range c.FollowUps {
		a := &c.FollowUps[i]
		if a.RST.Dir != c.Dir || a.Trigger.Valid() || a.RST.Seq == seq || a.RST.Seq == c.Receiver.RcvNxt || a.RST.Seq == c.Sender.SndNxt {
			continue
		}
		step := a.RST.Seq.Sub(seq)
		if g.n > 1 && step != g.stride {
			steady = false
		}
		g.stride, seq, g.last = step, a.RST.Seq, a.RST.Time
		if g.n++; g.n == guessesMax {
			break
		}
	}
	if !steady || g.n < 3 {
		g.stride = 0
	}
	return g
}
