package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/packet"
)

// Case is everything that a verdict depends on: the reset, what other
// connections show, and the kernel's word. It is a value: encoded, decoded and
// judged again it has the same verdict.
type Case struct {
	*flows.Reset `json:"reset"`
	Around       hosts.Around `json:"around"`
	Kernel       Testimony    `json:"kernel"`

	// The rest is measured by the Judge, once, before any rule is asked. It is a
	// function of the three above.

	Sender    *flows.Side     `json:"-"` // in whose name the RST was sent
	Receiver  *flows.Side     `json:"-"` // who was to get it
	Mechanism Mechanism       `json:"-"`
	Trigger   flows.Segment   `json:"-"` // the segment that the RST answers; hides Reset.Trigger
	Timing    Timing          `json:"-"`
	Path      Path            `json:"-"` // how far away it was sent
	Missing   Missing         `json:"-"`
	Facts     Facts           `json:"-"`
	Origin    Origin          `json:"-"` // who really sent it
	Effect    Effect          `json:"-"` // what the receiver did with the RST that went furthest
	Taken     packet.FrameRef `json:"-"` // that RST, 0 for the first
	Harm      Harm            `json:"-"` // what it cost; measured last
}

// Missing says what the capture does not hold of a connection.
type Missing uint8

// What can be missing.
const (
	MissingHandshake Missing = 1 << iota // SYN or SYN/ACK, so that the start of the streams is unknown
	MissingSender                        // every segment of the RST's sender
	MissingReceiver                      // every segment of the RST's receiver
	MissingSegments                      // holes: numbers skipped, or acknowledged without having been captured; or segments out of order
)

// Has reports whether anything of want is missing.
func (m Missing) Has(want Missing) bool { return m&want != 0 }

// measure fills in what is measured, but for Origin and Harm.
func (c *Case) measure() {
	r := c.Reset
	c.Sender, c.Receiver = r.Sender(), r.Receiver()
	c.Effect, c.Taken, c.Origin, c.Harm = EffectUnknown, 0, Origin{}, Harm{}
	c.Mechanism, c.Trigger = mechanismOf(r)
	c.Path = pathOf(&c.RST, c.Sender, c.Around.TTL)
	c.Missing = missingOf(c)
	c.measureTiming()
	c.Facts = factsOf(c)
	c.Effect, c.Taken = effectOf(c)
}

func missingOf(c *Case) (m Missing) {
	// A host that refuses a SYN need not have spoken before.
	if !c.Sender.Spoke() && c.Flow.Handshake != flows.SYNSent {
		m |= MissingSender
	}
	if !c.Receiver.Spoke() {
		m |= MissingReceiver
	}
	if !c.client().Known.Has(flows.SawSYN) || c.Flow.Handshake >= flows.SYNReceived && !c.server().Known.Has(flows.SawSYN) {
		m |= MissingHandshake
	}
	if !c.Sender.Whole() || !c.Receiver.Whole() || c.Mechanism == Abort && c.Sender.Spoke() && c.Sender.SndNxt.Less(c.RST.Seq) ||
		c.Trigger.Valid() && c.Trigger.Time > c.RST.Time {
		m |= MissingSegments
	}
	return m
}

// Facts is a set of plain facts of a case. A rule says which of them hold
// wherever it matches, and is not asked about a case that lacks one: in a scan
// that leaves ten of fifty.
type Facts uint32

// The facts of a set.
const (
	FromClient     Facts = 1 << iota // the RST came from the client
	FromServer                       // or from the server
	First                            // there was no RST in the connection, or in this try of it, before
	AfterRST                         // there was one
	SenderSpoke                      // the capture holds a segment of its sender
	SenderSilent                     // or none
	SenderSYN                        // its sender's SYN, or SYN/ACK, was captured
	SenderData                       // its sender has sent payload
	SenderFIN                        // its sender has sent a FIN
	SenderNoFIN                      // or not
	ReceiverSilent                   // the capture holds no segment of its receiver
	ReceiverSYN                      // its receiver's SYN, or SYN/ACK, was captured
	ReceiverAck                      // its receiver has acknowledged something
	ReceiverFIN                      // its receiver has sent a FIN
	ReceiverNoFIN                    // or not
	ClientSYN                        // the client's SYN was captured
	Refusal                          // it answers a SYN that was never accepted
	Underway                         // the handshake was complete, or nothing of it was captured
	FromMidStream                    // nothing of the handshake was captured
	RolesKnown                       // a SYN showed which side is the client
	AnswersNothing                   // it answers no segment that the capture holds
	AnswersSegment                   // it answers a segment that the capture holds
	Followed                         // further RSTs of the connection came within the grace
	Offering                         // it offers a window
	WithPayload                      // it carries payload
	WentOn                           // its sender sent something after it
	SYNACKDropped                    // a client's answer to the SYN/ACK that it had asked for and never acknowledged
)

// Has reports whether every fact of want holds.
func (f Facts) Has(want Facts) bool { return f&want == want }

func factsOf(c *Case) Facts {
	f := FromClient
	if c.Dir == flows.Server {
		f = FromServer
	}
	set := func(holds bool, yes, no Facts) {
		if holds {
			f |= yes
		} else {
			f |= no
		}
	}
	x, y := c.Sender.Known, c.Receiver.Known
	set(c.before(), AfterRST, First)
	set(x.Has(flows.SawSegment), SenderSpoke, SenderSilent)
	set(x.Has(flows.SawSYN), SenderSYN, 0)
	set(x.Has(flows.SawData), SenderData, 0)
	set(x.Has(flows.SawFIN), SenderFIN, SenderNoFIN)
	set(y.Has(flows.SawSegment), 0, ReceiverSilent)
	set(y.Has(flows.SawSYN), ReceiverSYN, 0)
	set(y.Has(flows.SawAck), ReceiverAck, 0)
	set(y.Has(flows.SawFIN), ReceiverFIN, ReceiverNoFIN)
	set(c.client().Known.Has(flows.SawSYN), ClientSYN, 0)
	set(refusesSYN(c), Refusal, 0)
	set(c.Flow.Handshake == flows.Established || c.Flow.Handshake == flows.MidStream, Underway, 0)
	set(c.Flow.Handshake == flows.MidStream, FromMidStream, 0)
	set(c.Flow.RolesGuessed, 0, RolesKnown)
	set(c.Trigger.Valid(), AnswersSegment, AnswersNothing)
	set(len(c.FollowUps) > 0, Followed, 0)
	set(c.RST.Window != 0, Offering, 0)
	set(len(c.Payload) > 0, WithPayload, 0)
	set(c.After.Segments[c.Dir] > 0, WentOn, 0)
	set(dropsSYNACK(c), SYNACKDropped, 0)
	return f
}

// ceiling is how sure any verdict on c may be: never certain without the
// handshake, with a side missing, or with holes in what was captured.
func (c *Case) ceiling() Confidence {
	if c.Missing != 0 {
		return Likely
	}
	return Certain
}

// Needs says which groups of what other connections show can matter for r: a
// scan is not asked for more than its refusals need.
func Needs(r *flows.Reset) hosts.Groups {
	if r.Flow.Handshake == flows.SYNSent && r.Dir == flows.Server && r.RST.Flags&packet.ACK != 0 {
		return hosts.Ports | hosts.Host | hosts.Refused
	}
	g := hosts.Ports | hosts.Host | hosts.Asked | hosts.Refused | hosts.Burst | hosts.Pauses
	if r.Dir == flows.Client {
		g |= hosts.Beat
	}
	if r.Flow.Handshake == flows.MidStream {
		g |= hosts.Elsewhere
	}
	if r.Flow.Handshake == flows.MidStream || r.Flow.Handshake == flows.SYNReceived && r.Dir == flows.Client {
		g |= hosts.Legs
	}
	if r.Flow.Handshake == flows.Established || r.Flow.Handshake == flows.MidStream {
		g |= hosts.Departures
	}
	return g
}
