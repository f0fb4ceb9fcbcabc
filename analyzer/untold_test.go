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
	untold := map[classify.Missing][]*classify.Rule{}
	for _, m := range []classify.Missing{classify.MissingHandshake, classify.MissingSender, classify.MissingReceiver} {
		untold[m] = classify.Untold(m)
	}
	lacks := map[classify.Missing]func(*flows.Reset) bool{
		classify.MissingHandshake: func(r *flows.Reset) bool { return r.Flow.Handshake == flows.MidStream },
		classify.MissingSender:    func(r *flows.Reset) bool { return !r.Sender().Spoke() },
		classify.MissingReceiver:  func(r *flows.Reset) bool { return !r.Receiver().Spoke() },
	}
	for _, filter := range []string{"tcp[13] & 2 = 0", "src host 10.7.0.1", "src host 10.7.0.2"} {
		n := 0
		for _, path := range labCaptures(t) {
			src, err := capture.Open([]string{path}, capture.Config{Filter: filter})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := analyzer.Run(context.Background(), src, analyzer.Config{}, analyzer.IncidentFunc(func(i *analyzer.Incident) error {
				n++
				for m, rules := range untold {
					if lacks[m](i.Reset) && slices.Contains(rules, i.Verdict.Rule) {
						t.Errorf("%s, %s, frame %d: %s, of which it is said that nobody can tell it", path, filter, i.Reset.RST.Frame, i.Verdict.Rule.ID)
					}
				}
				return nil
			})); err != nil {
				t.Fatal(err)
			}
			src.Close()
		}
		if n < 50 {
			t.Errorf("%s: %d incidents only", filter, n)
		}
	}
}
