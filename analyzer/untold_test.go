package analyzer_test

import (
	"context"
	"slices"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

// TestUntold reads the recordings without their handshakes, and one direction of them
// alone: no verdict is one that a report says cannot be told then.
func TestUntold(t *testing.T) {
	bySender, byReceiver := classify.Untold(classify.MissingSender), classify.Untold(classify.MissingReceiver)
	either := func(r *classify.Rule) bool { return slices.Contains(bySender, r) && slices.Contains(byReceiver, r) }
	noHandshake := func(r *classify.Rule) bool { return slices.Contains(classify.Untold(classify.MissingHandshake), r) }
	for _, tt := range []struct {
		filter string
		untold func(*classify.Rule) bool
		of     func(*flows.Reset) bool
	}{
		{"tcp[13] & 2 = 0", noHandshake, func(r *flows.Reset) bool { return r.Flow.Handshake == flows.MidStream }},
		{"src host 10.7.0.1", either, func(*flows.Reset) bool { return true }},
		{"src host 10.7.0.2", either, func(*flows.Reset) bool { return true }},
	} {
		n := 0
		for _, path := range labCaptures(t) {
			src, err := capture.Open([]string{path}, capture.Config{Filter: tt.filter})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := analyzer.Run(context.Background(), src, analyzer.Config{}, analyzer.IncidentFunc(func(i *analyzer.Incident) error {
				if n++; tt.of(i.Reset) && tt.untold(i.Verdict.Rule) {
					t.Errorf("%s, %s, frame %d: %s, of which it is said that nobody can tell it", path, tt.filter, i.Reset.RST.Frame, i.Verdict.Rule.ID)
				}
				return nil
			})); err != nil {
				t.Fatal(err)
			}
			src.Close()
		}
		if n < 50 {
			t.Errorf("%s: %d incidents only", tt.filter, n)
		}
	}
}
