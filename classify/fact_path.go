package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// pathFacts are those of how far away, and how long, hosts are.
var pathFacts = []*Fact{
	{"sender_ttl", UnitNumber, "the TTL of the sender's latest segment but SYNs", func(c *Case) int64 { return int64(c.Sender.TTL) }},
	{"sender_ttl_least", UnitNumber, "the lowest TTL of the sender's segments but SYNs", func(c *Case) int64 { return int64(c.Sender.TTLMin) }},
	{"sender_ttl_most", UnitNumber, "the highest TTL of the sender's segments but SYNs", func(c *Case) int64 { return int64(c.Sender.TTLMax) }},
	{"host_ttl_least", UnitNumber, "the lowest TTL that the sender's host has shown", func(c *Case) int64 { lo, _ := c.hostTTL(); return int64(lo) }},
	{"host_ttl_most", UnitNumber, "the highest TTL that the sender's host has shown", func(c *Case) int64 { _, hi := c.hostTTL(); return int64(hi) }},
	{"rst_hops", UnitNumber, "how many hops the RST's TTL means", func(c *Case) int64 { return int64(hops(c.RST.TTL, c.lowTTL())) }},
	{"sender_hops", UnitNumber, "how many hops the TTL of the sender's latest segment means", func(c *Case) int64 { return int64(hops(c.Sender.TTL, c.lowTTL())) }},
	{"sender_ip_id", UnitNumber, "the sender's latest IP ID", func(c *Case) int64 { return int64(c.Sender.IPID) }},
	{"sender_window", UnitNumber, "the sender's latest window, as sent", func(c *Case) int64 { return int64(c.Sender.Window) }},
	{"half_path", UnitDuration, "half of the shortest time in which an answer of the sender has come back", func(c *Case) int64 { return c.pathTo() / 2 }},
}

// rtt is the time from the capture point to the RST's sender and back, from the
// handshake; 0 when it was not captured.
func (c *Case) rtt() int64 {
	if c.Dir == flows.Client {
		return c.Flow.RTTClient()
	}
	return c.Flow.RTTServer()
}

// roundTrip is the time from one end to the other and back, from the handshake.
func (c *Case) roundTrip() int64 { return c.Flow.RTTServer() + c.Flow.RTTClient() }

// pathTo is the shortest time in which an answer of the sender has ever come
// back to the capture point, 0 when none was seen.
func (c *Case) pathTo() int64 {
	rtt := c.rtt()
	if m := c.Around.MinRTT; c.Dir == flows.Server && m > 0 && (rtt == 0 || m < rtt) {
		rtt = m
	}
	if rtt < shortPath {
		return rtt
	}
	// Acknowledgments that came sooner show a shorter path.
	for i := range flows.RecentLen {
		a := c.Flow.Recent(i)
		if a == nil {
			break
		}
		if a.Dir != c.Dir || a.Flags&packet.ACK == 0 {
			continue
		}
		for k := i + 1; k < flows.RecentLen; k++ {
			s := c.Flow.Recent(k)
			if s == nil {
				break
			}
			if s.Dir != c.Dir && s.SeqLen() > 0 && s.End() == a.Ack {
				rtt = min(rtt, a.Time-s.Time)
				break
			}
		}
	}
	return rtt
}

// lowTTL reports whether the sender and the RST show no TTL above 32, which some
// hosts begin with.
func (c *Case) lowTTL() bool { return c.Sender.TTLMax <= 32 && c.RST.TTL <= 32 }

// hops is how many routers a packet with this TTL has passed, by the initial
// values in use: 64, 128 and 255, and 32 for a host that never shows more.
func hops(ttl uint8, low bool) int {
	switch {
	case low && ttl <= 32:
		return 32 - int(ttl)
	case ttl <= 64:
		return 64 - int(ttl)
	case ttl <= 128:
		return 128 - int(ttl)
	}
	return 255 - int(ttl)
}

// near reports whether an IP ID is at most 64 after where a counter had come to.
func near(id, counter uint16) bool { return id-counter <= 64 }

// countsIDs reports whether the sender's IP IDs come from a counter.
func (c *Case) countsIDs() bool {
	return c.RST.Marks&packet.IPv6 == 0 && c.Sender.IDStep >= 3 && c.Sender.IDJump <= c.Sender.IDStep/4
}

// likeLinux reports whether the IP header is as Linux makes it on answers
// without a socket: ID 0, Don't Fragment, and an initial TTL of 64.
func likeLinux(c *Case) bool {
	if c.RST.Marks.Has(packet.IPv6) {
		return c.RST.TTL <= 64
	}
	return c.RST.IPID == 0 && c.RST.Marks.Has(packet.DF) && c.RST.TTL <= 64
}

// elsewhereSigns reports whether the RST shows another origin than the host's
// own segments.
func elsewhereSigns(c *Case) bool {
	return c.Origin.Signs.Any(TooEarly|OtherDistance|Nearer) || c.nearer() != 0
}

// hostTTL is the lowest and highest TTL that the RST's sender has shown: in its
// segments of this connection, in its SYN or SYN/ACK, or else in its SYN/ACKs in
// other connections. Both are 0 when it has shown none.
func (c *Case) hostTTL() (lo, hi uint8) {
	switch {
	case c.Sender.TTLMax != 0:
		return c.Sender.TTLMin, c.Sender.TTLMax
	case c.Sender.TTLSYN != 0:
		return c.Sender.TTLSYN, c.Sender.TTLSYN
	}
	return c.Around.TTL, c.Around.TTL
}

// nearer is by how many hops the RST's origin is nearer to the capture point
// than the host whose address it bears, negative when it is farther. It is 0
// when it is neither, or the host has shown no TTL.
func (c *Case) nearer() int {
	lo, hi := c.hostTTL()
	if hi == 0 || c.RST.TTL >= lo && c.RST.TTL <= hi {
		return 0
	}
	low := hi <= 32 && c.RST.TTL <= 32
	a, b, h := hops(lo, low), hops(hi, low), hops(c.RST.TTL, low)
	switch {
	case max(a, b, h) > farthest:
		return 0
	case h < min(a, b):
		return min(a, b) - h
	case h > max(a, b):
		return max(a, b) - h
	}
	return 0
}
