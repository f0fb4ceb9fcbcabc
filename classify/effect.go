package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// effectOf applies the receiver's rules to the first RST of the case.
func effectOf(c *Case) Effect {
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
	if late := c.After.Latest[c.Dir.Peer()] - rst.Time; late > max(carriedOnFor, 2*c.roundTrip()) {
		return Ignored
	}
	if badChecksum(c) {
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
// that its receiver drops it (RFC 9293, 3.1). A capture on the sending host
// proves nothing: its network card may fill in the checksum later.
func badChecksum(c *Case) bool {
	if !c.RST.Marks.Has(packet.BadChecksum) || c.RST.Marks.Has(packet.Outgoing) {
		return false
	}
	if c.RST.Marks.Has(packet.Incoming) {
		return true
	}
	return c.rtt() > offloads
}
