package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/packet"
)

var strayProbe = Rule{
	ID:      "stray-probe",
	Family:  FamilyNoListener,
	Title:   "answer to a scanner's odd segment",
	Summary: "A scanner sent a lone segment that belongs to no connection (FIN, NULL, XMAS, ACK or FIN+ACK), and the host answered it with RST.",
	Story:   say("{Y} sent {X} a lone segment that belongs to no connection, as scanners do, and {X} refused it."),
	Wire: `C > S  FPU seq 0            (XMAS; or F, no flag at all, A, FA)
S > C  R.  seq 0 ack 1      (to a segment without ACK, closed port only)
S > C  R   seq = its ack    (to a segment with ACK, any port)`,
	Confirm: []string{
		"the other segments of the same source: many ports, one lone segment each",
	},
	Advice: []string{
		"Nothing is wrong with the host: that is the answer the standard asks for.",
		"A stateful firewall drops such segments: `ct state invalid drop` in nftables.",
	},
	Refs: []string{
		"RFC 9293, 3.10.7.1 and 3.10.7.2",
		"nmap.org/book/scan-methods-null-fin-xmas-scan.html; the ACK and Maimon scans beside it",
	},
	Narrows: "mid-stream",
	Harm:    noHarm,
	Reasons: []string{"NO_SOCKET", "TCP_FLAGS"},
	Telling: TriggerToRST,
	Kinds:   kinds(Reply, ReplyACK),
	Given:   Underway,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		if !t.Valid() || c.Before() || c.Flow.Handshake != flows.MidStream || c.X.Spoke() || c.Y.Bytes != 0 ||
			t.Len != 0 || t.Flags&(packet.SYN|packet.RST) != 0 {
			return None
		}
		fruitless := c.Around.Fruitless()
		many := fruitless >= scanTargets
		switch {
		case t.Flags&packet.ACK == 0:
			f.Add("{} has the flags {}: every segment of a real connection but its first has ACK", frame(t.Where), flags(t.Flags))
		case hosts.ToolSYN(t.Window, t.IPID, t.Options) != "" && c.Y.Packets <= 2:
			f.Add("{} is the first segment of its connection, with window {} and no options, as scanners make it", frame(t.Where), number(int(t.Window)))
		case many && c.Y.Packets <= 2:
			f.Add("{} is the first segment of its connection", frame(t.Where))
		default:
			return None
		}
		if many {
			f.Add("{} other address and port pairs refused this host in the same seconds", number(fruitless-1))
		}
		f.Add("{} answers it {} later", frame(c.RST.Where()), dur(c.RST.Time-t.Time))
		return Likely
	},
}
