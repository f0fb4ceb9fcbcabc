package report

import (
	"fmt"
	"slices"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
)

// Grade says how much of its connections a capture holds.
type Grade struct {
	// Lacks is what is missing, nothing for a capture that holds all of them.
	Lacks []Lack
}

// Lack is something that a capture lacks, or has too much of.
type Lack struct {
	ID     string // of JSON
	Words  string // without a full stop
	Number uint64 // of connections, or of what the words name
	Of     uint64 // connections in all, 0 where the number is of something else
	// Untold are the causes that cannot be told for the connections concerned.
	Untold []*classify.Rule
}

// Word is the grade in one word: whole, partial, or resets-alone for what holds nothing
// but RSTs.
func (g *Grade) Word() string {
	switch {
	case len(g.Lacks) == 0:
		return "whole"
	case g.Lacks[0].ID == lackResetsAlone:
		return "resets-alone"
	}
	return "partial"
}

const lackResetsAlone = "resets-alone"

func gradeOf(s *analyzer.Summary) Grade {
	f := &s.Flows
	var g Grade
	say := func(n, of uint64, id, words string, untold []*classify.Rule) {
		if n > 0 {
			g.Lacks = append(g.Lacks, Lack{id, words, n, of, untold})
		}
	}
	if f.RSTs > 0 && f.RSTs == f.Segments {
		say(f.RSTs, 0, lackResetsAlone, "it holds nothing but RSTs", classify.Untold(classify.MissingHandshake|classify.MissingSender|classify.MissingReceiver))
	}
	open := "connections were already open when the capture started"
	if f.MidStream == 1 {
		open = "connection was already open when the capture started"
	}
	say(f.MidStream, f.Connections, "began-before", classify.Grouped(f.MidStream)+" "+open, classify.Untold(classify.MissingHandshake))
	var both []*classify.Rule
	for _, r := range classify.Untold(classify.MissingSender) {
		if slices.Contains(classify.Untold(classify.MissingReceiver), r) {
			both = append(both, r)
		}
	}
	one := "connections show one direction only"
	if f.OneSided == 1 {
		one = "connection shows one direction only"
	}
	say(f.OneSided, f.Connections, "one-direction", classify.Grouped(f.OneSided)+" "+one, both)
	say(f.Gaps, 0, "sequence-gaps", count(f.Gaps, "gap")+" in the sequence numbers (lost by the capture, or late): no verdict on such a connection is certain", nil)
	duplicates := "packets are in it twice"
	if f.Duplicates == 1 {
		duplicates = "packet is in it twice"
	}
	say(f.Duplicates, 0, "duplicate-packets", classify.Grouped(f.Duplicates)+" "+duplicates, nil)
	if f.Backwards > 0 && f.BackwardsLargest > s.LateLargest {
		say(f.Backwards, 0, "out-of-time-order", fmt.Sprintf("time runs backwards %s, by %s at most", count(f.Backwards, "time"), classify.Duration(f.BackwardsLargest)), nil)
	}
	return g
}

// untoldShown is how many causes a sentence names.
const untoldShown = 3

// sentence is what is missing, and what cannot be told for that.
func (l *Lack) sentence() string {
	if len(l.Untold) == 0 {
		return l.Words
	}
	var ids []string
	for _, r := range l.Untold[:min(len(l.Untold), untoldShown)] {
		ids = append(ids, r.ID)
	}
	if more := len(l.Untold) - untoldShown; more > 0 {
		ids = append(ids, count(uint64(more), "other cause"))
	}
	return l.Words + ": " + list(ids) + " cannot be told for " + themOrIt(l.Number)
}

func themOrIt(n uint64) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// lackJSON is a Lack.
type lackJSON struct {
	What        string   `json:"what"` // resets-alone, began-before, one-direction, sequence-gaps, duplicate-packets or out-of-time-order
	Text        string   `json:"text"`
	Number      uint64   `json:"number"`
	Connections uint64   `json:"of_connections,omitempty"` // in all, where the number is of connections
	Untold      []string `json:"untold_causes,omitempty"`  // that cannot be told for these
}

// gradeJSON is how much of its connections the capture holds.
type gradeJSON struct {
	Grade string     `json:"grade"` // whole, partial or resets-alone
	Lacks []lackJSON `json:"lacks"`
}

func (g *Grade) json() gradeJSON {
	j := gradeJSON{g.Word(), []lackJSON{}}
	for k := range g.Lacks {
		l := &g.Lacks[k]
		one := lackJSON{What: l.ID, Text: l.Words, Number: l.Number, Connections: l.Of}
		for _, r := range l.Untold {
			one.Untold = append(one.Untold, r.ID)
		}
		j.Lacks = append(j.Lacks, one)
	}
	return j
}
