package classify

import "github.com/rstwhy/rstwhy/packet"

// originNotes is where originOf writes; a Judge uses it again for every reset.
type originNotes struct {
	proofs, hints struct {
		Findings
		evidence
	}
}

// originOf looks for another hand than the endpoint's: it observes every sign of
// those looked for first, and concludes then. What it returns refers to n.
func originOf(c *Case, of []looked, n *originNotes) Origin {
	n.proofs.n, n.hints.n = 0, 0
	var seen Signs
	for i := range of {
		s := &of[i]
		says, ok := s.see(c)
		if !ok {
			continue
		}
		seen |= s.bit
		switch {
		case says == nil:
		case s.proves:
			n.proofs.Say(says)
		default:
			n.hints.Say(says)
		}
	}
	if seen == 0 {
		who := WhoUnknown
		if looksOwn(c) {
			who = Endpoint
		}
		return Origin{Who: who}
	}
	if seen == CarriedOn && c.answers(packet.SYN|packet.ACK, packet.SYN|packet.ACK) && looksStateless(c) {
		// A program that makes its own segments on a raw socket has a kernel beside
		// it that knows nothing of them and answers the SYN/ACK.
		n.proofs.n = 0
		who := WhoUnknown
		if looksOwn(c) {
			who = Endpoint
		}
		return Origin{Who: who}
	}
	return Origin{Who: whoBy(c, seen), Device: deviceOf(c, seen), Signs: seen, Proofs: n.proofs.of(c, &n.proofs.Findings), Hints: n.hints.of(c, &n.hints.Findings)}
}

// enough is the weight at which hints decide: a strong one and another, or
// three.
const enough = 3

// whoBy concludes from the signs.
func whoBy(c *Case, s Signs) Who {
	switch {
	case s.Has(NamesItself):
		return AnotherBox
	case s.Any(proofSigns &^ (NamesItself | CarriedOn)):
		return Forged
	case s.Has(CarriedOn):
		// A filter that rejects throws the segment away: the sender, which carries
		// on, never acknowledges it. Somebody who only listens lets it pass.
		if looksStateless(c) && !tookTrigger(c) && (c.Effect != Ignored || oldCopy(c)) {
			return AnotherBox
		}
		return Forged
	case (s & forgerSigns).weight() >= enough:
		return Forged
	case s.weight() >= enough:
		return AnotherBox
	}
	return WhoUnknown
}

// looksOwn reports whether the RST is like the sender's other segments.
func looksOwn(c *Case) bool {
	if !c.Sender.Spoke() || !c.Path.Known || c.Path.Off != 0 {
		return false
	}
	if c.Mechanism == Abort && usesTimestamps(c.Reset) {
		return c.RST.Options.Has(packet.OptTimestamps)
	}
	return c.Mechanism != Unexplained
}

// looksStateless reports whether the RST is what a stack, or a filter, answers
// to a segment of no connection.
func looksStateless(c *Case) bool {
	return (c.Mechanism == Answer || c.Mechanism == AnswerWithACK) && c.RST.Options == 0 && (c.RST.Window == 0 || windowEchoed(c))
}

// tookTrigger reports whether the RST's sender acknowledged, after the RST and not
// before, the segment that the RST answers.
func tookTrigger(c *Case) bool {
	return c.Trigger.Valid() && c.Trigger.SeqLen() > 0 && c.Trigger.End().LessEq(c.After.Acked[c.Dir]) && !oldCopy(c)
}

// deviceOf names the box, where something does.
func deviceOf(c *Case, s Signs) string {
	rst := &c.RST
	switch {
	case isBigIP(c.Payload):
		return "F5 BIG-IP"
	case isDiagnostic(c.Payload):
		return "a box that sends diagnostic payloads"
	case s.Has(NamesItself):
		return "Citrix NetScaler"
	case !s.Has(WindowEcho) || rst.Marks&(packet.IPv6|packet.DF) != 0 || rst.Options != 0:
		return ""
	case rst.TTL > 128:
		return "Cisco ASA or PAN-OS, or a firewall like them"
	case rst.TTL <= 64 && rst.IPID == 0:
		return "Suricata, or an IPS like it" // respond-reject-libnet11.c
	}
	return ""
}
