package classify

import (
	"slices"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
)

// Alternative is a cause that the packets cannot exclude.
type Alternative struct {
	Rule *Rule
	Tell string // the observation that would tell it from the verdict
}

// Verdict is the answer for one reset.
type Verdict struct {
	Rule       *Rule
	Kind       Kind
	Confidence Confidence
	Story      string // Rule.Story of this case, placeholders unfilled
	Evidence   []Evidence
	AlsoFits   []Alternative
	// Untold are the rules that could not be asked because the capture lacks
	// what they need.
	Untold  []*Rule
	Trigger flows.Segment
	Timing  Timing
	Lacks   Lack
	Stage   Stage
	Origin  Origin
	Effect  Effect
	Harm    Harm
}

// Clone copies v so that it outlives the next verdict of its Judge.
func (v *Verdict) Clone() Verdict {
	c := *v
	c.Evidence = slices.Clone(v.Evidence)
	c.AlsoFits = slices.Clone(v.AlsoFits)
	c.Untold = slices.Clone(v.Untold)
	c.Origin.Hard = slices.Clone(v.Origin.Hard)
	c.Origin.Soft = slices.Clone(v.Origin.Soft)
	return c
}

// Judge finds causes. The zero value is ready. It reuses memory between calls
// and is not safe for concurrent use.
type Judge struct {
	matched  []match // as many as there are rules
	c        Case
	origin   originNotes
	alsoFits []Alternative
	untold   []*Rule
}

type match struct {
	rule       *Rule
	confidence Confidence
	findings   Findings
}

// Verdict judges r, which has settled. What it returns shares nothing with r;
// its lists are the Judge's, and valid until the next call.
// The view is that of the moment at which r settled.
func (j *Judge) Verdict(r *flows.Reset, around hosts.View) (v Verdict) {
	if j.matched == nil {
		j.matched = make([]match, len(rules))
	}
	c := &j.c
	c.open(r, around, &j.origin)
	v.Kind, v.Lacks, v.Stage, v.Effect = c.Kind, c.Lacks, stageOf(c), c.Effect
	j.alsoFits, j.untold = j.alsoFits[:0], j.untold[:0]
	n, best := 0, -1
	facts := factsOf(c)
	for _, a := range rulesFor[c.Kind] {
		if c.Lacks.Has(a.needs) {
			j.untold = append(j.untold, a.rule)
			continue
		}
		if !facts.Has(a.given) {
			continue
		}
		m := &j.matched[n]
		m.findings.n = 0
		m.confidence = a.rule.Match(c, &m.findings)
		if m.confidence == None {
			continue
		}
		m.confidence = min(m.confidence, c.ceiling())
		m.rule = a.rule
		n++
	}
	n = dropWider(j.matched[:n])
	for i := range n {
		if best < 0 || j.matched[i].confidence > j.matched[best].confidence {
			best = i
		}
	}
	if best < 0 {
		b := &j.matched[0]
		b.findings.n = 0
		b.rule = &unclassified
		b.confidence = unclassified.Match(c, &b.findings)
		best, n = 0, 1
	}
	b := &j.matched[best]
	v.Rule, v.Confidence = b.rule, b.confidence
	v.Evidence = b.findings.All()
	v.Story = b.rule.Story(c)
	v.Harm = harmOf(c)
	if b.rule.Harm != nil {
		v.Harm = b.rule.Harm(c)
	}
	for i := range n {
		if m := &j.matched[i]; i != best && (b.confidence < Certain || m.confidence == Certain) {
			tell := b.rule.tell(m.rule.ID)
			if tell == "" {
				continue // the evidence decides between them
			}
			j.alsoFits = append(j.alsoFits, Alternative{m.rule, tell})
		}
	}
	v.Trigger, v.Timing, v.Origin = c.Trigger, c.Timing, c.Origin
	v.AlsoFits, v.Untold = j.alsoFits, j.untold
	return v
}

// dropWider removes every match of a rule that another match, at least as sure,
// narrows, and returns how many are left.
func dropWider(ms []match) int {
	n := 0
	for i := range ms {
		wider := false
		for k := range ms {
			if ms[k].rule.Narrows == ms[i].rule.ID && ms[k].confidence >= ms[i].confidence {
				wider = true
				break
			}
		}
		if wider {
			continue
		}
		if n != i {
			ms[n], ms[i] = ms[i], ms[n]
		}
		n++
	}
	return n
}

// ceiling is how sure any verdict on c may be: never certain without the
// handshake, with a side missing, or with holes in what was captured.
func (c *Case) ceiling() Confidence {
	if c.Lacks != 0 {
		return Likely
	}
	return Certain
}
