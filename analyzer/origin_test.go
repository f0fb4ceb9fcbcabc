package analyzer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/internal/synth"
)

// originText writes who sent the RST of i, and every indicator.
func originText(i *analyzer.Incident) string {
	o, n := &i.Verdict.Origin, plainNamer{i.Reset}
	s := fmt.Sprintf("frame %d  %s  %s  %s", i.Reset.RST.Frame, i.Verdict.Rule.ID, i.Verdict.Confidence, o.Who)
	if o.Device != "" {
		s += ": " + o.Device
	}
	for k := range o.Proofs {
		s += "\n    hard: " + o.Proofs[k].Text(n)
	}
	for k := range o.Hints {
		s += "\n    soft: " + o.Hints[k].Text(n)
	}
	return s
}

// looked is an item of docs/accuracy.md: captures, frames, the cause that rstwhy
// gives, and what a person thinks of it.
var looked = regexp.MustCompile("(?m)^- ((?:`[^`]+`(?:\\s+and\\s+)?)+),\\s+frames?\\s+([0-9][0-9,\\s]*(?:and\\s+[0-9]+)?),\\s+([a-z-]+):\\s+(right|wrong|cannot tell)\\b")

// seldom are the causes of which each incident in the public captures is looked at:
// they are inferred from company, rhythm or distance, and were wrong most often.
var seldom = []string{"process-death", "firewall-reject", "injected-rst", "blind-rst", "middlebox-idle-timeout", "backend-rehash", "stale-connection", "health-check"}

// Every incident of one of the causes of seldom in the public captures was looked at:
// it stands in docs/accuracy.md as right, wrong or not to be told, with the reason,
// and nothing stands there besides.
func TestCorpusLookedAt(t *testing.T) {
	dir := corpusDir(t)
	page, err := os.ReadFile("../docs/accuracy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## Looked at in public captures\n")
	if !ok {
		t.Fatal("docs/accuracy.md has no section on what was looked at in public captures")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var want []string
	for _, m := range looked.FindAllStringSubmatch(section, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
			for _, frame := range regexp.MustCompile("[0-9]+").FindAllString(m[2], -1) {
				want = append(want, name[1]+" "+frame+" "+m[3])
			}
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.pcap*"))
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, path := range paths {
		got, _ := analyse(t, path, capture.Config{})
		for _, i := range got.incidents {
			v := &i.Verdict
			if slices.Contains(seldom, v.Rule.ID) {
				have = append(have, fmt.Sprintf("%s %d %s", filepath.Base(path), i.Reset.RST.Frame, v.Rule.ID))
				if v.Rule.ID == "injected-rst" && v.Confidence > classify.Possible && len(v.Origin.Proofs) == 0 {
					t.Errorf("%s: frame %d is called forged without a hard indicator", path, i.Reset.RST.Frame)
				}
			}
			if testing.Verbose() && v.Origin.Signs != 0 {
				t.Logf("%s: %s", filepath.Base(path), originText(i))
			}
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("public captures (-docs/accuracy.md +found):\n%s", d)
	}
}

// No RST of a real kernel is called forged, and none is said to come from
// another box unless a recipe put one there.
func TestLabOrigins(t *testing.T) {
	for _, path := range labCaptures(t) {
		recipe := filepath.Base(filepath.Dir(path))
		if regexp.MustCompile("inject|blind|forge|reject|firewall|spoof").MatchString(recipe) {
			continue
		}
		got, _ := analyse(t, path, capture.Config{})
		for _, i := range got.incidents {
			if w := i.Verdict.Origin.Who; w == classify.Forged || w == classify.AnotherBox {
				t.Errorf("%s: %s", path, originText(i))
			}
		}
	}
}

// Scenarios with a section "origin" say who sent each RST, and every indicator.
func TestOrigins(t *testing.T) {
	testSection(t, "origin", 8, func(got *full, _ *analyzer.Summary) string {
		var text strings.Builder
		for _, i := range got.incidents {
			fmt.Fprintln(&text, originText(i))
		}
		return text.String()
	})
}

// Scenarios with a section "timers" say which silences had a timer's mark.
func TestTimers(t *testing.T) {
	testSection(t, "timers", 4, func(_ *full, sum *analyzer.Summary) string {
		var text strings.Builder
		for _, c := range sum.Timers {
			fmt.Fprintf(&text, "%v  %v  %d of about %v\n", c.Service.AddrPort(), c.What, c.Count, c.Typical)
			for _, f := range c.Fits {
				fmt.Fprintf(&text, "    %v %s: %s\n", f.After, f.Who, f.Setting)
			}
		}
		return text.String()
	})
}

// testSection holds a section of the scenarios that have one to what write makes
// of their findings.
func testSection(t *testing.T, name string, least int, write func(*full, *analyzer.Summary) string) {
	n := 0
	for _, s := range scenarios(t) {
		want, _, ok := s.script.Section(name)
		if !ok {
			continue
		}
		n++
		t.Run(s.name(), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.pcap")
			if err := os.WriteFile(path, render(t, s.script, synth.Format{}), 0o600); err != nil {
				t.Fatal(err)
			}
			text := write(analyse(t, path, capture.Config{}))
			if *update {
				whole, err := os.ReadFile(s.path)
				if err != nil {
					t.Fatal(err)
				}
				mark := "-- " + name + " --\n"
				head, rest, _ := strings.Cut(string(whole), mark)
				_, findings, _ := strings.Cut(rest, "-- findings --\n")
				if err := os.WriteFile(s.path, []byte(head+mark+text+"-- findings --\n"+findings), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(want), text); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	if n < least {
		t.Errorf("only %d scenarios have a section %s", n, name)
	}
}
