package classify

import "slices"

// decide returns those of ms that the kernel's word and the ways that are left leave,
// and what the word did; none where a general cause is to stand for what is left.
func (j *Judge) decide(c *Case, ms []match, left *elimination) ([]match, Accord) {
	bare := j.possible(c, ms, left, &Testimony{})
	if len(bare) == 0 && (len(ms) == 0 || j.generalRule(c, left, &c.Kernel) != &nothingFits) {
		return nil, NotAsked
	}
	heard, accord := j.hear(&c.Kernel, ms)
	switch {
	case accord != Disagrees:
		return j.possible(c, heard, left, &c.Kernel), accord
	case len(bare) == 0:
		return nil, accord
	}
	return heard, accord
}

// possible returns ms without what can have come about in none of the ways that are
// left, where nothing but another hand is: a pattern of the host's own doing is no
// verdict then, and fits beside one no better than possibly. What is certain has proved
// its way. It returns nothing where a general cause, one that t allows, is to stand for
// what is left.
func (j *Judge) possible(c *Case, ms []match, left *elimination, t *Testimony) []match {
	if left.possible == 0 || left.possible&^otherHands != 0 {
		return ms
	}
	fits := func(m *match) bool { return m.rule.Ways&left.possible != 0 || m.confidence == Certain }
	n := 0
	for i := range ms {
		if fits(&ms[i]) {
			n++
		}
	}
	if n == 0 && j.generalRule(c, left, t) != &nothingFits {
		return nil
	}
	for i := range ms {
		if m := &ms[i]; !fits(m) {
			m.confidence = Possible
		}
	}
	return ms
}

// generally is what there is where no pattern fits: the general cause of a way that is
// left, with what is plain about the RST, and possibly the n patterns that would fit if
// it were the host's own; and what the kernel's word did to them.
func (j *Judge) generally(c *Case, n int, left *elimination) ([]match, Accord) {
	ms := j.matched[:n]
	g := j.generalRule(c, left, &c.Kernel)
	ms = slices.DeleteFunc(ms, func(m match) bool {
		return m.rule == g || c.Origin.Signs.Proofs() != 0 || c.Kernel.Word != Unasked && !c.Kernel.allows(m.rule.Rule)
	})
	n = len(ms)
	ms = j.matched[:n+1]
	ms[0], ms[n] = ms[n], ms[0]
	ms[0].rule, ms[0].beaten, ms[0].findings.n = g, false, 0
	ms[0].confidence = unclassified.Match(c, &ms[0].findings)
	for i := range ms[1:] {
		ms[1+i].confidence = Possible
	}
	if c.Kernel.Word == Unasked {
		return ms, NotAsked
	}
	j.unchecked = slices.DeleteFunc(j.unchecked, func(r *Rule) bool { return !c.Kernel.allows(r) })
	return ms, Agrees
}

// generalRule is the general cause of the first way that is left and that the kernel's
// word allows: nothing is unexplained while a way is left.
func (j *Judge) generalRule(c *Case, left *elimination, t *Testimony) *ranked {
	for w := WayAnswer; w < NumWays; w++ {
		if !left.possible.Has(w) {
			continue
		}
		// What stands alone is a box's before it is a forger's.
		if g := j.table.byID[generalOf(c, w, left.possible&^ways(WayForgery)).id]; g != nil && (t.Word == Unasked || t.allows(g.Rule)) {
			return g
		}
	}
	return &nothingFits
}

var storyOnlyLeft = sentence("story-only-left", "A RST in the name of {sender} reached {receiver}; nothing in the capture tells why, beyond what it rules out.")

// cover adds the general cause of each way that is left and for which neither
// the verdict nor what also fits stands, and returns what the kernel's word did,
// which may leave no room for such a cause.
func (j *Judge) cover(c *Case, b *match, left *elimination, accord Accord) Accord {
	stand := b.rule.Ways
	for _, a := range j.alsoFits {
		stand |= a.Rule.Ways
	}
	left.readmit(stand&ways(WayBox), becauseNoSign) // what matches is such a sign
	if b.rule.Ways&left.possible == 0 {
		left.readmit(b.rule.Ways, becauseSameDistance) // a filter on the host itself is as far away
	}
	if b.confidence == Certain {
		left.not(left.possible&^stand, becauseProven)
	}
	open := left.possible &^ stand
	for w := WayAnswer; open>>w != 0; w++ {
		if !open.Has(w) || stand.Has(w) {
			continue
		}
		g := generalOf(c, w, left.possible)
		r := j.table.byID[g.id]
		if r == nil || r == b.rule {
			continue
		}
		if accord != Disagrees && !c.Kernel.allows(r.Rule) {
			accord = Decides
			continue
		}
		tell := b.rule.tell(r.Rule)
		if tell == "" {
			tell = g.tell
		}
		j.alsoFits = append(j.alsoFits, Alternative{r.Rule, tell})
		stand |= r.Ways | 1<<w
	}
	return accord
}

// exclude binds the reasons of left to the facts of c.
func (j *Judge) exclude(c *Case, left *elimination) []Exclusion {
	n := 0
	for _, x := range left.excluded[:left.n] {
		if x.ways == 0 {
			continue // all of it was readmitted
		}
		j.excluded[n].Ways = x.ways
		x.because.bind(c, &j.excluded[n].Because)
		n++
	}
	return j.excluded[:n]
}
