package classify

import "github.com/rstwhy/rstwhy/flows"

var followUp = Rule{
	ID:      "follow-up",
	Family:  FamilyFollowUp,
	Title:   "follows an earlier RST",
	Summary: "The connection had been reset before; this RST answers segments that were late, or says the same again.",
	Story: func(c *Case) *Sentence {
		switch {
		case c.Around.LegReset != 0 && !(c.Sender.Known | c.Receiver.Known).Has(flows.SawRST):
			return storyFollowUp3
		case c.Trigger.Valid():
			return storyFollowUp
		}
		return storyFollowUp2
	},
	Wire: `S > C  R.  the reset that ended the connection
C > S  P.  still in flight, or sent again
S > C  R   answers it`,
	Confirm: []string{"look for the incident of the same addresses and ports before this one"},
	Advice:  []string{"Nothing of its own: see the first reset of the connection."},
	Refs:    []string{"RFC 9293, 3.10.7.1"},
	Over: []Over{
		{ID: "no-listener", Why: "the connection had been reset before"},
		{ID: "injected-rst", Why: "the connection had been reset before"},
	},
	Harm:       harmless, // that of the first reset is counted there
	Reasons:    []string{"NO_SOCKET", "TCP_FLAGS"},
	OtherHost:  true,
	Telling:    TriggerToRST,
	Benign:     true,
	Ways:       ways(WayAnswer, WayUnread, WayOnPurpose, WayTimer, WayBox, WayRefusal, WayForgery),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Abort, Unexplained),
	When:       AfterRST,
	Match: func(c *Case, f *Findings) Confidence {
		if x := c.Sender; x.Known.Has(flows.SawRST) {
			f.Say(saysResetConnectionBefore)
		}
		if y := c.Receiver; y.Known.Has(flows.SawRST) {
			f.Say(saysResetConnectionBefore2)
		}
		if c.Around.LegReset != 0 {
			f.Say(saysResetByOtherServer)
		}
		switch t := &c.Trigger; {
		case t.Valid() && t.Len > 0:
			f.Say(saysStillSendsAnswers)
		case t.Valid():
			f.Say(saysAnswersWhichCarriesData)
		}
		return Likely
	},
}

var (
	saysResetConnectionBefore   = sentence("reset-connection-before", "{sender} had reset the connection in {sender_rst}, {sender_rst_to_rst} before")
	saysResetConnectionBefore2  = sentence("reset-connection-before-2", "{receiver} had reset the connection in {receiver_rst}, {receiver_rst_to_rst} before")
	saysResetByOtherServer      = sentence("reset-by-other-server", "another server had refused the stream of {sender} in {leg_rst}, with the numbers of this connection")
	saysStillSendsAnswers       = sentence("still-sends-answers", "{receiver} still sends {trigger_len} in {trigger}, and {rst} answers")
	saysAnswersWhichCarriesData = sentence("answers-which-carries-data", "{rst} answers {trigger}, which carries no data")
	storyFollowUp               = sentence("story-follow-up", "This connection had been reset before; {sender} answered something that {receiver} sent late.")
	storyFollowUp3              = sentence("story-follow-up-3", "What {sender} had sent in this connection was refused by another server ({leg_rst}), so {sender} no longer had it.")
	storyFollowUp2              = sentence("story-follow-up-2", "This connection had been reset before; {sender} reset it again.")
)
