//go:build linux

package field

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// live skips, and says what is missing, where nothing can be recorded. With
// RSTWHY_LIVE=require the skip is a failure.
func live(t *testing.T) {
	t.Helper()
	if err := Missing(); err != nil {
		if os.Getenv("RSTWHY_LIVE") == "require" {
			t.Fatal(err)
		}
		t.Skip("cannot measure here: ", err)
	}
}

// Every kind has a script, and no script is without one.
func TestScripts(t *testing.T) {
	for _, k := range slices.Concat(kinds, netstackKinds) {
		if scripts[k.name] == nil {
			t.Errorf("%s has no script", k.name)
		}
	}
	for name := range scripts {
		if !slices.ContainsFunc(slices.Concat(kinds, netstackKinds), func(k kind) bool { return k.name == name }) {
			t.Errorf("the script %s is of no kind", name)
		}
	}
}

// The bounds of a run: what holds today, with room for the dice.
const (
	inSetAtLeast      = 0.96 // of the first RSTs of connections
	meanInSetAtLeast  = 0.93 // the mean over the kinds
	unknownAtMost     = 0.01 // RSTs of which the truth is not known
	wrongMechAtMost   = 0.04
	talksOfOneMeasure = 300
)

// defects are verdicts that are certain and wrong today, each with the reason;
// a line goes when its rule is mended.
var defects = map[string]string{
	"early-client-close":   "the server spoke first: the client had asked for nothing",
	"bad-ack-syn-received": "a hole in the capture makes another acknowledgment of a late one",
}

// TestField has random conversations and measures the verdicts on them. The
// second seed is another one each time; RSTWHY_FIELD_SEED asks for one again.
func TestField(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	if os.Getenv("CGO_ENABLED") == "0" {
		t.Skip("SKIPPED: without cgo there is no libpcap, and rstwhy cannot be built")
	}
	live(t)
	rstwhy := filepath.Join(t.TempDir(), "rstwhy")
	if out, err := exec.Command("go", "build", "-o", rstwhy, "../../../cmd/rstwhy").CombinedOutput(); err != nil {
		t.Fatalf("building rstwhy: %v\n%s", err, out)
	}
	random := rand.Uint64()
	if s := os.Getenv("RSTWHY_FIELD_SEED"); s != "" {
		random = seedOf(t, s)
	}
	for _, tt := range []struct {
		name string
		seed uint64
	}{{"fixed", 1}, {"random", random}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Logf("seed %d: RSTWHY_FIELD_SEED=%d asks for it again", tt.seed, tt.seed)
			plan, err := NewPlan(tt.seed, talksOfOneMeasure, nil, "")
			if err != nil {
				t.Fatal(err)
			}
			dir, err := os.MkdirTemp("", "rstwhy-field-")
			if err != nil {
				t.Fatal(err)
			}
			// Another run of the seed would give other packets.
			t.Cleanup(func() {
				if t.Failed() {
					t.Log("the captures and the truth are kept: ", dir)
					return
				}
				os.RemoveAll(dir)
			})
			if err := Run(plan, dir, &logger{t}); err != nil {
				t.Fatal(err)
			}
			s, err := Measure(dir, rstwhy)
			if err != nil {
				t.Fatal(err)
			}
			check(t, s)
		})
	}
	leftBehind(t)
}

func check(t *testing.T, s *Score) {
	var b strings.Builder
	s.Markdown(&b)
	t.Log("\n" + b.String())
	n := float64(s.All.N)
	if s.All.N < talksOfOneMeasure/2 {
		t.Errorf("%d RSTs of %d conversations", s.All.N, talksOfOneMeasure)
	}
	for _, w := range s.Wrong {
		if w.Confidence != "certain" {
			continue
		}
		cause, _, _ := strings.Cut(w.Verdict, " ")
		if why, known := defects[cause]; known {
			t.Logf("KNOWN DEFECT: %s, frame %d, %s: certain and wrong, %s (truth: %s, right: %v)", w.File, w.Frame, cause, why, w.Truth, w.Right)
			continue
		}
		t.Errorf("certain and wrong: %+v", w)
	}
	if got := float64(s.All.InSet) / n; got < inSetAtLeast {
		t.Errorf("the truth is in the set for %.3f of the RSTs, want %.2f", got, inSetAtLeast)
	}
	if _, got := s.mean("kind"); got < meanInSetAtLeast {
		t.Errorf("the truth is in the set for %.3f, each kind weighing the same, want %.2f", got, meanInSetAtLeast)
	}
	if got := float64(s.All.WrongMech) / n; got > wrongMechAtMost {
		t.Errorf("the mechanism is wrong for %.3f, want at most %.2f", got, wrongMechAtMost)
	}
	if s.All.Missed > 0 {
		t.Errorf("%d RSTs are in no incident", s.All.Missed)
	}
	if got := float64(s.Unknown) / n; got > unknownAtMost {
		t.Errorf("the truth of %d RSTs is not known", s.Unknown)
	}
}

// leftBehind looks for what a run should have taken away.
func leftBehind(t *testing.T) {
	t.Helper()
	var found []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		found = nil
		fds, err := filepath.Glob("/proc/self/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if to, _ := os.Readlink(fd); strings.HasPrefix(to, "net:") || strings.Contains(to, "rstlab-") || strings.Contains(to, "/dev/net/tun") {
				found = append(found, to)
			}
		}
		kids, _ := filepath.Glob("/proc/self/task/*/children")
		for _, path := range kids {
			if b, _ := os.ReadFile(path); len(b) > 0 {
				found = append(found, "children "+string(b))
			}
		}
		if len(found) == 0 {
			return
		}
	}
	t.Errorf("still there: %v", found)
}

type logger struct{ t *testing.T }

func (l *logger) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func seedOf(t *testing.T, s string) (n uint64) {
	for _, c := range s {
		if c < '0' || c > '9' {
			t.Fatalf("RSTWHY_FIELD_SEED is %q, want a number", s)
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}
