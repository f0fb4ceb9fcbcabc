package analyzer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/lab"
	"github.com/rstwhy/rstwhy/packet"
)

// plainNamer writes frames and ends as golden files have them.
type plainNamer struct{ reset *flows.Reset }

func (n plainNamer) Frame(w packet.FrameRef) string { return fmt.Sprintf("frame %d", w.Frame()) }
func (n plainNamer) End(d flows.Dir) string         { return n.reset.Flow.Ends[d].AddrPort().String() }

// full is a lister that also writes story, evidence and timing, and keeps the
// findings.
type full struct {
	lister
	text      strings.Builder
	incidents []*analyzer.Incident
}

func (f *full) Incident(i *analyzer.Incident) error {
	f.lister.Incident(i)
	f.incidents = append(f.incidents, i.Clone())
	n := plainNamer{i.Reset}
	fmt.Fprintln(&f.text, f.lines[len(f.lines)-1])
	fmt.Fprintf(&f.text, "  %s\n", i.Verdict.Story.Text(n))
	for k := range i.Verdict.Evidence {
		fmt.Fprintf(&f.text, "  - %s\n", i.Verdict.Evidence[k].Text(n))
	}
	for m := range classify.NumMeasures {
		if i.Verdict.Timing.Has(m) {
			fmt.Fprintf(&f.text, "  %s %s\n", m.Name(), classify.Duration(i.Verdict.Timing.At[m]))
		}
	}
	return nil
}

func (f *full) Note(n *flows.Note) error {
	f.lister.Note(n)
	fmt.Fprintln(&f.text, f.lines[len(f.lines)-1])
	return nil
}

func analyse(t testing.TB, path string, c capture.Config) (*full, *analyzer.Summary) {
	t.Helper()
	src, err := capture.Open([]string{path}, c)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	f := &full{}
	sum, err := analyzer.Run(context.Background(), src, analyzer.Config{}, f)
	if err != nil {
		t.Fatal(err)
	}
	return f, sum
}

func labCaptures(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("../testdata/pcaps/*/*.pcap")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d lab captures: %v", len(paths), err)
	}
	return paths
}

// What was recorded from a real kernel gets the cause that the recipe and the
// kernel name; where packets cannot tell it from another, it is among the
// causes that fit, and the verdict is not certain.
func TestLabCaptures(t *testing.T) {
	for _, path := range labCaptures(t) {
		base := strings.TrimSuffix(path, ".pcap")
		t.Run(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(base), func(t *testing.T) {
			truth, err := lab.ReadTruth(base + ".truth.json")
			if err != nil {
				t.Fatal(err)
			}
			got, _ := analyse(t, path, capture.Config{})
			checkTruth(t, truth, got)

			golden := base + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got.text.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got.text.String()); d != "" {
				t.Errorf("findings differ (-want +got); run with -update if they are right:\n%s", d)
			}
		})
	}
}

func checkTruth(t *testing.T, truth *lab.Truth, got *full) {
	t.Helper()
	causes := map[uint64]lab.Cause{}
	for _, r := range truth.Resets {
		causes[r.Frame] = r.Cause
	}
	for _, i := range got.incidents {
		v := &i.Verdict
		for k, w := range i.Frames() {
			want, ok := causes[w.Frame()]
			if !ok {
				t.Errorf("frame %d is no RST of the truth, or stands in two incidents", w.Frame())
				continue
			}
			delete(causes, w.Frame())
			if k > 0 {
				if want != lab.FollowUp && string(want) != v.Rule.ID {
					t.Errorf("frame %d: truth is %s, found as a follow-up of %s", w.Frame(), want, v.Rule.ID)
				}
				continue
			}
			if string(want) == v.Rule.ID {
				continue
			}
			if !slices.ContainsFunc(v.AlsoFits, func(a classify.Alternative) bool { return a.Rule.ID == string(want) }) {
				t.Errorf("frame %d: truth is %s, found %s, which also fits nothing of the kind", w.Frame(), want, v.Rule.ID)
			}
			if v.Confidence == classify.Certain {
				t.Errorf("frame %d: truth is %s, certain of %s", w.Frame(), want, v.Rule.ID)
			}
		}
	}
	for frame, cause := range causes {
		t.Errorf("frame %d (%s) stands in no incident", frame, cause)
	}
	var want, have []string
	for _, n := range truth.Notes {
		want = append(want, string(n))
	}
	for _, l := range got.lines {
		if rest, ok := strings.CutPrefix(l, "note "); ok {
			name, _, _ := strings.Cut(rest, " ")
			have = append(have, strings.TrimSuffix(name, "-or-deferred"))
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if d := cmp.Diff(want, slices.Compact(have)); d != "" {
		t.Errorf("notes (-truth +found):\n%s", d)
	}
}

// libpcap reads the same files and gives the same findings.
func TestReadersAgree(t *testing.T) {
	for _, path := range labCaptures(t) {
		a, _ := analyse(t, path, capture.Config{})
		b, _ := analyse(t, path, capture.Config{Libpcap: true})
		if d := cmp.Diff(a.text.String(), b.text.String()); d != "" {
			t.Errorf("%s (-pcapgo +libpcap):\n%s", path, d)
		}
	}
}

// unrecorded are the causes of which the lab has no capture, and why.
var unrecorded = map[string]string{
	"refusal-under-load":     "Linux drops a SYN that it has no room for",
	"backend-rehash":         "needs two hosts behind one address, and a balancer that forgets",
	"mid-stream":             "is what a capture that begins too late shows of any other cause",
	"no-context":             "is what a capture that holds nothing else shows of any other cause",
	"memory-pressure":        "its limits are the whole host's, not a namespace's",
	"retransmission-timeout": "Linux gives up without a word; macOS and FreeBSD send the RST",
	"segment-after-close":    "Linux keeps a closed connection long enough, other systems do not",
	"unclassified":           "is no cause",
}

// Every cause that one Linux host can make has a capture, and the reason that
// the kernel gave for it is one that its rule knows.
func TestLabKnowsEveryCause(t *testing.T) {
	recorded := map[string]bool{}
	recipes := map[string]bool{}
	for _, path := range labCaptures(t) {
		truth, err := lab.ReadTruth(strings.TrimSuffix(path, ".pcap") + ".truth.json")
		if err != nil {
			t.Fatal(err)
		}
		recipes[truth.Recipe] = true
		for _, r := range truth.Resets {
			recorded[string(r.Cause)] = true
			rule := classify.ByID(string(r.Cause))
			if rule == nil {
				t.Errorf("%s: no rule %s", path, r.Cause)
				continue
			}
			if r.Kernel != nil && !slices.Contains(rule.Reasons, r.Kernel.Reason) {
				t.Errorf("%s: frame %d: the kernel says %s, the rule %s knows %v", path, r.Frame, r.Kernel.Reason, rule.ID, rule.Reasons)
			}
		}
	}
	for _, r := range classify.Rules() {
		switch why, exempt := unrecorded[r.ID]; {
		case !recorded[r.ID] && !exempt:
			t.Errorf("%s: no recording in testdata/pcaps has it, and unrecorded does not say why", r.ID)
		case recorded[r.ID] && exempt:
			t.Errorf("%s is recorded, but unrecorded says that it %s", r.ID, why)
		}
	}
	if len(recipes) < 45 {
		t.Errorf("captures of %d recipes, want at least 45", len(recipes))
	}
}
