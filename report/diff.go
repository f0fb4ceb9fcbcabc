package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

// Tally is a sink that counts incidents by cause and service, for a comparison or a title.
type Tally struct {
	incidents *collector
	summary   *analyzer.Summary // nil until it is closed
}

// NewTally returns an empty one.
func NewTally() *Tally { return &Tally{incidents: newCollector(nil)} }

// Incident counts i.
func (t *Tally) Incident(i *analyzer.Incident) error {
	t.incidents.incident(i)
	return nil
}

// Note does nothing.
func (t *Tally) Note(*flows.Note) error { return nil }

// Close takes what was read into account.
func (t *Tally) Close(s *analyzer.Summary) error {
	t.summary = s
	return nil
}

// Change is what became of a cause, or of a service of it.
type Change string

// The changes, by incidents of as many connections.
const (
	Appeared Change = "appeared"
	Grew     Change = "grew"
	Shrank   Change = "shrank"
	WentAway Change = "went-away"
	AsBefore Change = "as-before"
)

// Changed is one cause or service before and after.
type Changed struct {
	Rule          *classify.Rule
	Where         string // of a service; "" for the cause in all
	Before, After uint64 // incidents
	Change        Change
	// P is how probable so great a difference is when nothing has changed: the exact
	// conditional test of two Poisson rates (Przyborowski and Wilenski 1940), in which
	// of all incidents each falls into the second capture with the share of its connections.
	P        float64
	Services []Changed
}

// chance is what P must be below for a difference to count as none of chance, and surely
// what it must be below to be called sure.
const (
	chance = 0.05
	surely = 0.001
)

// Sure is P in a word.
func (c *Changed) Sure() string {
	switch {
	case c.Change == AsBefore:
		return "no change that is more than chance"
	case c.P < surely:
		return "surely not by chance"
	case c.P < chance:
		return "probably not by chance"
	}
	return "this can be chance"
}

// Diff is a comparison of two captures.
type Diff struct {
	Before, After *Tally
	Causes        []Changed
}

// diffServices is how many services of a cause are named.
const diffServices = 5

// Compare compares two captures that have been read. Counts are held against the
// connections in each, because a busier hour has more of everything.
func Compare(before, after *Tally) *Diff {
	d := &Diff{Before: before, After: after}
	type key struct {
		rule *classify.Rule
		end  flows.Endpoint
	}
	causes, services := map[*classify.Rule]*Changed{}, map[key]*Changed{}
	for k, t := range []*Tally{before, after} {
		for _, g := range t.incidents.ranked() {
			at := key{g.rule, g.end}
			if causes[g.rule] == nil {
				causes[g.rule] = &Changed{Rule: g.rule}
			}
			if services[at] == nil {
				services[at] = &Changed{Rule: g.rule, Where: g.where()}
			}
			for _, c := range []*Changed{causes[g.rule], services[at]} {
				if k == 0 {
					c.Before += g.incidents
				} else {
					c.After += g.incidents
				}
			}
		}
	}
	share := d.share()
	for _, c := range causes {
		c.judge(share)
		for at, s := range services {
			if at.rule == c.Rule {
				s.judge(share)
				c.Services = append(c.Services, *s)
			}
		}
		slices.SortFunc(c.Services, func(a, b Changed) int {
			return cmp.Or(cmp.Compare(a.P, b.P), cmp.Compare(max(b.Before, b.After), max(a.Before, a.After)), strings.Compare(a.Where, b.Where))
		})
		d.Causes = append(d.Causes, *c)
	}
	order := []Change{Appeared, Grew, WentAway, Shrank, AsBefore}
	slices.SortFunc(d.Causes, func(a, b Changed) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Change), slices.Index(order, b.Change)), cmp.Compare(a.P, b.P),
			cmp.Compare(max(b.Before, b.After), max(a.Before, a.After)), strings.Compare(a.Rule.ID, b.Rule.ID))
	})
	return d
}

// share is the part of all connections that are in the second capture; where one of the
// two has none, of the time.
func (d *Diff) share() float64 {
	a, b := float64(d.Before.summary.Flows.Connections), float64(d.After.summary.Flows.Connections)
	if a == 0 || b == 0 {
		a, b = float64(spanOf(d.Before.summary)), float64(spanOf(d.After.summary))
	}
	if a+b == 0 {
		return 0.5
	}
	return b / (a + b)
}

func spanOf(s *analyzer.Summary) int64 {
	if s.Frames == 0 || !told(s.First) || !told(s.Last) {
		return 0
	}
	return s.Last - s.First
}

func (c *Changed) judge(share float64) {
	c.P = binomial(c.After, c.Before+c.After, share)
	expected := share * float64(c.Before+c.After)
	switch {
	case c.Before == 0:
		c.Change = Appeared
	case c.After == 0:
		c.Change = WentAway
	case c.P >= chance:
		c.Change = AsBefore
	case float64(c.After) > expected:
		c.Change = Grew
	default:
		c.Change = Shrank
	}
}

// binomial is the two-sided probability of k of n, or of what is no more probable, when
// each is one with probability p. For many it is that of the normal distribution.
func binomial(k, n uint64, p float64) float64 {
	switch {
	case p <= 0 || p >= 1 || n == 0:
		return 1
	case n > 2000:
		mean, dev := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
		z := max(0, math.Abs(float64(k)-mean)-0.5) / dev
		return math.Erfc(z / math.Sqrt2)
	}
	logged := func(k uint64) float64 {
		a, _ := math.Lgamma(float64(n) + 1)
		b, _ := math.Lgamma(float64(k) + 1)
		c, _ := math.Lgamma(float64(n-k) + 1)
		return a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p)
	}
	limit := logged(k) + 1e-9
	sum := 0.0
	for i := uint64(0); i <= n; i++ {
		if l := logged(i); l <= limit {
			sum += math.Exp(l)
		}
	}
	return min(1, sum)
}

// Worse reports whether a cause appeared or grew, and not by chance.
func (d *Diff) Worse() bool {
	return slices.ContainsFunc(d.Causes, func(c Changed) bool {
		return (c.Change == Appeared || c.Change == Grew) && c.P < chance
	})
}

// changeTitles are the headings.
var changeTitles = map[Change]string{
	Appeared: "Appeared", Grew: "Grew", WentAway: "Went away", Shrank: "Shrank", AsBefore: "As before",
}

// per writes so many incidents of as many connections as a rate.
func per(n, of uint64) string {
	if of == 0 {
		return "no connections"
	}
	return count(n, "incident") + " in " + count(of, "connection")
}

// rate writes a rate with three digits.
func rate(r float64) string {
	if r >= 1000 {
		return classify.Grouped(uint64(math.Round(r)))
	}
	return fmt.Sprintf("%.3g", r)
}

// perThousand is a rate by connections.
func perThousand(n, of uint64) string {
	if of == 0 {
		return "-"
	}
	return rate(1000 * float64(n) / float64(of))
}

// perMinute is that by time.
func perMinute(n uint64, s *analyzer.Summary) string {
	if span := spanOf(s); span > 0 {
		return rate(float64(n) * 60e9 / float64(span))
	}
	return "-"
}

func (t *Tally) title() string {
	var names []string
	for _, f := range t.summary.Files[:min(len(t.summary.Files), 3)] {
		names = append(names, clean(f))
	}
	if more := len(t.summary.Files) - 3; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return list(names)
}

func (t *Tally) sentence() string {
	s := t.summary
	return fmt.Sprintf("%s, in %s of capture", per(s.Incidents, s.Flows.Connections), lasted(s))
}

// DiffFormats are those of WriteDiff.
var DiffFormats = []string{"text", "md", "json"}

// WriteDiff writes a comparison as one of DiffFormats.
func WriteDiff(w io.Writer, format string, d *Diff, o Options) error {
	out := bufio.NewWriter(w)
	switch format {
	case "json":
		e := json.NewEncoder(out)
		e.SetIndent("", " ")
		if err := e.Encode(d.json()); err != nil {
			return err
		}
	case "md":
		d.markdown(out)
	default:
		if o.Width == 0 {
			o.Width = 80
		}
		o.Width = min(max(o.Width, textMin), textMost)
		d.text(&text{w: out, o: o})
	}
	return out.Flush()
}

func (d *Diff) text(t *text) {
	t.indented(0, "Before: "+d.Before.title()+": "+d.Before.sentence())
	t.indented(0, "After:  "+d.After.title()+": "+d.After.sentence())
	if len(d.Causes) == 0 {
		t.line("")
		t.indented(0, "No connection was reset in either.")
		return
	}
	var at Change
	for k := range d.Causes {
		c := &d.Causes[k]
		if c.Change != at {
			at = c.Change
			t.line("")
			t.heading("%s", changeTitles[at])
		}
		t.item(0, fmt.Sprintf("%s (%s): %s", c.Rule.Title, c.Rule.ID, d.words(c)))
		for j := range c.Services[:min(len(c.Services), diffServices)] {
			s := &c.Services[j]
			t.indented(4, fmt.Sprintf("%s: %s before, %s after", s.Where, classify.Grouped(s.Before), classify.Grouped(s.After)))
		}
		if more := len(c.Services) - diffServices; more > 0 {
			t.indented(4, count(uint64(more), "more service"))
		}
	}
}

// words says what became of a cause.
func (d *Diff) words(c *Changed) string {
	b, a := d.Before.summary, d.After.summary
	return fmt.Sprintf("%s before, %s after; of 1,000 connections %s and %s, in a minute %s and %s; %s",
		count(c.Before, "incident"), classify.Grouped(c.After),
		perThousand(c.Before, b.Flows.Connections), perThousand(c.After, a.Flows.Connections),
		perMinute(c.Before, b), perMinute(c.After, a), c.Sure())
}

func (d *Diff) markdown(w *bufio.Writer) {
	m := &markdown{w: w}
	m.para("# TCP resets before and after")
	m.line("- **Before:** " + mdProse(mdCode(d.Before.title())+": "+d.Before.sentence()))
	m.line("- **After:** " + mdProse(mdCode(d.After.title())+": "+d.After.sentence()))
	m.line("")
	if len(d.Causes) == 0 {
		m.para("No connection was reset in either.")
		return
	}
	m.line("| What became of it | Cause | Before | After | Of 1,000 connections | In a minute | How sure |")
	m.line("| --- | --- | ---: | ---: | ---: | ---: | --- |")
	b, a := d.Before.summary, d.After.summary
	for k := range d.Causes {
		c := &d.Causes[k]
		for _, cell := range []string{
			changeTitles[c.Change], c.Rule.Title + " (" + mdCode(c.Rule.ID) + ")", classify.Grouped(c.Before), classify.Grouped(c.After),
			perThousand(c.Before, b.Flows.Connections) + " to " + perThousand(c.After, a.Flows.Connections),
			perMinute(c.Before, b) + " to " + perMinute(c.After, a), c.Sure(),
		} {
			m.w.WriteString("| " + strings.ReplaceAll(mdProse(cell), "|", `\|`) + " ")
		}
		m.line("|")
	}
	m.line("")
	m.para("How sure: the exact conditional test of two Poisson rates, over the connections of each capture.")
}

type (
	diffJSON struct {
		Type   string        `json:"type"`   // "diff"
		Schema string        `json:"schema"` // rstwhy-diff/1
		Before diffSideJSON  `json:"before"`
		After  diffSideJSON  `json:"after"`
		Causes []changedJSON `json:"causes"`
	}
	diffSideJSON struct {
		Files       []string `json:"files"`
		Connections uint64   `json:"connections"`
		Incidents   uint64   `json:"incidents"`
		Span        seconds  `json:"span_seconds"`
	}
	changedJSON struct {
		Cause    string        `json:"cause,omitempty"`
		Service  string        `json:"service,omitempty"`
		Change   Change        `json:"change"`
		Before   uint64        `json:"incidents_before"`
		After    uint64        `json:"incidents_after"`
		P        float64       `json:"p_value"`
		Chance   bool          `json:"may_be_chance"`
		Services []changedJSON `json:"services,omitempty"`
	}
)

func (d *Diff) json() diffJSON {
	side := func(t *Tally) diffSideJSON {
		return diffSideJSON{append([]string{}, t.summary.Files...), t.summary.Flows.Connections, t.summary.Incidents, seconds(spanOf(t.summary))}
	}
	one := func(c *Changed) changedJSON {
		return changedJSON{Service: c.Where, Change: c.Change, Before: c.Before, After: c.After, P: c.P, Chance: c.P >= chance}
	}
	out := diffJSON{Type: "diff", Schema: "rstwhy-diff/1", Before: side(d.Before), After: side(d.After), Causes: []changedJSON{}}
	for k := range d.Causes {
		c := one(&d.Causes[k])
		c.Cause = d.Causes[k].Rule.ID
		for j := range d.Causes[k].Services {
			c.Services = append(c.Services, one(&d.Causes[k].Services[j]))
		}
		out.Causes = append(out.Causes, c)
	}
	return out
}
