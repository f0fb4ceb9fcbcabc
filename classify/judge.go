package classify

import "slices"

// Judge finds causes. The zero value is ready. It reuses memory between calls
// and is not safe for concurrent use.
type Judge struct {
	table     *table
	matched   []match // as many as there are rules
	notes     originNotes
	evidence  evidence
	alsoFits  []Alternative
	unchecked []*Rule
}

type match struct {
	rule       *ranked
	confidence Confidence
	beaten     bool // another that matched as well goes before it
	findings   Findings
}

// Verdict judges c, whose Reset has settled; Around is that of the moment at
// which it did. It depends on nothing else. What it returns shares nothing with
// the Reset; its lists are the Judge's, and valid until the next call.
func (j *Judge) Verdict(c *Case) (v Verdict) {
	if j.table == nil {
		j.table = &theTable
	}
	if j.matched == nil {
		j.matched = make([]match, len(j.table.rules))
	}
	c.measure(&j.notes)
	j.alsoFits, j.unchecked = j.alsoFits[:0], j.unchecked[:0]
	ms := j.matched[:j.match(c)]
	if len(ms) == 0 {
		ms = j.matched[:1]
		ms[0].rule = &nothingFits
		ms[0].findings.n = 0
		ms[0].confidence = unclassified.Match(c, &ms[0].findings)
	}
	best := j.table.best(ms)
	b := &ms[best]
	v = Verdict{
		Rule: b.rule.Rule, Confidence: b.confidence, Evidence: j.evidence.of(c, &b.findings),
		Mechanism: c.Mechanism, Missing: c.Missing, Stage: stageOf(c), Effect: c.Effect,
		Trigger: c.Trigger, Timing: c.Timing, Origin: c.Origin,
	}
	if b.rule.Harm != nil {
		v.Harm = b.rule.Harm(c)
	} else {
		v.Harm = harmOf(c)
	}
	b.rule.Story(c).bind(c, &v.Story)
	j.others(ms, best)
	v.AlsoFits, v.Unchecked = j.alsoFits, j.unchecked
	return v
}

// match asks every rule that can match, and returns how many did.
func (j *Judge) match(c *Case) (n int) {
	if c.Missing != 0 {
		for _, r := range j.table.needing[c.Mechanism] {
			if c.Missing.Has(r.Needs) {
				j.unchecked = append(j.unchecked, r.Rule)
			}
		}
	}
	asked := j.table.asked[c.Mechanism]
	for i := range asked {
		a := &asked[i]
		if !c.Facts.Has(a.when) || c.Missing.Has(a.needs) {
			continue
		}
		m := &j.matched[n]
		m.findings.n = 0
		m.confidence = a.match(c, &m.findings)
		if m.confidence == None {
			continue
		}
		m.confidence = min(m.confidence, c.ceiling())
		m.rule, m.beaten = a.rule, false
		n++
	}
	return n
}

// unlike is the tell of two causes that matched equally well and of which
// nothing says which goes first. No capture is known that has them.
const unlike = "nothing in the packets: ask the host that sent the RST"

// others collects what also fits, the surest first.
func (j *Judge) others(ms []match, best int) {
	b := &ms[best]
	for sure := b.confidence; sure > None && (sure == Certain || b.confidence < Certain); sure-- {
		for i := range ms {
			m := &ms[i]
			if i == best || m.confidence != sure {
				continue
			}
			tell := b.rule.tell(m.rule.Rule)
			if tell == "" {
				if sure < b.confidence || m.beaten {
					continue // the evidence, or what was declared, decides between them
				}
				tell = unlike
			}
			j.alsoFits = append(j.alsoFits, Alternative{m.rule.Rule, tell})
		}
	}
}

// ranked is a rule in a table.
type ranked struct {
	*Rule
	rank int // its place by ID, which decides where nothing else does
	over ruleSet
}

// ruleSet is a set of rules by rank.
type ruleSet [2]uint64

func (s *ruleSet) add(rank int)      { s[rank/64] |= 1 << (rank % 64) }
func (s *ruleSet) has(rank int) bool { return s[rank/64]>>(rank%64)&1 != 0 }

// asked is what decides whether to ask a rule, in few lines of memory.
type asked struct {
	when  Facts
	needs Missing
	match func(*Case, *Findings) Confidence
	rule  *ranked
}

// table is rules made ready to be asked.
type table struct {
	rules   []*ranked
	asked   [Abort + 1][]asked
	needing [Abort + 1][]*ranked // those of asked that need something of the capture
}

var (
	theTable    = *newTable(rules)
	nothingFits = ranked{Rule: &unclassified}
)

// newTable makes rules ready. Their order means nothing.
func newTable(rules []*Rule) *table {
	t := new(table)
	byID := make(map[string]*ranked)
	ids := make([]string, 0, len(rules))
	for _, r := range rules {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	for i, id := range ids {
		r := &ranked{Rule: rules[slices.IndexFunc(rules, func(r *Rule) bool { return r.ID == id })], rank: i}
		byID[id] = r
		t.rules = append(t.rules, r)
	}
	for _, r := range t.rules {
		for _, o := range r.Over {
			r.over.add(byID[o.ID].rank)
		}
		for m := range t.asked {
			if r.Mechanisms.Has(Mechanism(m)) {
				t.asked[m] = append(t.asked[m], asked{r.When, r.Needs, r.Match, r})
				if r.Needs != 0 {
					t.needing[m] = append(t.needing[m], r)
				}
			}
		}
	}
	return t
}

// best marks what others go before, and returns the match that comes first: of
// the surest the one that none of them goes before.
func (t *table) best(ms []match) int {
	best := 0
	for i := range ms {
		m := &ms[i]
		for k := range ms {
			if o := &ms[k]; o.confidence >= m.confidence && o.rule.over.has(m.rule.rank) {
				m.beaten = true
				break
			}
		}
		if b := &ms[best]; i > 0 && (m.confidence > b.confidence || m.confidence == b.confidence &&
			(b.beaten && !m.beaten || b.beaten == m.beaten && m.rule.rank < b.rule.rank)) {
			best = i
		}
	}
	return best
}
