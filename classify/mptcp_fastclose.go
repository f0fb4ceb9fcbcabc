package classify

import "github.com/rstwhy/rstwhy/packet"

var mptcpFastclose = Rule{
	ID:      "mptcp-fastclose",
	Family:  FamilyUnreadData,
	Title:   "Multipath TCP connection closed abruptly",
	Summary: "A program closed a Multipath TCP connection with data unread, or with SO_LINGER 0; the reset carries MP_FASTCLOSE and ends all its subflows.",
	Story:   always(storyMptcpFastclose),
	Wire: `S > C  R.  with MP_FASTCLOSE (option 30, subtype 7)
           on every subflow`,
	Confirm: []string{
		"`nstat -az MPTcpExtMPFastcloseTx` on the sender grows",
		"`strace -e setsockopt,close` on the program: SO_LINGER {onoff=1, linger=0} or close() with data unread",
	},
	Advice: []string{
		"As for plain TCP: read to end of file before closing, and no SO_LINGER 0 unless wanted.",
	},
	Refs: []string{
		"RFC 8684, 3.5: Fast Close",
		"Linux: mptcp_do_fastclose",
	},
	Reasons:    []string{"TCP_ABORT_ON_CLOSE"},
	Telling:    ReceiverDataToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayOnPurpose, WayUnread),
	Mechanisms: mechanisms(Abort, Answer, AnswerWithACK, Unexplained),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		if !c.RST.Options.Has(packet.OptFastClose) {
			return None
		}
		f.Say(saysCarriesMpFastclose)
		switch n := c.Receiver.Unanswered; {
		case c.receivedData() == 0:
			f.Say(saysSentDataSubflowSo)
		case n > 0:
			f.Say(saysUpMayUnreadLatest)
		}
		return Certain
	},
}

var (
	saysCarriesMpFastclose = sentence("carries-mp-fastclose", "{rst} carries MP_FASTCLOSE")
	saysSentDataSubflowSo  = sentence("sent-data-subflow-so", "{receiver} had sent no data on this subflow: SO_LINGER 0, or unread data on another")
	saysUpMayUnreadLatest  = sentence("up-may-unread-latest", "up to {receiver_unanswered} of {receiver} may be unread, the latest in {receiver_data}")
	storyMptcpFastclose    = sentence("story-mptcp-fastclose", "{sender} closed the whole Multipath TCP connection at once (MP_FASTCLOSE): with data of {receiver} unread, or with SO_LINGER 0.")
)
