package classify

import "github.com/rstwhy/rstwhy/flows"

var midStream = Rule{
	ID:      "mid-stream",
	Family:  FamilyStalePeer,
	Title:   "open before the capture began",
	Summary: "The connection was open before the capture began, and what the capture holds of it is too little to say why it was reset.",
	Story:   always(storyMidStream),
	Wire: `           (the capture begins)
S > C  P.  a segment of an open connection
C > S  R   seq = the ack of that segment, or any other`,
	Confirm: []string{
		"capture longer: from before the connection opens",
		"`ss -tn` on the sender of the RST before and after: did it have the connection?",
	},
	Advice: []string{
		"Capture from before the connection opens; a ring buffer (tcpdump -W -C) can run all the time.",
	},
	Refs: []string{
		"RFC 9293, 3.5.2: what a RST may answer",
	},
	Confused: []Confusion{
		{"firewall-reject", "`nstat -az TcpOutRsts` on the host grows when the host itself sends the RST"},
	},
	Reasons:    everyReason,
	OtherHost:  true,
	Telling:    Lifetime,
	Silence:    IdleBefore,
	Ways:       ways(WayAnswer, WayBox),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Unexplained),
	When:       FromMidStream | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if !x.Spoke() && !y.Spoke() {
			return None
		}
		switch {
		case c.Mechanism != Unexplained && !x.Spoke():
			// It may have forgotten the connection, closed it, or never had it.
			f.Say(saysCaptureHoldsNothingSent)
		case c.Mechanism == Unexplained && x.Packets+y.Packets <= fewSegments:
			f.Say(saysCaptureHoldsSegmentsConnection)
		default:
			return None
		}
		if t := &c.Trigger; t.Valid() {
			f.Say(saysSends)
			f.Say(saysAnswersLater)
		}
		if y.Known.Has(flows.SawFIN) {
			f.Say(saysClosedSideFinMay)
		}
		if n := y.RetransRun; n > 0 {
			f.Say(saysTriedTimesWithoutAnswer)
		}
		return Possible
	},
}

var (
	saysCaptureHoldsNothingSent        = sentence("capture-holds-nothing-sent", "the capture holds nothing that {sender} had sent in this connection before")
	saysCaptureHoldsSegmentsConnection = sentence("capture-holds-segments-connection", "the capture holds {segments} segments of the connection before {rst}, and none that it would answer")
	saysSends                          = sentence("sends", "{receiver} sends {trigger} ({trigger_flags})")
	saysAnswersLater                   = sentence("answers-later", "{rst} answers it {answer_time} later")
	saysClosedSideFinMay               = sentence("closed-side-fin-may", "{receiver} had closed its side (FIN, {receiver_fin}): {sender} may have closed before the capture began")
	saysTriedTimesWithoutAnswer        = sentence("tried-times-without-answer", "{receiver} had tried {receiver_retransmissions_unanswered} times without an answer")
	storyMidStream                     = sentence("story-mid-stream", "The connection was open before the capture began; {sender} ended it with a RST, and what the capture holds is too little to say why.")
)
