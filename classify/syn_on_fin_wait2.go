package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var synOnFINWait2 = Rule{
	ID:      "syn-on-fin-wait2",
	Family:  FamilyDataAfterClose,
	Title:   "new SYN falls into the half-closed connection",
	Summary: "A client used the address and port of a connection again that the server had closed and the client had not; the SYN fell into the old connection and was refused.",
	Story:   always(storySynOnFinWait2),
	Wire: `S > C  F.  the server closes the old connection
C > S  .   ack of the FIN; the client never closes
C > S  S   a new SYN from the same port, its number in the old window
S > C  R.  seq 0, ack = that SYN: refused although the port listens`,
	Confirm: []string{
		"`ss -tan state fin-wait-2` on the server shows the old connection",
		"the client (or the NAT before it) uses a source port again within a minute",
	},
	Advice: []string{
		"Close the connection in the client when the server has closed it.",
		"A NAT: more addresses or ports, so that a port rests longer before it is used again.",
		"The next SYN is accepted: let the client try again.",
	},
	Refs: []string{
		"Linux: tcp_timewait_state_process, FIN_WAIT2 substate, SYN in the window",
	},
	Over: []Over{
		{ID: "no-listener", Why: "the port holds an older connection with just these ends"},
		{ID: "listener-flap", Why: "the port was there all the time"},
	},
	Reasons:    []string{"TCP_TIMEWAIT_SOCKET"},
	Telling:    SYNToRST,
	Silence:    IdleBeforeFIN,
	Ways:       ways(WayRefusal, WayAnswer),
	Mechanisms: mechanisms(Answer),
	When:       Refusal,
	Match: func(c *Case, f *Findings) Confidence {
		old := &c.Flow.Prior
		if old.Latest == 0 ||
			!old.Known[c.Dir].Has(flows.SawFIN) || old.Known[c.Dir.Peer()].Has(flows.SawFIN) ||
			(old.Known[0] | old.Known[1]).Has(flows.SawRST) {
			return None
		}
		// The window offered last is forgotten; a million octets is more than a
		// new initial sequence number lands in by chance.
		if d := c.Trigger.Seq.Sub(old.RcvNxt[c.Dir]); d < 0 || d > 1<<20 {
			return None
		}
		f.Say(saysClosedLastConnectionSame)
		f.Say(saysLastSegmentSeenBefore)
		f.Say(saysSynNumberAfterWhat)
		f.Say(saysRefusesLater3)
		if s := &c.After.NewSYNACK; s.Valid() && s.Flags&packet.SYN != 0 {
			f.Say(saysPortListensSynAck)
		}
		return Likely
	},
}

var (
	saysClosedLastConnectionSame = sentence("closed-last-connection-same", "{sender} had closed its last connection with the same addresses and ports, {receiver} had not")
	saysLastSegmentSeenBefore    = sentence("last-segment-seen-before", "its last segment was seen {prior_to_trigger} before {trigger}")
	saysSynNumberAfterWhat       = sentence("syn-number-after-what", "the SYN ({trigger}) has a number {syn_in_prior_window} after what had been acknowledged in it: inside the old window")
	saysRefusesLater3            = sentence("refuses-later-3", "{rst} refuses it {answer_time} later")
	saysPortListensSynAck        = sentence("port-listens-syn-ack", "the port listens: SYN/ACK in {syn_ack_after}")
	storySynOnFinWait2           = sentence("story-syn-on-fin-wait2", "{client} opened a new connection from an address and port whose old connection {server} had closed and {client} never had; its SYN fell into the window of the old one and was refused.")
)
