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

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Widths of time, in nanoseconds.
const (
	// BurstWidth is how close in time resets count as one burst.
	BurstWidth = 50e6
	// scanWidth is the width of the window in which a scanner's targets are
	// counted; the one before is remembered.
	scanWidth = 10e9
)

// probePayload is how much both sides of a health check send at most: a request
// line and a small page.
const probePayload = 16 << 10

// View is what a Memory knows around one reset.
type View struct {
	// The server's port: times of SYN/ACKs from it and of refusals, 0 for never.
	// Opened is the latest SYN/ACK before the RST, Reopened the first after it.
	Opened, Reopened int64
	Refusals         int // refusals by the port in all, this one included

	// The host in whose name the RST was sent, from its SYN/ACKs in other
	// connections; 0 when there were none.
	TTL    uint8
	MinRTT int64 // of the SYN/ACKs, from the capture point

	// The client: how many distinct address and port pairs it sent SYNs to, in
	// the ten to twenty seconds before the reset, at most 192 counted.
	Targets int
	// Fruitless is how many distinct address and port pairs of others refused
	// this client, or were dropped by it when their SYN/ACK came, in the same
	// time and with the same limit. For a reset that answers a segment of no connection
	// it counts such answers to the one who sent the segment.
	Fruitless int
	// Probes is how many short connections of this client to this server's port
	// the client itself ended with a RST (at most probePayload octets of payload
	// in all); Beat their mean distance in time, 0 before the second, and
	// BeatSpread the standard deviation of it, 0 before the third.
	Probes           int
	Beat, BeatSpread int64

	// Burst is how many connections the same sender reset within BurstWidth,
	// this one included: those of the same port for a server, of the same
	// address for a client.
	Burst int

	// Elsewhere is the server that answered a SYN from the address and port of
	// the RST's sender most recently, when it is another than this connection's.
	Elsewhere      flows.Endpoint
	ElsewhereKnown bool
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
	refused      int64
	refusals     int
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

func mark(b *[4]uint64, e flows.Endpoint) {
	bit := hashEnd(e) >> 56
	b[bit>>6] |= 1 << (bit & 63)
}

type pair struct {
	client [16]byte
	server flows.Endpoint
}

type beatFacts struct {
	n        int
	last     int64
	mean, m2 float64 // Welford's running mean and sum of squares, of the distances
}

type burstKey struct {
	end    flows.Endpoint // port 0 for a client
	bucket int64
}

type burstFacts struct{ n int }

// New returns an empty Memory.
func New() *Memory {
	return &Memory{
		ports:   newCache[flows.Endpoint, portFacts](13, hashEnd),
		hosts:   newCache[[16]byte, hostFacts](12, hashAddr),
		clients: newCache[[16]byte, clientFacts](11, hashAddr),
		pairs:   newCache[pair, beatFacts](12, func(p pair) uint64 { return mix(hashAddr(p.client), hashEnd(p.server)) }),
		bursts:  newCache[burstKey, burstFacts](12, func(b burstKey) uint64 { return mix(hashEnd(b.end), uint64(b.bucket)) }),
		locals:  newCache[flows.Endpoint, flows.Endpoint](13, hashEnd),
	}
}

// Observe takes an event into account.
func (m *Memory) Observe(e *flows.Event) {
	client, server := e.Ends[flows.Client], e.Ends[flows.Server]
	switch e.Kind {
	case flows.Asked:
		c := m.clients.put(client.Addr)
		c.at(e.Clock)
		mark(&c.targets[0], server)
	case flows.Answered:
		p := m.ports.put(server)
		p.opened = e.Time
		if p.refused != 0 && p.reopened == 0 {
			p.reopened = e.Time
		}
		h := m.hosts.put(server.Addr)
		h.ttl = e.TTL
		if e.RTT > 0 && (h.minRTT == 0 || e.RTT < h.minRTT) {
			h.minRTT = e.RTT
		}
		*m.locals.put(client) = server
	case flows.WasReset:
		if !e.First {
			return
		}
		key := burstKey{e.Ends[e.Dir], e.Time / BurstWidth}
		if e.Dir == flows.Client {
			key.end.Port = 0
		}
		m.bursts.put(key).n++
		if e.Refusal {
			p := m.ports.put(server)
			p.refusals++
			p.refused = e.Time
			p.beforeRefuse = p.opened
			p.reopened = 0
		}
		// A client's own abort (with ACK) is a check rather than a scan.
		if e.Payload == 0 && (e.Dir == flows.Server || e.Flags&packet.ACK == 0 || e.Stray) {
			from, to := client, server
			if e.Stray {
				from, to = e.Ends[e.Dir.Peer()], e.Ends[e.Dir]
			}
			c := m.clients.put(from.Addr)
			c.at(e.Clock)
			mark(&c.fruitless[0], to)
		}
		if e.Dir == flows.Client && !e.Stray && e.Payload <= probePayload {
			b := m.pairs.put(pair{client.Addr, server})
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
}

// View says what is known around r.
func (m *Memory) View(r *flows.Reset) View {
	var v View
	client, server := r.Flow.Ends[flows.Client], r.Flow.Ends[flows.Server]
	now := r.RST.Time
	if p := m.ports.get(server); p != nil {
		v.Refusals = p.refusals
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
	if h := m.hosts.get(r.Flow.Ends[r.Dir].Addr); h != nil {
		v.TTL, v.MinRTT = h.ttl, h.minRTT
	}
	asker := client
	if r.Flow.Handshake == flows.MidStream {
		asker = r.Flow.Ends[r.Dir.Peer()]
	}
	if c := m.clients.get(asker.Addr); c != nil {
		v.Targets = min(192, estimate(c.targets[0])+estimate(c.targets[1]))
		v.Fruitless = min(192, estimate(c.fruitless[0])+estimate(c.fruitless[1]))
	}
	if b := m.pairs.get(pair{client.Addr, server}); b != nil {
		v.Probes = b.n
		v.Beat = int64(b.mean)
		if b.n >= 3 {
			v.BeatSpread = int64(math.Sqrt(max(0, b.m2/float64(b.n-1))))
		}
	}
	key := burstKey{r.Flow.Ends[r.Dir], now / BurstWidth}
	if r.Dir == flows.Client {
		key.end.Port = 0
	}
	for _, step := range [...]int64{-1, 0, 1} {
		k := key
		k.bucket += step
		if b := m.bursts.get(k); b != nil {
			v.Burst += b.n
		}
	}
	if s := m.locals.get(r.Flow.Ends[r.Dir]); s != nil && *s != r.Flow.Ends[r.Dir.Peer()] {
		v.Elsewhere, v.ElsewhereKnown = *s, true
	}
	return v
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
