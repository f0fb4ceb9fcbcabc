package classify_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/packet"
	"github.com/rstwhy/rstwhy/synth"
)

// settled is a reset and what its whole capture shows around it.
type settled struct {
	reset  *flows.Reset
	around hosts.View
}

// scenarioResets returns the settled resets of every scenario.
func scenarioResets(t testing.TB) []settled {
	paths, err := filepath.Glob("../testdata/scenarios/*/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	var all []settled
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script, err := synth.Parse(path, text)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		if err := script.Write(&file, synth.Format{}); err != nil {
			t.Fatal(err)
		}
		all = append(all, resetsOf(t, &file)...)
	}
	return all
}

// resetsOf returns the settled resets of a capture.
func resetsOf(t testing.TB, file io.Reader) []settled {
	src, err := capture.Open([]string{"-"}, capture.Config{Stdin: file})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	table, out := flows.NewTable(flows.Config{}), flows.Output{}
	for batch := (packet.Batch{}); err != io.EOF; {
		if err = src.Read(&batch); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		for !table.Add(&batch, &out) {
		}
	}
	for !table.Flush(&out) {
	}
	memory, seen := hosts.New(), 0
	var all []settled
	for _, r := range out.Resets {
		for ; seen < r.Events(); seen++ {
			memory.Observe(&out.Events[seen])
		}
		all = append(all, settled{r, memory.View(r)})
	}
	return all
}

// BenchmarkVerdict judges the resets of all scenarios; ns/op is of one reset.
func BenchmarkVerdict(b *testing.B) {
	all := scenarioResets(b)
	var judge classify.Judge
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := &all[i%len(all)]
		if v := judge.Verdict(s.reset, s.around); v.Rule == nil {
			b.Fatal("no rule")
		}
	}
}

// BenchmarkRefusal judges the resets of a scan, which are most of what there is
// to judge where there is much; ns/op is of one reset.
func BenchmarkRefusal(b *testing.B) {
	scan, _ := synth.ProfileNamed("scan")
	scan.Packets, scan.Connections = 400, 200
	var file bytes.Buffer
	if _, err := synth.Generate(&file, scan); err != nil {
		b.Fatal(err)
	}
	all := resetsOf(b, &file)
	all = all[len(all)-8:] // few: a reset is in the cache when it is judged
	var judge classify.Judge
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := &all[i%len(all)]
		if v := judge.Verdict(s.reset, s.around); v.Rule.ID != "closed-port-scan" {
			b.Fatal(v.Rule.ID)
		}
	}
}

// Judging allocates nothing: what a verdict holds is the Judge's.
func TestVerdictAllocations(t *testing.T) {
	all := scenarioResets(t)
	var judge classify.Judge
	judgeAll := func() {
		for _, s := range all {
			judge.Verdict(s.reset, s.around)
		}
	}
	judgeAll()
	if n := testing.AllocsPerRun(1, judgeAll); n != 0 {
		t.Errorf("%v allocations in %d verdicts", n, len(all))
	}
}

// A clone of a verdict stays as it is when its Judge goes on.
func TestVerdictClone(t *testing.T) {
	all := scenarioResets(t)
	var judge classify.Judge
	var clones []classify.Verdict
	for _, s := range all {
		v := judge.Verdict(s.reset, s.around)
		clones = append(clones, v.Clone())
	}
	for i, s := range all {
		alone := new(classify.Judge).Verdict(s.reset, s.around)
		if text(&alone) != text(&clones[i]) {
			t.Errorf("reset %d was\n%s\nand has become\n%s", i, text(&alone), text(&clones[i]))
		}
	}
}

// text is all that the lists of a verdict hold.
func text(v *classify.Verdict) string {
	var b strings.Builder
	for _, list := range [][]classify.Evidence{v.Evidence, v.Origin.Hard, v.Origin.Soft} {
		fmt.Fprintln(&b, len(list), list)
	}
	for _, a := range v.AlsoFits {
		fmt.Fprintln(&b, a.Rule.ID, a.Tell)
	}
	for _, r := range v.Untold {
		fmt.Fprintln(&b, r.ID)
	}
	return b.String()
}

// A rule that says what it takes as given says the truth: it matches nowhere
// else.
func TestGiven(t *testing.T) {
	all := scenarioResets(t)
	captures, err := filepath.Glob("../testdata/pcaps/*/*.pcap*")
	if err != nil || len(captures) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, path := range captures {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, resetsOf(t, file)...)
		file.Close()
	}
	var judge classify.Judge
	spared := 0
	for _, s := range all {
		wrong, n := judge.NotGiven(s.reset, s.around)
		spared += n
		for _, rule := range wrong {
			t.Errorf("%s matches a RST of %s without what it takes as given", rule.ID, s.reset.RST.Source())
		}
	}
	if spared < 10*len(all) {
		t.Errorf("%d rules spared in %d resets", spared, len(all))
	}
}
