package classify

import (
	"slices"

	"github.com/rstwhy/rstwhy/flows"
)

// Alternative is a cause that the packets cannot exclude.
type Alternative struct {
	Rule *Rule
	Tell string // the observation that would tell it from the verdict
}

// Verdict is the answer for one reset.
type Verdict struct {
	Rule       *Rule
	Kernel     Accord // what the kernel's word did to it
	Mechanism  Mechanism
	Confidence Confidence
	Story      Evidence // Rule.Story of this case
	Evidence   []Evidence
	AlsoFits   []Alternative
	// Unchecked are the rules that could not be asked because the capture lacks
	// what they need.
	Unchecked []*Rule
	Trigger   flows.Segment
	Timing    Timing
	Missing   Missing
	Stage     Stage
	Origin    Origin
	Effect    Effect
	Harm      Harm
}

// Accord says how what the kernel knows of a RST and what its packets show go
// together.
type Accord uint8

// The accords.
const (
	// NotAsked: no kernel was asked, and the verdict is that of the packets.
	NotAsked Accord = iota
	// Agrees: the kernel's word leaves room for the verdict of the packets and all
	// that also fits.
	Agrees
	// Decides: it excludes some of that, but not every cause that matched. What it
	// excludes is neither the verdict nor among what also fits.
	Decides
	// Disagrees: it excludes every cause that matched. The verdict is that of the packets: it
	// is wrong, or its rule does not know every reason that the kernel has for it.
	Disagrees
)

// String is the word in reports and JSON.
func (a Accord) String() string {
	return [...]string{"not-asked", "agrees", "decides", "disagrees"}[a]
}

// Clone copies v so that it outlives the next verdict of its Judge.
func (v *Verdict) Clone() Verdict {
	c := *v
	c.Evidence = slices.Clone(v.Evidence)
	c.AlsoFits = slices.Clone(v.AlsoFits)
	c.Unchecked = slices.Clone(v.Unchecked)
	c.Origin.Proofs = slices.Clone(v.Origin.Proofs)
	c.Origin.Hints = slices.Clone(v.Origin.Hints)
	return c
}

// Who says whose hand a RST came from. That a RST bears a host's address
// proves nothing.
type Who uint8

// The origins. AnotherBox and Forged are kept apart: a RST that was made
// elsewhere is mostly the work of the operator's own load balancer or firewall.
const (
	WhoUnknown Who = iota // nothing speaks for or against the address it bears
	Endpoint              // it looks like the endpoint's other segments
	AnotherBox            // a load balancer, NAT or firewall answered in its name
	Forged                // the endpoint itself disproves it, or its numbers are impossible
)

// String is the word in reports and JSON.
func (w Who) String() string {
	return [...]string{"unknown", "endpoint", "another-box", "forged"}[w]
}

// Origin is who really sent a RST and what tells.
type Origin struct {
	Who    Who
	Device string // what the box calls itself or is known by, "" when nothing names it
	Signs  Signs
	// Proofs are the signs of which each proves a third party. Hints count
	// together.
	Proofs, Hints []Evidence
}

// Effect is what the RST's receiver made of it, as far as packets show.
type Effect uint8

// The effects (RFC 9293, 3.10.7; RFC 5961, 3.2; Linux tcp_validate_incoming).
const (
	// EffectUnknown: the capture does not hold what it takes to say.
	EffectUnknown Effect = iota
	// Accepted: the numbers are those that end the connection, and nothing of
	// the receiver after it speaks against that.
	Accepted
	// Challenged: in the window but not exact; the receiver asks back with an ACK.
	Challenged
	// Ignored: outside the window, or the receiver carried on.
	Ignored
)

// String is the word in reports.
func (e Effect) String() string {
	return [...]string{"unknown", "accepted", "challenged", "ignored"}[e]
}

// HarmKind says what a reset cost.
type HarmKind uint8

// The kinds of harm.
const (
	HarmUnknown HarmKind = iota
	HarmNone             // nothing was in flight or unread, or it happened by design
	HarmRefused          // a connection did not come about
	HarmBytes            // at most so many octets were lost
	HarmRequest          // a request that nobody answered
	HarmCut              // a response that did not arrive whole
	HarmHang             // a connection did not come about, and its client was not told: connect() waits
)

// String is the word in reports and JSON.
func (k HarmKind) String() string {
	return [...]string{"unknown", "none", "refused", "bytes-lost", "request-lost", "response-cut", "hangs"}[k]
}

// Harm is what a reset cost, as far as packets show.
type Harm struct {
	Kind HarmKind
	// Lost is how many octets may be lost at most: sent and not acknowledged, or
	// acknowledged and perhaps never read. Of counts what was sent in all, for
	// HarmCut.
	Lost, Of uint64
}
