package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// effectOf is what the receiver made of the RST that went furthest, and which that
// was, 0 for the first.
func effectOf(c *Case) (Effect, packet.FrameRef) {
	first := firstEffect(c)
	if first == Accepted || !c.Receiver.Spoke() {
		return first, 0
	}
	if s := c.exactLater(); s != nil {
		return Accepted, s.Frame
	}
	if gone, before := c.denies(); gone != nil {
		return Accepted, before
	}
	return first, 0
}

// exactLater returns a later RST of the sender that the receiver took, nil
// without one. How many are looked at is bounded: a flood has as many as it likes.
func (c *Case) exactLater() *flows.Segment {
	// From the last on: what was taken ends the connection.
	for i := len(c.FollowUps) - 1; i >= max(0, len(c.FollowUps)-guessesMax); i-- {
		if f := &c.FollowUps[i]; f.RST.Dir == c.Dir && f.RST.Seq != c.RST.Seq && c.laterTaken(f) {
			return &f.RST
		}
	}
	return nil
}

// laterTaken reports whether the receiver took a later RST of the sender: its number
// is the one that the receiver asked for, and the receiver sent nothing of that
// connection any more.
func (c *Case) laterTaken(f *flows.FollowUp) bool {
	s, y, d := &f.RST, c.Receiver, c.Dir.Peer()
	if !y.Known.Has(flows.SawAck) || c.Flow.Handshake <= flows.SYNSent || c.unsigned(s.Options) {
		return false
	}
	next := y.RcvNxt
	if c.After.Latest[d] != 0 {
		next = next.Max(c.After.Acked[d])
	}
	// Where it asked back and then took more, the answer to its question is late.
	asked := f.Trigger.Valid() && f.Trigger.Dir == d && f.Trigger.Flags&packet.ACK != 0 && s.Seq == f.Trigger.Ack &&
		(f.Trigger.Time >= c.After.Latest[d] || c.After.Acked[d].LessEq(f.Trigger.Ack))
	return (s.Seq == next || asked) && c.After.Latest[d] <= s.Time
}

// unsigned reports whether a RST of these options lacks the signature that both
// SYNs had: who has a key for the other drops it (RFC 2385, 2.0; RFC 5925, 7.3).
func (c *Case) unsigned(o packet.Options) bool {
	const signatures = packet.OptMD5 | packet.OptAO
	return c.Sender.SYNOptions&c.Receiver.SYNOptions&signatures != 0 && o&(signatures|packet.OptBroken) == 0
}

// denies returns the RST with which the receiver answered what the sender sent
// after the reset: it had no connection any more. Before is the last RST of the
// sender before that, 0 for the first.
func (c *Case) denies() (gone *flows.Segment, before packet.FrameRef) {
	for i := range min(len(c.FollowUps), guessesMax) {
		f := &c.FollowUps[i]
		switch {
		case f.RST.Dir == c.Dir:
			before = f.RST.Frame
		case f.Trigger.Valid() && f.Trigger.Dir == c.Dir && f.Trigger.Time-c.RST.Time > disorder && f.Trigger.SeqLen() > 0:
			return &f.RST, before
		}
	}
	return nil, 0
}

// firstEffect applies the receiver's rules to the first RST of the case.
func firstEffect(c *Case) Effect {
	rst, x, y := &c.RST, c.Sender, c.Receiver
	if !y.Spoke() {
		return EffectUnknown
	}
	if c.wasChallenged() {
		return Challenged
	}
	switch triesOf(c) {
	case triesOn:
		return Ignored
	case triesPerhaps:
		return EffectUnknown
	}
	if a := &c.After.NewSYNACK; c.Flow.Handshake == flows.SYNReceived && c.Dir == flows.Client && a.Valid() && a.Dir == flows.Server &&
		a.Seq == y.ISN && a.Time-rst.Time > max(carriedOnFor, 2*c.roundTrip()) {
		return Ignored // it repeats its SYN/ACK as before
	}
	if late := c.After.Latest[c.Dir.Peer()] - rst.Time; late > max(carriedOnFor, 2*c.roundTrip()) {
		return Ignored
	}
	if badChecksum(c) || c.unsigned(rst.Options) {
		return Ignored
	}
	if c.Flow.Handshake == flows.SYNSent && c.Dir == flows.Server {
		// RFC 9293, 3.10.7.3: only a RST that acknowledges the SYN counts.
		if rst.Flags&packet.ACK != 0 && rst.Ack == y.ISN+1 {
			return Accepted
		}
		return Ignored
	}
	if !y.Known.Has(flows.SawAck) {
		return EffectUnknown
	}
	// What the receiver has got: what it acknowledged, or all that was on its way.
	next := y.RcvNxt
	if x.Spoke() {
		next = next.Max(x.SndNxt)
	}
	switch {
	case rst.Seq == y.RcvNxt, rst.Seq == next,
		// tcp_reset_check: one less once the FIN has been taken.
		x.Known.Has(flows.SawFIN) && rst.Seq+1 == next,
		// tcp_validate_incoming: the right edge of the highest SACK block.
		y.Known.Has(flows.SawSACK) && rst.Seq == y.SACKRight:
		return Accepted
	case c.Flow.Handshake == flows.SYNReceived && c.Dir == flows.Client && rst.Seq.In(y.RcvNxt, y.WindowEdge.Max(y.RcvNxt+1)):
		// tcp_check_req: any RST in the window ends a half-open connection.
		return Accepted
	case y.RcvNxt.LessEq(rst.Seq) && rst.Seq.Less(next):
		// Somewhere in what is on its way: exact if the rest of it was lost.
		return EffectUnknown
	case y.RcvNxt.LessEq(rst.Seq) && rst.Seq.Less(y.WindowEdge.Max(next+1)):
		return Challenged
	case c.scaleCut() && next.Less(rst.Seq):
		return EffectUnknown // the window may be larger than it looks
	case rst.Seq.Less(y.RcvNxt) && y.RcvNxt.Sub(rst.Seq) < 1<<30 || y.WindowEdge.Less(rst.Seq):
		return Ignored
	}
	return EffectUnknown
}

// wasChallenged reports whether the receiver asked back (RFC 5961, 3.2): a pure
// ACK after the RST that acknowledges no more than before, and not what the RST
// stands at. An ACK that was on its way acknowledges something new.
func (c *Case) wasChallenged() bool {
	a, y := &c.After.Challenge, c.Receiver
	return a.Valid() && a.Time > c.RST.Time && y.Known.Has(flows.SawAck) && a.Ack == y.RcvNxt &&
		a.Ack.Less(c.RST.Seq) && a.Options&packet.OptSACK == 0 && c.After.Bytes[c.Dir] == 0
}

// badChecksum reports whether the RST was on the wire with a wrong checksum, so
// that its receiver drops it (RFC 9293, 3.1), while its sender's SYN was right: where
// addresses were rewritten after the capture all of them are wrong. A capture on
// the sending host proves nothing: its network card may fill in the checksum later.
func badChecksum(c *Case) bool {
	if !c.RST.Marks.Has(packet.BadChecksum) || c.RST.Marks.Has(packet.Outgoing) || !c.Sender.Known.Has(flows.SawRightSum) {
		return false
	}
	if c.RST.Marks.Has(packet.Incoming) {
		return true
	}
	return c.rtt() > offloads
}
