package classify

import "slices"

// NewJudgeOf returns a Judge that knows only the rules that keep wants.
func NewJudgeOf(keep func(*Rule) bool) *Judge {
	var some []*Rule
	for _, r := range rules {
		if !keep(r) {
			continue
		}
		c := *r
		c.Over = slices.DeleteFunc(slices.Clone(r.Over), func(o Over) bool { return !keep(ByID(o.ID)) })
		some = append(some, &c)
	}
	return &Judge{table: newTable(some)}
}
