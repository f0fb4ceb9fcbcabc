package synth

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"

	"github.com/rstwhy/rstwhy/packet"
)

// ending is how a conversation is meant to end.
type ending uint8

const (
	byFIN           ending = iota
	noListener             // the SYN is refused
	handshakeAbort         // the SYN/ACK comes after the client gave up
	unreadData             // the server closes with a request unread
	abortedDownload        // the client closes with a response unread; segments in flight follow
	dataAfterClose         // the server closes an idle connection, the client sends all the same
	deliberateAbort        // the client aborts before the server has sent anything
	staleConnection        // the server lost its state while the connection was idle
	numEndings
)

func (e ending) cause() string {
	return [numEndings]string{"", "no-listener", "handshake-abort", "unread-data-on-close",
		"unread-data-on-close", "data-after-close", "deliberate-abort", "stale-connection"}[e]
}

// step is what a conversation sends next.
type step uint8

const (
	sendSYN step = iota
	sendRefusal
	sendSYNACK
	sendHandshakeAbort
	sendHandshakeACK
	sendRequest
	sendResponse
	sendResponseACK
	sendProbe
	sendProbeACK
	sendFIN
	sendFINBack
	sendFINACK
	sendRequestACK
	sendServerAbort
	sendClientAbort
	sendInFlight
	sendFollowUp
	sendServerFIN
	sendServerFINACK
	sendReply
)

const (
	client = 0
	server = 1

	mss     = 1448 // with timestamps, on Ethernet
	bodyLen = 1 << 16
)

// conversation is one connection on its way. There is one for every slot and a
// million slots in the widest profile, so it is kept small: addresses, TTL and
// round trip follow from number.
type conversation struct {
	number    uint32
	rng       uint64
	left      uint32 // octets of the response yet to send
	nxt, rcv  [2]uint32
	stamp     [2]uint32 // clock of timestamps at the start of the capture
	echo      [2]uint32 // TSval sent last
	id        [2]uint16
	exchanges uint8 // requests yet to come
	burst     uint8 // segments since the last ACK, or resets yet to follow
	next      step
	end       ending
	last      bool // the request that the ending is about has been sent
	closer    uint8
}

func (c *conversation) draw() uint64 {
	c.rng++
	return mix(c.rng)
}

// between draws from [lo, hi).
func (c *conversation) between(lo, hi int64) int64 {
	n, _ := bits.Mul64(c.draw(), uint64(hi-lo))
	return lo + int64(n)
}

// around draws from an exponential distribution, cut off at eight times its mean.
func (c *conversation) around(mean int64) int64 {
	u := float64(c.draw()>>11+1) / (1 << 53)
	return min(int64(float64(mean)*-math.Log(u)), 8*mean)
}

// begin puts a new conversation in a slot.
func (g *traffic) begin(c *conversation) {
	number := uint32(g.begun)
	g.begun++
	*c = conversation{number: number, rng: mix(g.p.Seed)<<1 ^ mix(uint64(number)+1)}
	for s := range 2 {
		c.nxt[s] = uint32(c.draw())
		c.stamp[s] = uint32(c.draw())
		c.id[s] = uint16(c.draw())
	}
	c.exchanges = uint8(min(1+c.around(int64(max(g.p.exchanges-1, 0))), 200))
	c.closer = uint8(c.draw() & 1)
	switch {
	case g.p.refused:
		c.end = noListener
	case c.between(0, 10000) < int64(g.p.resets):
		c.end = ending(c.between(1, int64(numEndings)))
	}
	if c.end == dataAfterClose || c.end == staleConnection {
		// Something must have gone well before the idle time.
		c.exchanges = max(c.exchanges, 2)
	}
}

const (
	hosts      = 4096
	firstPort  = 32768 // of Linux's ephemeral range
	ephemerals = 28232
	services   = 64
)

// endpoints are the addresses of a conversation: no two of one capture have the
// same four. The client is first.
func (g *traffic) endpoints(c *conversation) (addr [2][4]byte, port [2]uint16) {
	n := c.number
	if g.p.refused {
		host := n % hosts
		return [2][4]byte{{203, 0, 113, 66}, {10, 20, byte(host >> 8), byte(host)}},
			[2]uint16{uint16(61000 - n>>28), uint16(1 + n/hosts%65000)}
	}
	host, s := n%hosts, mix(uint64(n))%services
	return [2][4]byte{{10, 1, byte(host >> 8), byte(host)}, {198, 51, 100, byte(1 + s)}},
		[2]uint16{uint16(firstPort + n/hosts%ephemerals), [...]uint16{443, 80, 8080, 8443}[s%4]}
}

// roundTrip is that of the path to the server: 1 to 81 ms, with some jitter.
func (g *traffic) roundTrip(c *conversation) int64 {
	s := mix(uint64(c.number)) % services
	return int64(1+mix(s)%80)*1e6 + c.between(0, 1e6)
}

// send writes one segment of a conversation at the time it is now.
func (g *traffic) send(c *conversation, from int, flags packet.Flags, payload []byte) {
	s := &g.seg
	addr, port := g.endpoints(c)
	to := 1 - from
	*s = segment{df: true, outgoing: from == client, flags: flags, payload: payload, ttl: 64}
	s.src, s.dst = mapped4(addr[from]), mapped4(addr[to])
	s.srcPort, s.dstPort = port[from], port[to]
	if from == server {
		s.ttl = 64 - byte(3+addr[server][3]%12)
	}
	syn, rst, ack := flags.Has(packet.SYN), flags.Has(packet.RST), flags.Has(packet.ACK)
	s.seq, s.window = packet.Seq(c.nxt[from]), 501+uint16(from)*8
	if ack {
		s.ack = packet.Seq(c.rcv[from])
	}
	o, stamps := g.options[:0], true
	switch {
	case syn && g.p.refused:
		// What scanners send: a raw SYN with the least of options.
		s.window, s.df, s.ttl, stamps = 1024, false, 52, false
		o = append(o, 2, 4, 0x05, 0xb4)
	case syn && ack:
		s.window = 65160
		o = append(o, 2, 4, 0x05, 0xb4, 4, 2)
	case syn:
		s.window = 64240
		o = append(o, 2, 4, 0x05, 0xb4, 4, 2)
	case rst && (!ack || c.end == noListener):
		s.window, stamps = 0, false
	default:
		o = append(o, 1, 1)
	}
	if stamps {
		val := c.stamp[from] + uint32((g.now-g.start)/1e6)
		echo := c.echo[to]
		if syn && !ack {
			echo = 0
		}
		o = append(o, 8, 10)
		o = binary.BigEndian.AppendUint32(o, val)
		o = binary.BigEndian.AppendUint32(o, echo)
		c.echo[from] = val
		if syn {
			o = append(o, 1, 3, 3, 7)
		}
	}
	s.options = o
	// A stateless reply and a SYN/ACK have identification 0; the rest counts.
	if !(syn && ack) && !(rst && s.window == 0) {
		c.id[from]++
		s.id = c.id[from]
	}
	c.nxt[from] += uint32(len(payload))
	if flags&(packet.SYN|packet.FIN) != 0 {
		c.nxt[from]++
	}
	g.out.record(g.now, s)
	if rst {
		g.sum.Resets++
	}
}

// payload returns what a side sends next; it follows from the sequence number.
func (g *traffic) payload(c *conversation, from int, n uint32) []byte {
	off := c.nxt[from] % (bodyLen - mss)
	return g.body[off : off+n]
}

// arrive says that the other side has got everything that this one sent.
func (c *conversation) arrive(from int) { c.rcv[1-from] = c.nxt[from] }

func mapped4(a [4]byte) [16]byte {
	return [16]byte{10: 0xff, 11: 0xff, 12: a[0], 13: a[1], 14: a[2], 15: a[3]}
}

// step sends the next segment of a conversation, and returns the time until the
// one after it, or that there is none.
func (g *traffic) step(c *conversation) (delay int64, done bool) {
	const (
		data = packet.PSH | packet.ACK
		fin  = packet.FIN | packet.ACK
		us   = int64(time.Microsecond)
		ms   = int64(time.Millisecond)
	)
	switch c.next {
	case sendSYN:
		g.send(c, client, packet.SYN, nil)
		c.arrive(client)
		g.sum.Connections++
		g.open++
		g.sum.Peak = max(g.sum.Peak, g.open)
		switch c.end {
		case noListener:
			c.next = sendRefusal
			if g.p.refused {
				return c.between(80*us, 400*us), false
			}
		case handshakeAbort:
			c.next = sendSYNACK
			return c.between(150*ms, 400*ms), false
		default:
			c.next = sendSYNACK
		}
		return g.roundTrip(c), false
	case sendRefusal:
		c.nxt[server] = 0
		g.send(c, server, packet.RST|packet.ACK, nil)
		return g.reset(c)
	case sendSYNACK:
		g.send(c, server, packet.SYN|packet.ACK, nil)
		c.arrive(server)
		c.next = sendHandshakeACK
		if c.end == handshakeAbort {
			c.next = sendHandshakeAbort
		}
		return c.between(20*us, 60*us), false
	case sendHandshakeAbort:
		g.send(c, client, packet.RST, nil)
		return g.reset(c)
	case sendHandshakeACK:
		g.send(c, client, packet.ACK, nil)
		c.next = sendRequest
		if c.end == deliberateAbort {
			c.next = sendClientAbort
		}
		if g.p.hold {
			return int64(g.p.think) + c.between(0, int64(g.p.think)), false
		}
		return c.between(50*us, 2*ms), false

	case sendRequest:
		c.last = c.exchanges == 1
		length := c.between(200, 600)
		if c.last && c.end == unreadData {
			length = c.between(900, mss) // more than the server reads
		}
		g.send(c, client, data, g.payload(c, client, uint32(length)))
		c.arrive(client)
		if c.last {
			switch c.end {
			case unreadData:
				c.next = sendRequestACK
				return g.roundTrip(c), false
			case dataAfterClose, staleConnection:
				c.next = sendReply
				return g.roundTrip(c), false
			}
		}
		c.left = uint32(100 + c.around(int64(g.p.response)))
		if c.last && c.end == abortedDownload {
			c.left = max(c.left, 20*mss)
		}
		c.next = sendResponse
		return g.roundTrip(c) + c.around(5*ms), false
	case sendResponse:
		n := min(c.left, mss)
		flags := packet.ACK
		c.left -= n
		if c.left == 0 {
			flags = data
		}
		g.send(c, server, flags, g.payload(c, server, n))
		c.arrive(server)
		if c.burst++; c.burst == 2 || c.left == 0 {
			c.next = sendResponseACK
		}
		return c.between(12*us, 60*us), false
	case sendResponseACK:
		g.send(c, client, packet.ACK, nil)
		c.burst = 0
		switch {
		case c.last && c.end == abortedDownload && c.left < 12*mss:
			c.next = sendClientAbort
			return c.between(100*us, 2*ms), false
		case c.left > 0:
			c.next = sendResponse
			return c.between(20*us, 400*us), false
		}
		return g.afterResponse(c), false
	case sendProbe: // a keep-alive: the octet before the next, without data
		c.nxt[client]--
		g.send(c, client, packet.ACK, nil)
		c.nxt[client]++
		c.next = sendProbeACK
		return g.roundTrip(c), false
	case sendProbeACK:
		g.send(c, server, packet.ACK, nil)
		c.next = sendFIN
		return c.around(int64(g.p.think)), false

	case sendFIN:
		g.send(c, int(c.closer), fin, nil)
		c.arrive(int(c.closer))
		c.next = sendFINBack
		return g.turn(c, int(c.closer)), false
	case sendFINBack:
		g.send(c, 1-int(c.closer), fin, nil)
		c.arrive(1 - int(c.closer))
		c.next = sendFINACK
		return g.turn(c, 1-int(c.closer)), false
	case sendFINACK:
		g.send(c, int(c.closer), packet.ACK, nil)
		return 0, true

	case sendRequestACK:
		g.send(c, server, packet.ACK, nil)
		c.next = sendServerAbort
		return c.between(1*ms, 30*ms), false
	case sendServerAbort:
		g.send(c, server, packet.RST|packet.ACK, nil)
		return g.reset(c)
	case sendClientAbort:
		g.send(c, client, packet.RST|packet.ACK, nil)
		if c.end != abortedDownload {
			return g.reset(c)
		}
		g.causes[c.end]++
		c.burst = uint8(c.between(2, 9))
		c.next = sendInFlight
		return c.between(20*us, 400*us), false
	case sendInFlight:
		g.send(c, server, packet.ACK, g.payload(c, server, mss))
		c.next = sendFollowUp
		return c.between(10*us, 20*us), false
	case sendFollowUp:
		g.send(c, client, packet.RST, nil)
		g.sum.FollowUps++
		c.next = sendInFlight
		c.burst--
		return c.between(20*us, 60*us), c.burst == 0
	case sendServerFIN:
		g.send(c, server, fin, nil)
		c.arrive(server)
		c.next = sendServerFINACK
		return c.between(40*us, 40*ms), false
	case sendServerFINACK:
		g.send(c, client, packet.ACK, nil)
		c.next = sendRequest
		return g.roundTrip(c) + c.around(int64(g.p.think)), false
	case sendReply: // the server knows nothing of the connection any more
		g.send(c, server, packet.RST, nil)
		return g.reset(c)
	}
	panic("synth: a conversation without a next step")
}

// afterResponse decides what follows a whole response, and when.
func (g *traffic) afterResponse(c *conversation) int64 {
	c.exchanges--
	think := c.around(int64(g.p.think))
	switch {
	case c.exchanges > 1:
		c.next = sendRequest
	case c.exchanges == 1:
		c.next = sendRequest
		switch c.end {
		case dataAfterClose:
			c.next = sendServerFIN
		case staleConnection:
			think += 8 * int64(g.p.think)
		}
	case c.draw()&7 == 0:
		c.next = sendProbe
		think += 4 * int64(g.p.think)
	default:
		c.next = sendFIN
	}
	return 1 + think
}

// turn is the time until the peer of the sender answers, as seen from the
// clients' side.
func (g *traffic) turn(c *conversation, from int) int64 {
	if from == client {
		return g.roundTrip(c)
	}
	return c.between(int64(30*time.Microsecond), int64(500*time.Microsecond))
}

// reset counts the first and only reset of a conversation.
func (g *traffic) reset(c *conversation) (int64, bool) {
	g.causes[c.end]++
	return 0, true
}
