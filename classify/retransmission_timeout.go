package classify

var retransmissionTimeout = Rule{
	ID:      "retransmission-timeout",
	Family:  FamilyTimeout,
	Title:   "gave up after sending again and again",
	Summary: "A host sent the same data again and again without an answer and gave up with a reset, as macOS and the BSDs do; Linux gives up in silence.",
	Story: func(c *Case) *Sentence {
		if n, _ := deaf(c); n > 0 {
			return storyBothRepeat
		}
		if c.After.Segments[c.Dir.Peer()] > 0 {
			return storyRetransmissionTimeoutHeard
		}
		return storyRetransmissionTimeout
	},
	Wire: `S > C  P.  data
S > C  P.  the same again, after longer and longer pauses
S > C  R.  (macOS, FreeBSD; Linux sends nothing)
           (or both repeat, and neither hears the other)`,
	Confirm: []string{
		"was the peer switched off, moved or cut off in that time?",
		"had the connection been idle for minutes when the data was sent? Then a NAT, load balancer or firewall may have forgotten it without a word, as Azure's do after 240 s",
		"the sender runs macOS, iOS or a BSD, or a program with a time limit of its own",
	},
	Advice: []string{
		"Look for the loss: the path, a firewall that dropped the connection, a large packet that does not fit (MTU).",
		"If it had been idle: TCP keep-alives more often than the idle timeout of the box, or let the box say so (Azure Load Balancer: TCP reset on idle).",
		"Let the client open a new connection and try again.",
	},
	Refs: []string{
		"RFC 9293, 3.8.3; RFC 1122, 4.2.3.5",
		"FreeBSD and XNU: tcp_timer_rexmt, tcp_drop(ETIMEDOUT)",
	},
	Over: []Over{
		{ID: "deliberate-abort", Why: "it says why: the data was never acknowledged"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "the sender's system: Linux itself never does this, so there a program with a time limit did"},
	},
	Harm:       pushed,
	Telling:    SenderDataToRST,
	Ways:       ways(WayTimer, WayOnPurpose),
	Mechanisms: mechanisms(Abort, Unexplained),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if n, heard := deaf(c); n > 0 && c.RST.Seq == x.SndNxt && c.RST.Time-heard >= triedFor {
			f.Say(saysBothRepeat)
			f.Say(saysNeitherAcknowledged)
			f.Say(saysTakesNothingSince)
			return Likely
		}
		if c.Mechanism != Abort || x.RetransRun < 3 || c.undelivered() == 0 || y.Spoke() && y.Latest > x.RetransFirst {
			return None
		}
		tried := c.RST.Time - x.RetransFirst
		if tried < triedFor {
			return None
		}
		f.Say(saysSentDataAgainTimes)
		if y.Spoke() {
			f.Say(saysLastHeardBeforeFirstRepetition)
		}
		f.Say(saysNeverAcknowledged)
		return Likely
	},
}

var (
	saysBothRepeat                     = sentence("both-repeat", "both sides send again what the other does not acknowledge: {sender} {repeats} times, the latest in {sender_latest}, {receiver} until {receiver_latest}")
	saysNeitherAcknowledged            = sentence("neither-acknowledged", "{undelivered} of {sender} and {untaken} of {receiver} were never acknowledged: neither heard the other any more, whatever the capture point saw")
	saysTakesNothingSince              = sentence("takes-nothing-since", "{rst} stands where {sender}'s stream had come to and comes {deaf_for} after the first of these: a hold timer, or the last of the repetitions")
	storyBothRepeat                    = sentence("story-both-repeat", "The path between {sender} and {receiver} carried nothing any more: both sent the same again and again, neither acknowledged the other, and {sender} gave up. The reset itself most likely reached nobody.")
	saysSentDataAgainTimes             = sentence("sent-data-again-times", "{sender} sent data again {sender_retransmissions_unanswered} times without an answer, for {retransmitting_for}")
	saysLastHeardBeforeFirstRepetition = sentence("last-heard-before-first-repetition", "{receiver} was last heard of in {receiver_latest}, {silence_before_retransmission} before the first repetition")
	saysNeverAcknowledged              = sentence("never-acknowledged", "{undelivered} of it were never acknowledged")
	storyRetransmissionTimeout         = sentence("story-retransmission-timeout", "{sender} sent the same data again and again, {receiver} never acknowledged it, and {sender} gave up. The peer or the path was gone; the reset most likely reached nobody.")
	storyRetransmissionTimeoutHeard    = sentence("story-retransmission-timeout-heard", "{sender} sent the same data again and again, {receiver} never acknowledged it, and {sender} gave up. The peer was there again: {receiver_after_rst} came {rst_to_receiver_after} after the reset.")
)
