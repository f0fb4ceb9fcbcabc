package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// refusalFacts are those of the form of a refusal.
var refusalFacts = []*Fact{
	{"refusal_number", UnitNumber, "the sequence number of the RST, as sent", func(c *Case) int64 { return int64(c.RST.Seq) }},
	{"syn_to_bare_rst", UnitDuration, "the client's latest SYN to the RST", func(c *Case) int64 { return c.RST.Time - c.client().SYNLast }},
}

// refusalNumber is what the sequence number of a refusal tells. A host without a
// socket has no number of its own: it answers a SYN with 0 (RFC 9293, 3.10.7.1).
type refusalNumber uint8

const (
	numberZero  refusalNumber = iota
	numberHeld                // where the connection before on these addresses and ports had come to
	numberSame                // not 0, and the same each time
	numberFresh               // not 0, and another each time
	numberSYN                 // that of the SYN
	numberOther               // not 0, and seen once
)

func refusalNumberOf(c *Case) refusalNumber {
	seq, p := c.RST.Seq, &c.Flow.Prior
	switch {
	case seq == 0:
		return numberZero
	case p.Known[flows.Server].Has(flows.SawSegment) && seq == p.SndNxt[flows.Server],
		p.Known[flows.Client].Has(flows.SawAck) && seq == p.RcvNxt[flows.Client]:
		return numberHeld
	case seq == c.client().ISN:
		return numberSYN
	}
	kind := numberOther
	for i := range min(len(c.FollowUps), followMax) {
		a := &c.FollowUps[i]
		if a.RST.Dir != c.Dir || a.Trigger.Flags&packet.SYN == 0 {
			continue
		}
		if a.RST.Seq != seq {
			return numberFresh
		}
		kind = numberSame
	}
	return kind
}

// refusesWrongly reports whether the RST refuses a SYN with the SYN's own number
// as its acknowledgment instead of the next: its client has to ignore that (RFC
// 9293, 3.10.7.3).
func refusesWrongly(c *Case) bool {
	return c.Dir == flows.Server && c.Flow.Handshake == flows.SYNSent && c.RST.Flags&packet.ACK != 0 &&
		c.Facts.Has(ClientSYN) && c.RST.Ack == c.client().ISN
}

// clearsHalfOpen reports whether the RST is a bare one to a client whose SYN had
// no answer, with a number out of that SYN: a stack that refuses acknowledges the
// SYN, and has number 0.
func clearsHalfOpen(c *Case) bool {
	y := c.client()
	return c.Dir == flows.Server && c.Flow.Handshake == flows.SYNSent && c.RST.Flags&packet.ACK == 0 && !c.Sender.Spoke() &&
		c.Facts.Has(ClientSYN) && (c.RST.Seq == y.ISN || c.RST.Seq == y.ISN+1)
}

var (
	saysWrongRefusalForm = sentence("refusal-acknowledges-wrongly", "{rst} refuses the SYN ({client_syn}), but acknowledges the number of the SYN itself and not the next: a client has to ignore that, and hangs where it should fail")
	saysNumberFresh      = sentence("refusal-number-fresh", "its sequence number is {refusal_number}, and another in the refusal of each try: a host without a socket has no number and sends 0 (RFC 9293, 3.10.7.1)")
	saysNumberSame       = sentence("refusal-number-same", "its sequence number is {refusal_number}, not 0, and the same in the refusal of each try: a connection that the server still holds has such a number")
	saysNumberOther      = sentence("refusal-number-other", "its sequence number is {refusal_number}, and not 0: a host without a socket has no number (RFC 9293, 3.10.7.1)")
	saysNumberSYN        = sentence("refusal-number-of-syn", "its sequence number is that of the SYN: a host without a socket sends 0 (RFC 9293, 3.10.7.1)")
	saysNumberHeld       = sentence("refusal-number-held", "its sequence number is {refusal_number}: where the server had come to in the connection before, on the same addresses and ports; a host without a socket sends 0 (RFC 9293, 3.10.7.1)")
	saysBareAfterSYN     = sentence("bare-rst-after-syn", "nothing that the capture holds answered the SYN ({client_syn}); {rst} comes {syn_to_bare_rst} after the latest try")
	saysBareNumber       = sentence("bare-rst-number", "it acknowledges nothing, and its sequence number is taken from the SYN: a box that keeps a table of connections makes such a RST when it clears an entry, a stack does not")
)
