package report

import (
	"fmt"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

// Condition counts the incidents that are of a kind, to say whether there were too
// many. It is a sink.
type Condition struct {
	Words string // as the user wrote it
	Is    func(*analyzer.Incident) bool
	More  uint64 // it holds when there are more than so many
	n     uint64
}

// Incident counts i.
func (c *Condition) Incident(i *analyzer.Incident) error {
	if c.Is(i) {
		c.n++
	}
	return nil
}

// Note does nothing.
func (c *Condition) Note(*flows.Note) error { return nil }

// Close does nothing.
func (c *Condition) Close(*analyzer.Summary) error { return nil }

// Holds says how many incidents there were, and that they were too many; "" when they
// were not.
func (c *Condition) Holds() string {
	if c.n <= c.More {
		return ""
	}
	if c.n == 1 {
		return "--fail-on " + c.Words + ": there is 1 such incident"
	}
	return fmt.Sprintf("--fail-on %s: there are %s such incidents", c.Words, classify.Grouped(c.n))
}

// ConditionOf returns what a word of a condition means: any; harm; likely or certain,
// which is at least so sure; the ID of a cause; or of a family.
func ConditionOf(word string) (is func(*analyzer.Incident) bool, ok bool) {
	switch word {
	case "any":
		return func(*analyzer.Incident) bool { return true }, true
	case "harm":
		return Harmful, true
	}
	if sure, ok := ConfidenceNamed(word); ok {
		return func(i *analyzer.Incident) bool { return i.Verdict.Confidence >= sure }, true
	}
	if rule := classify.ByID(word); rule != nil {
		return func(i *analyzer.Incident) bool { return i.Verdict.Rule == rule }, true
	}
	for _, f := range classify.Families() {
		if string(f) == word {
			return func(i *analyzer.Incident) bool { return i.Verdict.Rule.Family == f }, true
		}
	}
	return nil, false
}

// ConditionWords are those that ConditionOf knows beside causes and families.
var ConditionWords = []string{"any", "harm", "likely", "certain"}

// ConfidenceNamed returns the confidence of that name.
func ConfidenceNamed(name string) (classify.Confidence, bool) {
	for c := classify.Possible; c <= classify.Certain; c++ {
		if c.String() == name {
			return c, true
		}
	}
	return classify.None, false
}
