package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// againFacts are those of a SYN that is sent again after a RST, with the same
// initial sequence number: the same attempt, which for its sender goes on.
var againFacts = []*Fact{
	{"syn_again", UnitFrame, "the first SYN of the same attempt after the RST", func(c *Case) int64 { return int64(c.After.SYNAgain.Frame) }},
	{"rst_to_syn_again", UnitDuration, "the RST to that", func(c *Case) int64 { return c.After.SYNAgain.Time - c.RST.Time }},
	{"syns_again", UnitNumber, "SYNs of the same attempt after the RST", func(c *Case) int64 { return int64(c.After.SYNsAgain) }},
	{"client_syn_ttl", UnitNumber, "the TTL of the client's first SYN", func(c *Case) int64 { return int64(c.client().TTLSYN) }},
}

// triedAgain reports whether the client's SYN came again after this RST, or after
// one before it. Who sends the same SYN again has sent no RST, got none, or
// accepted none.
func (c *Case) triedAgain() bool {
	s := &c.After.SYNAgain
	return c.Flow.Retried || s.Valid() && s.Time-c.RST.Time > disorder
}

// tries is what a client makes of the refusal of its SYN, by what it sends next.
type tries uint8

const (
	triesNoMore   tries = iota // nothing
	triesByDesign              // half a second after each RST, as Windows does before connect() fails
	triesPerhaps               // a Windows host at another pace: the RST may have been lost, or not
	triesOn                    // as if there had been no RST
)

// triesOf: Windows tries a refused SYN again, two times by default and four of
// late, half a second after each RST (TcpMaxConnectRetransmissions,
// MaxSynRetransmissions). No other system known does.
func triesOf(c *Case) tries {
	if c.Dir != flows.Server || c.Flow.Handshake != flows.SYNSent || !c.triedAgain() {
		return triesNoMore
	}
	n := int64(c.After.SYNsAgain)
	if n > 0 && n <= windowsTries {
		if each := (c.After.LastSYNAgain - c.RST.Time) / n; each >= windowsTriesLeast && each <= windowsTriesMost {
			return triesByDesign
		}
	}
	if ttl := c.client().TTLSYN; ttl > 64 && ttl <= 128 && int64(c.client().SYNs)+n <= windowsTries+1 {
		return triesPerhaps
	}
	return triesOn
}

// refusedInVain reports whether the client's attempt outlived its refusal.
func (c *Case) refusedInVain() bool { return triesOf(c) == triesOn }

// cameAbout reports whether the SYN that this RST met was accepted all the same,
// and whether its client completed that.
func (c *Case) cameAbout() (accepted, completed bool) {
	s := &c.After.NewSYNACK
	if !s.Valid() || s.Dir != flows.Server || s.Ack != c.client().ISN+1 {
		return false, false
	}
	return true, c.After.Latest[flows.Client] >= s.Time && s.End().LessEq(c.After.Acked[flows.Client])
}

// harmInHandshake is what the reset of a connection cost that had not come about.
func harmInHandshake(c *Case) Harm {
	switch accepted, completed := c.cameAbout(); {
	case completed, accepted && c.Dir == flows.Server && c.Effect == Ignored:
		return Harm{Kind: HarmNone}
	case c.Dir == flows.Client && c.triedAgain():
		return Harm{Kind: HarmHang}
	case accepted:
		return Harm{}
	case c.refusedInVain(), c.Dir == flows.Server && c.Effect == Ignored && c.RST.Flags&packet.ACK != 0:
		return Harm{Kind: HarmHang}
	}
	return Harm{Kind: HarmRefused}
}

var (
	saysSYNAgain      = sentence("same-syn-again", "{client} sends the same SYN again {rst_to_syn_again} later ({syn_again}; {syns_again} in all)")
	saysInVain        = sentence("refused-in-vain", "so {client} did not get this RST, or does not accept it; its numbers are right: look at the way back")
	saysWasTried      = sentence("same-syn-after-rst", "the same SYN had met a RST before, and was sent again")
	saysSYNAsks       = sentence("syn-asks", "{client} asks for a connection (SYN, {client_syn})")
	saysRefusesSYNACK = sentence("refuses-syn-ack", "{rst} refuses the SYN/ACK ({trigger}) {answer_time} after it")
	saysOtherTTLThan  = sentence("syn-of-other-ttl", "the SYN ({client_syn}) has TTL {client_syn_ttl}, the RST {rst_ttl}: they need not come from one stack")
)

// refusesSYNACK says how the SYN/ACK was refused, and that its SYN came again.
func refusesSYNACK(c *Case, f *Findings) {
	f.Say(saysSYNAsks)
	f.Say(saysRefusesSYNACK)
	saysAgain(c, f)
}

// saysAgain says how the same SYN came again.
func saysAgain(c *Case, f *Findings) {
	if c.Flow.Retried {
		f.Say(saysWasTried)
	}
	if c.After.SYNAgain.Valid() {
		f.Say(saysSYNAgain)
	}
}

// synAnswered is the time of the SYN that the SYN/ACK answers which the RST
// answers: the one whose timestamp it echoes, else the latest.
func synAnswered(c *Case) int64 {
	latest := int64(0)
	for s := range c.recent {
		if s.Dir != flows.Client || s.Flags&(packet.SYN|packet.ACK) != packet.SYN || s.Time > c.Trigger.Time {
			continue
		}
		if (s.Options & c.Trigger.Options).Has(packet.OptTimestamps) && s.TSVal == c.Trigger.TSEcr {
			return s.Time
		}
		latest = max(latest, s.Time)
	}
	if latest == 0 {
		return c.client().SYNFirst
	}
	return latest
}

// answersSlowly reports whether the RST came much later after what it answers than
// the path to the client takes, as its other connections show it: the segment
// was on its way for long, and a stack answers at once.
func answersSlowly(c *Case) bool {
	rtt := c.Around.ClientRTT
	return c.Dir == flows.Client && rtt > 0 && c.RST.Time-c.Trigger.Time >= max(3*rtt, rtt+connectPatience)
}

var (
	saysAnsweredSlowly = sentence("answered-slowly", "the path to the client and back takes {client_rtt} in its other connections: the SYN/ACK came late to the client, and who scans answers at once")
	saysAsksOnePort    = sentence("asks-one-port", "the SYNs in the client's name, {asks} in these seconds, all went to this port: who scans tries others")
)
