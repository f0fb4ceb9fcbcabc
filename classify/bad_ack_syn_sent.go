package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var badACKSYNSent = Rule{
	ID:      "bad-ack-syn-sent",
	Family:  FamilyHandshakeAbort,
	Title:   "the SYN/ACK acknowledged something else",
	Summary: "The SYN/ACK acknowledged a number that the client had not sent; the client refused it and went on trying.",
	Story: func(c *Case) *Sentence {
		switch {
		case !c.Trigger.Valid():
			return storyRefusesUnseen
		case !c.Sender.Known.Has(flows.SawSYN):
			return storyRefusesUnasked
		}
		return storyBadAckSynSent
	},
	Wire: `C > S  S   seq 0
S > C  S.  seq 0 ack 12345, not 1
C > S  R   seq 12345
C > S  S   seq 0, again within milliseconds (Linux)`,
	Confirm: []string{
		"is there a SYN proxy or a DDoS protection before the server that tests clients in this way?",
		"a capture on the server: is the SYN/ACK there the same? If not, a box on the path made it or changed it",
	},
	Advice: []string{
		"If a DDoS protection does it to test clients, nothing: the next SYN succeeds.",
		"Otherwise look for a box that rewrites sequence numbers in one direction only, or for two hosts with the same address.",
	},
	Refs: []string{
		"RFC 9293, 3.10.7.3: SYN-SENT, an unacceptable ACK is answered with a reset",
		"Linux: tcp_rcv_synsent_state_process, SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE",
	},
	Harm:       harmUnlessAccepted,
	Reasons:    []string{"TCP_INVALID_ACK_SEQUENCE"},
	Telling:    SYNToSYNACK,
	Benign:     true,
	Ways:       ways(WayAnswer),
	Mechanisms: mechanisms(Answer),
	When:       FromClient,
	Confused: []Confusion{
		{"port-reuse-challenge", "a capture beside the client: is what the RST answers a SYN/ACK, or a plain ACK of an older connection?"},
	},
	Match: func(c *Case, f *Findings) Confidence {
		if !c.Facts.Has(SenderSYN) {
			return refusesAndGoesOn(c, f)
		}
		if !c.Facts.Has(SYNACKDropped | AnswersSegment) {
			return refusesSomething(c, f)
		}
		if acksSYN(c.Sender, c.Trigger.Ack) {
			return None
		}
		f.Say(saysAsksConnectionSyn)
		f.Say(saysSynAckAcknowledgesNumber)
		f.Say(saysRefusesLaterJustNumber2)
		triesAgain(c, f)
		return Certain
	},
}

// refusesAndGoesOn is a client that refuses a SYN/ACK and then goes on with the
// connection, where the capture lacks its SYN.
func refusesAndGoesOn(c *Case, f *Findings) Confidence {
	if c.Sender.Spoke() || !c.answers(packet.SYN|packet.ACK, packet.SYN|packet.ACK) || !c.After.First[c.Dir].Valid() {
		return None
	}
	f.Say(saysRefusesUnasked)
	f.Say(saysGoesOn)
	return Possible
}

// refusesSomething is what a bare RST of a client in SYN-SENT tells where the
// segment that it answers is not in the capture: it is likely where the client goes
// on with the same connection, which a client that gave up does not.
func refusesSomething(c *Case, f *Findings) Confidence {
	if !refusesOther(c.Reset) || c.Facts.Has(AfterRST) {
		return None
	}
	f.Say(saysAsksConnectionSyn)
	f.Say(saysNumberOfUnseen)
	triesAgain(c, f)
	if c.After.SYNAgain.Valid() || c.After.Segments[c.Dir] > 0 {
		return Likely
	}
	return Possible
}

var (
	saysRefusesUnasked           = sentence("refuses-unasked", "{rst} refuses the SYN/ACK ({trigger}) {answer_time} later; the SYN is not in the capture")
	saysGoesOn                   = sentence("goes-on-after-refusal", "{sender} goes on with a connection between these ports ({retried_syn}): it wants one, and did not take that SYN/ACK for the answer")
	storyRefusesUnasked          = sentence("story-refuses-unasked", "{sender} refused a SYN/ACK of {receiver}, and wanted a connection all the same: most likely it acknowledged another number than that of the SYN, which the capture lacks.")
	saysNumberOfUnseen           = sentence("number-of-unseen", "{rst} comes without that being answered as it should: its number is {rst_seq_from_syn} from the one after the SYN, as the answer to an acknowledgment of something else has it; the capture does not hold that segment")
	storyRefusesUnseen           = sentence("story-refuses-unseen", "While {sender} waited for the answer to its SYN it refused a segment that is not in the capture, and that acknowledged something else.")
	saysAsksConnectionSyn        = sentence("asks-connection-syn", "{sender} asks for a connection (SYN, {sender_syn})")
	saysSynAckAcknowledgesNumber = sentence("syn-ack-acknowledges-number", "the SYN/ACK ({trigger}) acknowledges a number {trigger_ack_from_isn} from the one it should")
	saysRefusesLaterJustNumber2  = sentence("refuses-later-just-number-2", "{rst} refuses it {answer_time} later, with just that number")
	storyBadAckSynSent           = sentence("story-bad-ack-syn-sent", "{receiver} answered the SYN of {sender} with a SYN/ACK for another number; {sender} refused that and tries on.")
)
