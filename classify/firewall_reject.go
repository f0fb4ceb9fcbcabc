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
	Story:   say("A packet filter seems to have rejected what {Y} sent to {X}: the RST does not look like one of {X}'s own."),
	Wire: `C > S  S   seq 0, tos 0x10
S > C  R.  seq 0 ack 1, window 0, tos 0, TTL of the box that rejects`,
	Confirm: []string{
		"`nft list ruleset` or `iptables -L -v -n` on the host and on routers before it: a REJECT with tcp-reset whose counter grows",
		"`nstat -az TcpOutRsts` on the host does not grow",
	},
	Advice: []string{
		"Find the REJECT rule and allow the client, or tell the client that it is not allowed.",
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
	Confused: []Confusion{
		{"no-listener", "`ss -ltn` on the host: is there a listener on the port?"},
		{"stale-connection", "`nstat -az TcpOutRsts` on the host grows when the host itself sends the RST"},
		{"middlebox-idle-timeout", "the rejecting box's log says whether a rule or an expired session was the reason"},
		{"injected-rst", "does the segment reach the host all the same? A filter that rejects throws it away"},
		{"accept-queue-overflow", "`nstat -az TcpExtListenOverflows` on the server grows when its queue was full"},
	},
	Telling: TriggerToRST,
	Kinds:   kinds(Reply, ReplyACK),
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		if !t.Valid() || c.Before() || c.X.Known.Has(flows.SawFIN) || c.RST.Options != 0 {
			return None
		}
		midStream := t.Flags&packet.SYN == 0 && c.Flow.Handshake != flows.SYNReceived && c.Flow.Handshake != flows.SYNSent
		if !refusesSYN(c) && !midStream {
			return None
		}
		f.Add("{} answers {} after {}", frame(c.RST.Where()), frame(t.Where), dur(c.RST.Time-t.Time))
		if idle := c.Timing.At[IdleBefore]; midStream && idle >= 1e9 {
			f.Add("the connection had been silent for {} before", dur(idle))
		}
		if filterSigns(c, f) {
			if again := passedOn(c); again != nil {
				f.Add("the host itself answered the segment as well, in {}: it had not been thrown away", frame(again.Where))
				return Possible
			}
			return Likely
		}
		// Without such a sign only a filter that makes its RST as a Linux host
		// does is left, and nothing may speak for the host.
		switch {
		case c.Kind != Reply || c.RST.Window != 0 || c.RST.TOS != 0 || !likeLinux(c):
			return None
		case c.RST.Marks.Has(packet.IPv6) && c.RST.FlowLabel != 0:
			return None // nf_reject_ip6_tcphdr_put leaves the label 0
		case t.TOS&^3 != 0:
			return None // the host copied the TOS, or another stack answered
		case c.Around.Opened|c.Around.Reopened != 0 && !midStream:
			return None // the same port accepts connections
		case midStream && (c.Y.RetransRun+c.Y.Probes > 0 || !c.X.Spoke()):
			return None // a filter answers the first try; nothing is known of the host
		case c.nearer() < 0:
			return None // farther than the host
		case onlyAccepted(c):
			if !refusedLate(c) {
				return None
			}
			f.Add("the server had let the acknowledgment of its SYN/ACK pass, {} before, and said nothing since: it was this segment that was refused", dur(c.RST.Time-c.Y.AckFirst))
			return Likely
		}
		return Possible
	},
}

// passedOn returns the RST with which the host itself answered the segment as
// well, in another form, nil when there is none: a filter that rejects throws
// the segment away.
func passedOn(c *Case) *flows.Segment {
	for i := range min(len(c.Follow), 4) {
		a := &c.Follow[i]
		if a.RST.Dir == c.Dir && (!a.Trigger.Valid() || a.Trigger.Where == c.Trigger.Where) && a.RST.Flags&packet.ACK != c.RST.Flags&packet.ACK && a.RST.Seq == c.Trigger.Ack {
			return &a.RST
		}
	}
	return nil
}

// filterSigns reports whether something of the RST speaks for another sender
// than the host, one that threw the segment away.
func filterSigns(c *Case, f *Findings) bool {
	found := false
	if n := c.nearer(); n > 0 {
		_, ttl := c.hostTTL()
		f.Add("its TTL is {}, that of the host's other segments {}: the sender is nearer", number(int(c.RST.TTL)), number(int(ttl)))
		found = true
	}
	if s := c.Origin.Signs; c.RST.TTL <= 64 && s.Has(NotCopied) {
		f.Add("its TOS or flow label is 0, that of {} is not: Linux hosts copy it, packet filters do not", frame(c.Trigger.Where))
		found = true
	} else if c.RST.Marks.Has(packet.IPv6) && c.RST.FlowLabel == 0 && c.RST.TTL <= 64 {
		f.Add("its flow label is 0: Linux hosts set one, packet filters do not")
		found = true
	}
	if s := c.Origin.Signs; s.Has(TooEarly) {
		f.Add("it comes sooner than the host can have answered")
		found = true
	}
	if s := c.Origin.Signs; c.RST.TTL > 128 && s.Has(WindowEcho) {
		f.Add("its window, {}, is that of the segment it answers: some firewalls copy it", number(int(c.RST.Window)))
		found = true
	}
	if s := &c.After.Carried; s.Valid() && c.Origin.Who == AnotherBox {
		f.Add("{} itself goes on with the connection: {}", end(c.Dir), frame(s.Where))
		found = true
	}
	return found
}

// likeLinux reports whether the IP header is as Linux makes it on answers
// without a socket: ID 0, Don't Fragment, and an initial TTL of 64.
func likeLinux(c *Case) bool {
	if c.RST.Marks.Has(packet.IPv6) {
		return c.RST.TTL <= 64
	}
	return c.RST.IPID == 0 && c.RST.Marks.Has(packet.DF) && c.RST.TTL <= 64
}
