package classify

import "slices"

// NotAsked asks the rules that Verdict would not have asked for want of what
// holds wherever they match, and returns those that match all the same, and how
// many were asked.
func (j *Judge) NotAsked(c *Case) (wrong []*Rule, n int) {
	c.measure(&j.notes)
	for _, rule := range rules {
		if !rule.Mechanisms.Has(c.Mechanism) || c.Missing.Has(rule.Needs) || c.Facts.Has(rule.When) {
			continue
		}
		n++
		if rule.Match(c, &Findings{c: c}) != None {
			wrong = append(wrong, rule)
		}
	}
	return wrong, n
}

// Unlike is the tell of causes between which nothing was declared.
const Unlike = unlike

// NewShuffledJudge returns a Judge over the rules in another order.
func NewShuffledJudge(shuffle func(n int, swap func(i, j int))) *Judge {
	other := slices.Clone(rules)
	shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
	return &Judge{table: newTable(other)}
}
