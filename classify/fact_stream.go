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
	{"since_data", UnitDuration, "the latest new payload of either side to the RST", func(c *Case) int64 { return c.sinceData() }},
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
	{"repeats", UnitNumber, "how many times the sender repeated data while neither side acknowledged the other, of the segments remembered", func(c *Case) int64 { n, _ := deaf(c); return n }},
	{"deaf_for", UnitDuration, "the first segment since that neither acknowledged, of those remembered, to the RST", func(c *Case) int64 { _, at := deaf(c); return c.RST.Time - at }},
	{"untaken", UnitOctets, "payload of the receiver that the sender has not acknowledged", func(c *Case) int64 { return int64(max(0, c.Receiver.SndNxt.Sub(c.Sender.RcvNxt))) }},
	{"window_room", UnitOctets, "what the receiver's window had room for beyond what the sender has sent", func(c *Case) int64 {
		return int64(max(0, c.Receiver.WindowEdge.Sub(c.Sender.SndNxt)))
	}},
}

// sinceData is the time from the latest new payload of either side to the RST.
func (c *Case) sinceData() int64 {
	return c.RST.Time - max(c.Sender.DataLast, c.Receiver.DataLast)
}

// before reports whether any RST was sent in this connection before, or to its client
// by another server with the numbers of this one.
func (c *Case) before() bool {
	return c.Around.LegReset != 0 || (c.Sender.Known|c.Receiver.Known).Has(flows.SawRST) && !c.Flow.Retried
}

// receivedData is how many octets of the receiver's payload the RST's sender
// had got, by its own acknowledgment; without the start of the stream it is
// what the capture holds.
func (c *Case) receivedData() uint64 {
	taken, known := c.taken()
	if !known || c.Receiver.Known&(flows.SawSYN|flows.PeerISN) == 0 {
		return c.Receiver.Bytes
	}
	n := taken.Sub(c.Receiver.ISN + 1)
	if c.Receiver.Known.Has(flows.SawFIN) && taken == c.Receiver.FINEnd {
		n--
	}
	return uint64(max(0, n))
}

// taken is the highest number that the RST's sender has acknowledged, with the
// RST or, where that has no ACK, before it.
func (c *Case) taken() (taken packet.Seq, known bool) {
	if c.RST.Flags&packet.ACK != 0 {
		return c.RST.Ack, true
	}
	return c.Sender.RcvNxt, c.Sender.Known.Has(flows.SawAck)
}

// untaken is how many numbers of the receiver's stream the RST's sender has not
// acknowledged.
func (c *Case) untaken() int32 {
	taken, known := c.taken()
	if !known {
		return 0
	}
	return max(0, c.Receiver.SndNxt.Sub(taken))
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
	_, known := c.taken()
	return known && c.untaken() == 0 && c.After.Bytes[c.Dir.Peer()] == 0
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

// deaf reports how many times the sender repeated data, as far as the segments
// remembered tell, while its receiver repeated data as well and neither
// acknowledged anything new of the other: the path between them is gone, although
// the capture has both. It is 0 where that is not so. The sender last acknowledged
// something new at the time heard, or before.
func deaf(c *Case) (repeats, heard int64) {
	x, y := c.Sender, c.Receiver
	if c.undelivered() == 0 || !x.Known.Has(flows.SawAck) || !x.RcvNxt.Less(y.SndNxt) || y.Known.Has(flows.SawFIN) || x.Known.Has(flows.SawFIN) {
		return 0, 0
	}
	var first [2]int64 // of what is not acknowledged, the first that is remembered
	var n [2]int64
	for s := range c.recent {
		open := x.RcvNxt // what comes from the receiver
		if s.Dir == c.Dir {
			open = y.RcvNxt
		}
		if s.Len == 0 || s.Seq.Less(open) {
			continue
		}
		first[s.Dir] = s.Time
		n[s.Dir]++
	}
	mine, other := n[c.Dir]-1, n[c.Dir.Peer()]-1
	if mine < 2 || other < 2 {
		return 0, 0
	}
	return mine, min(first[0], first[1])
}
