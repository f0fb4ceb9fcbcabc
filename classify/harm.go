package classify

import "github.com/rstwhy/rstwhy/flows"

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
)

// String is the word in reports and JSON.
func (k HarmKind) String() string {
	return [...]string{"unknown", "none", "refused", "bytes-lost", "request-lost", "response-cut"}[k]
}

// Harm is what a reset cost, as far as packets show.
type Harm struct {
	Kind HarmKind
	// Lost is how many octets may be lost at most: sent and not acknowledged, or
	// acknowledged and perhaps never read. Of counts what was sent in all, for
	// HarmCut.
	Lost, Of uint64
}

// harmOf is the default: what either side had in flight when the RST came.
func harmOf(c *Case) Harm {
	if c.Flow.Handshake != flows.Established && c.Flow.Handshake != flows.MidStream {
		return Harm{Kind: HarmRefused}
	}
	if c.Lacks.Has(LacksSender | LacksReceiver) {
		return Harm{}
	}
	undelivered := c.Undelivered()
	lost := undelivered
	if c.Trigger.Valid() && c.Trigger.Len > 0 {
		lost += uint64(c.Trigger.Len) // what it answers was thrown away
	}
	unread := c.Y.Unanswered
	switch {
	case undelivered > 0 && c.Dir == flows.Server:
		return Harm{Kind: HarmCut, Lost: lost, Of: c.X.Bytes}
	case c.Dir == flows.Server && unread > 0:
		return Harm{Kind: HarmRequest, Lost: max(lost, unread)}
	case lost > 0 || unread > 0:
		return Harm{Kind: HarmBytes, Lost: max(lost, unread)}
	}
	return Harm{Kind: HarmNone}
}

// harmless is the harm of a cause that costs nothing.
func harmless(*Case) Harm { return Harm{Kind: HarmNone} }
