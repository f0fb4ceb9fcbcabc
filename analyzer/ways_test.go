package analyzer_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/internal/synth"
)

// What a report names as the cause is never something that it excludes a few lines
// further down.
func TestVerdictIsLeft(t *testing.T) {
	for _, s := range scenarios(t) {
		path := filepath.Join(t.TempDir(), "a.pcap")
		if err := os.WriteFile(path, render(t, s.script, synth.Format{}), 0o600); err != nil {
			t.Fatal(err)
		}
		verdictsAreLeft(t, s.name(), path)
	}
	for _, path := range labCaptures(t) {
		verdictsAreLeft(t, path, path)
	}
}

// The same in public captures.
func TestCorpusVerdictIsLeft(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(corpusDir(t), "*.*cap*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		verdictsAreLeft(t, filepath.Base(path), path)
	}
}

func verdictsAreLeft(t *testing.T, name, path string) {
	t.Helper()
	got, _ := analyse(t, path, capture.Config{})
	for _, i := range got.incidents {
		v := &i.Verdict
		if v.Rule.ID != "unclassified" && v.Rule.Ways&v.Possible == 0 {
			t.Errorf("%s, frame %d: %s (%v), which comes about in the ways %07b; what is left is %07b",
				name, i.Reset.RST.Frame, v.Rule.ID, v.Confidence, v.Rule.Ways, v.Possible)
		}
	}
}
