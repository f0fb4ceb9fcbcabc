package analyzer_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/internal/synth"
	"github.com/rstwhy/rstwhy/report"
)

// textReport is the report for people on the capture of s, short and then with
// every incident in full. Every run of white space is one space, so that it does
// not matter where lines break.
func textReport(t *testing.T, s *synth.Script) string {
	t.Helper()
	src, err := capture.Open([]string{"-"}, capture.Config{Stdin: bytes.NewReader(render(t, s, synth.Format{}))})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	format, ok := report.ByName("text")
	if !ok {
		t.Fatal("no format text")
	}
	var short, full strings.Builder
	sinks := []analyzer.Sink{
		format.New(&short, report.Options{Width: 120}),
		format.New(&full, report.Options{Width: 120, Verbose: true}),
	}
	sum, err := analyzer.Run(context.Background(), src, analyzer.Config{}, sinks...)
	if err != nil {
		t.Fatal(err)
	}
	for _, sink := range sinks {
		if err := sink.Close(sum); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(strings.Fields(short.String()+full.String()), " ")
}

// What people have asked about resets, each as a conversation. The findings name
// the cause, and each line of a section "says" is in the report: the evidence
// that they had needed.
func TestDemands(t *testing.T) {
	n := 0
	for _, s := range scenarios(t) {
		if filepath.Base(filepath.Dir(s.path)) != "demands" {
			continue
		}
		n++
		t.Run(strings.TrimSuffix(filepath.Base(s.path), ".txtar"), func(t *testing.T) {
			says, _, ok := s.script.Section("says")
			if !ok || len(bytes.TrimSpace(says)) == 0 {
				t.Fatal("no section says")
			}
			text := textReport(t, s.script)
			for line := range strings.Lines(string(says)) {
				if line = strings.Join(strings.Fields(line), " "); line != "" && !strings.Contains(text, line) {
					t.Errorf("the report does not say %q:\n%s", line, text)
				}
			}
		})
	}
	if n < 22 {
		t.Errorf("only %d demands", n)
	}
}
