package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var firewallReject = Rule{
	ID:      "firewall-reject",
	Family:  FamilyNoListener,
	Title:   "a firewall answers with RST",
	Summary: "A packet filter on the host or on the path rejected the segment and sent the RST in the host's name.",
	Story: func(c *Case) *Sentence {
		switch {
		case clearsHalfOpen(c):
			return storyHalfOpenCleared
		case refusesSYN(c) && c.Path.Off == 0 && setApart(c) != nil:
			return storySetApart
		case c.Origin.Signs == 0:
			return storyRejectLikeOwn
		}
		return storyFirewallReject
	},
	Wire: `C > S  S   seq 0, tos 0x10
S > C  R.  seq 0 ack 1, window 0, tos 0, TTL of the box that rejects`,
	Confirm: []string{
		"`nft list ruleset` or `iptables -L -v -n` on the host and on routers before it: a REJECT with tcp-reset whose counter grows",
		"`nstat -az TcpOutRsts` on the host does not grow",
	},
	Advice: []string{
		"Find the REJECT rule and allow the client, or tell the client that it is not allowed.",
		"Where what is refused offers something that others do not (ECN, an option): leave it out on the client (Linux: net.ipv4.tcp_ecn=0, net.mptcp.enabled=0) until the box or the server is mended.",
	},
	Remedies: []Remedy{
		{"nftables", `Find the rule, and see its counter grow where it has one:
	nft list ruleset | grep -B3 'reject with tcp reset'`},
		{"iptables", `The counters are in the first two columns:
	iptables -L -v -n --line-numbers | grep tcp-reset`},
		{"firewalld, ufw", `What is let in:
	firewall-cmd --list-all
	ufw status verbose`},
		{"AWS Network Firewall", "Stateful rules with the action reject send the RST; the alert log names the rule."},
	},
	Refs: []string{
		"Linux: nf_send_reset; iptables-extensions(8), REJECT --reject-with tcp-reset",
	},
	Over: []Over{
		{ID: "no-listener", Why: "the RST does not look like one of the host"},
		{ID: "closed-port-scan", Why: "the RST does not look like one of the host, so nothing is known of its port"},
		{ID: "listener-flap", Why: "the RST does not look like one of the host, so nothing is known of its port"},
	},
	Confused: []Confusion{
		{"no-listener", "`ss -ltn` on the host: is there a listener on the port?"},
		{"stale-connection", "`nstat -az TcpOutRsts` on the host grows when the host itself sends the RST"},
		{"middlebox-idle-timeout", "the rejecting box's log says whether a rule or an expired session was the reason"},
		{"injected-rst", "does the segment reach the host all the same? A filter that rejects throws it away"},
		{"listener-flap", "was the service stopped at that moment? A rule, or a stack that minds what the SYN offers, refuses at any time"},
		{"refusal-under-load", "is there a device on the path that refuses? A capture on the server shows whether the SYN reached it"},
		{"accept-queue-overflow", "`nstat -az TcpExtListenOverflows` on the server grows when its queue was full"},
	},
	Telling:    TriggerToRST,
	Ways:       ways(WayBox),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Unexplained),
	When:       First | SenderNoFIN,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		switch {
		case c.RST.Options != 0 || c.closedUnseen():
			return None
		case clearsHalfOpen(c):
			f.Say(saysBareAfterSYN)
			f.Say(saysBareNumber)
			if c.RST.Seq == c.client().ISN || c.Path.Off > 0 {
				return Likely
			}
			return Possible
		case refusesWrongly(c):
			f.Say(saysWrongRefusalForm)
			return Possible
		case !t.Valid() || c.Mechanism == Unexplained:
			return None
		}
		midStream := t.Flags&packet.SYN == 0 && c.Flow.Handshake != flows.SYNReceived && c.Flow.Handshake != flows.SYNSent
		if !refusesSYN(c) && !midStream {
			return None
		}
		f.Say(saysAnswersAfter)
		if idle := c.Timing.At[IdleBefore]; midStream && idle >= idleWorthSaying {
			f.Say(saysConnectionSilentBefore)
		}
		if refusesSYN(c) {
			switch refusalNumberOf(c) {
			case numberHeld, numberSame:
				return None
			case numberFresh:
				f.Say(saysNumberFresh)
				return Likely
			case numberSYN:
				f.Say(saysNumberSYN)
				return Likely
			case numberOther:
				f.Say(saysNumberOther)
				filterSigns(c, f)
				return Possible
			}
		}
		if apart := setApart(c); apart != nil && refusesSYN(c) {
			f.Say(apart)
			saysPortAccepts(c, f)
			if filterSigns(c, f) || c.Around.Opened != 0 && c.Around.Reopened != 0 && c.Around.Refusals > 1 {
				return Likely
			}
			return Possible
		}
		if filterSigns(c, f) {
			if again := passedOn(c); again != nil {
				f.Say(saysHostItselfAnsweredSegment)
				return Possible
			}
			return Likely
		}
		// Without such a sign only a filter that makes its RST as a Linux host
		// does is left, and nothing may speak for the host.
		switch {
		case c.Mechanism != Answer || c.RST.Window != 0 || c.RST.TOS != 0 || !likeLinux(c):
			return None
		case c.RST.Marks.Has(packet.IPv6) && c.RST.FlowLabel != 0:
			return None // nf_reject_ip6_tcphdr_put leaves the label 0
		case t.TOS&^3 != 0:
			return None // the host copied the TOS, or another stack answered
		case c.Around.Opened|c.Around.Reopened != 0 && !midStream:
			return None // the same port accepts connections
		case midStream && (c.Receiver.RetransRun+c.Receiver.Probes > 0 || !c.Sender.Spoke()):
			return None // a filter answers the first try; nothing is known of the host
		case c.Path.Off < 0:
			return None // farther than the host
		case onlyAccepted(c):
			if !refusedLate(c) || c.Sender.SYNLast > c.Receiver.AckFirst {
				return None
			}
			f.Say(saysServerLetAcknowledgmentSyn)
			return Likely
		}
		return Possible
	},
}

// filterSigns reports whether something of the RST speaks for another sender
// than the host, one that threw the segment away.
func filterSigns(c *Case, f *Findings) bool {
	found := false
	if c.Path.Off > 0 {
		f.Say(saysTtlHostOtherSegments)
		found = true
	}
	if s := c.Origin.Signs; c.RST.TTL <= 64 && s.Has(NotCopied) {
		f.Say(saysTosFlowLabelLinux)
		found = true
	} else if c.RST.Marks.Has(packet.IPv6) && c.RST.FlowLabel == 0 && c.RST.TTL <= 64 {
		f.Say(saysFlowLabelLinuxHosts)
		found = true
	}
	if tooSoon(c) {
		f.Say(saysComesSoonerHostCan)
		found = true
	}
	if s := c.Origin.Signs; c.RST.TTL > 128 && s.Has(WindowEcho) {
		f.Say(saysWindowSegmentAnswersSome)
		found = true
	}
	if s := &c.After.CarriedOn; s.Valid() && c.Origin.Who == AnotherBox {
		f.Say(saysItselfGoesConnection)
		found = true
	}
	return found
}

var (
	saysAnswersAfter               = sentence("answers-after", "{rst} answers {trigger} after {answer_time}")
	saysConnectionSilentBefore     = sentence("connection-silent-before", "the connection had been silent for {idle_before} before")
	saysHostItselfAnsweredSegment  = sentence("host-itself-answered-segment", "the host itself answered the segment as well, in {passed_on}: it had not been thrown away")
	saysServerLetAcknowledgmentSyn = sentence("server-let-acknowledgment-syn", "the server had let the acknowledgment of its SYN/ACK pass, {receiver_ack_to_rst} before, and said nothing since: it was this segment that was refused")
	saysTtlHostOtherSegments       = sentence("ttl-host-other-segments", "its TTL is {rst_ttl}, that of the host's other segments {host_ttl_most}: the sender is nearer")
	saysTosFlowLabelLinux          = sentence("tos-flow-label-linux", "its TOS or flow label is 0, that of {trigger} is not: Linux hosts copy it, packet filters do not")
	saysFlowLabelLinuxHosts        = sentence("flow-label-linux-hosts", "its flow label is 0: Linux hosts set one, packet filters do not")
	saysComesSoonerHostCan         = sentence("comes-sooner-host-can", "it comes sooner than the host can have answered")
	saysWindowSegmentAnswersSome   = sentence("window-segment-answers-some", "its window, {rst_window}, is that of the segment it answers: some firewalls copy it")
	saysItselfGoesConnection       = sentence("itself-goes-connection", "{sender} itself goes on with the connection: {carried_on}")
	storyHalfOpenCleared           = sentence("story-half-open-cleared", "{client} asked {server} for a connection and got no answer; {syn_to_rst} later a box on the path cleared its entry of that connection, and sent a RST in the name of {server}.")
	storySetApart                  = sentence("story-set-apart", "{server} accepts others on port {server_port} and refused {client}, whose SYN has what no accepted one has: a filter rejects that, or the server's own TCP does not understand it.")
	storyRejectLikeOwn             = sentence("story-reject-like-own", "A packet filter seems to have rejected what {receiver} sent to {sender}, on {sender}'s host or before it; the RST itself tells nothing of which.")
	storyFirewallReject            = sentence("story-firewall-reject", "A packet filter seems to have rejected what {receiver} sent to {sender}: the RST does not look like one of {sender}'s own.")
)
