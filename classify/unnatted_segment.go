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
	Story: func(c *Case) *Sentence {
		switch {
		case c.Facts.Has(SYNACKDropped):
			return storyUnnattedSYNACK
		case c.Sender.Spoke():
			return storyUnnattedSegment
		}
		return storyUnnattedSegment2
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
	Over: []Over{
		{ID: "mid-stream", Why: "the client has the connection with another address"},
		{ID: "firewall-reject", Why: "the exchange had not stopped, and a filter would have stopped it before"},
	},
	Confused: []Confusion{
		{"firewall-reject", "`conntrack -S` on the box: invalid grows for a NAT that did not translate; for a filter, the counter of a rule with REJECT does"},
		{"stale-connection", "does the address that sent the segment belong to a server behind the service that the client uses?"},
	},
	Reasons:    []string{"NO_SOCKET", "TCP_FLAGS"},
	OtherHost:  true,
	Telling:    TriggerToRST,
	Silence:    IdleBefore,
	Mechanisms: mechanisms(Answer, AnswerWithACK),
	When:       First | AnswersSegment,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		switch {
		case c.Facts.Has(SYNACKDropped):
			return refusedBeside(c, f)
		case !c.Facts.Has(Underway):
			return None
		case c.Sender.Spoke():
			return endedAtNAT(c, f)
		}
		if c.Flow.Handshake != flows.MidStream || t.Flags&(packet.SYN|packet.ACK) != packet.ACK {
			return None
		}
		if c.Around.Elsewhere == (flows.Endpoint{}) {
			return None
		}
		f.Say(saysSendsSegmentConnectionCapture)
		f.Say(saysSameAddressPortConnection)
		f.Say(saysRefusesLater4)
		return Likely
	},
}

// refusedBeside recognises a SYN/ACK that reached another stack than the one that
// asked for it, behind the same address: that one goes on asking.
func refusedBeside(c *Case, f *Findings) Confidence {
	if !acksSYN(c.Sender, c.Trigger.Ack) || !c.triedAgain() {
		return None
	}
	refusesSYNACK(c, f)
	f.Say(saysAskerGoesOn)
	if c.Sender.TTLSYN != c.RST.TTL {
		f.Say(saysOtherTTLThan)
	}
	if toolSYN(c) {
		return Possible // its numbers may be the same with each probe
	}
	return Likely
}

// endedAtNAT recognises the answer of a NAT that puts its own address in the
// place of its clients': what it does not translate back is addressed to itself.
func endedAtNAT(c *Case, f *Findings) Confidence {
	t := &c.Trigger
	if c.Mechanism != Answer || c.Dir != flows.Client || c.Flow.Handshake != flows.Established || !unknownHere(c) ||
		t.Len == 0 || c.Path.Off <= 0 || c.RST.Window != 0 || !likeLinux(c) ||
		c.Timing.At[IdleBefore] >= ShortestIdle || c.Receiver.RetransRun > 0 || c.Origin.Who == Forged {
		return None
	}
	f.Say(saysSendsDataMiddleExchange)
	f.Say(saysAnswersLaterHostWithout)
	f.Say(saysTtlClientSegmentsRst)
	return Likely
}

var (
	saysSendsSegmentConnectionCapture = sentence("sends-segment-connection-capture", "{receiver} sends {sender} a segment ({trigger}) of a connection that the capture does not hold otherwise")
	saysSameAddressPortConnection     = sentence("same-address-port-connection", "from the same address and port {sender} has a connection with another server, which this one may stand behind")
	saysRefusesLater4                 = sentence("refuses-later-4", "{rst} refuses it {answer_time} later")
	saysSendsDataMiddleExchange       = sentence("sends-data-middle-exchange", "{receiver} sends data ({trigger}) in the middle of an exchange that had not stopped")
	saysAnswersLaterHostWithout       = sentence("answers-later-host-without", "{rst} answers it {answer_time} later, as a host without such a connection does")
	saysTtlClientSegmentsRst          = sentence("ttl-client-segments-rst", "its TTL is {rst_ttl}, that of the client's segments {host_ttl_least} to {host_ttl_most}: the RST began at a box that those had passed")
	saysAskerGoesOn                   = sentence("asker-goes-on", "so who sent the SYN did not send this RST: the SYN/ACK went to another stack behind the same address")
	storyUnnattedSYNACK               = sentence("story-unnatted-syn-ack", "The SYN/ACK of {server} did not reach who had sent the SYN, but another stack behind the address of {client}, which refused it; the same SYN comes again and again. Most likely the answer was not translated back, or a program has a TCP of its own beside the host's.")
	storyUnnattedSegment              = sentence("story-unnatted-segment", "A box nearer than the client behind {sender} refused a segment of {receiver} in the middle of the exchange, as a host does that has no such connection: most likely the NAT itself, which did not translate the segment back.")
	storyUnnattedSegment2             = sentence("story-unnatted-segment-2", "{receiver} sent {sender} a segment of a connection that {sender} has with another address: it slipped past the NAT, and {sender} refused it. The server behind the NAT loses its connection.")
)
