package classify

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
	{"burst_moved", UnitNumber, "in how many of these the receiver had sent payload or its FIN just before", func(c *Case) int64 { return int64(c.Around.BurstMoved) }},
	{"pause_survived", UnitDuration, "the longest pause after which a connection to the server's port went on", func(c *Case) int64 { return c.Around.Survived }},
	{"pause_fatal", UnitDuration, "the shortest pause after which one was refused", func(c *Case) int64 { return c.Around.Fatal }},
	{"survivals", UnitNumber, "pauses after which a connection to the server's port went on", func(c *Case) int64 { return int64(c.Around.Survivals) }},
	{"fatalities", UnitNumber, "pauses after which one was refused", func(c *Case) int64 { return int64(c.Around.Fatalities) }},
	{"elsewhere_ttl", UnitNumber, "the TTL of the host's SYN/ACKs in other connections", func(c *Case) int64 { return int64(c.Around.TTL) }},
	{"elsewhere_hops", UnitNumber, "how many hops that means", func(c *Case) int64 { return int64(hops(c.Around.TTL, c.lowTTL())) }},
}

// stroke reports whether the server reset this connection and others of its port
// in one stroke, as a kernel does with the sockets of a listener or a process that
// ends. Clients that leave together set the moment of such a stroke themselves,
// and find the port as it was.
func stroke(c *Case) bool {
	a := &c.Around
	return a.Burst > 1 && !a.WentOn && (a.Shut || 2*a.BurstMoved < a.Burst)
}

// bracketed reports whether the pauses of all connections to the server's port
// enclose a timer that this one met: every longer one ended in a refusal, every
// shorter one did not. A restart hits pauses of every length.
func bracketed(c *Case) bool {
	a := &c.Around
	return a.Survivals > 0 && a.Survived < a.Fatal && c.Timing.At[IdleBefore] >= a.Fatal
}

var (
	saysBracket      = sentence("pauses-enclose-timer", "on this port connections went on after pauses of up to {pause_survived}, and the shortest pause after which one was refused is {pause_fatal}: a timer between {pause_survived} and {pause_fatal} does that")
	saysPausesOfEach = sentence("pauses-of-each", "pauses that connections to this port survived so far: {survivals}; that they did not: {fatalities}")
)

var saysGone = sentence("port-refuses", "the port refuses connections ({refusals} seen)")

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
	saysSamePortAcceptedConnection      = sentence("same-port-accepted-connection", "the same port had accepted a connection {opened_to_rst} before")
	saysSamePortAcceptedConnectionLater = sentence("same-port-accepted-connection-later", "the same port accepted a connection {rst_to_reopened} later")
)

// saysPortAccepts says when else the server's port accepted a connection.
func saysPortAccepts(c *Case, f *Findings) {
	if c.Around.Opened != 0 {
		f.Say(saysSamePortAcceptedConnection)
	}
	if c.Around.Reopened != 0 {
		f.Say(saysSamePortAcceptedConnectionLater)
	}
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
