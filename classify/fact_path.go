package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// pathFacts are those of how far away, and how long, hosts are.
var pathFacts = []*Fact{
	{"sender_ttl", UnitNumber, "the TTL of the sender's latest segment but SYNs, or of its SYN where it sent nothing else", func(c *Case) int64 { return int64(latestTTL(c.Sender)) }},
	{"sender_ttl_least", UnitNumber, "the lowest TTL of the sender's segments but SYNs", func(c *Case) int64 { return int64(c.Sender.TTLMin) }},
	{"sender_ttl_most", UnitNumber, "the highest TTL of the sender's segments but SYNs", func(c *Case) int64 { return int64(c.Sender.TTLMax) }},
	{"host_ttl_least", UnitNumber, "the lowest TTL that the sender's host has shown", func(c *Case) int64 { return int64(c.Path.Least) }},
	{"host_ttl_most", UnitNumber, "the highest TTL that the sender's host has shown", func(c *Case) int64 { return int64(c.Path.Most) }},
	{"rst_hops", UnitNumber, "how many hops the RST's TTL means", func(c *Case) int64 { return int64(hops(c.RST.TTL, c.lowTTL())) }},
	{"sender_hops", UnitNumber, "how many hops the TTL of the sender's latest segment means", func(c *Case) int64 { return int64(hops(latestTTL(c.Sender), c.lowTTL())) }},
	{"host_hops", UnitNumber, "how many hops the highest TTL that the sender's host has shown means", func(c *Case) int64 { return int64(hops(c.Path.Most, c.lowTTL())) }},
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

// latestTTL is the TTL of the latest segment of x but SYNs, or that of its SYN.
func latestTTL(x *flows.Side) uint8 {
	if x.TTLMin == 0 {
		return x.TTLSYN
	}
	return x.TTL
}

// lowTTL reports whether the host and the RST show no TTL above 32, which some
// hosts begin with.
func (c *Case) lowTTL() bool { return c.Path.Most <= 32 && c.RST.TTL <= 32 }

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

// goesOn reports whether the IP ID of rst is the next, or one of the next, of a
// counter that those of x come from. By chance it is one time in a thousand.
func goesOn(rst *packet.Header, x *flows.Side) bool {
	return rst.Marks&packet.IPv6 == 0 && rst.IPID != 0 && x.IPID != 0 && rst.IPID != x.IPID && near(rst.IPID, x.IPID)
}

// likeHost reports whether TTL and IP ID of the RST are as those of its sender's
// host: then time alone does not tell that another box sent it.
func likeHost(c *Case) bool {
	if !c.Path.Known || c.Path.Off != 0 {
		return false
	}
	if c.RST.Marks.Has(packet.IPv6) || c.Sender.IPID == 0 {
		return true // nothing to compare
	}
	return c.RST.IPID == 0 || near(c.RST.IPID, c.Sender.IPID)
}

// tooSoon reports whether the RST came sooner than its sender's host can have
// answered, and does not look like that host's: one measured round trip is no
// lower bound.
func tooSoon(c *Case) bool { return c.Origin.Signs.Has(TooEarly) && !likeHost(c) }

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

// Path compares how far the RST has come with how far away its sender's host is.
// It is the one answer to whether the RST is as far away as its host.
type Path struct {
	// Off is by how many hops the RST's origin is nearer to the capture point than
	// all that the host has shown, negative when it is farther, and 0 when it is
	// among them. It counts hops, not TTLs: answers of a stack have the host's
	// default TTL, whatever a program has set on its socket.
	//
	// It is 0 as well where the difference shows nothing. An IP ID that goes on with
	// the counter of the host's segments is that of the same stack, unless the RST
	// comes from much nearer or farther. And routers with
	// a fast path take one hop more from SYN, FIN and RST than from data: one hop
	// farther is no difference where no SYN or SYN/ACK of the host was captured.
	Off         int
	Known       bool  // the host has shown a TTL, and none that a program must have set
	Steady      bool  // its TTLs lie close together, at most steadyTTL apart
	Least, Most uint8 // the lowest and highest TTL that it has shown, SYN and SYN/ACK included
}

// pathOf measures rst against the TTLs that the host of x has shown in this
// connection, or else in its SYN/ACKs in other connections (0 for none).
func pathOf(rst *packet.Header, x *flows.Side, elsewhere uint8) Path {
	p := Path{Least: x.TTLMin, Most: x.TTLMax}
	if x.TTLSYN != 0 {
		p.Most = max(p.Most, x.TTLSYN)
		if p.Least == 0 || x.TTLSYN < p.Least {
			p.Least = x.TTLSYN
		}
	}
	if p.Most == 0 {
		p.Least, p.Most = elsewhere, elsewhere
	}
	p.Steady = p.Most-p.Least <= steadyTTL
	if p.Most == 0 {
		return p
	}
	low := p.Most <= 32 && rst.TTL <= 32
	d := hops(rst.TTL, low)
	nearest, most := farthest+1, -1
	for _, ttl := range [...]uint8{x.TTLMin, x.TTLMax, x.TTLSYN} {
		if ttl == 0 {
			continue
		}
		if ttl == rst.TTL {
			p.Known = true
			return p
		}
		h := hops(ttl, low)
		nearest, most = min(nearest, h), max(most, h)
	}
	if most < 0 {
		nearest = hops(elsewhere, low)
		most = nearest
	}
	if most > farthest {
		return p
	}
	p.Known = true
	switch {
	case d < nearest:
		p.Off = nearest - d
	case d > most:
		p.Off = most - d
	}
	if goesOn(rst, x) && max(p.Off, -p.Off) < farHops || p.Off == -1 && x.TTLSYN == 0 {
		p.Off = 0
	}
	return p
}

// showsElsewhere reports whether the RST shows another origin than its sender's
// host.
func showsElsewhere(c *Case) bool {
	return c.Origin.Signs.Any(OtherDistance|Nearer) || tooSoon(c) || c.Path.Off != 0
}

// fromFront reports whether the RST has come as far as the SYN/ACK, and the data
// of the server from elsewhere: a box in front of the server made both.
func fromFront(c *Case) bool {
	x := c.Sender
	return c.Dir == flows.Server && x.TTLSYN == c.RST.TTL && !c.Path.Steady && x.TTL != c.RST.TTL
}
