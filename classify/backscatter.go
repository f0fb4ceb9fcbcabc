package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var backscatter = Rule{
	ID:      "backscatter",
	Family:  FamilyHandshakeAbort,
	Title:   "refused a SYN/ACK it did not ask for",
	Summary: "A SYN/ACK reached a host that had sent no SYN: somebody forges its address, or the capture does not hold the SYN.",
	Story:   say("{server} sent {client} a SYN/ACK for which the capture holds no SYN, and {client} refused it."),
	Wire: `           (no SYN from C, or one with a forged source address)
S > C  S.  seq 0 ack 1
C > S  R   seq 1, window 0, no options`,
	Confirm: []string{
		"SYN/ACKs from one server to many addresses or ports of yours: a flood with forged addresses hits that server",
		"a capture that begins earlier, or that has the other link as well: is the SYN there?",
	},
	Advice: []string{
		"Nothing to repair on the host that refused: that is the right answer to what it did not ask for.",
		"If the SYN goes out on another link, capture both links.",
		"If your server sends such SYN/ACKs to strangers, it is under a SYN flood: see that SYN cookies are on.",
	},
	Refs: []string{
		"RFC 9293, 3.5.2; Moore, Voelker, Savage, Inferring Internet Denial-of-Service Activity, 2001",
	},
	Harm:    noHarm,
	Reasons: []string{"NO_SOCKET", "TCP_FLAGS"},
	Telling: SYNACKToRST,
	Kinds:   kinds(Reply, ReplyACK),
	Given:   FromClient,
	Match: func(c *Case, f *Findings) Confidence {
		if c.Dir != flows.Client || c.Before() || c.X.Spoke() || !c.Answers(packet.SYN|packet.ACK, packet.SYN|packet.ACK) {
			return None
		}
		f.Add("{} sends a SYN/ACK ({})", end(c.Dir.Peer()), frame(c.Trigger.Where))
		f.Add("{} refuses it {} later; the capture holds no SYN that it would answer", frame(c.RST.Where()), dur(c.RST.Time-c.Trigger.Time))
		if c.Y.SYNs > 1 {
			f.Add("the SYN/ACK was sent {} times", number(int(c.Y.SYNs)))
		}
		if n := c.Around.Targets(); n > 0 {
			f.Add("the capture does hold other SYNs of the same host: {}", number(n))
			return Likely
		}
		return Possible
	},
}
