package classify

import "github.com/rstwhy/rstwhy/flows"

var invalidSYN = Rule{
	ID:      "invalid-syn",
	Family:  FamilyHandshakeAbort,
	Title:   "a second, different SYN in the handshake",
	Summary: "While the handshake was under way another SYN came from the same address and port, with another number; the server dropped both.",
	Story:   always(storyInvalidSyn),
	Wire: `C > S  S   seq 0
S > C  S.  seq 0 ack 1
C > S  S   seq 1000: in the window, and not the first SYN
S > C  R.  seq 0 ack 1001, window 0`,
	Confirm: []string{
		"is the client's address that of a NAT? Then two hosts behind it may have got the same port",
		"`nstat -az TcpExtEmbryonicRsts` on the server grows",
	},
	Advice: []string{
		"NAT: give it more public addresses or ports, or let it wait longer before it uses a port again.",
		"Otherwise look for a program that makes its own SYNs: load generators, scanners.",
	},
	Refs: []string{
		"RFC 9293, 3.10.7.4: a SYN in SYN-RECEIVED",
		"Linux: tcp_check_req, SK_RST_REASON_INVALID_SYN",
	},
	Over: []Over{
		{ID: "closed-port-scan", Why: "the port had accepted a handshake from just there"},
		{ID: "no-listener", Why: "the port had accepted a handshake from just there"},
		{ID: "listener-flap", Why: "the port was there all the time"},
	},
	Reasons:    []string{"INVALID_SYN"},
	Telling:    SYNToRST,
	Ways:       ways(WayRefusal),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Unexplained),
	When:       FromServer | First,
	Match: func(c *Case, f *Findings) Confidence {
		if refusesSecond(c) {
			f.Say(saysAcceptedOther)
			if !c.Trigger.Valid() {
				f.Say(saysSecondUnseen)
				return Possible
			}
			f.Say(saysRefusesJust)
			return Likely
		}
		if !c.Facts.Has(Refusal) {
			return None
		}
		p := &c.Flow.Prior
		const server, client = flows.Server, flows.Client
		if p.Latest == 0 || c.Trigger.Time-p.Latest > halfOpenFor ||
			!p.Known[server].Has(flows.SawSYN) || p.Known[server].Has(flows.SawFIN) || (p.Known[server] | p.Known[client]).Has(flows.SawRST) ||
			p.Known[client].Has(flows.SawPlainAck) {
			return None
		}
		ahead := c.Trigger.Seq.Sub(p.SndNxt[client])
		if ahead < 0 || ahead > 1<<16 {
			return None // outside the window the server answers with an ACK
		}
		f.Say(saysAcceptedConnectionSameAddress)
		f.Say(saysAnotherSynComesBeyond)
		f.Say(saysRefusesLater2)
		return Likely
	},
}

var (
	saysAcceptedOther                 = sentence("accepted-other-syn", "{sender} accepts a SYN from this address and port ({sender_syn}), and another than {rst} refuses: the numbers lie {rst_ack_from_accepted} apart")
	saysRefusesJust                   = sentence("refuses-just-the-second", "{rst} acknowledges just {trigger}, {answer_time} after it")
	saysSecondUnseen                  = sentence("second-syn-unseen", "with sequence number 0 it answers a segment without ACK, as a SYN is, which the capture lacks")
	saysAcceptedConnectionSameAddress = sentence("accepted-connection-same-address", "{sender} had accepted a connection from the same address and port {prior_to_trigger} before, and that handshake was not complete")
	saysAnotherSynComesBeyond         = sentence("another-syn-comes-beyond", "another SYN ({trigger}) comes, {syn_beyond_prior} beyond the first: in the window")
	saysRefusesLater2                 = sentence("refuses-later-2", "{rst} refuses it {answer_time} later")
	storyInvalidSyn                   = sentence("story-invalid-syn", "{client} sent a second, different SYN while {server} was still waiting to complete the first handshake; {server} refused it and forgot the first.")
)
