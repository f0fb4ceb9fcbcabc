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

// View is what a Memory knows around one reset. Its methods ask the Memory: they
// tell of the moment of Memory.View until the Memory observes another event.
type View struct {
	// The server's port: times of SYN/ACKs from it and of refusals, 0 for never.
	// Opened is the latest SYN/ACK before the RST, Reopened the first after it.
	Opened, Reopened int64
	Refusals         int // refusals by the port in all, this one included

	// The host in whose name the RST was sent, from its SYN/ACKs in other
	// connections; 0 when there were none.
	TTL    uint8
	MinRTT int64 // of the SYN/ACKs, from the capture point

	memory *Memory
	reset  *flows.Reset
}

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
	refusals     uint32
	refused      bool // at another time than 0
}

type hostFacts struct {
	ttl    uint8
	minRTT int64
}

type clientFacts struct {
	window    int64 // start, in scanWidths
	targets   [2][4]uint64
	fruitless [2][4]uint64
}

// at begins the window that clock is in, when it is another one.
func (c *clientFacts) at(clock int64) {
	w := clock / scanWidth
	if c.window == w {
		return
	}
	if c.window == w-1 {
		c.targets[1], c.fruitless[1] = c.targets[0], c.fruitless[0]
	} else {
		c.targets[1], c.fruitless[1] = [4]uint64{}, [4]uint64{}
	}
	c.targets[0], c.fruitless[0] = [4]uint64{}, [4]uint64{}
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
	a := arena.New(m)
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
		mark(&c.targets[0], h[flows.Server].end)
	case flows.Answered:
		p := m.ports.put(h[flows.Server].end, server)
		p.opened = e.Time
		if p.refused && p.reopened == 0 {
			p.reopened = e.Time
		}
		f := m.hosts.put(h[flows.Server].addr, &server.Addr)
		f.ttl = e.TTL
		if e.RTT > 0 && (f.minRTT == 0 || e.RTT < f.minRTT) {
			f.minRTT = e.RTT
		}
		*m.locals.put(h[flows.Client].end, client) = *server
	case flows.WasReset:
		key, of := burstOf(&e.Ends[e.Dir], h[e.Dir], e.Dir, e.Time)
		m.bursts.put(key.hash(of), &key).add(e.Time)
		if e.Refusal {
			p := m.ports.put(h[flows.Server].end, server)
			if p.refusals != math.MaxUint32 {
				p.refusals++
			}
			p.refused = e.Time != 0
			p.beforeRefuse = p.opened
			p.reopened = 0
		}
		// A client's own abort (with ACK) is a check rather than a scan.
		if e.Payload == 0 && (e.Dir == flows.Server || e.Flags&packet.ACK == 0 || e.Stray) {
			from := flows.Client
			if e.Stray {
				from = e.Dir.Peer()
			}
			c := m.clients.put(h[from].addr, &e.Ends[from].Addr)
			c.at(e.Clock)
			mark(&c.fruitless[0], h[from.Peer()].end)
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

// View says what is known around r.
func (m *Memory) View(r *flows.Reset) View {
	v := View{memory: m, reset: r}
	server := &r.Flow.Ends[flows.Server]
	now := r.RST.Time
	h := hashesOf(server)
	if p := m.ports.get(h.end, server); p != nil {
		v.Refusals = int(p.refusals)
		switch {
		case p.opened != 0 && p.opened < now:
			v.Opened = p.opened
		case p.beforeRefuse != 0 && p.beforeRefuse < now:
			v.Opened = p.beforeRefuse
		}
		switch {
		case p.reopened > now:
			v.Reopened = p.reopened
		case p.opened > now:
			v.Reopened = p.opened
		}
	}
	sender := &r.Flow.Ends[r.Dir].Addr
	if r.Dir == flows.Client {
		h.addr = hashAddr(sender)
	}
	if f := m.hosts.get(h.addr, sender); f != nil {
		v.TTL, v.MinRTT = f.ttl, f.minRTT
	}
	return v
}

// asker is what is known of the client, or of who sent the segment that the RST
// answers when that belongs to no connection.
func (v *View) asker() *clientFacts {
	d := flows.Client
	if v.reset.Flow.Handshake == flows.MidStream {
		d = v.reset.Dir.Peer()
	}
	addr := &v.reset.Flow.Ends[d].Addr
	return v.memory.clients.get(hashAddr(addr), addr)
}

// Targets is how many distinct address and port pairs the client sent SYNs to,
// in the ten to twenty seconds before the reset, at most 192 counted.
func (v *View) Targets() int {
	if c := v.asker(); c != nil {
		return min(192, estimate(&c.targets[0])+estimate(&c.targets[1]))
	}
	return 0
}

// Fruitless is how many distinct address and port pairs of others refused the
// client, or were dropped by it when their SYN/ACK came, in the same time and
// with the same limit as Targets. For a reset that answers a segment of no
// connection it counts such answers to the one who sent the segment.
func (v *View) Fruitless() int {
	if c := v.asker(); c != nil {
		return min(192, estimate(&c.fruitless[0])+estimate(&c.fruitless[1]))
	}
	return 0
}

// Probes is how many short connections of the client to the server's port the
// client itself ended with a RST (at most probePayload octets of payload in
// all); beat is their mean distance in time in nanoseconds, 0 before the second,
// and spread the standard deviation of it, 0 before the third.
func (v *View) Probes() (n int, beat, spread int64) {
	ends := &v.reset.Flow.Ends
	client, server := &ends[flows.Client], &ends[flows.Server]
	b := v.memory.pairs.get(hashPair(hashesOf(client), hashesOf(server)), &pair{client.Addr, *server})
	if b == nil {
		return 0, 0, 0
	}
	if b.n >= 3 {
		spread = int64(math.Sqrt(max(0, b.m2/float64(b.n-1))))
	}
	return b.n, int64(b.mean), spread
}

// Burst is how many connections the same sender reset around that time, this one
// included: those of the same port for a server, of the same address for a
// client. They lie up to two BurstWidth away from this one, on either side; span
// is the time from the first of them to the last, in nanoseconds, and less than
// three BurstWidth.
func (v *View) Burst() (n int, span int64) {
	r := v.reset
	end := &r.Flow.Ends[r.Dir]
	key, of := burstOf(end, hashesOf(end), r.Dir, r.RST.Time)
	first, last := r.RST.Time, r.RST.Time
	key.bucket--
	for range 3 {
		if b := v.memory.bursts.get(key.hash(of), &key); b != nil {
			n += b.n
			first, last = min(first, b.first), max(last, b.last)
		}
		key.bucket++
	}
	return n, last - first
}

// Elsewhere is the server that answered a SYN from the address and port of the
// RST's sender most recently, when it is another than this connection's.
func (v *View) Elsewhere() (flows.Endpoint, bool) {
	r := v.reset
	sender := &r.Flow.Ends[r.Dir]
	if s := v.memory.locals.get(hashesOf(sender).end, sender); s != nil && *s != r.Flow.Ends[r.Dir.Peer()] {
		return *s, true
	}
	return flows.Endpoint{}, false
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
