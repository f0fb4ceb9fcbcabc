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
		case pastNAT(c):
			return storyUnnattedSegment4
		case untranslated(c):
			return storyUnnattedSegment5
		case c.Trigger.Flags&packet.ACK == 0:
			return storySegmentWithoutACK
		case c.Facts.Has(SYNACKDropped):
			return storyUnnattedSYNACK
		case c.Sender.Spoke() && oldCopy(c):
			return storyUnnattedSegment3
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
		{ID: "handshake-abort", Why: "the client had asked another address with the same number: it never asked the one that answered", Told: true},
		{ID: "backscatter", Why: "who asked goes on asking"},
		{ID: "half-open-scan", Why: "the client had asked another address with the same number: it never asked the one that answered", Told: true},
		{ID: "health-check", Why: "the client had asked another address with the same number: it never asked the one that answered", Told: true},
		{ID: "no-context", Why: "the capture holds the connection under another address", Told: true},
		{ID: "mid-stream", Why: "the client has the connection with another address"},
		{ID: "firewall-reject", Why: "the exchange had not stopped, and a filter would have stopped it before"},
	},
	Confused: []Confusion{
		{"backscatter", "is there a NAT, or a program with a TCP of its own, at the client's address? If not, somebody else sends SYNs in its name"},
		{"firewall-reject", "`conntrack -S` on the box: invalid grows for a NAT that did not translate; for a filter, the counter of a rule with REJECT does"},
		{"stale-connection", "does the address that sent the segment belong to a server behind the service that the client uses?"},
	},
	Reasons:    []string{"NO_SOCKET", "TCP_FLAGS"},
	OtherHost:  true,
	Telling:    TriggerToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayAnswer, WayBox, WayUnread, WayOnPurpose, WayTimer),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Unexplained),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		switch {
		case pastNAT(c):
			f.Say(saysAskedBefore)
			f.Say(saysAnsweredPast)
			f.Say(saysRefusesPast)
			return Likely
		case untranslated(c):
			f.Say(saysLegNumbers)
			f.Say(saysUnderOwnAddress)
			return Likely
		case !c.Facts.Has(AnswersSegment):
			return None
		case t.Flags&(packet.SYN|packet.ACK) == 0 && c.Flow.Handshake == flows.Established:
			return withoutACK(c, f)
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

// withoutACK recognises a segment without ACK in an open connection. The
// connection's own host drops such a segment; connection tracking calls it
// invalid and does not translate it, and who gets it then has no such connection.
func withoutACK(c *Case, f *Findings) Confidence {
	if !unknownHere(c) || c.RST.Flags&packet.ACK == 0 {
		return None
	}
	f.Say(saysSegmentWithoutACK)
	f.Say(saysAnsweredAsUnknown)
	if c.Path.Off <= 0 {
		return Possible
	}
	f.Say(saysTtlClientSegmentsRst2)
	return Likely
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

// untranslated reports whether a lone RST has the server, the port and the numbers
// of a connection that the capture holds from another address.
func untranslated(c *Case) bool {
	return c.Dir == flows.Client && c.Flow.Handshake == flows.MidStream && otherLeg(c, flows.Client) &&
		!c.Sender.Spoke() && !c.Receiver.Spoke()
}

// endedAtNAT recognises the answer of a NAT that puts its own address in the
// place of its clients' or servers': what it does not translate is addressed to
// itself. An old copy, of what was let pass when it came first, is outside of what
// a NAT calls the connection.
func endedAtNAT(c *Case, f *Findings) Confidence {
	t := &c.Trigger
	if c.Mechanism != Answer || c.Flow.Handshake != flows.Established || !unknownHere(c) ||
		t.Len == 0 || c.Path.Off <= 0 || c.RST.Window != 0 || !likeLinux(c) || c.Origin.Who == Forged {
		return None
	}
	switch {
	case oldCopy(c):
		f.Say(saysRefusedOldCopy)
	case c.Dir != flows.Client || c.Timing.At[IdleBefore] >= ShortestIdle || c.Receiver.RetransRun > 0:
		return None
	default:
		f.Say(saysSendsDataMiddleExchange)
	}
	f.Say(saysAnswersLaterHostWithout)
	f.Say(saysTtlClientSegmentsRst)
	return Likely
}

var (
	saysSendsSegmentConnectionCapture = sentence("sends-segment-connection-capture", "{receiver} sends {sender} a segment ({trigger}) of a connection that the capture does not hold otherwise")
	saysSameAddressPortConnection     = sentence("same-address-port-connection", "from the same address and port {sender} has a connection with another server, which this one may stand behind")
	saysRefusesLater4                 = sentence("refuses-later-4", "{rst} refuses it {answer_time} later")
	saysSendsDataMiddleExchange       = sentence("sends-data-middle-exchange", "{receiver} sends data ({trigger}) in the middle of an exchange that had not stopped")
	saysRefusedOldCopy                = sentence("old-copy-beside-the-nat", "{receiver} sends data again ({trigger}) that {sender} had acknowledged before: it had been let pass when it came first")
	saysAskedBefore                   = sentence("asked-before", "{sender} asks {leg} for a connection ({leg_syn})")
	saysAnsweredPast                  = sentence("answered-past", "the answer to that very SYN comes from {receiver} ({trigger}): a NAT had sent the SYN there, and the answer went past it")
	saysRefusesPast                   = sentence("refuses-past", "{rst} refuses it {answer_time} later: {sender} never asked {receiver}")
	saysLegNumbers                    = sentence("leg-numbers", "{leg} has a connection with {receiver} ({leg_syn}), from the same port, and {rst} stands in its stream")
	saysUnderOwnAddress               = sentence("under-own-address", "the capture holds no segment of {sender} before {rst}: it is the same host, whose address a NAT had translated until then")
	storyUnnattedSegment4             = sentence("story-unnatted-segment-4", "{sender} asked {leg} for a connection and was answered by {receiver}: a NAT sent the SYN on, but the answer went past it, and {sender} refused what it had not asked for.")
	storyUnnattedSegment5             = sentence("story-unnatted-segment-5", "{sender} resets a connection that {receiver} has with {leg}: it is the same stream, seen without its NAT. {receiver} knows no connection with {sender}.")
	saysAnswersLaterHostWithout       = sentence("answers-later-host-without", "{rst} answers it {answer_time} later, as a host without such a connection does")
	saysSegmentWithoutACK             = sentence("segment-without-ack", "{receiver} sends {trigger} without ACK (flags: {trigger_flags}) in an open connection: every segment after the SYN has ACK (RFC 9293, 3.1), so no proper stack made it")
	saysAnsweredAsUnknown             = sentence("answered-as-unknown", "{rst} answers it {answer_time} later, as a host does that has no such connection: the one that has it would have dropped the segment (RFC 9293, 3.10.7.4)")
	saysTtlClientSegmentsRst2         = sentence("ttl-host-segments-rst", "its TTL is {rst_ttl}, that of the host's segments {host_ttl_least} to {host_ttl_most}: the RST began at a box that those had passed, a NAT that did not translate the segment back for instance")
	storySegmentWithoutACK            = sentence("story-segment-without-ack", "{receiver} sent a segment without ACK in an open connection, as no proper stack does; a box that did not know what to do with it, most likely a NAT that did not translate it back, refused it in the name of {sender}.")
	saysAskerGoesOn                   = sentence("asker-goes-on", "so who sent the SYN did not send this RST: the SYN/ACK went to another stack behind the same address")
	storyUnnattedSYNACK               = sentence("story-unnatted-syn-ack", "The SYN/ACK of {server} did not reach who had sent the SYN, but another stack behind the address of {client}, which refused it; the same SYN comes again and again. Most likely the answer was not translated back, or a program has a TCP of its own beside the host's.")
	saysTtlClientSegmentsRst          = sentence("ttl-client-segments-rst", "its TTL is {rst_ttl}, that of {sender}'s segments {host_ttl_least} to {host_ttl_most}: the RST began at a box that those had passed")
	storyUnnattedSegment              = sentence("story-unnatted-segment", "A box nearer than the client behind {sender} refused a segment of {receiver} in the middle of the exchange, as a host does that has no such connection: most likely the NAT itself, which did not translate the segment back.")
	storyUnnattedSegment3             = sentence("story-unnatted-segment-3", "An old copy of a segment of {receiver} was refused by a box nearer than {sender}, as by a host that has no such connection: most likely the NAT itself, for which the copy lay outside of the connection, and which did not translate it.")
	storyUnnattedSegment2             = sentence("story-unnatted-segment-2", "{receiver} sent {sender} a segment of a connection that {sender} has with another address: it slipped past the NAT, and {sender} refused it. The server behind the NAT loses its connection.")
)
