package analyzer_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/internal/audit"
	"github.com/rstwhy/rstwhy/internal/lab/field"
)

// falseAtMost is one in how many values may be false, for now: such conversations still
// find a kind that no scenario has, one or two of a thousand. The captures of a run
// that fails are kept.
const falseAtMost = 300

// What is printed of conversations that nobody has seen before is true of the
// packets, and does not contradict itself. The seed is another one each time;
// RSTWHY_FIELD_SEED asks for one again.
func TestSentencesInTheField(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	if err := field.Missing(); err != nil {
		if os.Getenv("RSTWHY_LIVE") == "require" {
			t.Fatal(err)
		}
		t.Skip("cannot record here: ", err)
	}
	seed := rand.Uint64()
	if s := os.Getenv("RSTWHY_FIELD_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("RSTWHY_FIELD_SEED is %q, want a number", s)
		}
	}
	t.Logf("RSTWHY_FIELD_SEED=%d asks for these conversations again", seed)
	plan, err := field.NewPlan(seed, 150, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "rstwhy-audit-")
	if err != nil {
		t.Fatal(err)
	}
	// Another run of the seed would give other packets.
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("the captures are kept: ", dir)
			return
		}
		os.RemoveAll(dir)
	})
	if err := field.Run(plan, dir, t.Output()); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.pcap"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	var a audited
	var disagree []string
	open := func(path string) analyzer.Source {
		src, err := capture.Open([]string{path}, capture.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { src.Close() })
		return src
	}
	for _, path := range paths {
		auditAll(t, filepath.Base(path), open(path), &a)
		for _, d := range agreeing(t, open(path)) {
			disagree = append(disagree, filepath.Base(path)+": "+d)
		}
	}
	t.Logf("%d values true, %d undecidable", a.answers[audit.True], a.answers[audit.Undecidable])
	if a.answers[audit.True] < 1000 {
		t.Errorf("%d values of %d captures", a.answers[audit.True], len(paths))
	}
	faults := append(a.faults, disagree...)
	for _, f := range faults {
		t.Log("FALSE: ", f)
	}
	if most := a.answers[audit.True] / falseAtMost; len(faults) > most {
		t.Errorf("%d sentences are false or contradict another, want at most %d", len(faults), most)
	}
}
