package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Limits of a collector. A scan makes a reset for each port and host it tries;
// what it leaves behind must not grow with it.
const (
	groupsMax  = 1024 // services held apart; about 4 KiB each with its example
	portsMax   = 16   // services of one host held apart, for one cause
	framesMax  = 8    // frames of a group that are listed
	clientsMax = 3    // clients of a group that are listed
	samplesMax = 64   // measures of a group that the median is taken from
)

// service says what a group has in common: the cause, or the kind of note,
// whether it is only to be counted, who sent the RST, and the server's end. Port 0
// stands for several ports of one host, no address at all for several hosts.
// There is no gap between its fields, so that maps hash it at one go.
type service struct {
	rule   *classify.Rule // nil for notes
	end    flows.Endpoint
	note   flows.NoteKind
	benign bool
	from   flows.Dir
}

// hosts reports whether several hosts are meant.
func (s *service) hosts() bool { return s.end == flows.Endpoint{} }

// host returns the service that stands for all ports.
func (s service) host() service { s.end.Port = 0; return s }

// anywhere returns the service that stands for all hosts.
func (s service) anywhere() service { s.end = flows.Endpoint{}; return s }

// group is incidents, or notes, of one service.
type group struct {
	service
	order      int // of the group's first incident, to break ties
	incidents  uint64
	resets     uint64 // RST frames; tries for notes
	foldAt     uint64 // incidents at which it folds others again; 0 if it never did
	guessed    bool   // nothing showed which side is the server in any of them
	confidence classify.Confidence
	first      int64 // time of the earliest RST
	last       int64
	frames     []packet.FrameRef
	clients    []flows.Endpoint // ports are 0
	manyMore   bool             // there are further clients
	telling    sample
	harms      [classify.HarmSession + 1]uint64 // incidents by what they cost
	whos       [classify.Forged + 1]uint64      // incidents by who sent them
	lost       uint64                           // octets, at most
	by         *naming
	example    *analyzer.Incident // the surest, of these the earliest; nil for notes

	// How much a live report has said of it.
	shownSince int64
	shown      int
	unshown    uint64
}

// sample keeps the range of many measures, and every k-th of them for the
// median, k doubling as they become many. It is the same for the same input.
type sample struct {
	n, every uint64 // every is a power of two
	min, max int64
	kept     []int64
}

func (s *sample) add(v int64) {
	if s.n == 0 {
		s.every, s.min, s.max = 1, v, v
	}
	s.min, s.max = min(s.min, v), max(s.max, v)
	if s.n&(s.every-1) == 0 {
		if len(s.kept) == samplesMax {
			for i := range samplesMax / 2 {
				s.kept[i] = s.kept[2*i]
			}
			s.kept = s.kept[:samplesMax/2]
			s.every *= 2
		}
		if s.n&(s.every-1) == 0 {
			s.kept = append(s.kept, v)
		}
	}
	s.n++
}

// merge takes in the measures of a smaller sample.
func (s *sample) merge(o *sample) {
	if o.n == 0 {
		return
	}
	for _, v := range o.kept {
		s.add(v)
	}
	s.n += o.n - uint64(len(o.kept))
	s.min, s.max = min(s.min, o.min), max(s.max, o.max)
}

// median returns the middle measure, or of very many the middle of some.
func (s *sample) median() int64 {
	if len(s.kept) == 0 {
		return -1
	}
	sorted := slices.Sorted(slices.Values(s.kept))
	return sorted[(len(sorted)-1)/2]
}

// collector groups incidents and notes by service in bounded memory.
type collector struct {
	by      *naming
	groups  map[service]*group
	ports   map[service]int // services held apart, by host and by cause
	crowded int             // how many of ports have come to portsMax
	wide    *group          // the one that full returned last; nil when it may be gone
	order   int
}

func newCollector(by *naming) *collector {
	return &collector{by: by, groups: make(map[service]*group), ports: make(map[service]int)}
}

func (c *collector) incident(i *analyzer.Incident) *group {
	r, v := i.Reset, &i.Verdict
	g := c.group(service{
		rule: v.Rule, benign: benign(v), from: r.Dir, end: r.Flow.Ends[flows.Server],
	})
	g.harms[v.Harm.Kind]++
	g.whos[v.Origin.Who]++
	g.lost += v.Harm.Lost
	g.resets += 1 + uint64(len(r.FollowUps))
	g.seen(r.RST.Time, r.RST.Ref(), r.Flow.Ends[flows.Client])
	g.guessed = g.guessed && r.Flow.RolesGuessed
	if m := v.Rule.Telling; v.Timing.Has(m) {
		g.telling.add(v.Timing.At[m])
	}
	if g.example == nil || v.Confidence > g.confidence {
		g.example, g.confidence = i.Clone(), v.Confidence
	}
	return g
}

func (c *collector) remark(n *flows.Note) *group {
	g := c.group(service{note: n.Kind, end: n.Ends[flows.Server]})
	g.resets += uint64(n.Tries)
	g.seen(n.First, n.Frame, n.Ends[flows.Client])
	g.last = max(g.last, n.Latest)
	return g
}

func (g *group) seen(at int64, where packet.FrameRef, client flows.Endpoint) {
	g.incidents++
	g.first, g.last = min(g.first, at), max(g.last, at)
	if len(g.frames) < framesMax {
		g.frames = append(g.frames, where)
	}
	client.Port = 0
	g.addClient(client)
}

func (g *group) addClient(client flows.Endpoint) {
	if slices.Contains(g.clients, client) {
		return
	}
	if len(g.clients) == clientsMax {
		g.manyMore = true
		return
	}
	g.clients = append(g.clients, client)
}

// group finds the group of s, or makes it. When a host has too many services,
// or there are too many groups, what is new goes into one group for the host or
// for the cause.
func (c *collector) group(s service) *group {
	if g := c.groups[s]; g != nil {
		return g
	}
	if c.crowded > 0 {
		if host := s.host(); c.ports[host] >= portsMax {
			if g := c.full(host); c.ports[host] >= portsMax {
				return g
			}
		}
	}
	if len(c.groups) >= groupsMax {
		if g := c.full(s.anywhere()); len(c.groups) >= groupsMax {
			return g
		}
	}
	return c.make(s)
}

func (c *collector) make(s service) *group {
	if g := c.groups[s]; g != nil {
		return g
	}
	g := &group{service: s, by: c.by, order: c.order, guessed: true, first: math.MaxInt64, last: math.MinInt64}
	c.order++
	c.groups[s] = g
	if s.end.Port != 0 {
		host := s.host()
		if c.ports[host]++; c.ports[host] == portsMax {
			c.crowded++
		}
	}
	return g
}

// full returns the group of wide, a host or a cause, and makes room at times:
// it folds into it each time it has doubled, which keeps the work in proportion.
func (c *collector) full(wide service) *group {
	g := c.wide
	if g == nil || g.service != wide {
		g = c.make(wide)
		c.wide = g
	}
	if g.incidents >= g.foldAt {
		c.fold(g)
		g.foldAt = 2*g.incidents + 1
	}
	return g
}

// fold merges into g, that of a host or of a cause, those groups it could stand
// for which have one incident: what comes back is worth a group of its own.
func (c *collector) fold(g *group) {
	var small []*group
	for _, o := range c.groups {
		wide := o.service.host()
		if g.hosts() {
			wide = o.service.anywhere()
		}
		if o.incidents == 1 && o != g && wide == g.service && (g.hosts() || o.end.Port != 0) {
			small = append(small, o)
		}
	}
	// The order of a map must not show in what the merged group keeps.
	slices.SortFunc(small, func(a, b *group) int { return cmp.Compare(a.order, b.order) })
	c.wide = nil
	for _, o := range small {
		g.merge(o)
		delete(c.groups, o.service)
		if o.end.Port != 0 {
			host := o.service.host()
			if c.ports[host] == portsMax {
				c.crowded--
			}
			if c.ports[host]--; c.ports[host] == 0 {
				delete(c.ports, host)
			}
		}
	}
}

func (g *group) merge(o *group) {
	g.incidents += o.incidents
	g.resets += o.resets
	g.guessed = g.guessed && o.guessed
	g.first, g.last = min(g.first, o.first), max(g.last, o.last)
	for _, w := range o.frames {
		if len(g.frames) < framesMax {
			g.frames = append(g.frames, w)
		}
	}
	for _, e := range o.clients {
		g.addClient(e)
	}
	g.manyMore = g.manyMore || o.manyMore
	g.telling.merge(&o.telling)
	for k, n := range o.harms {
		g.harms[k] += n
	}
	for k, n := range o.whos {
		g.whos[k] += n
	}
	g.lost += o.lost
	if g.example == nil || o.confidence > g.confidence {
		g.example, g.confidence = o.example, o.confidence
	}
}

// ranked returns the groups, those with most incidents first, then the surest,
// then the earliest.
func (c *collector) ranked() []*group {
	c.tidy()
	out := make([]*group, 0, len(c.groups))
	for _, g := range c.groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *group) int {
		return cmp.Or(
			cmp.Compare(b.incidents, a.incidents),
			cmp.Compare(b.confidence, a.confidence),
			cmp.Compare(a.first, b.first),
			cmp.Compare(a.order, b.order),
		)
	})
	return out
}

// tidy folds what has come to hosts and causes after they were folded last.
func (c *collector) tidy() {
	var wide []*group
	for _, g := range c.groups {
		if g.foldAt > 0 {
			wide = append(wide, g)
		}
	}
	slices.SortFunc(wide, func(a, b *group) int { return cmp.Compare(a.order, b.order) })
	for _, g := range wide {
		c.fold(g)
	}
}

// where names the server's end for a table.
func (g *group) where() string {
	switch {
	case g.hosts():
		return "many hosts"
	case g.end.Port == 0:
		addr := g.end.AddrPort().Addr()
		if name := g.by.name(addr); name != "" {
			return name + ":*"
		}
		if addr.Is6() {
			return "[" + addr.String() + "]:*"
		}
		return addr.String() + ":*"
	}
	return g.by.end(g.end)
}

// clientsOf names the clients of a group: "client A", "clients A, B and others".
func (g *group) clientsOf() string {
	var out []string
	for _, c := range g.clients {
		out = append(out, g.by.addr(c.AddrPort().Addr()))
	}
	slices.Sort(out)
	if g.manyMore {
		out = append(out, "others")
	}
	if len(out) == 1 {
		return "client " + out[0]
	}
	return "clients " + list(out)
}
