package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// unclassified stands outside the table: it is the answer when no rule matched.
var unclassified = Rule{
	ID:         "unclassified",
	Family:     FamilyUnclassified,
	Mend:       NotExplained,
	Title:      "no known cause fits",
	Summary:    "The packets fit none of the causes that rstwhy knows; the indicators are listed.",
	Story:      always(storyUnclassified),
	Wire:       "(none)",
	Confirm:    []string{"capture longer, at both ends, and without a filter that hides one direction"},
	Advice:     []string{"Capture from before the connection opens, on both ends, so that the start and the trigger are seen."},
	Refs:       []string{"RFC 9293, 3.5.2"},
	Reasons:    everyReason,
	OtherHost:  true,
	Telling:    Lifetime,
	Silence:    IdleBefore,
	Mechanisms: mechanisms(Unexplained),
	Match: func(c *Case, f *Findings) Confidence {
		rst := &c.RST
		f.Say(saysFlagsWindowTtl2)
		if c.Sender.Spoke() {
			f.Say(saysSequenceNumberWhereSender)
			if c.Sender.TTLMin != 0 {
				f.Say(saysSenderSegmentsTtlLatest)
			}
		} else {
			f.Say(saysCaptureHoldsOtherSegment)
		}
		switch {
		case !c.Receiver.Spoke():
			f.Say(saysCaptureHoldsSegmentReceiver)
		case rst.Flags&packet.ACK != 0:
			f.Say(saysAcknowledgesWhereReceiverStream)
		case c.Receiver.Known.Has(flows.SawAck):
			f.Say(saysSequenceNumberHighestAcknowledgment)
		}
		if usesTimestamps(c.Reset) && !rst.Options.Has(packet.OptTimestamps) {
			f.Say(saysSenderUsedTimestampsRst)
		}
		return Possible
	},
}

var (
	saysFlagsWindowTtl2                     = sentence("flags-window-ttl-2", "{rst} has flags {rst_flags}, window {rst_window}, TTL {rst_ttl}")
	saysSequenceNumberWhereSender           = sentence("sequence-number-where-sender", "its sequence number is {rst_seq_from_sender} from where its sender's stream had come to")
	saysSenderSegmentsTtlLatest             = sentence("sender-segments-ttl-latest", "its sender's segments had TTL {host_ttl_least} to {host_ttl_most}, the latest IP ID {sender_ip_id}, the RST's is {rst_ip_id}")
	saysCaptureHoldsOtherSegment            = sentence("capture-holds-other-segment", "the capture holds no other segment of its sender in this connection")
	saysCaptureHoldsSegmentReceiver         = sentence("capture-holds-segment-receiver", "the capture holds no segment of its receiver in this connection")
	saysAcknowledgesWhereReceiverStream     = sentence("acknowledges-where-receiver-stream", "it acknowledges {rst_ack_from_receiver} from where the receiver's stream had come to")
	saysSequenceNumberHighestAcknowledgment = sentence("sequence-number-highest-acknowledgment", "its sequence number is {rst_seq_from_receiver} from the highest acknowledgment of its receiver")
	saysSenderUsedTimestampsRst             = sentence("sender-used-timestamps-rst", "its sender used timestamps, the RST has none")
	storyUnclassified                       = sentence("story-unclassified", "A RST in the name of {sender} reached {receiver}; what the capture holds of the connection fits no cause that rstwhy knows.")
)
