package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// outcomeFacts are those of what the judge concluded.
var outcomeFacts = []*Fact{
	{"lost", UnitOctets, "octets that may be lost at most", func(c *Case) int64 { return int64(c.Harm.Lost) }},
	{"harmed", UnitOctets, "octets of which these are a part", func(c *Case) int64 { return int64(c.Harm.Of) }},
	{"delivered", UnitNumber, "octets of these that were acknowledged", func(c *Case) int64 { return int64(c.Harm.Of - (c.Harm.Lost - c.Harm.Unread)) }},
	{"unacknowledged_of_lost", UnitOctets, "octets of what may be lost that were not acknowledged", func(c *Case) int64 { return int64(c.Harm.Lost - c.Harm.Unread) }},
	{"taken_rst", UnitFrame, "the RST that the receiver took, 0 for the first", func(c *Case) int64 { return int64(c.Taken) }},
}

var (
	saysEndpoint     = sentence("sent-by-endpoint", "{sender} itself: nothing sets it apart from {sender}'s other packets")
	saysAnotherBox   = sentence("sent-by-another-box", "another box, in the name of {sender}")
	saysForged       = sentence("sent-by-forger", "a third party that forged it, in the name of {sender}")
	saysByAddress    = sentence("sent-by-address", "{sender}, by its address alone")
	saysByAddressBut = sentence("sent-by-address-with-hints", "{sender}, by its address; there is a sign of another hand")

	saysAccepted      = sentence("effect-accepted", "accepted: its sequence number is the one that {receiver} expected")
	saysAcceptedLater = sentence("effect-accepted-later", "accepted: not the first, but {taken_rst}, ended the connection")
	saysChallenged    = sentence("effect-challenged", "challenged: not quite the sequence number that {receiver} expected, so it asks back before it believes it")
	saysIgnored       = sentence("effect-ignored", "ignored: {receiver} takes no notice of such a RST, or went on")
	saysIgnoredSYN    = sentence("effect-ignored-in-handshake", "ignored: {receiver} did not get it, or takes no notice of such a RST, and goes on asking")
	saysEffectUnknown = sentence("effect-unknown", "unknown: not enough of the connection was captured")

	saysNoHarm      = sentence("harm-none", "none")
	saysNoData      = sentence("harm-no-data", "no data, as far as the capture shows, or no more than a goodbye or an empty frame")
	saysRefused     = sentence("harm-refused", "no connection came about")
	saysHang        = sentence("harm-hang", "no connection came about, and {client} was not told: connect() hangs until it times out")
	saysBytesLost   = sentence("harm-bytes", "up to {lost} lost")
	saysRequestLost = sentence("harm-request", "a request was lost or went unanswered (up to {lost})")
	saysCut         = sentence("harm-cut", "the response was cut: {delivered} of {harmed} acknowledged")
	saysCutWhole    = sentence("harm-cut-at-end", "the response was cut: its last {unacknowledged_of_lost} not acknowledged")
	saysUnread      = sentence("harm-unread", "up to {lost} of the response, all acknowledged, may not have been read")
	saysSessionLost = sentence("harm-session", "the connection itself: it was open, and neither side had said goodbye, as far as the capture shows")
	saysHarmUnknown = sentence("harm-unknown", "unknown: not enough of the connection was captured")
)

func sentBy(o *Origin) *Sentence {
	switch o.Who {
	case Endpoint:
		return saysEndpoint
	case AnotherBox:
		return saysAnotherBox
	case Forged:
		return saysForged
	}
	if len(o.Hints) > 0 {
		return saysByAddressBut
	}
	return saysByAddress
}

func effectSays(e Effect, h Harm, taken packet.FrameRef) *Sentence {
	switch e {
	case Accepted:
		if taken != 0 {
			return saysAcceptedLater
		}
		return saysAccepted
	case Challenged:
		return saysChallenged
	case Ignored:
		if h.Kind == HarmHang {
			return saysIgnoredSYN
		}
		return saysIgnored
	}
	return saysEffectUnknown
}

func harmSays(h Harm, r *Rule) *Sentence {
	switch h.Kind {
	case HarmNone:
		if r.Benign {
			return saysNoHarm
		}
		return saysNoData
	case HarmRefused:
		return saysRefused
	case HarmHang:
		return saysHang
	case HarmBytes:
		return saysBytesLost
	case HarmRequest:
		return saysRequestLost
	case HarmCut:
		switch open := h.Lost - h.Unread; {
		case open == 0:
			return saysUnread
		case h.Of > open:
			return saysCut
		}
		return saysCutWhole
	case HarmSession:
		return saysSessionLost
	}
	return saysHarmUnknown
}

// Outcome says whose hand the RST came from (Origin.Device stands apart), what
// its receiver made of it, and what it cost at most; d is who sent it.
func (v *Verdict) Outcome(d flows.Dir) (by, effect, harm Evidence) {
	c := Case{Reset: &flows.Reset{Dir: d}, Harm: v.Harm, Taken: v.Taken}
	sentBy(&v.Origin).bind(&c, &by)
	effectSays(v.Effect, v.Harm, v.Taken).bind(&c, &effect)
	harmSays(v.Harm, v.Rule).bind(&c, &harm)
	return by, effect, harm
}
