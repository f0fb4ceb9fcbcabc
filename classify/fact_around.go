package classify

import "github.com/rstwhy/rstwhy/flows"

// aroundFacts are those that only other connections show.
var aroundFacts = []*Fact{
	{"refusals", UnitNumber, "refusals by the server's port so far, this one included", func(c *Case) int64 { return int64(c.Around.Refusals) }},
	{"opened_to_rst", UnitDuration, "the latest SYN/ACK of the server's port before the RST to it", func(c *Case) int64 { return c.RST.Time - c.Around.Opened }},
	{"rst_to_reopened", UnitDuration, "the RST to the first SYN/ACK of the server's port after it", func(c *Case) int64 { return c.Around.Reopened - c.RST.Time }},
	{"fruitless_others", UnitNumber, "other address and port pairs that refused the client, or that it dropped", func(c *Case) int64 { return int64(c.Around.Fruitless) - 1 }},
	{"targets", UnitNumber, "address and port pairs that the client sent SYNs to", func(c *Case) int64 { return int64(c.Around.Targets) }},
	{"beats", UnitNumber, "short connections of the client to the server's port that it ended with a RST", func(c *Case) int64 { return int64(c.Around.Beats) }},
	{"beat", UnitDuration, "their mean distance in time", func(c *Case) int64 { return c.Around.Beat }},
	{"beat_spread", UnitDuration, "the standard deviation of that", func(c *Case) int64 { return c.Around.BeatSpread }},
	{"burst", UnitNumber, "connections that the sender reset together, this one included", func(c *Case) int64 { return int64(c.Around.Burst) }},
	{"burst_span", UnitDuration, "the first of these to the last, rounded up to the microseconds that are shown", func(c *Case) int64 {
		const us = 1000
		return max(us, (c.Around.BurstSpan+us-1)/us*us)
	}},
	{"leg_syn", UnitFrame, "the SYN of the same stream under another address, 0 without one", func(c *Case) int64 { return int64(c.Around.LegFrame) }},
	{"elsewhere_ttl", UnitNumber, "the TTL of the host's SYN/ACKs in other connections", func(c *Case) int64 { return int64(c.Around.TTL) }},
	{"elsewhere_hops", UnitNumber, "how many hops that means", func(c *Case) int64 { return int64(hops(c.Around.TTL, c.lowTTL())) }},
}

var saysGone = sentence("port-refuses", "the port refuses connections ({refusals} seen)")

// otherLeg reports whether the capture holds the stream of the case under another
// address of the side d.
func otherLeg(c *Case, d flows.Dir) bool { return c.Around.Leg.Port != 0 && c.Around.LegDir == d }

// gone reports whether the server's port refused connections without having
// opened again.
func gone(c *Case, f *Findings) bool {
	if c.Around.Refusals == 0 || c.Around.Reopened != 0 {
		return false
	}
	f.Say(saysGone)
	return true
}

var (
	saysScannerSYN = sentence("scanner-syn", "the SYN ({client_syn}) is one that a scanner makes, not an operating system: window {client_syn_window}")
	saysFruitless  = sentence("fruitless-elsewhere", "{fruitless_others} other address and port pairs refused this client or were dropped by it, in the same seconds")
)

// scans reports whether the client looks like a port scanner: by its SYN, or by
// the company it keeps.
func scans(c *Case, f *Findings) bool {
	if !c.Facts.Has(ClientSYN) {
		return false
	}
	tool := toolSYN(c)
	if tool {
		f.Say(saysScannerSYN)
	}
	many := c.Around.Fruitless >= scanTargets
	if many {
		f.Say(saysFruitless)
	}
	return tool || many
}
