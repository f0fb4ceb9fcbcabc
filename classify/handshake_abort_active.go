package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var handshakeAbortActive = Rule{
	ID:      "handshake-abort-active",
	Family:  FamilyHandshakeAbort,
	Title:   "connected, and aborted instead of the ACK",
	Summary: "The client got the SYN/ACK it wanted and aborted at once, with a RST in the place of the handshake's last ACK, as checks of load balancers do.",
	Story: func(c *Case) *Sentence {
		if droppedAtOnce(c) {
			return storyHandshakeAbortActive
		}
		return storyHandshakeAbortActiveLate
	},
	Wire: `C > S  S   seq 0
S > C  S.  seq 0 ack 1
C > S  R.  seq 1 ack 1, window and timestamps as usual`,
	Confirm: []string{
		"`strace` on the client: TCP_QUICKACK 0 before connect(), SO_LINGER {onoff=1, linger=0} before close()",
		"does it come at a fixed beat? Then it is a health check",
	},
	Advice: []string{
		"Nothing is wrong; HAProxy's TCP checks are made this way to spare the server a connection.",
		"If the server's log fills with it, use a check that speaks the protocol (HAProxy: option httpchk).",
	},
	Refs: []string{
		"HAProxy: src/proto_tcp.c, TCP_QUICKACK and SO_LINGER for checks",
		"Linux: tcp_rcv_synsent_state_process puts the ACK off; tcp_disconnect sends the RST",
	},
	Harm: harmless,
	Over: []Over{
		{ID: "deliberate-abort", Told: true, Why: "it says when: in the place of the last ACK"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "a capture beside the client: does its ACK leave before the RST?"},
		{"health-check", "does the same client come back to the same port at a fixed beat?"},
	},
	Reasons:    []string{"TCP_STATE"},
	Telling:    SYNACKToRST,
	Benign:     true,
	Ways:       ways(WayOnPurpose),
	Mechanisms: mechanisms(Abort, AnswerWithACK),
	When:       FromClient | SenderSYN | ReceiverSYN | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y, rst := c.Sender, c.Receiver, &c.RST
		if c.triedAgain() || x.Known.Has(flows.SawPlainAck) || uint32(y.SYNs) != y.Packets || !acksSYN(x, rst.Seq) || rst.Ack != y.ISN+1 {
			return None
		}
		if a := &c.After.First[c.Dir]; a.Valid() && a.Flags&packet.SYN == 0 && a.Seq == rst.Seq {
			return None // its last ACK was overtaken on the way
		}
		f.Say(saysAsksConnectionSynGets)
		f.Say(saysAbortsLaterPlaceAck)
		if rst.Window == 0 && !rst.Options.Has(packet.OptTimestamps) {
			f.Say(saysWindowTimestampsSocketAlready)
			return Possible
		}
		f.Say(saysWindowClientSocketAlive)
		if c.Around.ClientRTT > 0 && !droppedAtOnce(c) {
			f.Say(saysTookItsTime)
			return Possible
		}
		return Likely
	},
}

// droppedAtOnce reports whether the client aborted as soon as a program can that wants
// no more than the SYN/ACK, by the way to it and back.
func droppedAtOnce(c *Case) bool {
	return c.Timing.At[SYNACKToRST] <= 2*c.Around.ClientRTT+aMoment
}

var (
	saysTookItsTime                   = sentence("took-its-time", "the SYN/ACK had come {synack_to_rst} before, and the way to this client and back takes {client_rtt}: its ACK may be lost, or not in the capture")
	storyHandshakeAbortActiveLate     = sentence("story-handshake-abort-active-late", "{client} asked {server} for a connection, got it after {syn_to_synack}, and aborted it {synack_to_rst} later; no ACK of it came in between.")
	saysAsksConnectionSynGets         = sentence("asks-connection-syn-gets", "{sender} asks for a connection (SYN, {sender_syn}) and gets it (SYN/ACK, {receiver_syn})")
	saysAbortsLaterPlaceAck           = sentence("aborts-later-place-ack", "{rst} aborts it {receiver_syn_to_rst} later, in the place of the ACK that would have completed the handshake")
	saysWindowTimestampsSocketAlready = sentence("window-timestamps-socket-already", "it has window 0 and no timestamps: a socket that was already gone would send the same on some systems")
	saysWindowClientSocketAlive       = sentence("window-client-socket-alive", "its window is {rst_window}: the client's socket was alive and sent it")
	storyHandshakeAbortActive         = sentence("story-handshake-abort-active", "{client} asked {server} for a connection, got it after {syn_to_synack}, and dropped it at once: it only wanted to know whether port {server_port} answers.")
)
