package classify

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
