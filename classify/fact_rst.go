package classify

import "github.com/rstwhy/rstwhy/flows"

// rstFacts are those of the RST itself, and of where it stands.
var rstFacts = []*Fact{
	{"rst", UnitFrame, "the first RST", func(c *Case) int64 { return int64(c.RST.Ref()) }},
	{"rst_flags", UnitFlags, "its flags", func(c *Case) int64 { return int64(c.RST.Flags) }},
	{"rst_window", UnitNumber, "its window, as sent", func(c *Case) int64 { return int64(c.RST.Window) }},
	{"rst_ttl", UnitNumber, "its TTL or hop limit", func(c *Case) int64 { return int64(c.RST.TTL) }},
	{"rst_ip_id", UnitNumber, "its IPv4 identification", func(c *Case) int64 { return int64(c.RST.IPID) }},
	{"rst_mp_reason", UnitNumber, "the reason in its MP_TCPRST (RFC 8684, 3.6)", func(c *Case) int64 { return int64(c.RST.MPReason) }},
	{"rst_diagnostic_reason", UnitNumber, "the reason in its diagnostic payload", func(c *Case) int64 {
		if len(c.Payload) < 4 {
			return 0
		}
		return int64(c.Payload[2])<<8 | int64(c.Payload[3])
	}},
	{"rst_seq_from_sender", UnitNumber, "its sequence number less the sender's SND.NXT", func(c *Case) int64 {
		return int64(c.RST.Seq.Sub(c.Sender.SndNxt))
	}},
	{"rst_seq_from_receiver", UnitNumber, "its sequence number less the receiver's RCV.NXT", func(c *Case) int64 {
		return int64(c.RST.Seq.Sub(c.Receiver.RcvNxt))
	}},
	{"rst_seq_before_receiver", UnitNumber, "the receiver's RCV.NXT less its sequence number", func(c *Case) int64 {
		return -int64(c.RST.Seq.Sub(c.Receiver.RcvNxt))
	}},
	{"rst_ack_from_receiver", UnitNumber, "its acknowledgment less the receiver's SND.NXT", func(c *Case) int64 {
		return int64(c.RST.Ack.Sub(c.Receiver.SndNxt))
	}},
	{"rst_seq_beyond_window", UnitNumber, "its sequence number less the end of all that its receiver had offered to take", func(c *Case) int64 {
		return int64(c.RST.Seq.Sub(c.Receiver.WindowEdge.Max(c.Sender.SndNxt)))
	}},
	{"rst_seq_before_stream", UnitNumber, "its sender's ISN less its sequence number", func(c *Case) int64 {
		return int64(c.Sender.ISN.Sub(c.RST.Seq))
	}},
	{"rst_ack_beyond_window", UnitNumber, "its acknowledgment less the end of all that its sender had offered to take", func(c *Case) int64 {
		return int64(c.RST.Ack.Sub(c.Sender.WindowEdge.Max(c.Receiver.SndNxt)))
	}},
	{"rst_ack_before_stream", UnitNumber, "its receiver's ISN less its acknowledgment", func(c *Case) int64 {
		return int64(c.Receiver.ISN.Sub(c.RST.Ack))
	}},
	{"rst_ticks_behind", UnitNumber, "the sender's latest timestamp less that of the RST, in the sender's ticks", func(c *Case) int64 {
		return int64(int32(c.Sender.TSVal - c.RST.TSVal))
	}},
	{"server_port", UnitNumber, "the server's port", func(c *Case) int64 { return int64(c.Flow.Ends[flows.Server].Port) }},
}
