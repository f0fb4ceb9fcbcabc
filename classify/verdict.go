package classify

import "github.com/rstwhy/rstwhy/flows"

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
}

// Judge finds causes. The zero value is ready. It reuses memory between calls
// and is not safe for concurrent use.
type Judge struct {
	matched [64]match
	scratch Findings
}

type match struct {
	rule       *Rule
	confidence Confidence
	findings   Findings
}

// Verdict judges r, which has settled. What it returns shares nothing with r.
func (j *Judge) Verdict(r *flows.Reset) Verdict {
	c := newCase(r)
	v := Verdict{Kind: c.Kind, Trigger: c.Trigger, Timing: c.Timing, Lacks: c.Lacks}
	n, best := 0, -1
	for i := range rules {
		rule := rules[i]
		if !rule.Kinds.Has(c.Kind) {
			continue
		}
		if c.Lacks.Has(rule.Needs) {
			v.Untold = append(v.Untold, rule)
			continue
		}
		m := &j.matched[n]
		m.findings.n = 0
		m.confidence = rule.Match(&c, &m.findings)
		if m.confidence == None {
			continue
		}
		m.confidence = min(m.confidence, c.ceiling())
		m.rule = rule
		if best < 0 || m.confidence > j.matched[best].confidence {
			best = n
		}
		n++
	}
	if best < 0 {
		v.Rule = &unclassified
		j.scratch.n = 0
		v.Confidence = unclassified.Match(&c, &j.scratch)
		v.Evidence = append([]Evidence(nil), j.scratch.All()...)
		v.Story = unclassified.Story(&c)
		return v
	}
	b := &j.matched[best]
	v.Rule, v.Confidence = b.rule, b.confidence
	v.Evidence = append([]Evidence(nil), b.findings.All()...)
	v.Story = b.rule.Story(&c)
	for i := range n {
		if m := &j.matched[i]; i != best {
			tell := b.rule.tell(m.rule.ID)
			if tell == "" {
				continue // the evidence decides between them
			}
			v.AlsoFits = append(v.AlsoFits, Alternative{m.rule, tell})
		}
	}
	return v
}

// ceiling is how sure any verdict on c may be: never certain without the
// handshake, with a side missing, or with holes in what was captured.
func (c *Case) ceiling() Confidence {
	if c.Lacks != 0 {
		return Likely
	}
	return Certain
}
