package field

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/kernel"
)

// Record is what is known of one capture.
type Record struct {
	World   int      `json:"world"`
	Seed    uint64   `json:"seed"`
	Path    Path     `json:"path"`
	Vantage Vantage  `json:"vantage"`
	Resets  []Reset  `json:"resets"`
	Unknown []int    `json:"unknown"` // frames with a RST of which the truth is not known
	Failed  []string `json:"failed"`  // talks that ended before their end
}

// Reset is one RST of a capture.
type Reset struct {
	Frame int `json:"frame"` // from 1
	Talk  int `json:"talk"`
	Facts
	View View `json:"view"`
}

// Each talk has ports of its own, so that a segment's talk is known by a port
// that no translation changes: those of its clients, and those of its services.
const (
	firstClientPort = 20000
	clientPorts     = 64
	firstService    = 2000
	servicePorts    = 32
)

// talkOf is the talk to which a client's port belongs.
func talkOf(port uint16) (int, bool) {
	n := (int(port) - firstClientPort) / clientPorts
	return n, port >= firstClientPort && n < talksPerWorld
}

// pair is a connection, or what would be one: NAT changes addresses in the
// worlds, and never ports.
type pair struct{ client, service uint16 }

// pairOf is false for a segment of no talk.
func pairOf(s *segment) (p pair, fromClient bool, ok bool) {
	if _, ok := talkOf(s.src.Port()); ok {
		return pair{s.src.Port(), s.dst.Port()}, true, true
	}
	if _, ok := talkOf(s.dst.Port()); ok {
		return pair{s.dst.Port(), s.src.Port()}, false, true
	}
	return pair{}, false, false
}

// key finds one RST again in another capture. A forger's may have the very numbers
// of the host's: the IP ID and the window tell them apart.
type key struct {
	src, dst uint16
	seq, ack uint32
	flags    uint8
	window   uint16
	id       uint16
}

func keyOf(s *segment) key {
	return key{s.src.Port(), s.dst.Port(), s.seq, s.ack, s.flags, s.window, s.id}
}

// origin is a RST where it was made.
type origin struct {
	time  time.Time
	at    Role // the host
	pair  pair
	life  int // how many times the pair's client had sent a new SYN
	facts Facts
}

// story is what one host's capture has shown of a pair.
type story struct {
	life    int
	isn     uint32
	began   time.Time
	started bool
	side    [2]struct { // 0 of the client
		sent   uint64
		end    uint32
		any    bool
		fin    bool
		recent []segment
	}
}

// follow takes a segment into account.
func (s *story) follow(x *segment, fromClient bool, t time.Time) {
	if x.flags&(syn|ack) == syn && fromClient && (!s.started || s.isn != x.seq) {
		*s = story{life: s.life + 1, isn: x.seq, began: t, started: true}
	}
	d := &s.side[side(fromClient)]
	if !x.has(rst) {
		if end := x.next(); !d.any {
			d.sent, d.end, d.any = uint64(x.payload), end, true
		} else if int32(end-d.end) > 0 {
			// New octets, repetitions apart.
			d.sent += uint64(min(uint32(x.payload), end-d.end))
			d.end = end
		}
		d.fin = d.fin || x.has(fin)
		if d.recent = append(d.recent, *x); len(d.recent) > 64 {
			d.recent = d.recent[1:]
		}
	}
}

func side(fromClient bool) int {
	if fromClient {
		return 0
	}
	return 1
}

// trigger is what a reply answers, in a word: the last segment from the other
// side that has the RST's number for its acknowledgment, or is acknowledged by it
// (RFC 9293, 3.10.7.1).
func (s *story) trigger(x *segment, fromClient bool) (what string, octets int, gap bool) {
	recent := s.side[side(!fromClient)].recent
	for i := len(recent) - 1; i >= 0; i-- {
		y := &recent[i]
		if y.has(ack) && !x.has(ack) && y.ack != x.seq || x.has(ack) && y.next() != x.ack {
			continue
		}
		gap = i > 0 && !y.has(syn)
		for j := range recent[:i] {
			gap = gap && int32(y.seq-recent[j].next()) > 0
		}
		return y.word(), y.payload, gap
	}
	return "", 0, false
}

// word is what a stack says of a RST that it sent. Of the kernel's it has no
// numbers.
type word struct {
	kernel.Event
	exact bool
	seq   uint32
	flags uint8

	trigger string // of a reply
	octets  int
}

// word is what a segment is, in a word.
func (s *segment) word() string {
	switch {
	case s.has(syn | ack):
		return "synack"
	case s.has(syn):
		return "syn"
	case s.payload > 0:
		return "data"
	case s.has(fin):
		return "fin"
	}
	return "ack"
}

// rawCapture is what was recorded at one host, and what its kernel said.
type rawCapture struct {
	at    Role
	c     *capture
	own   func(netip.Addr) bool
	stack func(netip.Addr) string // which one has the address, where it is not the host's
	words []word
}

// near is how far a kernel's word may be from its RST.
const near = 100 * time.Millisecond

// sameMoment is how far apart two captures of one machine may tell the time of a frame.
const sameMoment = 2 * time.Millisecond

// origins are the RSTs that a host sent, and how many of its kernel's words had no
// RST in the capture.
func (raw *rawCapture) origins(kinds []string) (all []origin, keys []key, unpaired int) {
	stories := map[pair]*story{}
	used := make([]bool, len(raw.words))
	for i := range raw.c.frames {
		f := &raw.c.frames[i]
		p, fromClient, ok := pairOf(&f.seg)
		if !f.tcp || !ok {
			continue
		}
		s := stories[p]
		if s == nil {
			s = &story{}
			stories[p] = s
		}
		x := &f.seg
		if x.has(rst) && raw.own(x.src.Addr()) {
			me, peer := &s.side[side(fromClient)], &s.side[side(!fromClient)]
			n, _ := talkOf(p.client)
			o := origin{time: f.time, at: raw.at, pair: p, life: s.life, facts: Facts{
				Kind: kinds[n], Role: Server, By: Reject, Stack: "Linux", SenderFIN: me.fin, PeerFIN: peer.fin, Sent: me.sent, Received: peer.sent,
			}}
			o.facts.Trigger, o.facts.Octets, o.facts.Gap = s.trigger(x, fromClient)
			if fromClient {
				o.facts.Role = Client
			}
			if s.started {
				o.facts.Age = f.time.Sub(s.began).Seconds()
			}
			if raw.stack != nil && raw.stack(x.src.Addr()) != "" {
				// Of its aborts it tells, and the rest are answers.
				// What they answer is what came last, whatever their numbers.
				o.facts.By, o.facts.Stack, o.facts.Reason = Kernel, raw.stack(x.src.Addr()), "NO_SOCKET"
				if last := peer.recent; len(last) > 0 {
					y := &last[len(last)-1]
					o.facts.Trigger, o.facts.Octets, o.facts.Gap = y.word(), y.payload, false
				}
			}
			if e := raw.word(f, used); e != nil {
				o.facts.By, o.facts.Reason, o.facts.Active, o.facts.State = Kernel, e.Reason, e.Active, e.State
				o.facts.Unread, o.facts.Linger = e.Unread, e.Linger
				if e.exact {
					o.facts.Trigger, o.facts.Octets, o.facts.Gap = e.trigger, e.octets, false
				}
				if e.Active {
					o.facts.Trigger, o.facts.Octets, o.facts.Gap = "", 0, false
				}
			}
			all, keys = append(all, o), append(keys, keyOf(x))
		}
		s.follow(x, fromClient, f.time)
	}
	for i, u := range used {
		if !u && !raw.words[i].Sender.Addr().IsLoopback() {
			unpaired++
		}
	}
	return all, keys, unpaired
}

// word is the kernel's word about the RST in f: the nearest in time of those of
// its connection and its form that nobody has used.
func (raw *rawCapture) word(f *frame, used []bool) *word {
	best, distance := -1, near
	for i := range raw.words {
		e := &raw.words[i]
		if used[i] || e.Sender != f.seg.src || e.Receiver != f.seg.dst {
			continue
		}
		if e.exact {
			if e.seq != f.seg.seq || e.flags != f.seg.flags {
				continue
			}
		} else
		// An abort has ACK; a reply only where its trigger has none, and then the
		// number 0.
		if f.seg.has(ack) != e.Active && (e.Active || f.seg.seq != 0) {
			continue
		}
		if d := e.Time.Sub(f.time).Abs(); d < distance {
			best, distance = i, d
		}
	}
	if best < 0 {
		return nil
	}
	used[best] = true
	return &raw.words[best]
}

// truth is what is known of every RST of a world, by the key under which it is
// found in a capture.
type truth struct {
	byKey map[key][]origin
}

// newTruth puts together what the hosts' captures tell.
func newTruth(client, server, router *rawCapture, talks []string) (t *truth, unpaired int) {
	t = &truth{byKey: map[key][]origin{}}
	add := func(all []origin, keys []key) {
		for i, o := range all {
			t.byKey[keys[i]] = append(t.byKey[keys[i]], o)
		}
	}
	for _, raw := range []*rawCapture{client, server, router} {
		all, keys, left := raw.origins(talks)
		add(all, keys)
		unpaired += left
	}
	// What leaves the router and neither host has sent was made on the router.
	elsewhere := *router
	elsewhere.words = nil
	// A host may send the very RST that a forger has sent before it in its name.
	sent := map[key]time.Time{}
	for k, of := range t.byKey {
		sent[k] = of[0].time
		for i := range of {
			if of[i].time.Before(sent[k]) {
				sent[k] = of[i].time
			}
		}
	}
	elsewhere.own = func(netip.Addr) bool { return true }
	all, keys, _ := elsewhere.origins(talks)
	for i, o := range all {
		if first, ok := sent[keys[i]]; ok && !o.time.Before(first.Add(-sameMoment)) {
			continue
		}
		if strings.HasPrefix(o.facts.Kind, "forger") {
			o.facts.By, o.facts.Trigger, o.facts.Octets, o.facts.Gap = Forger, "", 0, false
		}
		t.byKey[keys[i]] = append(t.byKey[keys[i]], o)
	}
	// In the order of time, who came later?
	type life struct {
		pair
		n int
	}
	var order []*origin
	for _, all := range t.byKey {
		slices.SortFunc(all, func(a, b origin) int { return a.time.Compare(b.time) })
	}
	for k := range t.byKey {
		for i := range t.byKey[k] {
			order = append(order, &t.byKey[k][i])
		}
	}
	slices.SortFunc(order, func(a, b *origin) int { return a.time.Compare(b.time) })
	before := map[life]bool{}
	for _, o := range order {
		l := life{o.pair, o.life}
		o.facts.Later = before[l]
		before[l] = true
	}
	return t, unpaired
}

// finder finds the truths of one capture's RSTs again.
type finder struct {
	*truth
	inside bool // the capture is on the client's side of the relay
	path   Path
	last   map[sight]int // of the origins with one key, which was found last
}

// sight is a key on one interface: the router's captures show a segment twice.
type sight struct {
	key
	link int
}

func (t *truth) finder(v Vantage, p Path) *finder {
	return &finder{t, v.At == "client", p, map[sight]int{}}
}

// find is the truth of the RST in f. Of several with the same numbers it is the
// first that was not found before and that can have been on its way as long as
// that, or the nearest.
func (d *finder) find(f *frame) *origin {
	k := sight{keyOf(&f.seg), f.link}
	all := d.byKey[k.key]
	off := func(o *origin) time.Duration {
		way := f.time.Sub(o.time)
		if (o.at == Client) != d.inside {
			way -= d.path.Delay + d.path.Jitter/2
		}
		return way.Abs()
	}
	best := -1
	for i := range all {
		last, found := d.last[k]
		if (!found || i > last) && off(&all[i]) < d.path.Jitter/2+d.path.Delay/4+50*time.Millisecond {
			best = i
			break
		}
	}
	if best < 0 {
		for i := range all {
			if best < 0 || off(&all[i]) < off(&all[best]) {
				best = i
			}
		}
	}
	if best < 0 {
		return nil
	}
	d.last[k] = best
	return &all[best]
}
