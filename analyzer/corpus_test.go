package analyzer_test

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
)

// corpusDir is where public captures by others lie; they are no part of the
// project. RSTWHY_CORPUS names another place.
func corpusDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("RSTWHY_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "pcaps")
	}
	if _, err := os.Stat(filepath.Join(dir, "rst-counts.tsv")); err != nil {
		t.Skipf("SKIPPED, NOTHING TESTED: no corpus of public captures at %s; set RSTWHY_CORPUS to one with a rst-counts.tsv", dir)
	}
	return dir
}

// Every RST that tshark counts in a public capture stands in exactly one
// incident, and hardly any stays without a cause.
func TestCorpusConservesRSTs(t *testing.T) {
	dir := corpusDir(t)
	f, err := os.Open(filepath.Join(dir, "rst-counts.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	total, incidents, unclassified := 0, 0, 0
	for _, row := range rows[1:] {
		name := row[0]
		want, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		src, err := capture.Open([]string{filepath.Join(dir, name)}, capture.Config{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var l lister
		sum, err := analyzer.Run(context.Background(), src, analyzer.Config{}, &l)
		src.Close()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, d := range sum.Damage {
			t.Logf("%s: damaged: %v", name, d)
		}
		seen := map[string]bool{}
		for _, line := range l.lines {
			if rest, ok := strings.CutPrefix(line, "frame "); ok {
				list, _, _ := strings.Cut(rest, " ")
				for frame := range strings.SplitSeq(list, ",") {
					if seen[frame] {
						t.Errorf("%s: frame %s stands in two incidents", name, frame)
					}
					seen[frame] = true
				}
			}
		}
		total += len(seen)
		for _, cause := range l.causes {
			incidents++
			if cause == "unclassified" {
				unclassified++
			}
		}
		if len(seen) != want {
			t.Errorf("%s: %d RST frames in incidents, tshark counts %d", name, len(seen), want)
		}
		if testing.Verbose() {
			for _, line := range l.lines {
				t.Logf("%s: %s", name, line)
			}
		}
	}
	t.Logf("%d captures, %d RST frames, %d incidents, %d unclassified", len(rows)-1, total, incidents, unclassified)
	if 50*unclassified >= incidents {
		t.Errorf("%d of %d incidents are unclassified, 2 %% or more", unclassified, incidents)
	}
}
