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
	Refs: []string{
		"Linux: nf_send_reset; iptables-extensions(8), REJECT --reject-with tcp-reset",
	},
	Confused: []Confusion{
		{"no-listener", "`ss -ltn` on the host: is there a listener on the port?"},
		{"stale-connection", "`nstat -az TcpOutRsts` on the host grows when the host itself sends the RST"},
		{"middlebox-idle-timeout", "the rejecting box's log says whether a rule or an expired session was the reason"},
	},
	Telling: TriggerToRST,
	Kinds:   kinds(Reply),
	Match: func(c *Case, f *Findings) Confidence {
		if !c.Trigger.Valid() || c.Before() || c.X.Known.Has(flows.SawFIN) {
			return None
		}
		midStream := c.Trigger.Flags&packet.SYN == 0 && c.Flow.Handshake != flows.SYNReceived
		if !refusesSYN(c) && !midStream {
			return None
		}
		rst := &c.RST
		if rst.Window != 0 || rst.Options != 0 {
			return None
		}
		// nf_send_reset leaves the TOS and the flow label zero; the stack copies
		// the TOS of what it answers, and gives IPv6 replies a label.
		if rst.TOS != 0 || rst.Marks.Has(packet.IPv6) && rst.FlowLabel != 0 {
			return None
		}
		f.Add("{} answers {} after {}", frame(rst.Where()), frame(c.Trigger.Where), dur(rst.Time-c.Trigger.Time))
		if ttl := c.X.TTLMax; ttl != 0 && rst.TTL > ttl {
			f.Add("its TTL is {}, that of the host's other segments {}: the sender is nearer", number(int(rst.TTL)), number(int(ttl)))
			return Likely
		}
		if c.Trigger.TOS&^3 != 0 {
			f.Add("its TOS is 0 although the segment it answers has {}: Linux hosts copy it, packet filters do not", number(int(c.Trigger.TOS)))
		}
		return Possible
	},
}
