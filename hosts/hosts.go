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
	Legs

	All Groups = 1<<iota - 1
)

// Memory is the memory of many connections. It is not safe for concurrent use.
type Memory struct {
	ports   cache[flows.Endpoint, portFacts]
	hosts   cache[[16]byte, hostFacts]
	clients cache[[16]byte, clientFacts]
	pairs   cache[pair, beatFacts]
	bursts  cache[burstKey, burstFacts]
	locals  cache[flows.Endpoint, localFacts]
	legs    cache[legKey, leg]
}

// localFacts are the servers that an address and port asked last.
type localFacts struct {
	answered flows.Endpoint // the one that answered last
	asked    [2]leg         // the latest first, two servers
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
	refusals     uint32
	refused      bool // at another time than 0
}

type hostFacts struct {
	ttl    uint8
	minRTT int64
}

// answered takes an answer into account that came after rtt, 0 for unknown.
func (f *hostFacts) answered(rtt int64) {
	if rtt > 0 && (f.minRTT == 0 || rtt < f.minRTT) {
		f.minRTT = rtt
	}
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
	a := arena.New()
	m.ports = newCache[flows.Endpoint, portFacts](a, 13)
	m.hosts = newCache[[16]byte, hostFacts](a, 12)
	m.clients = newCache[[16]byte, clientFacts](a, 11)
	m.pairs = newCache[pair, beatFacts](a, 12)
	m.bursts = newCache[burstKey, burstFacts](a, 12)
	m.locals = newCache[flows.Endpoint, localFacts](a, 13)
	m.legs = newCache[legKey, leg](a, 12)
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
		if p.refused && p.reopened == 0 {
			p.reopened = e.Time
		}
		f := m.hosts.put(h[flows.Server].addr, &server.Addr)
		f.ttl = e.TTL
		f.answered(e.RTT)
		m.locals.put(h[flows.Client].end, client).answered = *server
	case flows.WasReset:
		key, of := burstOf(&e.Ends[e.Dir], h[e.Dir], e.Dir, e.Time)
		m.bursts.put(key.hash(of), &key).add(e.Time)
		if e.Refusal {
			if f := m.hosts.get(h[flows.Server].addr, &server.Addr); f != nil && f.ttl == e.TTL {
				f.answered(e.RTT)
			}
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
		d := flows.Client
		if r.Flow.Handshake == flows.MidStream {
			d = r.Dir.Peer()
		}
		addr := &ends[d].Addr
		if c := m.clients.get(hashAddr(addr), addr); c != nil {
			if want&Asked != 0 {
				a.Targets = min(192, estimate(&c.targets[0])+estimate(&c.targets[1]))
			}
			if want&Refused != 0 {
				a.Fruitless = min(192, estimate(&c.fruitless[0])+estimate(&c.fruitless[1]))
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
		key.bucket--
		for range 3 {
			if b := m.bursts.get(key.hash(of), &key); b != nil {
				a.Burst += b.n
				first, last = min(first, b.first), max(last, b.last)
			}
			key.bucket++
		}
		a.BurstSpan = last - first
	}
	if want&Elsewhere != 0 {
		if s := m.locals.get(hashesOf(sender).end, sender); s != nil && s.answered != ends[r.Dir.Peer()] {
			a.Elsewhere = s.answered
		}
	}
	if want&Legs != 0 {
		m.otherLeg(r, a)
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
