package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// unclassified stands outside the table: it is the answer when no rule matched.
var unclassified = Rule{
	ID:      "unclassified",
	Family:  FamilyUnclassified,
	Title:   "no known cause fits",
	Summary: "The packets fit none of the causes that rstwhy knows; the indicators are listed.",
	Story:   say("A RST in the name of {X} reached {Y}; what the capture holds of the connection fits no cause that rstwhy knows."),
	Wire:    "(none)",
	Confirm: []string{"capture longer, at both ends, and without a filter that hides one direction"},
	Advice:  []string{"Capture from before the connection opens, on both ends, so that the start and the trigger are seen."},
	Refs:    []string{"RFC 9293, 3.5.2"},
	Telling: Lifetime,
	Kinds:   kinds(Unexplained),
	Match: func(c *Case, f *Findings) Confidence {
		rst := &c.RST
		f.Add("{} has flags {}, window {}, TTL {}", frame(rst.Where()), flags(rst.Flags), number(int(rst.Window)), number(int(rst.TTL)))
		if c.X.Spoke() {
			f.Add("its sequence number is {} from where its sender's stream had come to", number(int(rst.Seq.Sub(c.X.Max))))
			f.Add("its sender's segments had TTL {} to {}, the latest IP ID {}, the RST's is {}", number(int(c.X.TTLMin)), number(int(c.X.TTLMax)), number(int(c.X.IPID)), number(int(rst.IPID)))
		} else {
			f.Add("the capture holds no other segment of its sender in this connection")
		}
		switch {
		case !c.Y.Spoke():
			f.Add("the capture holds no segment of its receiver in this connection")
		case rst.Flags&packet.ACK != 0:
			f.Add("it acknowledges {} from where the receiver's stream had come to", number(int(rst.Ack.Sub(c.Y.Max))))
		case c.Y.Known.Has(flows.SawAck):
			f.Add("its sequence number is {} from the highest acknowledgment of its receiver", number(int(rst.Seq.Sub(c.Y.Ack))))
		}
		if c.X.Known.Has(flows.SawTS) && !rst.Options.Has(packet.OptTimestamps) {
			f.Add("its sender used timestamps, the RST has none")
		}
		return Possible
	},
}
