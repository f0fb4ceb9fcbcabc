package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// streamFacts are those of what either side sent and acknowledged.
var streamFacts = []*Fact{
	{"sender_latest", UnitFrame, "the latest segment of the RST's sender", func(c *Case) int64 { return int64(c.Sender.LatestFrame) }},
	{"receiver_latest", UnitFrame, "the latest segment of the RST's receiver", func(c *Case) int64 { return int64(c.Receiver.LatestFrame) }},
	{"sender_data", UnitFrame, "the latest segment of the sender with new payload", func(c *Case) int64 { return int64(c.Sender.DataFrame) }},
	{"receiver_data", UnitFrame, "the latest segment of the receiver with new payload", func(c *Case) int64 { return int64(c.Receiver.DataFrame) }},
	{"sender_unanswered", UnitOctets, "what the sender has sent since the receiver last sent payload", func(c *Case) int64 { return int64(c.Sender.Unanswered) }},
	{"receiver_unanswered", UnitOctets, "what the receiver has sent since the sender last sent payload", func(c *Case) int64 { return int64(c.Receiver.Unanswered) }},
	{"receiver_bytes", UnitOctets, "new payload of the receiver", func(c *Case) int64 { return int64(c.Receiver.Bytes) }},
	{"both_bytes", UnitOctets, "new payload of both sides", func(c *Case) int64 { return int64(c.Sender.Bytes + c.Receiver.Bytes) }},
	{"received", UnitOctets, "payload that the sender has got, by its own acknowledgment", func(c *Case) int64 { return int64(c.receivedData()) }},
	{"unread_at_most", UnitOctets, "what of that came after the sender last sent payload", func(c *Case) int64 {
		return int64(min(c.Receiver.Unanswered, c.receivedData()))
	}},
	{"undelivered", UnitOctets, "payload of the sender that the receiver has not acknowledged", func(c *Case) int64 { return int64(c.undelivered()) }},
	{"segments", UnitNumber, "segments of both sides before the RST", func(c *Case) int64 { return int64(c.Sender.Packets + c.Receiver.Packets) }},
	{"sender_segments", UnitNumber, "segments of the sender before the RST", func(c *Case) int64 { return int64(c.Sender.Packets) }},
	{"sender_retransmissions", UnitNumber, "segments that the sender sent again", func(c *Case) int64 { return int64(c.Sender.Retransmissions) }},
	{"sender_retransmissions_unanswered", UnitNumber, "segments that the sender sent again since the receiver last spoke", func(c *Case) int64 {
		return int64(c.Sender.RetransRun)
	}},
	{"receiver_retransmissions_unanswered", UnitNumber, "segments that the receiver sent again since the sender last spoke", func(c *Case) int64 {
		return int64(c.Receiver.RetransRun)
	}},
	{"receiver_tries_unanswered", UnitNumber, "segments sent again and probes of the receiver since the sender last spoke", func(c *Case) int64 {
		return int64(c.Receiver.RetransRun + c.Receiver.Probes)
	}},
	{"retransmitting_for", UnitDuration, "the sender's first retransmission since the receiver last spoke to the RST", func(c *Case) int64 {
		return c.RST.Time - c.Sender.RetransFirst
	}},
	{"silence_before_retransmission", UnitDuration, "the receiver's latest segment to the sender's first retransmission since", func(c *Case) int64 {
		return c.Sender.RetransFirst - c.Receiver.Latest
	}},
	{"probes", UnitNumber, "keep-alive probes of the sender since the receiver last spoke", func(c *Case) int64 { return int64(c.Sender.Probes) }},
	{"probing_for", UnitDuration, "the first of these probes to the RST", func(c *Case) int64 { return c.RST.Time - c.Sender.ProbeFirst }},
	{"last_probe_to_rst", UnitDuration, "the last of these probes to the RST", func(c *Case) int64 { return c.RST.Time - c.Sender.ProbeLast }},
	{"probe_interval", UnitDuration, "the mean distance of these probes, 0 for fewer than two", func(c *Case) int64 { return probeInterval(c) }},
	{"silence_before_probe", UnitDuration, "the receiver's latest segment to the first of these probes", func(c *Case) int64 {
		return c.Sender.ProbeFirst - c.Receiver.Latest
	}},
	{"sender_rst", UnitFrame, "an earlier RST of the sender", func(c *Case) int64 { return int64(c.Sender.RSTFrame) }},
	{"sender_rst_to_rst", UnitDuration, "that to this RST", func(c *Case) int64 { return c.RST.Time - c.Sender.RSTTime }},
	{"receiver_rst", UnitFrame, "an earlier RST of the receiver", func(c *Case) int64 { return int64(c.Receiver.RSTFrame) }},
	{"receiver_rst_to_rst", UnitDuration, "that to this RST", func(c *Case) int64 { return c.RST.Time - c.Receiver.RSTTime }},
	{"window_room", UnitOctets, "what the receiver's window had room for beyond what the sender has sent", func(c *Case) int64 {
		return int64(max(0, c.Receiver.WindowEdge.Sub(c.Sender.SndNxt)))
	}},
}

// before reports whether any RST was sent in this connection before.
func (c *Case) before() bool {
	return (c.Sender.Known | c.Receiver.Known).Has(flows.SawRST) && !c.Flow.Retried
}

// receivedData is how many octets of the receiver's payload the RST's sender
// had got, by its own acknowledgment; without the start of the stream it is
// what the capture holds.
func (c *Case) receivedData() uint64 {
	if c.RST.Flags&packet.ACK == 0 || !c.Receiver.Known.Has(flows.SawSYN) {
		return c.Receiver.Bytes
	}
	n := c.RST.Ack.Sub(c.Receiver.ISN + 1)
	if c.Receiver.Known.Has(flows.SawFIN) && c.RST.Ack == c.Receiver.FINEnd {
		n--
	}
	return uint64(max(0, n))
}

// undelivered is how many octets the RST's sender had sent that the receiver
// had not acknowledged, as the capture saw it.
func (c *Case) undelivered() uint64 {
	if !c.Sender.Spoke() || !c.Receiver.Known.Has(flows.SawAck) {
		return 0
	}
	n := c.Sender.SndNxt.Sub(c.Receiver.RcvNxt)
	if c.Sender.Known.Has(flows.SawFIN) {
		n--
	}
	return uint64(max(0, n))
}

// gotAll reports whether the RST's sender had got everything that the receiver
// sent, and nothing came after.
func (c *Case) gotAll() bool {
	return c.RST.Flags&packet.ACK != 0 && c.Receiver.SndNxt.LessEq(c.RST.Ack) && c.After.Bytes[c.Dir.Peer()] == 0
}

// pipelined reports whether the receiver had sent more than one write before
// the sender's last answer, as far as the segments remembered tell.
func (c *Case) pipelined() bool {
	segments, answered := 0, false
	for s := range c.recent {
		switch {
		case s.Len == 0:
		case s.Dir == c.Dir && segments == 0:
			answered = true
		case s.Dir == c.Dir:
			return answered && segments > 1
		case answered:
			segments++
		}
	}
	return answered && segments > 1
}

// scaleCut reports whether the capture may lack the scale of the windows: the
// options of a SYN were cut by the snapshot length.
func (c *Case) scaleCut() bool {
	return (c.Sender.SYNOptions | c.Receiver.SYNOptions).Has(packet.OptBroken)
}

func probeInterval(c *Case) int64 {
	if x := c.Sender; x.Probes > 1 {
		return (x.ProbeLast - x.ProbeFirst) / int64(x.Probes-1)
	}
	return 0
}
