package classify

import "github.com/rstwhy/rstwhy/flows"

var fastOpenAbort = Rule{
	ID:      "fast-open-abort",
	Family:  FamilyHandshakeAbort,
	Title:   "closed with the SYN's data unread",
	Summary: "With TCP Fast Open the server's program got the connection and its first data with the SYN, and closed it without reading them.",
	Story:   say("{server} took the connection and {client}'s data with the SYN (TCP Fast Open), and its program closed without having read them."),
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
	Narrows: "unread-data-on-close",
	Confused: []Confusion{
		{"deliberate-abort", "nstat on the server: TcpExtTCPAbortOnClose grows when data was left unread"},
	},
	Reasons: []string{"TCP_ABORT_ON_CLOSE"},
	Telling: SYNToRST,
	Kinds:   kinds(Active),
	Given:   FromServer | SenderSYN,
	Match: func(c *Case, f *Findings) Confidence {
		x, y, rst := c.X, c.Y, &c.RST
		if c.Dir != flows.Server || c.Before() || !x.Known.Has(flows.SawSYN) || uint32(x.SYNs) != x.Packets ||
			!y.Known.Has(flows.SawSYN|flows.SawData) || y.DataFirst != y.SYNFirst {
			return None
		}
		// The SYN/ACK acknowledges SYN data only when the listener took them.
		if taken := x.Ack.Sub(y.ISN + 1); taken <= 0 || rst.Ack.Less(x.Ack) {
			return None
		}
		f.Add("the SYN ({}) carries data, and the SYN/ACK ({}) acknowledges {} of them", frame(y.SYNWhere), frame(x.SYNWhere), octets(uint64(x.Ack.Sub(y.ISN+1))))
		f.Add("{} aborts the connection {} after the SYN/ACK", frame(rst.Where()), dur(rst.Time-x.SYNFirst))
		f.Add("{} has sent nothing else: what came with the SYN was not answered", end(c.Dir))
		return Likely
	},
}
