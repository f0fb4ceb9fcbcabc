package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var handshakePAWS = Rule{
	ID:      "handshake-paws",
	Family:  FamilyHandshakeAbort,
	Title:   "the SYN/ACK echoed a wrong timestamp",
	Summary: "The SYN/ACK echoed a timestamp that the client had not sent, so the client took it for an old one and refused it.",
	Story:   always(storyHandshakePaws),
	Wire: `C > S  S   seq 0, TS val 1000
S > C  S.  seq 0 ack 1, TS ecr 77: never sent
C > S  R   seq 1, window 0, no options`,
	Confirm: []string{
		"`nstat -az TcpExtPAWSActive` on the client grows",
		"captures on both ends: are the timestamps of SYN and SYN/ACK the same on both?",
	},
	Advice: []string{
		"Look for a firewall, NAT or load balancer that rewrites timestamps in one direction only.",
		"To get by: switch timestamps off on one end (net.ipv4.tcp_timestamps=0) until the box is repaired.",
	},
	Refs: []string{
		"RFC 7323, 3.2 and 5",
		"Linux: tcp_rcv_synsent_state_process, LINUX_MIB_PAWSACTIVEREJECTED",
	},
	Over: []Over{
		{ID: "handshake-abort", Why: "the SYN/ACK echoes a timestamp that the client never sent"},
	},
	Confused: []Confusion{
		{"handshake-abort", "nstat on the client: TcpExtPAWSActive grows when the timestamp was the reason"},
	},
	Reasons:    []string{"TCP_RFC7323_PAWS"},
	Telling:    SYNToSYNACK,
	Ways:       ways(WayAnswer),
	Mechanisms: mechanisms(Answer),
	When:       SYNACKDropped | AnswersSegment,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		if !acksSYN(c.Sender, t.Ack) || !t.Options.Has(packet.OptTimestamps) || t.TSEcr == 0 {
			return None
		}
		first, latest, n := uint32(0), uint32(0), uint16(0)
		for i := range flows.RecentLen {
			s := c.Flow.Recent(i)
			if s == nil {
				break
			}
			if s.Dir != c.Dir || s.Flags&packet.SYN == 0 {
				continue
			}
			if !s.Options.Has(packet.OptTimestamps) {
				return None
			}
			if first = s.TSVal; n == 0 {
				latest = s.TSVal
			}
			n++
		}
		if n == 0 || n != c.Sender.SYNs || int32(t.TSEcr-first) >= 0 && int32(t.TSEcr-latest) <= 0 {
			return None
		}
		f.Say(saysAsksConnectionSyn3)
		if n == 1 {
			f.Say(saysSynAckEchoesTimestamp)
		} else {
			f.Say(saysSynAckEchoesTimestampSyns)
		}
		f.Say(saysRefusesLater)
		return Likely
	},
}

var (
	saysAsksConnectionSyn3        = sentence("asks-connection-syn-3", "{sender} asks for a connection (SYN, {sender_syn})")
	saysSynAckEchoesTimestamp     = sentence("syn-ack-echoes-timestamp", "the SYN/ACK ({trigger}) echoes timestamp {trigger_ts_echo}, the SYN had {syn_ts_first}")
	saysSynAckEchoesTimestampSyns = sentence("syn-ack-echoes-timestamp-syns", "the SYN/ACK ({trigger}) echoes timestamp {trigger_ts_echo}, the SYNs had {syn_ts_first} to {syn_ts_latest}")
	saysRefusesLater              = sentence("refuses-later", "{rst} refuses it {answer_time} later")
	storyHandshakePaws            = sentence("story-handshake-paws", "{server} echoed a timestamp in its SYN/ACK that {client} had not sent; {client} refused it as an old duplicate.")
)
