package classify

import "slices"

// Judge finds causes. The zero value is ready. It reuses memory between calls
// and is not safe for concurrent use.
type Judge struct {
	table     *table
	matched   []match // as many as there are rules
	notes     originNotes
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
		ms[0].findings.c, ms[0].findings.n = c, 0
		ms[0].confidence = unclassified.Match(c, &ms[0].findings)
	}
	ms, accord := j.hear(&c.Kernel, ms)
	best := j.table.best(ms)
	b := &ms[best]
	v = Verdict{
		Rule: b.rule.Rule, Kernel: accord, Confidence: b.confidence, Evidence: b.findings.All(), Story: b.rule.Story(c).say(c),
		Mechanism: c.Mechanism, Missing: c.Missing, Stage: stageOf(c), Effect: c.Effect,
		Trigger: c.Trigger, Timing: c.Timing, Origin: c.Origin,
	}
	if b.rule.Harm != nil {
		v.Harm = b.rule.Harm(c)
	} else {
		v.Harm = harmOf(c)
	}
	j.others(ms, best)
	v.AlsoFits, v.Unchecked = j.alsoFits, j.unchecked
	return v
}

// match asks every rule that can match, and returns how many did.
func (j *Judge) match(c *Case) (n int) {
	for i := range j.table.asked[c.Mechanism] {
		a := &j.table.asked[c.Mechanism][i]
		if c.Missing.Has(a.needs) {
			j.unchecked = append(j.unchecked, a.rule.Rule)
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
		m.rule, m.beaten = a.rule, false
		n++
	}
	return n
}

// hear returns those of ms for which t leaves room, and all of them when it
// leaves room for none.
//
// A kernel that names its reason, and leaves one cause of all that could be asked
// for, makes that likely: two independent witnesses say the same. It makes
// nothing certain, since what the packets left open besides its reason, such as
// which program did it, they still do.
func (j *Judge) hear(t *Testimony, ms []match) ([]match, Accord) {
	if t.Word == Unasked {
		return ms, NotAsked
	}
	accord := Agrees
	if j.tellsMore(t, ms) {
		accord = Decides
	}
	n := 0
	for i := range ms {
		ms[i].beaten = false
		if t.allows(ms[i].rule.Rule) {
			ms[n], ms[i] = ms[i], ms[n]
			n++
		}
	}
	if n == 0 {
		return ms, Disagrees
	}
	ms = ms[:n]
	j.unchecked = slices.DeleteFunc(j.unchecked, func(r *Rule) bool { return !t.allows(r) })
	if n == 1 && len(j.unchecked) == 0 && t.confirms(ms[0].rule.Rule) {
		ms[0].confidence = max(ms[0].confidence, Likely)
	}
	return ms, accord
}

// tellsMore reports whether t leaves no room for the verdict that ms have without
// it, or for some of what also fits.
func (j *Judge) tellsMore(t *Testimony, ms []match) bool {
	best := j.table.best(ms)
	j.others(ms, best)
	more := !t.allows(ms[best].rule.Rule) ||
		slices.ContainsFunc(j.alsoFits, func(a Alternative) bool { return !t.allows(a.Rule) })
	j.alsoFits = j.alsoFits[:0]
	return more
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
	rule  *ranked
	when  Facts
	needs Missing
}

// table is rules made ready to be asked.
type table struct {
	rules []*ranked
	asked [Abort + 1][]asked
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
				t.asked[m] = append(t.asked[m], asked{r, r.When, r.Needs})
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
