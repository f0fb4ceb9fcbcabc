package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
)

// NotGiven asks the rules that Verdict would not have asked for want of what
// they take as given, and returns those that match all the same, and how many
// were asked.
func (j *Judge) NotGiven(r *flows.Reset, around hosts.View) (wrong []*Rule, n int) {
	c := &j.c
	c.open(r, around, &j.origin)
	facts := factsOf(c)
	for _, rule := range rules {
		if !rule.Kinds.Has(c.Kind) || c.Lacks.Has(rule.Needs) || facts.Has(rule.Given) {
			continue
		}
		n++
		if rule.Match(c, new(Findings)) != None {
			wrong = append(wrong, rule)
		}
	}
	return wrong, n
}
