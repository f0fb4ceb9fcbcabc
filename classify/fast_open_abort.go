package classify

import "github.com/rstwhy/rstwhy/flows"

var fastOpenAbort = Rule{
	ID:      "fast-open-abort",
	Family:  FamilyHandshakeAbort,
	Title:   "closed with the SYN's data unread",
	Summary: "With TCP Fast Open the server's program got the connection and its first data with the SYN, and closed it without reading them.",
	Story:   always(storyFastOpenAbort),
	Wire: `C > S  S   1:101(100), Fast Open cookie
S > C  S.  seq 0 ack 101: the data has been taken
S > C  R.  seq 1 ack 101
C > S  .   ack 1: too late
S > C  R   seq 1`,
	Confirm: []string{
		"`nstat -az TcpExtTCPAbortOnClose TcpExtTCPFastOpenPassive` on the server: both grow",
		"the server's log: did it drop the client before reading, for a limit or a wrong address?",
	},
	Advice: []string{
		"Read what the client has sent before closing, or shut down writing first and read to the end.",
		"If the server drops clients at once on purpose, that is what it looks like with Fast Open.",
	},
	Refs: []string{
		"RFC 7413: TCP Fast Open",
		"Linux: __tcp_close, SK_RST_REASON_TCP_ABORT_ON_CLOSE",
	},
	Over: []Over{
		{ID: "unread-data-on-close", Why: "it says what was left unread: the data in the SYN"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "`strace -e setsockopt,close` on the server: SO_LINGER with a time of 0 before close()? TcpExtTCPAbortOnClose grows for both when nothing was read"},
	},
	Reasons:    []string{"TCP_ABORT_ON_CLOSE"},
	Telling:    SYNToRST,
	Ways:       ways(WayUnread, WayOnPurpose),
	Mechanisms: mechanisms(Abort),
	When:       FromServer | SenderSYN | ReceiverSYN | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y, rst := c.Sender, c.Receiver, &c.RST
		if uint32(x.SYNs) != x.Packets || !y.Known.Has(flows.SawData) || y.DataFirst != y.SYNFirst {
			return None
		}
		// The SYN/ACK acknowledges SYN data only when the listener took them.
		if taken := x.RcvNxt.Sub(y.ISN + 1); taken <= 0 || rst.Ack.Less(x.RcvNxt) {
			return None
		}
		f.Say(saysSynCarriesDataSyn)
		f.Say(saysAbortsConnectionAfterSyn)
		f.Say(saysSentNothingElseWhat)
		return Likely
	},
}

var (
	saysSynCarriesDataSyn        = sentence("syn-carries-data-syn", "the SYN ({receiver_syn}) carries data, and the SYN/ACK ({sender_syn}) acknowledges {syn_data_taken} of them")
	saysAbortsConnectionAfterSyn = sentence("aborts-connection-after-syn", "{rst} aborts the connection {sender_syn_to_rst} after the SYN/ACK")
	saysSentNothingElseWhat      = sentence("sent-nothing-else-what", "{sender} has sent nothing else: what came with the SYN was not answered")
	storyFastOpenAbort           = sentence("story-fast-open-abort", "{server} took the connection and {client}'s data with the SYN (TCP Fast Open), and its program closed without having read them.")
)
