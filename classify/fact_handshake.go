package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/packet"
)

// handshakeFacts are those of SYN, SYN/ACK and the last ACK, and of the
// connection that used the same addresses and ports before.
var handshakeFacts = []*Fact{
	{"sender_syn", UnitFrame, "the first SYN or SYN/ACK of the RST's sender", func(c *Case) int64 { return int64(c.Sender.SYNFrame) }},
	{"receiver_syn", UnitFrame, "the first SYN or SYN/ACK of the RST's receiver", func(c *Case) int64 { return int64(c.Receiver.SYNFrame) }},
	{"client_syn", UnitFrame, "the client's first SYN", func(c *Case) int64 { return int64(c.client().SYNFrame) }},
	{"client_syn_window", UnitNumber, "the window of the client's first SYN", func(c *Case) int64 { return int64(c.client().SYNWindow) }},
	{"sender_syns", UnitNumber, "SYNs or SYN/ACKs of the RST's sender", func(c *Case) int64 { return int64(c.Sender.SYNs) }},
	{"receiver_syns", UnitNumber, "SYNs or SYN/ACKs of the RST's receiver", func(c *Case) int64 { return int64(c.Receiver.SYNs) }},
	{"client_syns", UnitNumber, "the client's SYNs", func(c *Case) int64 { return int64(c.client().SYNs) }},
	{"syn_to_trigger", UnitDuration, "the sender's first SYN to the segment that the RST answers", func(c *Case) int64 {
		return c.Trigger.Time - c.Sender.SYNFirst
	}},
	{"sender_syn_to_rst", UnitDuration, "the sender's first SYN or SYN/ACK to the RST", func(c *Case) int64 { return c.RST.Time - c.Sender.SYNFirst }},
	{"receiver_syn_to_rst", UnitDuration, "the receiver's first SYN or SYN/ACK to the RST", func(c *Case) int64 { return c.RST.Time - c.Receiver.SYNFirst }},
	{"receiver_ack_to_rst", UnitDuration, "the receiver's first ACK to the RST", func(c *Case) int64 { return c.RST.Time - c.Receiver.AckFirst }},
	{"syn_data_taken", UnitOctets, "what the SYN/ACK of the RST's sender acknowledges of the data in the SYN (RFC 7413)", func(c *Case) int64 {
		return int64(c.Sender.RcvNxt.Sub(c.Receiver.ISN + 1))
	}},
	{"syn_ts_first", UnitNumber, "the timestamp of the sender's first SYN", func(c *Case) int64 { first, _, _ := synTimestamps(c); return int64(first) }},
	{"syn_ts_latest", UnitNumber, "the timestamp of the sender's latest SYN", func(c *Case) int64 { _, latest, _ := synTimestamps(c); return int64(latest) }},
	{"prior_to_trigger", UnitDuration, "the latest segment of the earlier connection to the segment that the RST answers", func(c *Case) int64 {
		return c.Trigger.Time - c.Flow.Prior.Latest
	}},
	{"prior_to_syn", UnitDuration, "the latest segment of the earlier connection to the sender's SYN", func(c *Case) int64 {
		return c.Sender.SYNFirst - c.Flow.Prior.Latest
	}},
	{"rst_seq_from_syn", UnitNumber, "its sequence number less that of the octet after the sender's SYN", func(c *Case) int64 {
		return int64(c.RST.Seq.Sub(c.Sender.ISN + 1))
	}},
	{"rst_ack_from_accepted", UnitNumber, "its acknowledgment less that of the SYN/ACK of its sender", func(c *Case) int64 {
		return int64(c.RST.Ack.Sub(c.Sender.RcvNxt))
	}},
	{"syn_beyond_prior", UnitNumber, "the SYN's number less the client's SND.NXT in the earlier connection", func(c *Case) int64 {
		return int64(c.Trigger.Seq.Sub(c.Flow.Prior.SndNxt[flows.Client]))
	}},
	{"syn_in_prior_window", UnitOctets, "the SYN's number less the RCV.NXT of the RST's sender in the earlier connection", func(c *Case) int64 {
		return int64(c.Trigger.Seq.Sub(c.Flow.Prior.RcvNxt[c.Dir]))
	}},
}

func (c *Case) client() *flows.Side { return &c.Flow.Side[flows.Client] }
func (c *Case) server() *flows.Side { return &c.Flow.Side[flows.Server] }

// usesTimestamps reports whether the sender of r puts timestamps on what it sends:
// both SYNs must have carried the option (RFC 7323, 2.1), and where one of them
// was not captured, a segment after it shows that they did.
func usesTimestamps(r *flows.Reset) bool {
	x, y := r.Sender(), r.Receiver()
	if !x.Known.Has(flows.SawTS) ||
		x.Known.Has(flows.SawSYN) && !x.SYNOptions.Has(packet.OptTimestamps) ||
		y.Known.Has(flows.SawSYN) && !y.SYNOptions.Has(packet.OptTimestamps) {
		return false
	}
	if !x.Known.Has(flows.SawSYN) || y.Known.Has(flows.SawTS) {
		return true
	}
	for i := range flows.RecentLen {
		s := r.Flow.Recent(i)
		if s == nil {
			break
		}
		if s.Dir == r.Dir && s.Flags&packet.SYN == 0 && s.Options.Has(packet.OptTimestamps) {
			return true
		}
	}
	return false
}

// refusesSYN reports whether the RST answers a SYN that was never accepted.
func refusesSYN(c *Case) bool {
	return c.answers(packet.SYN|packet.ACK, packet.SYN) && c.RST.Flags&packet.ACK != 0 &&
		!c.Sender.Known.Has(flows.SawSYN) && !c.Sender.Known.Has(flows.SawFIN)
}

// refusesUnseen reports whether the RST has the form of a refusal (RFC 9293,
// 3.5.2: sequence number 0 answers a segment without ACK) and the capture holds
// nothing else of the connection.
func refusesUnseen(c *Case) bool {
	return !c.Sender.Spoke() && !c.Receiver.Spoke() && !c.before() &&
		c.RST.Flags&packet.ACK != 0 && c.RST.Seq == 0 && c.RST.Ack != 0
}

// refusesSecond reports whether the RST refuses a SYN of an address and port from
// which its sender has just accepted another SYN, in whose window that one is: the
// SYN/ACK acknowledges one, the RST the other.
func refusesSecond(c *Case) bool {
	x := c.Sender
	if c.Dir != flows.Server || c.before() || !x.Known.Has(flows.SawSYN|flows.SawAck) || uint32(x.SYNs) != x.Packets ||
		c.RST.Flags&packet.ACK == 0 || c.RST.Seq != 0 || x.SndNxt == 0 {
		return false
	}
	if t := &c.Trigger; t.Valid() && (t.Flags&(packet.SYN|packet.ACK) != packet.SYN || t.End() != c.RST.Ack) || !t.Valid() && c.Receiver.Spoke() {
		return false
	}
	ahead := c.RST.Ack.Sub(x.RcvNxt)
	return ahead > 0 && ahead < 1<<16 && c.RST.Time-x.SYNFirst <= halfOpenFor
}

// dropsSYNACK reports whether the RST is a client's answer to the SYN/ACK of a
// server that it had asked and never acknowledged.
func dropsSYNACK(c *Case) bool {
	return c.Dir == flows.Client && !c.before() && (c.answers(packet.SYN|packet.ACK, packet.SYN|packet.ACK) || dropsUnseen(c)) &&
		c.Sender.Known.Has(flows.SawSYN) && !c.Sender.Known.Has(flows.SawPlainAck)
}

// dropsUnseen reports whether the RST is a client's answer to a SYN/ACK that is
// not in the capture: without ACK it repeats an acknowledgment, and its number is
// that of the octet after its SYN.
func dropsUnseen(c *Case) bool {
	x := c.Sender
	return c.answersUnseen() && !c.Receiver.Spoke() && x.Known.Has(flows.SawSYN) && x.ISN != c.RST.Seq && acksSYN(x, c.RST.Seq)
}

// refusesOther reports whether r is a client's answer, while it waits for that to
// its SYN, to a segment that is not in the capture and acknowledges something else
// (RFC 9293, 3.10.7.3): without ACK it repeats that acknowledgment.
func refusesOther(r *flows.Reset) bool {
	x, rst := r.Sender(), &r.RST
	return r.Dir == flows.Client && r.Flow.Handshake <= flows.SYNReceived && x.Known.Has(flows.SawSYN) && uint32(x.SYNs) == x.Packets &&
		!r.Trigger.Valid() && rst.Flags&packet.ACK == 0 && rst.Window == 0 && rst.Options == 0 &&
		rst.Seq != x.ISN && !acksSYN(x, rst.Seq) && pathOf(rst, x, 0).Off == 0
}

// acksSYN reports whether ack acknowledges the SYN of s, with all, some or none
// of the data that it carried (RFC 7413).
func acksSYN(s *flows.Side, ack packet.Seq) bool {
	return s.ISN.Less(ack) && ack.LessEq(s.SndNxt)
}

// inSYNSent reports whether the RST is a client's, which waits for the answer
// to its SYN.
func inSYNSent(c *Case) bool {
	return c.Dir == flows.Client && !c.before() && c.Sender.Known.Has(flows.SawSYN) && !c.Sender.Known.Has(flows.SawPlainAck) && c.Trigger.Valid()
}

// onlyAccepted reports whether the RST is a server's that, for all the capture
// shows, has sent nothing but SYN/ACKs, and whose client completed the handshake.
func onlyAccepted(c *Case) bool {
	x := c.Sender
	return c.Dir == flows.Server && c.Flow.Handshake == flows.Established && x.Known.Has(flows.SawSYN) && uint32(x.SYNs) == x.Packets
}

// refusedLate reports whether the server had let the last ACK of the handshake
// pass: an answer to that would have come sooner.
func refusedLate(c *Case) bool {
	return c.Trigger.Len > 0 && c.Receiver.Known.Has(flows.SawPlainAck) && c.Trigger.Frame != c.Receiver.AckFrame &&
		c.RST.Time-c.Receiver.AckFirst > 2*c.Flow.RTTServer()+lateAnswer
}

// synTimestamps are those of the sender's SYNs that are remembered, and how
// many these are; none when one had no timestamp.
func synTimestamps(c *Case) (first, latest uint32, n uint16) {
	for s := range c.recent {
		if s.Dir != c.Dir || s.Flags&packet.SYN == 0 {
			continue
		}
		if !s.Options.Has(packet.OptTimestamps) {
			return 0, 0, 0
		}
		if first = s.TSVal; n == 0 {
			latest = s.TSVal
		}
		n++
	}
	return first, latest, n
}

// toolSYN reports whether the client's SYN is one that a scanner makes.
func toolSYN(c *Case) bool {
	s := c.client()
	return hosts.ToolSYN(s.SYNWindow, synIPID(c), s.SYNOptions) != ""
}

// synIPID is the IP ID of the client's first SYN, 0 when it is forgotten.
func synIPID(c *Case) uint16 {
	for s := range c.recent {
		if s.Flags&(packet.SYN|packet.ACK) == packet.SYN && s.Dir == flows.Client {
			return s.IPID
		}
	}
	return 0
}
