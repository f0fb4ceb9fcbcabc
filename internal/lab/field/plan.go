package field

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Plan is everything that a run decides by chance. It follows from the seed.
type Plan struct {
	Seed   uint64
	Worlds []World
}

// World is a client, a router and a server with a path between them, and what
// they do at the same time.
type World struct {
	N        int
	Seed     uint64
	Path     Path
	Netstack string // the program that plays gVisor's stack, or empty
	Overflow bool   // the server refuses when an accept queue is full
	Talks    []Talk
	Views    []Vantage
}

// Path is what lies between the client and the router.
type Path struct {
	Delay    time.Duration `json:"delay"` // each way
	Jitter   time.Duration `json:"jitter"`
	Loss     float64       `json:"loss"` // of 1, each way, as the next two
	Double   float64       `json:"double"`
	Disorder float64       `json:"disorder"`
	Hops     int           `json:"hops"` // besides the router
}

// Name is the path in a word or two, for tables.
func (p Path) Name() string {
	s := "LAN"
	switch {
	case p.Delay >= 80*time.Millisecond:
		s = "far"
	case p.Delay >= 5*time.Millisecond:
		s = "near"
	}
	if p.Loss > 0 || p.Double > 0 || p.Disorder > 0 {
		s += ", lossy"
	}
	return s
}

// RTT is the longest that the path itself takes there and back.
func (p Path) RTT() time.Duration { return 2 * (p.Delay + p.Jitter) }

// Talk is one conversation: a script with its own source of chance.
type Talk struct {
	N      int
	Kind   string
	Seed   uint64
	Start  time.Duration // after the world's beginning
	Client int           // which of the client's addresses
	Server int           // which of the server's
	Shared uint16        // the service's port where several talks share it, or 0
	IPv6   bool
	Stack  int // the server's profile, for kinds with a server that is not Linux
}

// Vantage is a capture that is made of what was recorded.
type Vantage struct {
	At      string `json:"at"` // client, inside, outside, any (both sides of the router) or server
	Snaplen int    `json:"snaplen"`
	Fault   string `json:"fault"`
	Seed    uint64 `json:"seed"`
}

// What can be wrong with a capture.
const (
	faultNone      = "none"
	faultOneWay    = "one direction"
	faultLate      = "started late"
	faultHoles     = "holes"
	faultRewritten = "rewritten"
)

const (
	talksPerWorld = 25
	beginWithin   = 8 * time.Second
	clientAddrs   = 4
	serverAddrs   = 3
)

// NewPlan decides on n conversations, of all kinds or of those named. Those with
// gVisor's stack are among them where netstack names the program that plays it.
func NewPlan(seed uint64, n int, only []string, netstack string) (*Plan, error) {
	r := rand.New(rand.NewPCG(seed, 0x66e1d))
	use, err := chosen(only, netstack != "")
	if err != nil {
		return nil, err
	}
	p := &Plan{Seed: seed}
	for n > 0 {
		w := World{N: len(p.Worlds), Seed: r.Uint64(), Netstack: netstack, Path: newPath(r), Overflow: r.IntN(2) == 0}
		for i := range min(n, talksPerWorld) {
			k := use[r.IntN(len(use))]
			t := Talk{
				N: i, Kind: k.name, Seed: r.Uint64(), Start: time.Duration(r.Int64N(int64(beginWithin))),
				Client: r.IntN(clientAddrs), Server: r.IntN(serverAddrs), Stack: r.IntN(len(profiles)),
			}
			if k.shares && r.IntN(2) == 0 {
				t.Shared = sharedPorts[r.IntN(len(sharedPorts))]
			}
			t.IPv6 = r.IntN(5) == 0 && !k.ipv4Only
			w.Talks = append(w.Talks, t)
		}
		n -= len(w.Talks)
		w.Views = newVantages(r)
		p.Worlds = append(p.Worlds, w)
	}
	return p, nil
}

// sharedPorts are services that several conversations use at once.
var sharedPorts = []uint16{80, 443, 8080}

func newPath(r *rand.Rand) Path {
	var p Path
	switch r.IntN(3) {
	case 1:
		p.Delay = time.Duration(5+r.IntN(45)) * time.Millisecond
	case 2:
		p.Delay = time.Duration(80+r.IntN(220)) * time.Millisecond
	}
	if p.Delay > 0 && r.IntN(2) == 0 {
		p.Jitter = time.Duration(r.Int64N(int64(p.Delay)/4 + 1))
	}
	if r.IntN(3) == 0 {
		p.Loss = 0.03 * r.Float64()
		p.Double = 0.01 * r.Float64()
		p.Disorder = 0.02 * r.Float64()
	}
	if r.IntN(2) == 0 {
		p.Hops = 1 + r.IntN(14)
	}
	return p
}

// newVantages is one capture without a fault and one with.
func newVantages(r *rand.Rand) []Vantage {
	places := []string{"client", "inside", "outside", "any", "server"}
	one := func(fault string) Vantage {
		return Vantage{places[r.IntN(len(places))], 64 + r.IntN(193), fault, r.Uint64()}
	}
	faults := []string{faultOneWay, faultLate, faultHoles, faultRewritten}
	return []Vantage{one(faultNone), one(faults[r.IntN(len(faults))])}
}

// kind is a sort of conversation.
type kind struct {
	name     string
	ipv4Only bool
	shares   bool // its server may be one that others use as well
}

func chosen(only []string, netstack bool) (use []kind, err error) {
	all := kinds
	if netstack {
		all = slices.Concat(kinds, netstackKinds)
	}
	if len(only) == 0 {
		return all, nil
	}
next:
	for _, name := range only {
		for _, k := range all {
			if k.name == name {
				use = append(use, k)
				continue next
			}
		}
		return nil, fmt.Errorf("field: no kind of conversation is called %q", name)
	}
	return use, nil
}
