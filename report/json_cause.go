package report

import (
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

// rankedJSON is every reset of one cause and urgency, with what is the same for each of
// its incidents.
type rankedJSON struct {
	Type       string      `json:"type"` // "cause"
	Schema     string      `json:"schema"`
	Rank       int         `json:"rank"`    // from 1: what matters most comes first
	Section    string      `json:"section"` // look-first, then, nothing-to-do, not-explained
	Cause      string      `json:"cause"`
	Family     string      `json:"family"`
	Title      string      `json:"title"`
	Summary    string      `json:"summary"`    // what happens, in a sentence
	Confidence string      `json:"confidence"` // of the surest
	Incidents  uint64      `json:"incidents"`
	Resets     uint64      `json:"resets"`
	Harmed     uint64      `json:"harmed"` // incidents that lost data, or a connection that was open
	Harms      []harmCount `json:"harms"`  // incidents by harm.kind
	Lost       uint64      `json:"lost_bytes,omitempty"`
	First      string      `json:"first_time"`
	Last       string      `json:"last_time"`
	Groups     []groupJSON `json:"groups"`
	Advice     []string    `json:"advice"`
	Confirm    []string    `json:"confirm"`
}

// groupJSON is the part of a cause that one service has: ip and port of the server. Without
// a port it stands for several ports, without an ip for several hosts.
type groupJSON struct {
	IP         string       `json:"ip,omitempty"`
	Name       string       `json:"name,omitempty"` // of the address, from --hosts
	Port       uint16       `json:"port,omitempty"`
	Guessed    bool         `json:"role_guessed,omitempty"`
	From       string       `json:"sender"` // client or server
	Confidence string       `json:"confidence"`
	Incidents  uint64       `json:"incidents"`
	Resets     uint64       `json:"resets"`
	Harms      []harmCount  `json:"harms"`
	Lost       uint64       `json:"lost_bytes,omitempty"`
	First      string       `json:"first_time"`
	Last       string       `json:"last_time"`
	Clients    []string     `json:"clients"` // some of them
	More       bool         `json:"more_clients,omitempty"`
	Example    uint64       `json:"example"` // number of the incident that shows it best
	Measure    *measureJSON `json:"measure,omitempty"`
}

// measureJSON is the measure that tells most of a cause, over the incidents of a group.
type measureJSON struct {
	Name   string  `json:"name"`
	Least  seconds `json:"least_seconds"`
	Median seconds `json:"median_seconds"`
	Most   seconds `json:"most_seconds"`
}

// sectionNames are the sections in JSON.
var sectionNames = [numSections]string{"look-first", "then", "nothing-to-do", "not-explained"}

func (e *encoder) cause(c *Cause) *rankedJSON {
	j := &rankedJSON{
		Type: "cause", Schema: Schema, Rank: c.Number, Section: sectionNames[c.Section],
		Cause: c.Rule.ID, Family: string(c.Rule.Family), Title: c.Rule.Title, Summary: c.Rule.Summary, Confidence: c.Confidence.String(),
		Incidents: c.Incidents, Resets: c.Resets, Harmed: c.harmed(), Harms: harmsOf(&c.Harms), Lost: c.Lost,
		First: rfc3339(c.First), Last: rfc3339(c.Last), Groups: []groupJSON{},
		Advice: c.Rule.Advice, Confirm: c.Rule.Checks(serverOf(c.Servers[0].example)),
	}
	for _, g := range c.Servers {
		j.Groups = append(j.Groups, groupOf(g))
	}
	return j
}

func groupOf(g *group) groupJSON {
	j := groupJSON{
		Guessed: g.guessed, From: g.from.String(), Confidence: g.confidence.String(),
		Incidents: g.incidents, Resets: g.resets, Harms: harmsOf(&g.harms), Lost: g.lost,
		First: rfc3339(g.first), Last: rfc3339(g.last), Clients: []string{}, More: g.manyMore, Example: g.example.Number,
	}
	if !g.hosts() {
		a := g.end.AddrPort()
		j.IP, j.Port, j.Name = a.Addr().String(), a.Port(), g.by.name(a.Addr())
	}
	for _, c := range g.clients {
		j.Clients = append(j.Clients, c.AddrPort().Addr().String())
	}
	if g.telling.n > 0 {
		j.Measure = &measureJSON{g.rule.Telling.Name(), seconds(g.telling.min), seconds(g.telling.median()), seconds(g.telling.max)}
	}
	return j
}

// harmCount is how many incidents cost what the kind says, that of harm.kind.
type harmCount struct {
	Kind      string `json:"kind"`
	Incidents uint64 `json:"incidents"`
}

func harmsOf(of *[classify.HarmSession + 1]uint64) []harmCount {
	out := []harmCount{}
	for k, n := range of {
		if n > 0 {
			out = append(out, harmCount{classify.HarmKind(k).String(), n})
		}
	}
	return out
}

// peerJSON is one end of a connection.
type peerJSON struct {
	IP   string `json:"ip"`
	Port uint16 `json:"port"`
	Name string `json:"name,omitempty"` // of the address, from --hosts
}

func (n *naming) peer(e *flows.Endpoint) peerJSON {
	a := e.AddrPort()
	return peerJSON{a.Addr().String(), a.Port(), n.name(a.Addr())}
}

// rstJSON is the first RST as it was sent.
type rstJSON struct {
	Seq    uint32 `json:"seq"`
	Ack    uint32 `json:"ack"`
	Flags  string `json:"flags"`
	Window uint16 `json:"window"` // not scaled
	TTL    uint8  `json:"ttl"`    // or hop limit
	IPID   uint16 `json:"ip_id"`
	VLAN   uint16 `json:"vlan,omitempty"`
	Tunnel bool   `json:"tunnel,omitempty"` // the connection ran inside one
}

func rstOf(r *flows.Reset) rstJSON {
	h := &r.RST
	return rstJSON{uint32(h.Seq), uint32(h.Ack), h.Flags.String(), h.Window, h.TTL, h.IPID, h.VLAN, h.Zone != 0}
}
