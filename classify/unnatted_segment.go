package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var unnattedSegment = Rule{
	ID:      "unnatted-segment",
	Family:  FamilyStalePeer,
	Title:   "a segment slipped past the NAT",
	Summary: "A segment of a translated connection was not translated back: it reached the client from an address it had never contacted, or ended at the NAT itself, and was refused there.",
	Story: func(c *Case) string {
		if c.X.Spoke() {
			return "A box nearer than the client behind {X} refused a segment of {Y} in the middle of the exchange, as a host does that has no such connection: most likely the NAT itself, which did not translate the segment back."
		}
		return "{Y} sent {X} a segment of a connection that {X} has with another address: it slipped past the NAT, and {X} refused it. The server behind the NAT loses its connection."
	},
	Wire: `C > V  P.  the connection as the client knows it, to the service's address
V > C  .
S > C  P.  the server's own address: the translation was left out
C > S  R   seq = the ack of that segment, window 0, no options
           (where the NAT also hides the client's address: from the NAT
           itself, with a higher TTL than the client's segments)`,
	Confirm: []string{
		"`conntrack -S` on the node that translates: invalid grows",
		"net.netfilter.nf_conntrack_log_invalid=6 on that node: the log names segments out of the window at this time",
	},
	Advice: []string{
		"Set net.netfilter.nf_conntrack_tcp_be_liberal=1 on the node that translates.",
		"Or drop what conntrack calls invalid, instead of passing it on: `ct state invalid drop`; current kube-proxy has such a rule.",
	},
	Remedies: []Remedy{
		{"Linux", `On the node that translates:
	sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1`},
		{"nftables", `Or drop such segments, in the chain that forwards:
	ct state invalid drop`},
		{"iptables", `Or drop such segments:
	iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP`},
		{"Kubernetes", `In the KubeProxyConfiguration, version 1.29 and later:
	conntrack:
	  tcpBeLiberal: true`},
	},
	Refs: []string{
		"Kubernetes blog: kube-proxy Subtleties: Debugging an Intermittent Connection Reset, 2019",
		"Linux: nf_conntrack_proto_tcp.c, packets out of the window are INVALID and are not translated",
	},
	Narrows: "mid-stream",
	Confused: []Confusion{
		{"firewall-reject", "`conntrack -S` on the box: invalid grows for a NAT that did not translate; for a filter, the counter of a rule with REJECT does"},
		{"stale-connection", "does the address that sent the segment belong to a server behind the service that the client uses?"},
	},
	Reasons: []string{"NO_SOCKET", "TCP_FLAGS"},
	Telling: TriggerToRST,
	Kinds:   kinds(Reply, ReplyACK),
	Given:   Underway,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		if c.X.Spoke() {
			return endedAtNAT(c, f)
		}
		if c.Before() || c.Flow.Handshake != flows.MidStream || c.X.Spoke() ||
			!t.Valid() || t.Flags&(packet.SYN|packet.ACK) != packet.ACK {
			return None
		}
		if _, known := c.Around.Elsewhere(); !known {
			return None
		}
		f.Add("{} sends {} a segment ({}) of a connection that the capture does not hold otherwise", end(c.Dir.Peer()), end(c.Dir), frame(t.Where))
		f.Add("from the same address and port {} has a connection with another server, which this one may stand behind", end(c.Dir))
		f.Add("{} refuses it {} later", frame(c.RST.Where()), dur(c.RST.Time-t.Time))
		return Likely
	},
}

// endedAtNAT recognises the answer of a NAT that puts its own address in the
// place of its clients': what it does not translate back is addressed to itself.
func endedAtNAT(c *Case, f *Findings) Confidence {
	t := &c.Trigger
	if c.Kind != Reply || c.Dir != flows.Client || c.Flow.Handshake != flows.Established || !unknownHere(c) ||
		t.Len == 0 || c.nearer() <= 0 || c.RST.Window != 0 || !likeLinux(c) ||
		c.Timing.At[IdleBefore] >= ShortestIdle || c.Y.RetransRun > 0 || c.Origin.Who == Forged {
		return None
	}
	lo, hi := c.hostTTL()
	f.Add("{} sends data ({}) in the middle of an exchange that had not stopped", end(c.Dir.Peer()), frame(t.Where))
	f.Add("{} answers it {} later, as a host without such a connection does", frame(c.RST.Where()), dur(c.RST.Time-t.Time))
	f.Add("its TTL is {}, that of the client's segments {} to {}: the RST began at a box that those had passed", number(int(c.RST.TTL)), number(int(lo)), number(int(hi)))
	return Likely
}
