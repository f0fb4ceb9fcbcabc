package report

import (
	"fmt"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
)

// first keeps the first n causes of d; 0 keeps all. What is left out is counted in a
// line.
func (d *Document) first(n int) {
	if n > 0 && n < len(d.Causes) {
		d.Causes, d.More = d.Causes[:n], d.Causes[n:]
	}
}

// timers are the silences that connections had in common. They are of all connections,
// so that they say nothing of a selection.
func (d *Document) timers() []analyzer.TimerCluster {
	if d.Summary.Selection != "" || len(d.More) > 0 {
		return nil
	}
	return d.Summary.Timers
}

// shown says that something was left out, and how much, "" when nothing was.
func (d *Document) shown(quote func(string) string) string {
	var s string
	if l := d.Summary.LeftOut; d.Summary.Selection != "" {
		all := resetsOf(d.Causes) + resetsOf(d.More)
		s = "Shown: " + count(all, "reset")
		if all == 0 {
			s = "Shown: no reset"
		} else if n := d.causes(); len(d.More) == 0 {
			s += " of " + count(n, "cause")
		}
		s += " (" + quote(clean(d.Summary.Selection)) + "); "
		left := []string{}
		if l.Resets > 0 {
			left = append(left, count(l.Resets, "reset"))
		}
		if l.Notes > 0 {
			left = append(left, count(l.Notes, "unanswered connection"))
		}
		switch {
		case len(left) == 0:
			s += "nothing is left out."
		case l.Resets+l.Notes == 1:
			s += left[0] + " is left out."
		default:
			s += list(left) + " are left out."
		}
	}
	if len(d.More) > 0 {
		if s != "" {
			s += " "
		}
		first := "Only the first cause is shown"
		if n := uint64(len(d.Causes)); n > 1 {
			first = "Only the first " + count(n, "cause") + " are shown"
		}
		s += fmt.Sprintf("%s; %s more with %s not.", first, classify.Grouped(uint64(len(d.More))), count(resetsOf(d.More), "reset"))
	}
	return s
}
