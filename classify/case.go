package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/packet"
)

// Case is what a rule sees: a settled reset and what every rule would compute.
type Case struct {
	*flows.Reset
	Kind    Kind
	Trigger flows.Segment // the segment it answers; hides Reset.Trigger
	X, Y    *flows.Side   // in whose name the RST was sent, and who was to get it
	Around  hosts.View    // what other connections show
	Timing  Timing
	Lacks   Lack
	Origin  Origin // who really sent it
	Effect  Effect // what the receiver did with it
}

// Lack says what the capture does not hold of a connection.
type Lack uint8

// What can be lacking.
const (
	LacksHandshake Lack = 1 << iota // SYN or SYN/ACK, so that the start of the streams is unknown
	LacksSender                     // every segment of the RST's sender
	LacksReceiver                   // every segment of the RST's receiver
	LacksSegments                   // holes: numbers skipped, or acknowledged without having been captured; or segments out of order
)

// Has reports whether anything of want is lacking.
func (l Lack) Has(want Lack) bool { return l&want != 0 }

// open makes c the case of r. Its Origin refers to notes.
func (c *Case) open(r *flows.Reset, around hosts.View, notes *originNotes) {
	c.Reset, c.Around, c.X, c.Y = r, around, r.Sender(), r.Receiver()
	c.Lacks, c.Effect, c.Origin = 0, EffectUnknown, Origin{}
	c.Kind, c.Trigger = kindOf(r)
	// A host that refuses a SYN need not have spoken before.
	if !c.X.Spoke() && c.Flow.Handshake != flows.SYNSent {
		c.Lacks |= LacksSender
	}
	if !c.Y.Spoke() {
		c.Lacks |= LacksReceiver
	}
	client, server := &r.Flow.Side[flows.Client], &r.Flow.Side[flows.Server]
	if !client.Known.Has(flows.SawSYN) || r.Flow.Handshake >= flows.SYNReceived && !server.Known.Has(flows.SawSYN) {
		c.Lacks |= LacksHandshake
	}
	if !c.X.Whole() || !c.Y.Whole() || c.Kind == Active && c.X.Spoke() && c.X.Max.Less(c.RST.Seq) ||
		c.Trigger.Valid() && c.Trigger.Time > c.RST.Time {
		c.Lacks |= LacksSegments
	}
	c.measure()
	c.Effect = effectOf(c)
	c.Origin = originOf(c, notes)
}

// Answers reports whether the RST answers a segment whose flags, those of mask,
// are want.
func (c *Case) Answers(mask, want packet.Flags) bool {
	return c.Trigger.Valid() && c.Trigger.Flags&mask == want
}

// ReceivedData is how many octets of the receiver's payload the RST's sender
// had got, by its own acknowledgment; without the start of the stream it is
// what the capture holds.
func (c *Case) ReceivedData() uint64 {
	if c.RST.Flags&packet.ACK == 0 || !c.Y.Known.Has(flows.SawSYN) {
		return c.Y.Bytes
	}
	n := c.RST.Ack.Sub(c.Y.ISN + 1)
	if c.Y.Known.Has(flows.SawFIN) && c.RST.Ack == c.Y.FINEnd {
		n--
	}
	return uint64(max(0, n))
}

// Undelivered is how many octets the RST's sender had sent that the receiver
// had not acknowledged, as the capture saw it.
func (c *Case) Undelivered() uint64 {
	if !c.X.Spoke() || !c.Y.Known.Has(flows.SawAck) {
		return 0
	}
	n := c.X.Max.Sub(c.Y.Ack)
	if c.X.Known.Has(flows.SawFIN) {
		n--
	}
	return uint64(max(0, n))
}

// Before reports whether any RST was sent in this connection before.
func (c *Case) Before() bool {
	return (c.X.Known | c.Y.Known).Has(flows.SawRST)
}
