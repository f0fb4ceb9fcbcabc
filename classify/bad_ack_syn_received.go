package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var badACKSYNReceived = Rule{
	ID:      "bad-ack-syn-received",
	Family:  FamilyHandshakeAbort,
	Title:   "the handshake's last ACK did not match",
	Summary: "The client acknowledged a number that the server's SYN/ACK had not used; the server refused that segment and waits on.",
	Story:   always(storyBadAckSynReceived),
	Wire: `C > S  S   seq 0
S > C  S.  seq 0 ack 1
C > S  .   ack 54321, not 1
S > C  R   seq 54321`,
	Confirm: []string{
		"captures on both ends: is the number of the SYN/ACK the same? If not, a box on the path changes it one way only",
		"SYN cookies: `nstat -az TcpExtSyncookiesFailed` on the server",
	},
	Advice: []string{
		"Look for a firewall that randomises sequence numbers and sees only one direction (asymmetric routing).",
		"Look for two boxes that both answer SYNs for the address: a SYN proxy beside the server, or a duplicate address.",
	},
	Refs: []string{
		"RFC 9293, 3.10.7.4: SYN-RECEIVED, an unacceptable ACK is answered with a reset",
		"Linux: tcp_check_req, tcp_rcv_state_process in LISTEN",
	},
	Over: []Over{
		{ID: "middlebox-idle-timeout", Why: "the acknowledgment is wrong by its number"},
		{ID: "firewall-reject", Why: "the acknowledgment is wrong by its number"},
	},
	Reasons:    []string{"TCP_FLAGS", "TCP_ACK_UNSENT_DATA", "TCP_TOO_OLD_ACK"},
	Telling:    TriggerToRST,
	Ways:       ways(WayAnswer),
	Mechanisms: mechanisms(Answer, Unexplained),
	When:       FromServer | SenderSYN | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, t := c.Sender, &c.Trigger
		if !t.Valid() {
			return refusesLastACK(c, f)
		}
		if uint32(x.SYNs) != x.Packets || t.Flags&(packet.SYN|packet.ACK) != packet.ACK || t.Ack == x.ISN+1 {
			return None
		}
		if y := c.Receiver; y.Known.Has(flows.SawPlainAck) && y.AckFrame != t.Frame && c.Flow.Handshake == flows.Established {
			return None // it had acknowledged the SYN/ACK before
		}
		if y := c.Receiver; y.Known.Has(flows.SawSYN) && t.Seq != y.ISN+1 {
			return None // it had sent something before, which the capture lacks
		}
		f.Say(saysAcceptsConnectionSynAck2)
		f.Say(saysAcknowledgesNumberOneShould)
		f.Say(saysRefusesLaterJustNumber)
		if x.SYNs > 1 {
			f.Say(saysSynAckSentTimesOne)
			return Likely
		}
		return Certain
	},
}

// refusesLastACK is what the server's side alone tells: without ACK the RST repeats
// the acknowledgment that it refuses, and the server goes on offering the connection.
func refusesLastACK(c *Case, f *Findings) Confidence {
	x, rst := c.Sender, &c.RST
	if c.Receiver.Spoke() || uint32(x.SYNs) != x.Packets || rst.Flags&packet.ACK != 0 || rst.Window != 0 || rst.Seq == x.ISN+1 || c.Path.Off != 0 {
		return None
	}
	f.Say(saysAcceptsConnectionSynAck2)
	f.Say(saysRepeatsOther)
	if c.After.NewSYNACK.Valid() && c.After.NewSYNACK.Dir == c.Dir {
		f.Say(saysOffersAgain)
		return Likely
	}
	return Possible
}

var (
	saysRepeatsOther                = sentence("repeats-other-number", "{rst} has no ACK: its number, {rst_seq_from_sender} from the one after the SYN/ACK, is that of the acknowledgment that it answers, which the capture lacks")
	saysOffersAgain                 = sentence("offers-again", "{sender} sends the SYN/ACK again afterwards: it still waits for the right one")
	saysAcceptsConnectionSynAck2    = sentence("accepts-connection-syn-ack-2", "{sender} accepts the connection (SYN/ACK, {sender_syn})")
	saysAcknowledgesNumberOneShould = sentence("acknowledges-number-one-should", "{trigger} acknowledges a number {trigger_ack_from_isn} from the one it should")
	saysRefusesLaterJustNumber      = sentence("refuses-later-just-number", "{rst} refuses it {answer_time} later, with just that number")
	saysSynAckSentTimesOne          = sentence("syn-ack-sent-times-one", "the SYN/ACK was sent {sender_syns} times; one of them may have had another number")
	storyBadAckSynReceived          = sentence("story-bad-ack-syn-received", "{client} acknowledged another number than that of the SYN/ACK of {server}, which refused the segment.")
)
