package classify

import "github.com/rstwhy/rstwhy/flows"

var followUp = Rule{
	ID:      "follow-up",
	Family:  FamilyFollowUp,
	Title:   "follows an earlier RST",
	Summary: "The connection had been reset before; this RST answers segments that were late.",
	Story:   say("This connection had been reset before; {X} answered something that {Y} sent late."),
	Wire: `S > C  R.  the reset that ended the connection
C > S  P.  still in flight, or sent again
S > C  R   answers it`,
	Confirm: []string{"look for the incident of the same addresses and ports before this one"},
	Advice:  []string{"Nothing of its own: see the first reset of the connection."},
	Refs:    []string{"RFC 9293, 3.10.7.1"},
	Reasons: []string{"NO_SOCKET", "TCP_FLAGS"},
	Telling: TriggerToRST,
	Kinds:   kinds(Reply, ReplyACK, Active, Unexplained),
	Match: func(c *Case, f *Findings) Confidence {
		if !c.Before() {
			return None
		}
		f.Add("the connection had been reset more than {} before {}", dur(int64(flows.Grace)), frame(c.RST.Where()))
		return Likely
	},
}
