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
	excluded  [NumWays]Exclusion
	plans     [plansLen]plan
}

type match struct {
	rule       *ranked
	confidence Confidence
	beaten     bool // another that matched as well goes before it
	findings   Findings
}

// tells reports whether the evidence of m tells it from the rule of that rank.
// What is no more than possible has told nothing.
func (m *match) tells(rank int) bool { return m.confidence > Possible && m.rule.settled.has(rank) }

// goesBefore reports whether m goes before the rule of that rank where it fits at
// least as well.
func (m *match) goesBefore(rank int) bool {
	return m.rule.over.has(rank) && (m.confidence > Possible || !m.rule.settled.has(rank))
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
	c.measure()
	p := j.planFor(c)
	c.Origin = originOf(c, p.signs, &j.notes)
	j.alsoFits = j.alsoFits[:0]
	left := eliminate(c)
	j.unchecked = append(j.unchecked[:0], p.unchecked...)
	matched := j.matched[:j.match(c, p)]
	ms, accord := j.decide(c, matched, &left)
	general := len(ms) == 0
	if general {
		ms, accord = j.generally(c, len(matched), &left)
	}
	best := 0 // a general cause stands first
	if !general {
		best = j.table.best(ms)
	}
	b := &ms[best]
	sayLoop(c, &b.findings)
	v = Verdict{
		Rule: b.rule.Rule, Kernel: accord, Confidence: b.confidence, Evidence: j.evidence.of(c, &b.findings),
		Mechanism: c.Mechanism, Missing: c.Missing, Stage: stageOf(c), Effect: c.Effect,
		Trigger: c.Trigger, Timing: c.Timing, Origin: c.Origin, Taken: c.Taken,
	}
	if b.rule.Harm != nil {
		v.Harm = b.rule.Harm(c)
	} else {
		v.Harm = harmOf(c)
	}
	if general && b.rule != &nothingFits {
		storyOnlyLeft.bind(c, &v.Story)
	} else {
		b.rule.Story(c).bind(c, &v.Story)
	}
	if general {
		j.others(ms, best, ownOrNot)
	} else {
		j.others(ms, best, unlike)
	}
	v.Kernel = j.cover(c, b, &left, accord)
	if !general && len(ms) == 1 && len(j.alsoFits)+len(j.unchecked) == 0 && v.Kernel != Disagrees && c.Kernel.confirms(b.rule.Rule) {
		v.Confidence = max(v.Confidence, Likely)
	}
	if said := c.Kernel.ways(); v.Kernel != Disagrees && said&left.possible != 0 {
		left.not(left.possible&^said, becauseKernel)
	}
	v.Possible, v.Excluded = left.possible, j.exclude(c, &left)
	v.AlsoFits, v.Unchecked = j.alsoFits, j.unchecked
	return v
}

// match asks every rule of p, and returns how many match.
func (j *Judge) match(c *Case, p *plan) (n int) {
	ceiling := c.ceiling()
	for i := range p.rules {
		a := &p.rules[i]
		m := &j.matched[n]
		m.findings.n = 0
		m.confidence = a.match(c, &m.findings)
		if m.confidence == None {
			continue
		}
		m.confidence = min(m.confidence, ceiling)
		m.rule, m.beaten = a.rule, false
		n++
	}
	return n
}

// plan is what to ask about cases whose facts are the same: in a flood nearly all
// are.
type plan struct {
	key       planKey
	made      bool
	rules     []asked
	unchecked []*Rule // of the rules, those that what is missing keeps from being asked
	signs     []looked
}

type planKey struct {
	facts     Facts
	mechanism Mechanism
	missing   Missing
}

// plansLen is how many plans a Judge keeps; it is a power of two.
const plansLen = 64

// planFor returns the plan for c.
func (j *Judge) planFor(c *Case) *plan {
	key := planKey{c.Facts, c.Mechanism, c.Missing}
	p := &j.plans[(uint32(c.Facts)^uint32(c.Mechanism)<<5^uint32(c.Missing)<<9)*0x9e3779b1>>26%plansLen]
	if p.made && p.key == key {
		return p
	}
	p.key, p.made = key, true
	p.rules, p.unchecked, p.signs = p.rules[:0], p.unchecked[:0], p.signs[:0]
	for _, a := range j.table.asked[c.Mechanism] {
		switch {
		case c.Missing.Has(a.needs):
			p.unchecked = append(p.unchecked, a.rule.Rule)
		case c.Facts.Has(a.when):
			p.rules = append(p.rules, a)
		}
	}
	for _, l := range signsFor[c.Mechanism] {
		if c.Facts.Has(l.when) {
			p.signs = append(p.signs, l)
		}
	}
	return p
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
	return ms, accord
}

// tellsMore reports whether t leaves no room for the verdict that ms have without
// it, or for some of what also fits.
func (j *Judge) tellsMore(t *Testimony, ms []match) bool {
	best := j.table.best(ms)
	j.others(ms, best, unlike)
	more := !t.allows(ms[best].rule.Rule) ||
		slices.ContainsFunc(j.alsoFits, func(a Alternative) bool { return !t.allows(a.Rule) })
	j.alsoFits = j.alsoFits[:0]
	return more
}

// unlike is the tell of two causes that matched equally well and of which
// nothing says which goes first. No capture is known that has them.
const unlike = "nothing in the packets: ask the host that sent the RST"

// ownOrNot is the tell between another hand's doing and the host's own.
const ownOrNot = "`nstat -az TcpOutRsts` on the host grows when the host itself sends the RST"

// others collects what also fits, the surest first.
func (j *Judge) others(ms []match, best int, tellElse string) {
	if len(ms) == 1 {
		return
	}
	b := &ms[best]
	for sure := b.confidence; sure > None && (sure == Certain || b.confidence < Certain); sure-- {
		for i := range ms {
			m := &ms[i]
			if i == best || m.confidence != sure {
				continue
			}
			tell := tellElse
			switch {
			case b.tells(m.rule.rank) && sure <= b.confidence, b.confidence == Certain && b.goesBefore(m.rule.rank):
				continue
			case b.rule.told.has(m.rule.rank):
				tell = b.rule.tell(m.rule.Rule)
			case sure < b.confidence || m.beaten:
				continue // the evidence, or what was declared, decides between them
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
	told ruleSet // those from which something tells it
	// settled are those of over from which its evidence tells it already
	settled ruleSet
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
	byID  map[string]*ranked
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
	t.byID = byID
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
			below := byID[o.ID]
			if below == nil {
				panic("classify: " + r.ID + " is to go before " + o.ID + ", which is no rule")
			}
			r.over.add(below.rank)
			if o.Told {
				r.settled.add(below.rank)
			}
		}
		for _, o := range t.rules {
			if o != r && r.tell(o.Rule) != "" {
				r.told.add(o.rank)
			}
		}
		for m := range t.asked {
			if r.Mechanisms.Has(Mechanism(m)) {
				t.asked[m] = append(t.asked[m], asked{r.When, r.Needs, r.Match, r})
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
			if o := &ms[k]; o.confidence >= m.confidence && o.goesBefore(m.rule.rank) {
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
