package classify

var badACKSYNSent = Rule{
	ID:      "bad-ack-syn-sent",
	Family:  FamilyHandshakeAbort,
	Title:   "the SYN/ACK acknowledged something else",
	Summary: "The SYN/ACK acknowledged a number that the client had not sent; the client refused it and went on trying.",
	Story:   always(storyBadAckSynSent),
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
	When:       SYNACKDropped | AnswersSegment,
	Match: func(c *Case, f *Findings) Confidence {
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

var (
	saysAsksConnectionSyn        = sentence("asks-connection-syn", "{sender} asks for a connection (SYN, {sender_syn})")
	saysSynAckAcknowledgesNumber = sentence("syn-ack-acknowledges-number", "the SYN/ACK ({trigger}) acknowledges a number {trigger_ack_from_isn} from the one it should")
	saysRefusesLaterJustNumber2  = sentence("refuses-later-just-number-2", "{rst} refuses it {answer_time} later, with just that number")
	storyBadAckSynSent           = sentence("story-bad-ack-syn-sent", "{receiver} answered the SYN of {sender} with a SYN/ACK for another number; {sender} refused that and tries on.")
)
