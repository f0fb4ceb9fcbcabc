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
	// BurstWidth is how long resets are counted together: those of a burst lie in
	// three such lengths of time that follow one another.
	BurstWidth = 50e6
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
	// Conversed is when data first went both ways on the latest connection of the
	// port on which it did, before the RST or after it; 0 for never.
	Conversed int64
	// OnlyRefused is what all SYNs have that the port refused, and none that it
	// accepted; 0 when it accepted none.
	OnlyRefused Traits

	// Of the host in whose name the RST was sent, with Host: from its SYN/ACKs in
	// other connections, 0 when there were none.
	TTL    uint8
	MinRTT int64 // of the SYN/ACKs, from the capture point, in nanoseconds

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
	// Of the client's and of the server's connections whose handshake was completed,
	// with Asked: the shortest time from the capture point to it and back, in that
	// handshake; 0 when there was none.
	ClientRTT, ServerRTT int64

	// With Beat: how many short connections of the client to the server's port the
	// client itself ended with a RST (at most probePayload octets of payload in
	// all); Beat is their mean distance in time in nanoseconds, 0 before the
	// second, and BeatSpread the standard deviation of it, 0 before the third.
	Beats            int
	Beat, BeatSpread int64

	// With Burst: how many connections the same sender reset around that time, this
	// one included: those of the same port for a server, of the same address for a
	// client. They lie up to two BurstWidth away from this one, on either side;
	// BurstSpan is the time from the first of them to the last, in nanoseconds, and
	// less than three BurstWidth.
	Burst     int
	BurstSpan int64
	// BurstOpened says that the port accepted a connection between the first and
	// the last of them.
	BurstOpened bool

	// Elsewhere is the server that answered a SYN from the address and port of the
	// RST's sender most recently, when it is another than this connection's, with
	// Elsewhere. Its port is 0 when there was none.
	Elsewhere flows.Endpoint
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
type Groups uint8

// The groups of an Around.
const (
	Ports Groups = 1 << iota
	Host
	Asked
	Refused
	Beat
	Burst
	Elsewhere

	All Groups = 1<<iota - 1
)

// Memory is the memory of many connections. It is not safe for concurrent use.
type Memory struct {
	ports   cache[flows.Endpoint, portFacts]
	hosts   cache[[16]byte, hostFacts]
	clients cache[[16]byte, clientFacts]
	pairs   cache[pair, beatFacts]
	bursts  cache[burstKey, burstFacts]
	locals  cache[flows.Endpoint, flows.Endpoint]
}

type portFacts struct {
	opened       int64 // latest SYN/ACK
	beforeRefuse int64 // latest SYN/ACK before the latest refusal
	reopened     int64 // first SYN/ACK after the latest refusal
	conversed    int64 // data first went both ways: the latest such connection
	refusals     uint32
	refused      bool // at another time than 0
	answered     bool
	accepts      Traits // what any accepted SYN had
	refuses      Traits // what every refused SYN had
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

type pair struct {
	client [16]byte
	server flows.Endpoint
}

func hashPair(client, server hashes) uint64 { return mix(client.addr, server.end) }

type beatFacts struct {
	n        int
	last     int64
	mean, m2 float64 // Welford's running mean and sum of squares, of the distances
}

type burstKey struct {
	end    flows.Endpoint // port 0 for a client
	bucket int64
}

// hash takes the hash of k.end.
func (k *burstKey) hash(end uint64) uint64 { return mix(end, uint64(k.bucket)) }

type burstFacts struct {
	n           int
	first, last int64 // times of the earliest and the latest
	opened      int64 // first SYN/ACK of the port after the first of them, 0 for none
}

// add takes a reset at that time into account.
func (b *burstFacts) add(at int64) {
	if b.n == 0 {
		b.first, b.last = at, at
	}
	b.first, b.last = min(b.first, at), max(b.last, at)
	b.n++
}

// burstOf is the key of the resets by the side d at about that time, and the
// hash of its end.
func burstOf(end *flows.Endpoint, h hashes, d flows.Dir, at int64) (burstKey, uint64) {
	k := burstKey{*end, at / BurstWidth}
	if d == flows.Client {
		k.end.Port = 0
		h.end = mix(h.addr, 1)
	}
	return k, h.end
}

// New returns an empty Memory.
func New() *Memory {
	m := new(Memory)
	a := arena.New()
	m.ports = newCache[flows.Endpoint, portFacts](a, 13)
	m.hosts = newCache[[16]byte, hostFacts](a, 12)
	m.clients = newCache[[16]byte, clientFacts](a, 11)
	m.pairs = newCache[pair, beatFacts](a, 12)
	m.bursts = newCache[burstKey, burstFacts](a, 12)
	m.locals = newCache[flows.Endpoint, flows.Endpoint](a, 13)
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
		*m.locals.put(h[flows.Client].end, client) = *server
		key, of := burstOf(server, h[flows.Server], flows.Server, e.Time)
		for range 2 {
			if b := m.bursts.get(key.hash(of), &key); b != nil && b.opened == 0 && b.first < e.Time {
				b.opened = e.Time
			}
			key.bucket--
		}
	case flows.Completed:
		c := m.clients.put(h[flows.Client].addr, &client.Addr)
		c.at(e.Clock)
		shorter(&c.rtt, e.RTT)
		shorter(&m.hosts.put(h[flows.Server].addr, &server.Addr).rtt, e.RTTServer)
	case flows.Conversed:
		p := m.ports.put(h[flows.Server].end, server)
		p.conversed = e.Time
	case flows.WasReset:
		key, of := burstOf(&e.Ends[e.Dir], h[e.Dir], e.Dir, e.Time)
		m.bursts.put(key.hash(of), &key).add(e.Time)
		if e.Refusal {
			p := m.ports.put(h[flows.Server].end, server)
			if p.refusals == 0 {
				p.refuses = traitsOf(e)
			}
			p.refuses &= traitsOf(e)
			if p.refusals != math.MaxUint32 {
				p.refusals++
			}
			p.refused = e.Time != 0
			p.beforeRefuse = p.opened
			p.reopened = 0
		}
		// A client's own abort (with ACK) is a check rather than a scan.
		if e.Payload == 0 && (e.Dir == flows.Server || e.Flags&packet.ACK == 0 || e.Stray) {
			from, made := flows.Client, plain(e.SYNOptions)
			if e.Stray {
				from, made = e.Dir.Peer(), 0
			}
			c := m.clients.put(h[from].addr, &e.Ends[from].Addr)
			c.at(e.Clock)
			mark(&c.fruitless[0][made], h[from.Peer()].end)
		}
		if e.Dir == flows.Client && !e.Stray && e.Payload <= probePayload {
			b := m.pairs.put(hashPair(h[flows.Client], h[flows.Server]), &pair{client.Addr, *server})
			if b.n > 0 {
				d := float64(e.Time - b.last)
				delta := d - b.mean
				b.mean += delta / float64(b.n)
				b.m2 += delta * (d - b.mean)
			}
			b.n++
			b.last = e.Time
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
		if want&Asked != 0 {
			if f := m.hosts.get(h.addr, &server.Addr); f != nil {
				a.ServerRTT = f.rtt
			}
		}
	}
	if want&Beat != 0 {
		if b := m.pairs.get(hashPair(hashesOf(client), h), &pair{client.Addr, *server}); b != nil {
			a.Beats, a.Beat = b.n, int64(b.mean)
			if b.n >= 3 {
				a.BeatSpread = int64(math.Sqrt(max(0, b.m2/float64(b.n-1))))
			}
		}
	}
	if want&Burst != 0 {
		key, of := burstOf(sender, hashesOf(sender), r.Dir, r.RST.Time)
		first, last := r.RST.Time, r.RST.Time
		var opened [3]int64
		key.bucket--
		for i := range 3 {
			if b := m.bursts.get(key.hash(of), &key); b != nil {
				a.Burst += b.n
				first, last = min(first, b.first), max(last, b.last)
				opened[i] = b.opened
			}
			key.bucket++
		}
		a.BurstSpan = last - first
		for _, at := range opened {
			a.BurstOpened = a.BurstOpened || at > first && at < last
		}
	}
	if want&Elsewhere != 0 {
		if s := m.locals.get(hashesOf(sender).end, sender); s != nil && *s != ends[r.Dir.Peer()] {
			a.Elsewhere = *s
		}
	}
	runtime.KeepAlive(m) // what was read goes with it
}

// port fills in what a port shows of the time around now.
func (a *Around) port(p *portFacts, now int64) {
	a.Refusals = int(p.refusals)
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
