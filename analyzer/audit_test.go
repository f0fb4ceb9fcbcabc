package analyzer_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/audit"
	"github.com/rstwhy/rstwhy/internal/synth"
	"github.com/rstwhy/rstwhy/packet"
)

// recorded is a source that remembers every segment.
type recorded struct {
	analyzer.Source
	headers []packet.Header
}

func (r *recorded) Read(b *packet.Batch) error {
	err := r.Source.Read(b)
	r.headers = append(r.headers, b.Headers...)
	return err
}

// sayings collects incidents whole.
type sayings struct {
	incidents []*analyzer.Incident
	notes     []flows.Note
}

func (s *sayings) Incident(i *analyzer.Incident) error {
	s.incidents = append(s.incidents, i.Clone())
	return nil
}
func (s *sayings) Note(n *flows.Note) error {
	s.notes = append(s.notes, *n)
	return nil
}
func (s *sayings) Close(*analyzer.Summary) error { return nil }

// audited counts what auditors said.
type audited struct {
	answers [3]int
	faults  []string
}

// auditAll holds every sentence that is printed about a capture against it.
func auditAll(t *testing.T, name string, src analyzer.Source, to *audited) {
	t.Helper()
	r := &recorded{Source: src}
	var s sayings
	if _, err := analyzer.Run(context.Background(), r, analyzer.Config{}, &s); err != nil {
		t.Fatal(err)
	}
	c := audit.New(r.headers)
	for _, i := range s.incidents {
		v := &i.Verdict
		client := i.Reset.Flow.Ends[flows.Client]
		by, effect, harm := v.Outcome(i.Reset.Dir)
		reasons := make([]classify.Evidence, 0, len(v.Excluded))
		for _, x := range v.Excluded {
			reasons = append(reasons, x.Because)
		}
		for _, list := range [][]classify.Evidence{{v.Story, by, effect, harm}, v.Evidence, v.Origin.Proofs, v.Origin.Hints, reasons} {
			for k := range list {
				e := &list[k]
				for n, f := range e.Sentence.Facts() {
					claim := audit.Claim{
						RST: i.Reset.RST.Ref(), Trigger: v.Trigger.Frame, Client: client.Addr, Port: client.Port, Fact: f.Name, Value: e.Values[n],
					}
					answer, known := c.Check(claim)
					if !known {
						to.faults = append(to.faults, "no auditor for "+f.Name)
						continue
					}
					to.answers[answer]++
					claim.Value += 1 << 40
					if wrong, _ := c.Check(claim); wrong == audit.True {
						to.faults = append(to.faults, "the auditor of "+f.Name+" takes anything for true")
					}
					if answer == audit.False {
						to.faults = append(to.faults, fmt.Sprintf("%s, frame %d, %s: {%s} is not %d in %q",
							name, i.Reset.RST.Frame, v.Rule.ID, f.Name, e.Values[n], e.Text(plainNamer{i.Reset})))
					}
				}
			}
		}
	}
}

// recordings are the lab's captures, those of others where they are at hand, and
// what RSTWHY_AUDIT names.
func recordings(t *testing.T) []string {
	t.Helper()
	others := os.Getenv("RSTWHY_CORPUS")
	if others == "" {
		others = filepath.Join("..", "..", "shared", "pcaps")
	}
	var all []string
	for _, pattern := range []string{"../testdata/pcaps/*/*.pcap*", others + "/*.pcap*", os.Getenv("RSTWHY_AUDIT") + "/*.pcap"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(paths) == 0 && strings.HasPrefix(pattern, others) {
			t.Logf("SKIPPED IN PART: there are no captures of others in %s; RSTWHY_CORPUS names another folder", others)
		}
		all = append(all, paths...)
	}
	if len(all) == 0 {
		t.Fatal("no captures")
	}
	return slices.DeleteFunc(all, func(path string) bool { return filepath.Ext(path) == ".truth" })
}

// A fact that nobody audits cannot be trusted.
func TestEveryFactHasAnAuditor(t *testing.T) {
	have := audit.Facts()
	for _, f := range classify.AllFacts() {
		if !slices.Contains(have, f.Name) {
			t.Errorf("the fact %s has no auditor", f.Name)
		}
	}
	for _, name := range have {
		if !slices.ContainsFunc(classify.AllFacts(), func(f *classify.Fact) bool { return f.Name == name }) {
			t.Errorf("there is an auditor for %s, which is no fact", name)
		}
	}
}

// What is printed is true of the packets: over scenarios, recordings, and the
// captures and conversations of others where they are at hand.
func TestSentencesAreTrue(t *testing.T) {
	var a audited
	for _, s := range scenarios(t) {
		src, err := capture.Open([]string{"-"}, capture.Config{Stdin: bytes.NewReader(render(t, s.script, synth.Format{}))})
		if err != nil {
			t.Fatal(err)
		}
		auditAll(t, s.name(), src, &a)
		src.Close()
	}
	for _, path := range othersCases(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := synth.Parse(path, text)
		if err != nil {
			t.Fatal(err)
		}
		src, err := capture.Open([]string{"-"}, capture.Config{Stdin: bytes.NewReader(render(t, s, synth.Format{}))})
		if err != nil {
			t.Fatal(err)
		}
		auditAll(t, "case "+filepath.Base(path), src, &a)
		src.Close()
	}
	for _, path := range recordings(t) {
		src, err := capture.Open([]string{path}, capture.Config{})
		if err != nil {
			t.Fatal(err)
		}
		auditAll(t, filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), src, &a)
		src.Close()
	}
	t.Logf("%d values true, %d undecidable", a.answers[audit.True], a.answers[audit.Undecidable])
	for i, f := range a.faults {
		if i == 60 {
			t.Fatalf("and %d more", len(a.faults)-i)
		}
		t.Error(f)
	}
	// Scenarios are short, and many begin late or lack one direction: what came before
	// them nobody can audit.
	if a.answers[audit.True] < 8*a.answers[audit.Undecidable] {
		t.Errorf("too little is decided: %d values true, %d undecidable", a.answers[audit.True], a.answers[audit.Undecidable])
	}
}
