package classify

// Judge finds causes. The zero value is ready. It reuses memory between calls
// and is not safe for concurrent use.
type Judge struct {
	matched   []match // as many as there are rules
	notes     originNotes
	alsoFits  []Alternative
	unchecked []*Rule
}

type match struct {
	rule       *Rule
	confidence Confidence
	findings   Findings
}

// Verdict judges c, whose Reset has settled; Around is that of the moment at
// which it did. It depends on nothing else. What it returns shares nothing with
// the Reset; its lists are the Judge's, and valid until the next call.
func (j *Judge) Verdict(c *Case) (v Verdict) {
	if j.matched == nil {
		j.matched = make([]match, len(rules))
	}
	c.measure(&j.notes)
	v.Mechanism, v.Missing, v.Stage, v.Effect = c.Mechanism, c.Missing, stageOf(c), c.Effect
	j.alsoFits, j.unchecked = j.alsoFits[:0], j.unchecked[:0]
	n, best := 0, -1
	for _, a := range rulesFor[c.Mechanism] {
		if c.Missing.Has(a.needs) {
			j.unchecked = append(j.unchecked, a.rule)
			continue
		}
		if !c.Facts.Has(a.when) {
			continue
		}
		m := &j.matched[n]
		m.findings.c, m.findings.n = c, 0
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
		b.findings.c, b.findings.n = c, 0
		b.rule = &unclassified
		b.confidence = unclassified.Match(c, &b.findings)
		best, n = 0, 1
	}
	b := &j.matched[best]
	v.Rule, v.Confidence = b.rule, b.confidence
	v.Evidence = b.findings.All()
	v.Story = b.rule.Story(c).say(c)
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
	v.AlsoFits, v.Unchecked = j.alsoFits, j.unchecked
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
