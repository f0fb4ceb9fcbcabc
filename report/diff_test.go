package report

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

func TestBinomial(t *testing.T) {
	for _, tt := range []struct {
		k, n uint64
		p    float64
		want float64
	}{
		{5, 10, 0.5, 1},
		{8, 10, 0.5, 0.109375}, // (1+10+45)/1024, twice
		{10, 10, 0.5, 2.0 / 1024},
		{3, 3, 0.25, 1.0 / 64},
		{0, 0, 0.5, 1},
		{1, 4, 0, 1},
		{1000, 4000, 0.25, 1},
		{1100, 4000, 0.25, 0.00028}, // of the normal distribution: z = 99.5 / 27.39
	} {
		if got := binomial(tt.k, tt.n, tt.p); math.Abs(got-tt.want) > 0.02*tt.want {
			t.Errorf("%d of %d with %g: %g, want %g", tt.k, tt.n, tt.p, got, tt.want)
		}
	}
}

func tallyOf(t *testing.T, paths []string) *Tally {
	t.Helper()
	src, err := capture.Open(paths, capture.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	tally := NewTally()
	s, err := analyzer.Run(context.Background(), src, analyzer.Config{}, tally)
	if err != nil {
		t.Fatal(err)
	}
	s.Files = src.Names()
	if err := tally.Close(s); err != nil {
		t.Fatal(err)
	}
	return tally
}

// TestDiffOfAdviceFollowed compares recordings from before and after our own advice was
// followed: the cause went away.
func TestDiffOfAdviceFollowed(t *testing.T) {
	fixed, err := filepath.Glob("../testdata/pcaps/*-fixed")
	if err != nil || len(fixed) < 10 {
		t.Fatal(fixed, err)
	}
	for _, after := range fixed {
		before := strings.TrimSuffix(after, "-fixed")
		b, _ := filepath.Glob(before + "/client.pcap*")
		a, _ := filepath.Glob(after + "/client.pcap*")
		if len(b) == 0 || len(a) == 0 {
			continue
		}
		d := Compare(tallyOf(t, b), tallyOf(t, a))
		went := false
		for _, c := range d.Causes {
			went = went || c.Change == WentAway
			if c.Change == Appeared && c.P < chance {
				t.Errorf("%s: %s appeared", before, c.Rule.ID)
			}
		}
		if !went {
			t.Errorf("%s: nothing went away: %+v", before, d.Causes)
		}
		for _, format := range DiffFormats {
			var out bytes.Buffer
			if err := WriteDiff(&out, format, d, Options{}); err != nil {
				t.Fatal(err)
			}
			if format == "json" && !json.Valid(out.Bytes()) || !strings.Contains(out.String(), map[string]string{"json": "went-away"}[format]) ||
				format != "json" && !strings.Contains(out.String(), "Went away") {
				t.Errorf("%s as %s:\n%s", before, format, &out)
			}
		}
	}
}

// tallyMade is a tally of so many incidents of one cause and so many connections.
func tallyMade(cause string, incidents int, connections uint64) *Tally {
	t := NewTally()
	for k := range incidents {
		i := &analyzer.Incident{Reset: &flows.Reset{}}
		i.Verdict.Rule = classify.ByID(cause)
		i.Verdict.Confidence = classify.Likely
		i.Number = uint64(k + 1)
		t.incidents.incident(i)
	}
	s := &analyzer.Summary{Incidents: uint64(incidents)}
	s.Flows.Connections = connections
	t.summary = s
	return t
}

func TestChanges(t *testing.T) {
	for _, tt := range []struct {
		before, after int
		of, now       uint64
		want          Change
		worse         bool
	}{
		{0, 40, 1000, 1000, Appeared, true},
		{0, 1, 1000, 1000, Appeared, false}, // it may be chance
		{40, 0, 1000, 1000, WentAway, false},
		{40, 80, 1000, 1000, Grew, true},
		{40, 80, 1000, 2000, AsBefore, false}, // of twice as many connections
		{80, 40, 1000, 1000, Shrank, false},
		{10, 11, 1000, 1000, AsBefore, false},
	} {
		d := Compare(tallyMade("no-listener", tt.before, tt.of), tallyMade("no-listener", tt.after, tt.now))
		if c := d.Causes[0]; c.Change != tt.want || d.Worse() != tt.worse {
			t.Errorf("%+v: %s, P %g, worse %t", tt, c.Change, c.P, d.Worse())
		}
	}
	if d := Compare(tallyMade("no-listener", 0, 10), tallyMade("no-listener", 0, 10)); len(d.Causes) != 0 || d.Worse() {
		t.Errorf("of nothing: %+v", d.Causes)
	}
}
