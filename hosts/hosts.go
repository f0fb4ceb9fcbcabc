// Package hosts keeps what only many connections together show, in bounded
// memory: which ports answer, how far away a host is, who tries many ports, who
// comes back at a fixed beat, and which resets came all at once.
//
// A Memory is fed the events of a flows.Table in their order and asked about one
// reset when it has settled. It forgets the least recent of what would share a
// place, by a hash that is the same in every run, so that the same capture gives
// the same answers; an attacker who crowds a place can make it forget, not grow.
package hosts

import (
	"math"
	"runtime"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/arena"
	"github.com/rstwhy/rstwhy/packet"
)

// Widths of time, in nanoseconds.
const (
	// strokeGap is how far apart neighbours of one stroke lie at most: a kernel
	// that ends all sockets of a listener or a process takes microseconds for
	// each. Own.
	strokeGap = 1e6
	// strokeAnswers is how much longer than the round trip a program takes at most
	// to answer what its peer did with a reset, so that the peer set the moment.
	// Own.
	strokeAnswers = 10e6
	// scanWidth is the width of the window in which a scanner's targets are
	// counted; the one before is remembered.
	scanWidth = 10e9
)

// probePayload is how much both sides of a health check send at most: a request
// line and a small page.
const probePayload = 16 << 10

// Around is what other connections show around one reset, at the moment at which
// it settled. It is a plain value.
type Around struct {
	// Of the server's port, with Ports: times of SYN/ACKs from it, 0 for never.
	// Opened is the latest SYN/ACK before the RST, Reopened the first after it.
	Opened, Reopened int64
	Refusals         int // refusals by the port in all, this one included
	// WentOn says that the port accepted a connection after the RST without having
	// refused one in between, Shut that it refused one without having accepted one
	// in between. Neither holds when nobody asked.
	WentOn, Shut bool
	// Conversed is when data first went both ways on the latest connection of the
	// port on which it did, before the RST or after it; 0 for never.
	Conversed int64
	// OnlyRefused is what all SYNs have that the port refused, and none that it
	// accepted; 0 when it accepted none.
	OnlyRefused Traits

	// Of the host in whose name the RST was sent, with Host: from its SYN/ACKs in
	// other connections, 0 when there were none.
	TTL uint8
	// MinRTT is the shortest time in which an answer of the host came back to the
	// capture point, in nanoseconds: a SYN/ACK, or a refusal with the TTL of its
	// SYN/ACKs, that of this reset among them.
	MinRTT int64

	// Of the client, or of who sent the segment that the RST answers when that
	// belongs to no connection.
	//
	// Targets, with Asked, is how many distinct address and port pairs it sent SYNs
	// to, in the ten to twenty seconds before the reset, at most 192 counted.
	// Fruitless, with Refused, is how many distinct pairs of others refused it, or
	// were dropped by it when their SYN/ACK came, in the same time and with the
	// same limit; for a reset that answers a segment of no connection it counts
	// such answers.
	Targets, Fruitless int
	// Asks, with Asked, is how many SYNs it sent in the same time, and Unlike, with
	// Refused, what Fruitless is of its SYNs of the other make than this one's, with
	// options beyond MSS or without.
	Asks, Unlike int
	// Kin, with Refused, is how many of those pairs, of either make, share the
	// server's address, or its port, whichever are more: what belongs to one scan.
	// Up to some ten it is exact but for chance, and never too large; of one port it
	// is counted only while the tries of the address are few.
	Kin int
	// Of the client's and of the server's connections whose handshake was completed,
	// with Asked: the shortest time from the capture point to it and back, in that
	// handshake; 0 when there was none.
	ClientRTT, ServerRTT int64

	// With Beat: how many connections of the client to the server's port, each with
	// as many octets of payload from either side as this one and as many segments
	// but for one, the client itself ended with a RST while nothing was under way
	// (at most probePayload octets of payload in all); Beat is their mean distance
	// in time in nanoseconds, 0 before the second, and BeatSpread the standard
	// deviation of it, 0 before the third.
	Beats            int
	Beat, BeatSpread int64

	// With Burst: how many connections the same sender reset in one stroke, with no
	// pause of more than strokeGap, this one included: those of the same port for a
	// server, of the same address for a client; 0 when it is not known. BurstSpan is
	// the time from the first of them to the last, in nanoseconds. BurstMoved is in
	// how many of them the other side may have set the moment, with its payload or
	// FIN just before; in all of them when these came in a stroke of their own.
	// BurstSpoke is in how many the sender had sent payload.
	Burst                  int
	BurstSpan              int64
	BurstMoved, BurstSpoke int
	// BurstFell is in how many of them the one that was reset just before had been
	// completed later, BurstRose in how many earlier.
	BurstFell, BurstRose int
	// BurstOpened, with Ports too, says that the port accepted a connection between
	// the first of them and this one.
	BurstOpened bool

	// With Pauses, of all connections to the server's port: Survived is the longest
	// pause after which one went on, Fatal the shortest after which the next segment
	// was refused by who had no such connection, in nanoseconds, 0 for none;
	// Survivals and Fatalities are how many there were of each.
	Survived, Fatal       int64
	Survivals, Fatalities int

	// Elsewhere is the server that answered a SYN from the address and port of the
	// RST's sender most recently, when it is another than this connection's, with
	// Elsewhere. Its port is 0 when there was none.
	Elsewhere flows.Endpoint

	// Leg is the other end of a stream that is this one under another address, with
	// Legs: another server that the client's address and port asked with the same
	// initial sequence number, or with numbers that this connection goes on with
	// (LegDir is Server), or another client of the server with the same port and such
	// numbers (LegDir is Client). A NAT or load balancer stands between the two. Its
	// port is 0 when there was none; LegFrame is its SYN.
	Leg      flows.Endpoint
	LegDir   flows.Dir
	LegFrame packet.FrameRef

	// LegReset, with Legs, is the RST with which another server has refused the stream
	// of this connection's client, or ended it, before; 0 for none.
	LegReset packet.FrameRef

	// Left, with Departures, is the first FIN, or RST when LeftByRST, of another
	// connection that the address of the RST's sender got at LeftTime, no more than
	// passesOn before the RST, and the only one in the second before; 0 for none.
	Left      packet.FrameRef
	LeftTime  int64
	LeftByRST bool
}

// Traits is what a SYN offers: its options, and ECN.
type Traits uint16

// ECN is the trait of a SYN with ECE and CWR (RFC 3168, 6.1.1).
const ECN Traits = 1 << 15

// traitsOf are those of the client's SYN in e.
func traitsOf(e *flows.Event) Traits {
	t := Traits(e.SYNOptions)
	if e.SYNFlags&(packet.ECE|packet.CWR) == packet.ECE|packet.CWR {
		t |= ECN
	}
	return t
}

// plain reports whether a SYN has no options but MSS: no operating system of the
// last twenty years makes one, scanners and small stacks do.
func plain(o packet.Options) int {
	if o&^packet.OptMSS == 0 {
		return 1
	}
	return 0
}

// Groups says which fields of an Around are asked for.
type Groups uint16

// The groups of an Around.
const (
	Ports Groups = 1 << iota
	Host
	Asked
	Refused
	Beat
	Burst
	Elsewhere
	Pauses
	Legs
	Departures

	All Groups = 1<<iota - 1
)

// Memory is the memory of many connections. It is not safe for concurrent use.
type Memory struct {
	ports   cache[flows.Endpoint, portFacts]
	hosts   cache[[16]byte, hostFacts]
	clients cache[[16]byte, clientFacts]
	pairs   cache[pair, beatFacts]
	strokes cache[flows.Endpoint, strokeFacts]
	locals  cache[flows.Endpoint, localFacts]
	legs    cache[legKey, leg]
	pauses  cache[flows.Endpoint, pauseFacts]
	left    cache[[16]byte, departures]
	spreads spreads
}

// localFacts are the servers that an address and port asked last.
type localFacts struct {
	answered flows.Endpoint // the one that answered last
	asked    [2]leg         // the latest first, two servers
	reset    leg            // the server that last reset it; isn is the number of the RST
}

// legKey is what a client and its other self behind a NAT have in common.
type legKey struct {
	server flows.Endpoint
	port   uint16 // of the client
}

func (k *legKey) hash(server hashes) uint64 { return mix(server.end, uint64(k.port)+1) }

// leg is a connection that was asked for.
type leg struct {
	peer  flows.Endpoint
	isn   packet.Seq // of the client
	frame packet.FrameRef
}

// legSpan is how far into the stream of a leg a number is taken for one of it. By
// chance a number is there one time in 4096.
const legSpan = 1 << 20

// has reports whether the client's stream of l has come to n.
func (l *leg) has(n packet.Seq) bool { return l.peer.Port != 0 && n-l.isn-1 < legSpan }

type portFacts struct {
	opened       int64 // latest SYN/ACK
	beforeRefuse int64 // latest SYN/ACK before the latest refusal
	reopened     int64 // first SYN/ACK after the latest refusal
	refusedAt    int64 // latest refusal
	conversed    int64 // data first went both ways: the latest such connection
	refusals     uint32
	refused      bool // at another time than 0
	answered     bool
	accepts      Traits // what any accepted SYN had
	refuses      Traits // what every refused SYN had
}

type pauseFacts struct {
	survived, fatal       int64
	survivals, fatalities uint32
}

type hostFacts struct {
	ttl    uint8
	minRTT int64
	rtt    int64 // the shortest of completed connections, 0 for none
}

type clientFacts struct {
	window    int64 // start, in scanWidths
	rtt       int64 // the shortest, 0 for none
	asks      [2]uint32
	targets   [2][4]uint64
	fruitless [2][2][4]uint64 // by window, and by plain
}

// at begins the window that clock is in, when it is another one.
func (c *clientFacts) at(clock int64) {
	w := clock / scanWidth
	if c.window == w {
		return
	}
	if c.window == w-1 {
		c.targets[1], c.fruitless[1], c.asks[1] = c.targets[0], c.fruitless[0], c.asks[0]
	} else {
		c.targets[1], c.fruitless[1], c.asks[1] = [4]uint64{}, [2][4]uint64{}, 0
	}
	c.targets[0], c.fruitless[0], c.asks[0] = [4]uint64{}, [2][4]uint64{}, 0
	c.window = w
}

// mark takes the endpoint of this hash into the set b.
func mark(b *[4]uint64, end uint64) {
	bit := end >> 56
	b[bit>>6] |= 1 << (bit & 63)
}

// New returns an empty Memory.
func New() *Memory {
	m := new(Memory)
	a := arena.New()
	m.ports = newCache[flows.Endpoint, portFacts](a, 13)
	m.hosts = newCache[[16]byte, hostFacts](a, 12)
	m.clients = newCache[[16]byte, clientFacts](a, 11)
	m.pairs = newCache[pair, beatFacts](a, 12)
	m.strokes = newCache[flows.Endpoint, strokeFacts](a, 11)
	m.locals = newCache[flows.Endpoint, localFacts](a, 12)
	m.legs = newCache[legKey, leg](a, 12)
	m.pauses = newCache[flows.Endpoint, pauseFacts](a, 11)
	m.left = newCache[[16]byte, departures](a, 9)
	m.spreads = spreads{newCache[spreadKey, spreadFacts](a, 12)}
	return m
}

// Observe takes an event into account.
func (m *Memory) Observe(e *flows.Event) {
	if e.Kind == flows.WasReset && !e.First {
		return
	}
	client, server := &e.Ends[flows.Client], &e.Ends[flows.Server]
	h := [2]hashes{hashesOf(client), hashesOf(server)}
	switch e.Kind {
	case flows.Asked:
		c := m.clients.put(h[flows.Client].addr, &client.Addr)
		c.at(e.Clock)
		c.asks[0]++
		mark(&c.targets[0], h[flows.Server].end)
		l := m.locals.put(h[flows.Client].end, client)
		if l.asked[0].peer != *server {
			l.asked[1] = l.asked[0]
		}
		l.asked[0] = leg{*server, e.Seq, e.Frame}
		key := legKey{*server, client.Port}
		*m.legs.put(key.hash(h[flows.Server]), &key) = leg{*client, e.Seq, e.Frame}
	case flows.Answered:
		p := m.ports.put(h[flows.Server].end, server)
		p.opened = e.Time
		p.answered = true
		p.accepts |= traitsOf(e)
		if p.refused && p.reopened == 0 {
			p.reopened = e.Time
		}
		f := m.hosts.put(h[flows.Server].addr, &server.Addr)
		f.ttl = e.TTL
		shorter(&f.minRTT, e.RTT)
		m.locals.put(h[flows.Client].end, client).answered = *server
	case flows.Survived:
		p := m.pauses.put(h[flows.Server].end, server)
		p.survived = max(p.survived, e.Pause)
		if p.survivals != math.MaxUint32 {
			p.survivals++
		}
	case flows.Completed:
		c := m.clients.put(h[flows.Client].addr, &client.Addr)
		c.at(e.Clock)
		shorter(&c.rtt, e.RTT)
		shorter(&m.hosts.put(h[flows.Server].addr, &server.Addr).rtt, e.RTTServer)
	case flows.Conversed:
		p := m.ports.put(h[flows.Server].end, server)
		p.conversed = e.Time
	case flows.Closed:
		m.leaves(e, h[e.Dir.Peer()].addr)
	case flows.WasReset:
		if !e.Refusal {
			m.leaves(e, h[e.Dir.Peer()].addr)
			if e.Dir == flows.Server && e.Flags&packet.ACK == 0 {
				m.locals.put(h[flows.Client].end, client).reset = leg{*server, e.Seq, e.Frame}
			}
		}
		if e.Pause > 0 {
			p := m.pauses.put(h[flows.Server].end, server)
			if p.fatal == 0 || e.Pause < p.fatal {
				p.fatal = e.Pause
			}
			if p.fatalities != math.MaxUint32 {
				p.fatalities++
			}
		}
		if !e.Refusal {
			key, hash := strokeOf(&e.Ends[e.Dir], h[e.Dir], e.Dir)
			m.strokes.put(hash, &key).add(e)
		}
		if e.Refusal {
			if f := m.hosts.get(h[flows.Server].addr, &server.Addr); f != nil && f.ttl == e.TTL {
				shorter(&f.minRTT, e.RTT)
			}
			p := m.ports.put(h[flows.Server].end, server)
			if p.refusals == 0 {
				p.refuses = traitsOf(e)
			}
			p.refuses &= traitsOf(e)
			if p.refusals != math.MaxUint32 {
				p.refusals++
			}
			p.refused = e.Time != 0
			p.refusedAt = e.Time
			p.beforeRefuse = p.opened
			p.reopened = 0
		}
		// A client's own abort (with ACK) is a check rather than a scan.
		if e.Sent == [2]uint64{} && (e.Dir == flows.Server || e.Flags&packet.ACK == 0 || e.Stray) {
			from, made := flows.Client, plain(e.SYNOptions)
			if e.Stray {
				from, made = e.Dir.Peer(), 0
			}
			c := m.clients.put(h[from].addr, &e.Ends[from].Addr)
			c.at(e.Clock)
			mark(&c.fruitless[0][made], h[from.Peer()].end)
			if !e.Stray {
				m.spreads.add(client, server, h[flows.Client], h[flows.Server], e.Clock)
			}
		}
		if sent, ok := short(e.Sent); ok && e.Dir == flows.Client && e.Settled {
			m.pairs.put(hashPair(h[flows.Client], h[flows.Server], sent), &pair{client.Addr, *server, sent}).add(e)
		}
	}
	runtime.KeepAlive(m) // what was written to goes with it
}

// shorter lets to be rtt when that is shorter; 0 is none.
func shorter(to *int64, rtt int64) {
	if rtt > 0 && (*to == 0 || rtt < *to) {
		*to = rtt
	}
}

// Around writes into a what is known around r, as far as want asks; the rest of
// it becomes zero.
func (m *Memory) Around(r *flows.Reset, want Groups, a *Around) {
	*a = Around{}
	ends := &r.Flow.Ends
	client, server := &ends[flows.Client], &ends[flows.Server]
	h := hashesOf(server)
	if want&Ports != 0 {
		if p := m.ports.get(h.end, server); p != nil {
			a.port(p, r.RST.Time)
		}
	}
	sender := &ends[r.Dir]
	if want&Host != 0 {
		hash := h.addr
		if r.Dir == flows.Client {
			hash = hashAddr(&sender.Addr)
		}
		if f := m.hosts.get(hash, &sender.Addr); f != nil {
			a.TTL, a.MinRTT = f.ttl, f.minRTT
		}
	}
	if want&(Asked|Refused) != 0 {
		d, made := flows.Client, plain(r.Flow.Side[flows.Client].SYNOptions)
		if r.Flow.Handshake == flows.MidStream {
			d, made = r.Dir.Peer(), 0
		}
		addr := &ends[d].Addr
		if c := m.clients.get(hashAddr(addr), addr); c != nil {
			if want&Asked != 0 {
				a.Targets = min(192, estimate(&c.targets[0])+estimate(&c.targets[1]))
				a.Asks = int(c.asks[0]) + int(c.asks[1])
				a.ClientRTT = c.rtt
			}
			if want&Refused != 0 {
				a.Fruitless = min(192, estimate(&c.fruitless[0][made])+estimate(&c.fruitless[1][made]))
				a.Unlike = min(192, estimate(&c.fruitless[0][made^1])+estimate(&c.fruitless[1][made^1]))
			}
		}
		if want&Refused != 0 && d == flows.Client {
			a.Kin = m.spreads.kin(client, server, hashesOf(client), h)
		}
		if want&Asked != 0 {
			if f := m.hosts.get(h.addr, &server.Addr); f != nil {
				a.ServerRTT = f.rtt
			}
		}
	}
	if want&Beat != 0 {
		side := &r.Flow.Side
		sent, ok := short([2]uint64{side[flows.Client].Bytes, side[flows.Server].Bytes})
		if b := m.pairs.get(hashPair(hashesOf(client), h, sent), &pair{client.Addr, *server, sent}); ok && b != nil {
			a.Beats, a.Beat = b.n, int64(b.mean)
			if b.n >= 3 {
				a.BeatSpread = int64(math.Sqrt(max(0, b.m2/float64(b.n-1))))
			}
		}
	}
	if want&Burst != 0 {
		key, hash := strokeOf(sender, hashesOf(sender), r.Dir)
		if f := m.strokes.get(hash, &key); f != nil {
			if s := f.around(r.RST.Time); s != nil {
				a.Burst, a.BurstSpan = int(s.n), s.last-s.first
				a.BurstMoved, a.BurstSpoke = int(s.movedBy()), int(s.spoke)
				a.BurstFell, a.BurstRose = int(s.fell), int(s.rose)
				a.BurstOpened = r.Dir == flows.Server && a.Opened > s.first
			}
		}
	}
	if want&Pauses != 0 {
		if p := m.pauses.get(h.end, server); p != nil {
			a.Survived, a.Fatal = p.survived, p.fatal
			a.Survivals, a.Fatalities = int(p.survivals), int(p.fatalities)
		}
	}
	if want&Elsewhere != 0 {
		if s := m.locals.get(hashesOf(sender).end, sender); s != nil && s.answered != ends[r.Dir.Peer()] {
			a.Elsewhere = s.answered
		}
	}
	if want&Legs != 0 {
		m.otherLeg(r, a)
	}
	if want&Departures != 0 {
		if d := m.left.get(hashAddr(&sender.Addr), &sender.Addr); d != nil {
			d.around(r, a)
		}
	}
	runtime.KeepAlive(m) // what was read goes with it
}

// otherLeg looks for the stream of r under another address.
func (m *Memory) otherLeg(r *flows.Reset, a *Around) {
	client, server := &r.Flow.Ends[flows.Client], &r.Flow.Ends[flows.Server]
	c, s := &r.Flow.Side[flows.Client], &r.Flow.Side[flows.Server]
	n, exact := c.SndNxt, false
	switch {
	case c.Known.Has(flows.SawSYN):
		n, exact = c.ISN, true
	case c.Spoke():
	case s.Known.Has(flows.SawAck):
		n = s.RcvNxt
	case r.Dir == flows.Client:
		n = r.RST.Seq
	default:
		return
	}
	of := hashesOf(server)
	if l := m.locals.get(hashesOf(client).end, client); l != nil {
		if f := &l.reset; f.peer.Port != 0 && f.peer.Addr != server.Addr && f.frame < r.RST.Ref() &&
			s.Known.Has(flows.SawSYN) && (&leg{isn: s.ISN, peer: f.peer}).has(f.isn) {
			a.LegReset = f.frame
		}
		for i := range l.asked {
			if l := &l.asked[i]; l.peer.Addr != server.Addr && l.peer.Port != 0 && (exact && l.isn == n || !exact && l.has(n)) {
				a.Leg, a.LegDir, a.LegFrame = l.peer, flows.Server, l.frame
				return
			}
		}
	}
	key := legKey{*server, client.Port}
	if l := m.legs.get(key.hash(of), &key); l != nil && l.peer != *client && !exact && l.has(n) {
		a.Leg, a.LegDir, a.LegFrame = l.peer, flows.Client, l.frame
	}
}

// port fills in what a port shows of the time around now.
func (a *Around) port(p *portFacts, now int64) {
	a.Refusals = int(p.refusals)
	a.WentOn = p.opened > now && p.refusedAt <= now || p.refusedAt > now && p.beforeRefuse > now
	a.Shut = p.refusedAt > now && !a.WentOn
	if p.answered {
		a.OnlyRefused = p.refuses &^ p.accepts
	}
	a.Conversed = p.conversed
	switch {
	case p.opened != 0 && p.opened < now:
		a.Opened = p.opened
	case p.beforeRefuse != 0 && p.beforeRefuse < now:
		a.Opened = p.beforeRefuse
	}
	switch {
	case p.reopened > now:
		a.Reopened = p.reopened
	case p.opened > now:
		a.Reopened = p.opened
	}
}

// ToolSYN names the scanner that makes SYNs like e's or h's, or returns "".
// Sources: nmap (window 1024, older versions up to 4096, MSS only), masscan
// (window 1024, no options), zmap (IP ID 54321, window 65535), hping3 (window
// 512, no options).
func ToolSYN(window, ipID uint16, options packet.Options) string {
	switch {
	case ipID == 54321 && window == 65535:
		return "zmap"
	case window == 512 && options == 0:
		return "hping3"
	case window >= 1024 && window <= 4096 && window%1024 == 0 && (options == packet.OptMSS || options == 0):
		return "nmap or masscan"
	}
	return ""
}
