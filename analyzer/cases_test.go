package analyzer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/internal/synth"
)

// openCases are conversations of others that are explained wrongly so far, as
// far as their sections findings, says and never says tell. What is mended
// leaves the list: a case that comes out right must not stand in it. Of
// pub-stranger-after-reset the origin is right, the server's own; what is open is
// whether the command that it had not answered was read; of
// old-copy-refused-beside-the-nat, pub-hold-timer and pub-jittery-rtt, that the
// set is wider than an expert's.
var openCases = strings.Fields(`
	old-copy-refused-beside-the-nat
	pub-clients-leave-together
	pub-hold-timer
	pub-jittery-rtt
	pub-scan-slow-answer
	pub-stranger-after-reset
`)

// TestCases holds verdicts against conversations that others have written, from
// what they met in the field: $RSTWHY_CASES or ../shared/cases beside the
// project. Each holds what would be right, as a scenario does.
func TestCases(t *testing.T) {
	paths := othersCases(t)
	if len(paths) == 0 {
		t.Skip("SKIPPED: there are no conversations of others in ../shared/cases; RSTWHY_CASES names another folder")
	}
	right := 0
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := synth.Parse(path, text)
		if err != nil {
			t.Fatal(err)
		}
		wrong := caseFaults(t, scenario{path, s})
		open := slices.Contains(openCases, name)
		switch {
		case len(wrong) == 0:
			right++
			if open {
				t.Errorf("%s comes out right: take it out of the list of those that do not", name)
			}
		case !open:
			t.Errorf("%s comes out wrong:\n%s", name, strings.Join(wrong, "\n"))
		default:
			t.Logf("%s, known to be wrong:\n%s", name, strings.Join(wrong, "\n"))
		}
	}
	t.Logf("%d of %d right", right, len(paths))
}

// othersCases are the files of conversations that others have written.
func othersCases(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("RSTWHY_CASES")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "cases")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// caseFaults are the lines of s that do not hold.
func caseFaults(t *testing.T, s scenario) (wrong []string) {
	t.Helper()
	if text, _, ok := s.script.Section("findings"); ok {
		var want, got []string
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "#")
			if line = fields(line); line != "" {
				want = append(want, line)
			}
		}
		for _, l := range find(t, 0, render(t, s.script, synth.Format{})).lines {
			got = append(got, fields(l))
		}
		if !slices.Equal(want, got) {
			wrong = append(wrong, fmt.Sprintf("  want %s\n  got  %s", strings.Join(want, "\n       "), strings.Join(got, "\n       ")))
		}
	}
	report := textReport(t, s.script)
	for _, section := range []string{"says", "never says"} {
		text, _, _ := s.script.Section(section)
		for line := range strings.Lines(string(text)) {
			line = strings.Join(strings.Fields(line), " ")
			if line != "" && strings.Contains(report, line) == (section == "never says") {
				wrong = append(wrong, fmt.Sprintf("  %s: %s", section, line))
			}
		}
	}
	return wrong
}
