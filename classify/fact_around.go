package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/packet"
)

// aroundFacts are those that only other connections show.
var aroundFacts = []*Fact{
	{"refusals", UnitNumber, "refusals by the server's port so far, this one included", func(c *Case) int64 { return int64(c.Around.Refusals) }},
	{"opened_to_rst", UnitDuration, "the latest SYN/ACK of the server's port before the RST to it", func(c *Case) int64 { return c.RST.Time - c.Around.Opened }},
	{"rst_to_reopened", UnitDuration, "the RST to the first SYN/ACK of the server's port after it", func(c *Case) int64 { return c.Around.Reopened - c.RST.Time }},
	{"fruitless_others", UnitNumber, "other address and port pairs that refused the client, or that it dropped", func(c *Case) int64 { return int64(c.Around.Fruitless) - 1 }},
	{"kin", UnitNumber, "address and port pairs that refused the client, or that it dropped, with this server's address, or with its port, whichever are more", func(c *Case) int64 { return int64(c.Around.Kin) }},
	{"targets", UnitNumber, "address and port pairs that the client sent SYNs to", func(c *Case) int64 { return int64(c.Around.Targets) }},
	{"unlike", UnitNumber, "address and port pairs that refused the client's SYNs of another make, or that it dropped", func(c *Case) int64 { return int64(c.Around.Unlike) }},
	{"asks", UnitNumber, "SYNs of the client", func(c *Case) int64 { return int64(c.Around.Asks) }},
	{"client_rtt", UnitDuration, "the shortest time from the capture point to the client and back, in its other connections", func(c *Case) int64 { return c.Around.ClientRTT }},
	{"server_rtt", UnitDuration, "the shortest time from the capture point to the server and back, in its other connections", func(c *Case) int64 { return c.Around.ServerRTT }},
	{"conversed_to_rst", UnitDuration, "the first data both ways on another connection of the port to the RST", func(c *Case) int64 { return c.RST.Time - c.Around.Conversed }},
	{"rst_to_conversed", UnitDuration, "the RST to that", func(c *Case) int64 { return c.Around.Conversed - c.RST.Time }},
	{"beats", UnitNumber, "short connections of the client to the server's port that it ended with a RST", func(c *Case) int64 { return int64(c.Around.Beats) }},
	{"beat", UnitDuration, "their mean distance in time", func(c *Case) int64 { return c.Around.Beat }},
	{"beat_spread", UnitDuration, "the standard deviation of that", func(c *Case) int64 { return c.Around.BeatSpread }},
	{"burst", UnitNumber, "connections that the sender reset together, this one included", func(c *Case) int64 { return int64(c.Around.Burst) }},
	{"burst_span", UnitDuration, "the first of these to the last, rounded up to the microseconds that are shown", func(c *Case) int64 {
		const us = 1000
		return max(us, (c.Around.BurstSpan+us-1)/us*us)
	}},
	{"burst_fell", UnitNumber, "in how many of these the one reset just before had been completed later", func(c *Case) int64 { return int64(c.Around.BurstFell) }},
	{"burst_moved", UnitNumber, "in how many of these the receiver had sent payload or its FIN just before", func(c *Case) int64 { return int64(c.Around.BurstMoved) }},
	{"pause_survived", UnitDuration, "the longest pause after which a connection to the server's port went on", func(c *Case) int64 { return c.Around.Survived }},
	{"pause_fatal", UnitDuration, "the shortest pause after which one was refused", func(c *Case) int64 { return c.Around.Fatal }},
	{"survivals", UnitNumber, "pauses after which a connection to the server's port went on", func(c *Case) int64 { return int64(c.Around.Survivals) }},
	{"fatalities", UnitNumber, "pauses after which one was refused", func(c *Case) int64 { return int64(c.Around.Fatalities) }},
	{"leg_syn", UnitFrame, "the SYN of the same stream under another address, 0 without one", func(c *Case) int64 { return int64(c.Around.LegFrame) }},
	{"leg_rst", UnitFrame, "the RST with which another server refused the client's stream before, 0 without one", func(c *Case) int64 { return int64(c.Around.LegReset) }},
	{"left", UnitFrame, "the first FIN or RST of another connection that the sender's address got just before the RST, 0 without one", func(c *Case) int64 { return int64(c.Around.Left) }},
	{"left_to_rst", UnitDuration, "that to the RST", func(c *Case) int64 { return c.RST.Time - c.Around.LeftTime }},
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

// latestFirst reports whether the connections of a stroke went in the reverse of the
// order in which they had been completed. A process that exits closes its sockets
// so (fput defers, and __fput runs for the last first); a listener's queue goes in the
// order in which it came (inet_csk_listen_stop).
func latestFirst(c *Case) bool { return c.Around.BurstFell > 2*c.Around.BurstRose }

// oldestFirst reports whether they went in that order. What the path has put in
// another order than the host makes one of several look otherwise.
func oldestFirst(c *Case) bool { return c.Around.BurstRose > 2*c.Around.BurstFell }

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

var saysLatestFirst = sentence("latest-first", "{burst_fell} of them went just after one that was completed later: a process that ends closes its latest socket first, and a listener its oldest connection")

var saysGone = sentence("port-refuses", "the port refuses connections ({refusals} seen)")

// otherLeg reports whether the capture holds the stream of the case under another
// address of the side d.
func otherLeg(c *Case, d flows.Dir) bool { return c.Around.Leg.Port != 0 && c.Around.LegDir == d }

// pastNAT reports whether a client refuses the SYN/ACK of a server that it never
// asked: its SYN went to another address, and the answer past the NAT. Scanners use
// one port and number for many addresses.
func pastNAT(c *Case) bool {
	return c.Dir == flows.Client && c.Flow.Handshake == flows.SYNReceived && otherLeg(c, flows.Server) &&
		c.answers(packet.SYN|packet.ACK, packet.SYN|packet.ACK) && !toolSYN(c) &&
		(!c.Sender.Known.Has(flows.SawSYN) || c.Around.LegFrame < c.Sender.SYNFrame)
}

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
	saysConversedBefore = sentence("port-conversed-before", "another connection of the port had data both ways, first {conversed_to_rst} before: somebody serves it")
	saysConversedLater  = sentence("port-conversed-later", "another connection of the port has data both ways {rst_to_conversed} later: somebody serves it")
)

// portConverses reports whether another connection of the server's port had data
// both ways within servesFor, and says so.
func portConverses(c *Case, f *Findings) bool {
	at := c.Around.Conversed
	switch {
	case at == 0 || c.RST.Time-at > servesFor:
		return false
	case at > c.RST.Time:
		f.Say(saysConversedLater)
	default:
		f.Say(saysConversedBefore)
	}
	return true
}

// Which options and flags of SYNs are worth a word when all that are refused
// have them, and none that is accepted: the rarer first.
var onlyRefused = [...]struct {
	trait hosts.Traits
	says  *Sentence
}{
	{hosts.ECN, sentence("only-refused-ecn", "the SYNs that this port refused, {refusals} of them, offer ECN (ECE and CWR); none that it accepted does")},
	{hosts.Traits(packet.OptMPTCP), sentence("only-refused-mptcp", "the SYNs that this port refused, {refusals} of them, have the option of Multipath TCP; none that it accepted has")},
	{hosts.Traits(packet.OptFastOpen), sentence("only-refused-fast-open", "the SYNs that this port refused, {refusals} of them, have the option of TCP Fast Open; none that it accepted has")},
	{hosts.Traits(packet.OptOther), sentence("only-refused-other", "the SYNs that this port refused, {refusals} of them, have a TCP option that is not common; none that it accepted has")},
	{hosts.Traits(packet.OptTimestamps), sentence("only-refused-timestamps", "the SYNs that this port refused, {refusals} of them, have timestamps; none that it accepted has")},
	{hosts.Traits(packet.OptScale), sentence("only-refused-scale", "the SYNs that this port refused, {refusals} of them, offer window scaling; none that it accepted does")},
	{hosts.Traits(packet.OptSACKPerm), sentence("only-refused-sack", "the SYNs that this port refused, {refusals} of them, offer SACK; none that it accepted does")},
}

// setApart returns the sentence that says what sets the refused SYNs of the port
// apart from those that it accepted, nil when nothing does, or too little was
// seen: what operating systems differ in anyway (timestamps, scaling, SACK) counts
// only between two accepted ones.
func setApart(c *Case) *Sentence {
	a := &c.Around
	if a.OnlyRefused == 0 {
		return nil
	}
	for i := range onlyRefused {
		o := &onlyRefused[i]
		common := o.trait&hosts.Traits(packet.OptTimestamps|packet.OptScale|packet.OptSACKPerm) != 0
		if a.OnlyRefused&o.trait != 0 && (!common || a.Opened != 0 && a.Reopened != 0 && a.Refusals > 1) {
			return o.says
		}
	}
	return nil
}

var (
	saysScannerSYN      = sentence("scanner-syn", "the SYN ({client_syn}) is one that a scanner makes, not an operating system: window {client_syn_window}")
	saysFruitlessUnlike = sentence("fruitless-elsewhere-of-another-make", "{unlike} address and port pairs refused this client or were dropped by it, in the same seconds; those SYNs were of another make than this one")
	saysNotOfTheScan    = sentence("not-of-the-scan", "at most {kin} of all these share their address, or their port, with this one: a scanner's host makes ordinary connections too")
	saysFruitless       = sentence("fruitless-elsewhere", "{fruitless_others} other address and port pairs refused this client or were dropped by it, in the same seconds")
)

// scans reports whether the client looks like a port scanner: by its SYN, or by
// the company it keeps.
// That others of its address tried many with SYNs of another make is no more
// than possible, as behind a NAT sit many; nor is what its own tries have neither
// address nor port in common with.
func scans(c *Case, f *Findings) Confidence {
	if !c.Facts.Has(ClientSYN) {
		return None
	}
	sure := None
	if toolSYN(c) {
		f.Say(saysScannerSYN)
		sure = Likely
	}
	switch {
	case c.Around.Fruitless >= scanTargets:
		f.Say(saysFruitless)
		if sure == None && c.Around.Kin < scanKin {
			f.Say(saysNotOfTheScan)
			sure = Possible
			break
		}
		sure = Likely
	case sure == None && c.Around.Unlike >= scanTargets:
		f.Say(saysFruitlessUnlike)
		sure = Possible
	}
	return sure
}

// askedFromElsewhere reports whether the client's SYN has come from another
// distance than its RST, which is no answer of the host that the capture was
// taken on. One hop is no sign: fast paths do not count.
func askedFromElsewhere(c *Case) bool {
	syn, rst := c.client().TTLSYN, c.RST.TTL
	if syn == 0 || c.Dir != flows.Client {
		return false
	}
	d := hops(syn, false) - hops(rst, false)
	return d > 1 || d < -1
}

var (
	saysLeft      = sentence("left-another", "{sender}'s address had got the FIN of another connection in {left}, {left_to_rst} before, and may pass on that somebody left")
	saysLeftByRST = sentence("left-another-by-rst", "{sender}'s address had got the RST of another connection in {left}, {left_to_rst} before, and may pass on that somebody left")
)

// passesOn says that the sender may have been told to go by another connection of its
// address, as a proxy is.
func passesOn(c *Case, f *Findings) {
	switch {
	case c.Around.Left == 0:
	case c.Around.LeftByRST:
		f.Say(saysLeftByRST)
	default:
		f.Say(saysLeft)
	}
}

// asksOnePort reports whether all SYNs of the client in these seconds went to one
// address and port.
func asksOnePort(c *Case) bool { return c.Around.Targets <= 1 }
