package classify

import "github.com/rstwhy/rstwhy/flows"

var followUp = Rule{
	ID:      "follow-up",
	Family:  FamilyFollowUp,
	Title:   "follows an earlier RST",
	Summary: "The connection had been reset before; this RST answers segments that were late, or says the same again.",
	Story: func(c *Case) string {
		if c.Trigger.Valid() {
			return "This connection had been reset before; {X} answered something that {Y} sent late."
		}
		return "This connection had been reset before; {X} reset it again."
	},
	Wire: `S > C  R.  the reset that ended the connection
C > S  P.  still in flight, or sent again
S > C  R   answers it`,
	Confirm: []string{"look for the incident of the same addresses and ports before this one"},
	Advice:  []string{"Nothing of its own: see the first reset of the connection."},
	Refs:    []string{"RFC 9293, 3.10.7.1"},
	Harm:    harmless, // that of the first reset is counted there
	Reasons: []string{"NO_SOCKET", "TCP_FLAGS"},
	Telling: TriggerToRST,
	Kinds:   kinds(Reply, ReplyACK, Active, Unexplained),
	Given:   AfterRST,
	Match: func(c *Case, f *Findings) Confidence {
		if !c.Before() {
			return None
		}
		if x := c.X; x.Known.Has(flows.SawRST) {
			f.Add("{} had reset the connection in {}, {} before", end(c.Dir), frame(x.RSTWhere), dur(c.RST.Time-x.RSTTime))
		}
		if y := c.Y; y.Known.Has(flows.SawRST) {
			f.Add("{} had reset the connection in {}, {} before", end(c.Dir.Peer()), frame(y.RSTWhere), dur(c.RST.Time-y.RSTTime))
		}
		switch t := &c.Trigger; {
		case t.Valid() && t.Len > 0:
			f.Add("{} still sends {} in {}, and {} answers", end(c.Dir.Peer()), octets(uint64(t.Len)), frame(t.Where), frame(c.RST.Where()))
		case t.Valid():
			f.Add("{} answers {}, which carries no data", frame(c.RST.Where()), frame(t.Where))
		}
		return Likely
	},
}
