package classify

// signFacts are those that only the sentences of signs name.
var signFacts = []*Fact{
	{"second_answer", UnitFrame, "the second RST that answers what the first acknowledges", func(c *Case) int64 { return int64(secondAnswer(c).RST.Frame) }},
	{"second_answered", UnitFrame, "the segment that it answers", func(c *Case) int64 { return int64(secondAnswer(c).Trigger.Frame) }},
	{"rst_to_second_answer", UnitDuration, "the RST to it", func(c *Case) int64 { return secondAnswer(c).RST.Time - c.RST.Time }},
	{"stepped_rsts", UnitNumber, "RSTs that step, the first included", func(c *Case) int64 { return int64(runsOf(c).seqs.n + 1) }},
	{"window_step", UnitNumber, "their step in the window", func(c *Case) int64 { return int64(runsOf(c).windows.delta) }},
	{"ttl_step", UnitNumber, "their step in the TTL", func(c *Case) int64 { return int64(runsOf(c).ttls.delta) }},
	{"far_copy", UnitFrame, "a second RST where its sender's stream never was", func(c *Case) int64 { return int64(farCopy(c).Frame) }},
	{"far_copy_from_rst", UnitNumber, "its sequence number less that of the first", func(c *Case) int64 { return int64(farCopy(c).Seq.Sub(c.RST.Seq)) }},
	{"near_copy", UnitFrame, "a second RST where its sender's stream had come to, when the first is beyond it", func(c *Case) int64 { return int64(nearCopy(c).Frame) }},
	{"rst_from_near_copy", UnitNumber, "the sequence number of the first less that of this one", func(c *Case) int64 { return int64(c.RST.Seq.Sub(nearCopy(c).Seq)) }},
	{"rst_ticks_ahead", UnitNumber, "the RST's timestamp less its sender's latest", func(c *Case) int64 { return -int64(ticksBehind(c)) }},
	{"sender_latest_to_rst", UnitDuration, "the sender's latest segment to the RST", func(c *Case) int64 { return c.RST.Time - c.Sender.Latest }},
	{"towards_other", UnitFrame, "the RST towards the sender of the first", func(c *Case) int64 { return int64(towardsOther(c).Frame) }},
	{"rst_to_towards_other", UnitDuration, "the first to it", func(c *Case) int64 { return towardsOther(c).Time - c.RST.Time }},
	{"went_on", UnitFrame, "the segment with which the sender went on", func(c *Case) int64 { return int64(wentOn(c).Frame) }},
	{"rst_to_went_on", UnitDuration, "the RST to it", func(c *Case) int64 { return wentOn(c).Time - c.RST.Time }},
	{"copied", UnitFrame, "the segment whose fields the RST has", func(c *Case) int64 { return int64(copied(c).Frame) }},
	{"acknowledged_data", UnitFrame, "the receiver's segment that the RST acknowledges to its end", func(c *Case) int64 { return int64(acknowledgedData(c).Frame) }},
	{"acknowledged_data_to_rst", UnitDuration, "it to the RST", func(c *Case) int64 { return c.RST.Time - acknowledgedData(c).Time }},
	{"sender_latest_data", UnitFrame, "the sender's latest segment with payload", func(c *Case) int64 { return int64(latestData(c).Frame) }},
}

var (
	saysBigIP               = sentence("big-ip-payload", "the payload of {rst} is a message of an F5 BIG-IP")
	saysDiagnostic          = sentence("diagnostic-payload", "the payload of {rst} is a diagnostic record: reason {rst_diagnostic_reason}")
	saysAnsweredToo         = sentence("answered-too", "the SYN of {receiver_syn} was refused, and accepted {rst_to_syn_ack_after} later: {syn_ack_after}")
	saysAnsweredTwice       = sentence("answered-twice", "{rst} acknowledges {second_answered}, and {second_answer} answers it {rst_to_second_answer} later as if it came from nowhere: they were not sent by one host")
	saysReservedBits        = sentence("reserved-bits", "{rst} has reserved bits set in its TCP header")
	saysImpossibleTimestamp = sentence("impossible-timestamp", "its timestamp is {rst_ticks_behind} ticks before the sender's latest, in {sender_latest}")
	saysBeyondWindow        = sentence("seq-beyond-window", "its sequence number is {rst_seq_beyond_window} octets beyond the window that its receiver had offered")
	saysBeforeStream        = sentence("seq-before-stream", "its sequence number is {rst_seq_before_stream} before the beginning of its sender's stream")
	saysAckBeyondWindow     = sentence("ack-beyond-window", "it acknowledges {rst_ack_beyond_window} octets more than its sender had offered to take")
	saysAckBeforeStream     = sentence("ack-before-stream", "it acknowledges a number {rst_ack_before_stream} before the beginning of its receiver's stream")
	saysSteppedCopies       = sentence("stepped-copies", "{stepped_rsts} RSTs from {rst} on step by {window_step} in the window and by {ttl_step} in the TTL: no stack counts them")
	saysFarCopies           = sentence("far-copies", "a second RST, {far_copy}, is {far_copy_from_rst} octets further on, where its sender's stream never was")
	saysFarFirst            = sentence("far-first", "{rst} is {rst_from_near_copy} octets beyond a second RST, {near_copy}, and where its sender's stream never was")
	saysTimestampAhead      = sentence("timestamp-ahead", "its timestamp is {rst_ticks_ahead} ticks ahead of the sender's latest, {sender_latest_to_rst} after it: no clock runs so fast")
	saysSoonerFromFarther   = sentence("sooner-from-farther", "it comes sooner than {sender} can have answered, and from farther: {rst_hops} hops by its TTL, where {sender} is {host_hops} away")
	saysBothEnds            = sentence("both-ends", "{rst} and {towards_other} reset both ends {rst_to_towards_other} apart, each in the name of the other, and answer nothing")
	saysBothEndsIdle        = sentence("both-ends-idle", "{rst} and {towards_other} reset both ends {rst_to_towards_other} apart after {idle_before} of silence")
	saysCarriedOn           = sentence("carried-on", "{sender} carries on {rst_to_went_on} after the RST: {went_on}")
	saysCarriedOnAndTook    = sentence("carried-on-and-took", "{sender} carries on {rst_to_went_on} after the RST: {went_on}, and has taken what the RST seems to answer")

	saysOtherDistance              = sentence("other-distance", "its TTL {rst_ttl} means {rst_hops} hops, those of its sender's other segments, {sender_ttl}, mean {sender_hops}")
	saysNearer                     = sentence("nearer", "its TTL {rst_ttl} is one more than that of all its sender's other segments")
	saysOtherDistanceThanElsewhere = sentence("other-distance-than-elsewhere", "its TTL {rst_ttl} means {rst_hops} hops; the host's SYN/ACKs in other connections, with {elsewhere_ttl}, come over {elsewhere_hops}")
	saysTooEarly                   = sentence("too-early", "it comes {answer_time} after {trigger}, half the way there and back takes {half_path}")
	saysTooEarlyForData            = sentence("too-early-for-data", "it acknowledges {acknowledged_data} after {acknowledged_data_to_rst}, half the way there and back takes {half_path}")
	saysIDEcho                     = sentence("ip-id-echo", "its IP ID {rst_ip_id} is that of {copied}")
	saysWindowEcho                 = sentence("window-echo", "its window {rst_window} is that of {copied}")
	saysNotCopied                  = sentence("tos-not-copied", "its TOS or flow label is 0, unlike that of {trigger}: packet filters leave it so")
	saysNoDF                       = sentence("no-df", "it may be fragmented, none of its sender's {sender_segments} other segments may")
	saysNoTimestamps               = sentence("no-timestamps", "it has no timestamps although the connection uses them")
	saysOtherID                    = sentence("other-ip-id", "its IP ID is {rst_ip_id}, its sender had come to {sender_ip_id}")
	saysWrongRefusal               = sentence("wrong-refusal", "it acknowledges the number of the SYN in {receiver_syn}, not the next: a client ignores it")
	saysAhead                      = sentence("ahead", "its sequence number is {rst_seq_from_sender} octets beyond what its sender had sent")
	saysNotAdvanced                = sentence("not-advanced", "its sequence number is that of {sender_latest_data}, its sender's latest data, and not after it")
	saysWindowOnAnswer             = sentence("window-on-answer", "it has no ACK and offers a window of {rst_window}; most stacks offer none")
	saysDamaged                    = sentence("damaged", "the TCP checksum of {rst} is wrong: a receiver drops it")
	saysCopiedNumber               = sentence("copied-number", "its sequence number is that of the SYN ({client_syn}), which nobody but the client has")
)
