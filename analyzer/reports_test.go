package analyzer_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/internal/synth"
)

// openReports are public reports that do not come out right so far, with what
// they do: partly, where the truth is among what also fits. What is mended
// leaves the list.
var openReports = map[string]string{
	"checks-of-a-balancer":               "partly",
	"host-that-only-shakes-hands":        "partly",
	"refusal-with-the-number-of-the-syn": "partly",
}

// TestFieldReports holds verdicts against what people posted and what the cause
// turned out to be: testdata/reports, and docs/field-reports.md as a table. A
// line of a section findings names the first frame of an incident and the causes
// that are right. Later RSTs of an incident need no line.
func TestFieldReports(t *testing.T) {
	paths, err := filepath.Glob("../testdata/reports/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s, err := synth.Parse(path, text)
			if err != nil {
				t.Fatal(err)
			}
			got, why := judgeReport(t, s)
			want, open := openReports[name]
			if !open {
				want = "right"
			}
			if got != want {
				t.Errorf("%s, and not %s:\n%s", got, want, strings.Join(why, "\n"))
			} else if open {
				t.Logf("%s so far:\n%s", got, strings.Join(why, "\n"))
			}
		})
	}
}

// judgeReport compares what is found with the section findings of s: right,
// partly or wrong, and why it is not right.
func judgeReport(t *testing.T, s *synth.Script) (verdict string, why []string) {
	t.Helper()
	text, _, ok := s.Section("findings")
	if !ok {
		t.Fatal("no section findings")
	}
	wants := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 2 {
			wants[f[1]] = f[2:]
		}
	}
	verdict = "right"
	worse := func(v, line string) {
		why = append(why, "  "+line)
		if verdict != "wrong" {
			verdict = v
		}
	}
	found := find(t, 0, render(t, s, synth.Format{}))
	incidents := 0
	for _, line := range found.lines {
		f := strings.Fields(line)
		if f[0] != "frame" {
			continue
		}
		set := found.sets[incidents]
		incidents++
		first, _, _ := strings.Cut(f[1], ",")
		right, ok := wants[first]
		delete(wants, first)
		fits := func(cause string) bool { return slices.Contains(right, cause) }
		switch {
		case !ok && set[0] == "follow-up":
		case !ok:
			worse("partly", line+": not a finding of the report")
		case fits(set[0]):
		case slices.ContainsFunc(set, fits):
			worse("partly", line+": right is "+strings.Join(right, " or "))
		default:
			worse("wrong", line+": right is "+strings.Join(right, " or "))
		}
	}
	for frame, right := range wants {
		worse("wrong", "frame "+frame+": no incident, right is "+strings.Join(right, " or "))
	}
	said := textReport(t, s)
	says, _, _ := s.Section("says")
	for line := range strings.Lines(string(says)) {
		if line = strings.Join(strings.Fields(line), " "); line != "" && !strings.Contains(said, line) {
			worse("partly", "it does not say: "+line)
		}
	}
	return verdict, why
}
