package classify

import "github.com/rstwhy/rstwhy/packet"

var mptcpFastclose = Rule{
	ID:      "mptcp-fastclose",
	Family:  FamilyUnreadData,
	Title:   "Multipath TCP connection closed abruptly",
	Summary: "A program closed a Multipath TCP connection with data unread, or with SO_LINGER 0; the reset carries MP_FASTCLOSE and ends all its subflows.",
	Story:   say("{X} closed the whole Multipath TCP connection at once (MP_FASTCLOSE): with data of {Y} unread, or with SO_LINGER 0."),
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
	Reasons: []string{"TCP_ABORT_ON_CLOSE"},
	Telling: ReceiverDataToRST,
	Kinds:   kinds(Active, Reply, ReplyACK, Unexplained),
	Match: func(c *Case, f *Findings) Confidence {
		if c.Before() || !c.RST.Options.Has(packet.OptFastClose) {
			return None
		}
		f.Add("{} carries MP_FASTCLOSE", frame(c.RST.Where()))
		switch n := c.Y.Unanswered; {
		case c.ReceivedData() == 0:
			f.Add("{} had sent no data on this subflow: SO_LINGER 0, or unread data on another", end(c.Dir.Peer()))
		case n > 0:
			f.Add("up to {} of {} may be unread, the latest in {}", octets(n), end(c.Dir.Peer()), frame(c.Y.DataWhere))
		}
		return Certain
	},
}
