package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

// Document is what a run found, in the order in which it matters to whoever reads
// it. Every format prints it. Its size is bounded by the limits of a collector,
// whatever the capture holds.
type Document struct {
	Summary *analyzer.Summary
	// Causes are those of the resets, by Section and within one by what was lost.
	// Their totals, and those of More, add up to the resets of the summary less what
	// was left out.
	Causes []*Cause
	// More are those that were asked not to be shown.
	More []*Cause
	// Grade is how much of its connections the capture holds.
	Grade Grade
	by    *naming
	// Attempts are connections that got no answer, by server.
	Attempts []*group
}

// Section is how urgent a cause is.
type Section uint8

// The sections of a report.
const (
	LookFirst   Section = iota // data or open connections were lost to it, most of all
	Then                       // it may be mended, and cost little, or nobody can tell what
	NothingToDo                // by design, without harm, or the client's own choice
	NotTold                    // the capture does not hold enough of the connections
	numSections
)

// sectionTitles are the headings.
var sectionTitles = [numSections]string{"Look first", "Then", "Usually nothing to do", "Not explained"}

// Cause is every reset of one rule in one section.
type Cause struct {
	Rule       *classify.Rule
	Section    Section
	Number     int // in the report, from 1
	Incidents  uint64
	Resets     uint64
	Confidence classify.Confidence // the surest
	Harms      [classify.HarmSession + 1]uint64
	Lost       uint64 // octets, at most
	First      int64  // time of the earliest RST
	Last       int64
	Servers    []*group // those with most incidents first
	// Folded says that some of Servers stand for several, so that there are more.
	Folded bool
}

// harmed is how many incidents of c lost data, or a connection that was open.
func (c *Cause) harmed() uint64 {
	h := &c.Harms
	return h[classify.HarmBytes] + h[classify.HarmRequest] + h[classify.HarmCut] + h[classify.HarmHang] + h[classify.HarmSession]
}

// refused is how many of its connections did not come about.
func (c *Cause) refused() uint64 { return c.Harms[classify.HarmRefused] + c.Harms[classify.HarmHang] }

// The causes of LookFirst are as few as cost this share of all harm together, and
// no more than so many.
const (
	lookFirstShare = 0.95
	lookFirstMost  = 5
)

// document orders what c and notes have collected.
func (c *collector) document(s *analyzer.Summary, notes *collector) *Document {
	d := &Document{Summary: s, Grade: gradeOf(s), by: c.by}
	type key struct {
		rule *classify.Rule
		at   Section
	}
	byKey := map[key]*Cause{}
	for _, g := range c.ranked() {
		k := key{g.rule, g.section()}
		of := byKey[k]
		if of == nil {
			of = &Cause{Rule: g.rule, Section: k.at, First: g.first, Last: g.last}
			byKey[k] = of
			d.Causes = append(d.Causes, of)
		}
		of.add(g)
	}
	var harm uint64
	for _, of := range d.Causes {
		if of.Section == Then {
			harm += of.harmed()
		}
	}
	slices.SortStableFunc(d.Causes, func(a, b *Cause) int {
		return cmp.Or(cmp.Compare(a.Section, b.Section), cmp.Compare(b.harmed(), a.harmed()),
			cmp.Compare(b.refused(), a.refused()), cmp.Compare(b.Incidents, a.Incidents))
	})
	var told uint64
	for k, of := range d.Causes {
		if of.Section == Then && of.harmed() > 0 && k < lookFirstMost && float64(told) < lookFirstShare*float64(harm) {
			told += of.harmed()
			of.Section = LookFirst
		}
	}
	for k, of := range d.Causes {
		of.Number = k + 1
	}
	if notes != nil {
		d.Attempts = notes.ranked()
	}
	return d
}

func (of *Cause) add(g *group) {
	of.Servers = append(of.Servers, g)
	of.Incidents += g.incidents
	of.Resets += g.resets
	of.Confidence = max(of.Confidence, g.confidence)
	of.Lost += g.lost
	of.First, of.Last = min(of.First, g.first), max(of.Last, g.last)
	of.Folded = of.Folded || g.end.Port == 0
	for k, n := range g.harms {
		of.Harms[k] += n
	}
}

// section is where the cause of g belongs; which of those in Then come first
// is seen when all are known.
func (g *group) section() Section {
	switch {
	case g.rule.Mend == classify.NotExplained:
		return NotTold
	case nothingToDo(g.rule, g.benign, g.from):
		return NothingToDo
	}
	return Then
}

// nothingToDo reports whether a reset of that cause by that side is by design, without
// harm, or the client's own choice.
func nothingToDo(rule *classify.Rule, benign bool, from flows.Dir) bool {
	return benign || rule.Mend == classify.ClientsChoice && from == flows.Client
}

// in returns the causes of one section.
func (d *Document) in(s Section) (out []*Cause) {
	for _, c := range d.Causes {
		if c.Section == s {
			out = append(out, c)
		}
	}
	return out
}

// whom says whom a cause concerns: the server, or how many of them.
func (c *Cause) whom() string {
	most := c.Servers[0]
	switch n := len(c.Servers); {
	case n == 1 && !c.Folded:
		return most.where()
	case n == 1 && most.hosts():
		return "many servers"
	case n == 1:
		return "many ports of " + most.end.AddrPort().Addr().String()
	case c.Folded:
		return "more than " + count(uint64(n), "server")
	default:
		return count(uint64(n), "server")
	}
}

// mostly names the server that a cause concerns most, "" where it is the only one.
func (c *Cause) mostly() string {
	most := c.Servers[0]
	switch {
	case len(c.Servers) == 1 || most.hosts():
		return ""
	case most.incidents == 1:
		return most.where() + " among them"
	}
	return fmt.Sprintf("most at %s (%s)", most.where(), classify.Grouped(most.incidents))
}

// cost says what the incidents of c cost together.
func (c *Cause) cost() string {
	all := group{incidents: c.Incidents, harms: c.Harms, lost: c.Lost}
	return all.costs()
}

// measured says how long what tells most of c took, where several were measured.
func (c *Cause) measured() string {
	var all sample
	for _, g := range c.Servers {
		all.merge(&g.telling)
	}
	from, to := classify.Duration(all.min), classify.Duration(all.max)
	switch {
	case all.n < 2:
		return ""
	case from == to:
		return fmt.Sprintf("%s: %s in all of them", c.Rule.Telling.Title(), from)
	}
	return fmt.Sprintf("%s: %s to %s, median %s", c.Rule.Telling.Title(), from, to, classify.Duration(all.median()))
}

// clients names those of c.
func (c *Cause) clients() string {
	all := group{by: c.Servers[0].by}
	for _, g := range c.Servers {
		for _, e := range g.clients {
			all.addClient(e)
		}
		all.manyMore = all.manyMore || g.manyMore
	}
	return all.clientsOf()
}
