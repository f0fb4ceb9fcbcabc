package classify

import (
	"github.com/rstwhy/rstwhy/packet"
)

var backscatter = Rule{
	ID:      "backscatter",
	Family:  FamilyHandshakeAbort,
	Title:   "refused a SYN/ACK it did not ask for",
	Summary: "A SYN/ACK reached a host that had sent no SYN: somebody forges its address, or the capture does not hold the SYN.",
	Story: func(c *Case) *Sentence {
		if c.Sender.Spoke() {
			return storyForgedSYN
		}
		return storyBackscatter
	},
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
	Harm: harmless,
	Confused: []Confusion{
		{"handshake-abort", "does the client know of the attempt? Else somebody forges its address"},
		{"unnatted-segment", "is there a NAT, or a program with a TCP of its own, at the client's address? A capture behind it shows who sent the SYN"},
	},
	Reasons:    []string{"NO_SOCKET", "TCP_FLAGS"},
	Telling:    SYNACKToRST,
	Benign:     true,
	Ways:       ways(WayAnswer, WayBox),
	Mechanisms: mechanisms(Answer, AnswerWithACK),
	When:       FromClient | First,
	Match: func(c *Case, f *Findings) Confidence {
		if !c.answers(packet.SYN|packet.ACK, packet.SYN|packet.ACK) || pastNAT(c) {
			return None
		}
		if c.Sender.Spoke() {
			return askedByAnother(c, f)
		}
		if c.After.First[c.Dir].Valid() {
			return None // who goes on has asked
		}
		f.Say(saysSendsSynAck)
		f.Say(saysRefusesLaterCaptureHolds)
		if c.Receiver.SYNs > 1 {
			f.Say(saysSynAckSentTimes2)
		}
		if n := c.Around.Targets; n > 0 {
			f.Say(saysCaptureDoesHoldOther)
			return Likely
		}
		return Possible
	},
}

// askedByAnother recognises the refusal of a SYN/ACK that answers a SYN of
// somebody else, in the name of the host that refuses.
func askedByAnother(c *Case, f *Findings) Confidence {
	if !c.Facts.Has(SYNACKDropped) || !acksSYN(c.Sender, c.Trigger.Ack) {
		return None
	}
	switch {
	case c.triedAgain():
	case askedFromElsewhere(c) && hops(c.RST.TTL, c.lowTTL()) > 0 && asksOnePort(c):
	default:
		return None
	}
	refusesSYNACK(c, f)
	if askedFromElsewhere(c) {
		f.Say(saysOtherTTLThan)
		if asksOnePort(c) && c.Around.Asks >= floodAsks {
			f.Say(saysAsksOnePort)
			return Likely
		}
	}
	return Possible
}

var (
	saysSendsSynAck              = sentence("sends-syn-ack", "{receiver} sends a SYN/ACK ({trigger})")
	saysRefusesLaterCaptureHolds = sentence("refuses-later-capture-holds", "{rst} refuses it {answer_time} later; the capture holds no SYN that it would answer")
	saysSynAckSentTimes2         = sentence("syn-ack-sent-times-2", "the SYN/ACK was sent {receiver_syns} times")
	saysCaptureDoesHoldOther     = sentence("capture-does-hold-other", "the capture does hold other SYNs of the same host: {targets}")
	storyForgedSYN               = sentence("story-forged-syn", "{client} refused a SYN/ACK of {server} for which somebody else, in its name, had sent the SYN.")
	storyBackscatter             = sentence("story-backscatter", "{server} sent {client} a SYN/ACK for which the capture holds no SYN, and {client} refused it.")
)
