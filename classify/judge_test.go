package classify_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/packet"
)

// everyReset returns the settled resets of every scenario, every recorded
// capture, the captures of others where they are at hand ($RSTWHY_CORPUS, or
// ../shared/pcaps beside the project), and some streams that no stack makes.
func everyReset(t testing.TB) []settled {
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
	others := os.Getenv("RSTWHY_CORPUS")
	if others == "" {
		others = filepath.Join("..", "..", "shared", "pcaps")
	}
	captures, err = filepath.Glob(filepath.Join(others, "*.pcap*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(captures) == 0 {
		t.Logf("SKIPPED IN PART: there are no captures of others in %s; RSTWHY_CORPUS names another folder", others)
	}
	for _, path := range captures {
		src, err := capture.Open([]string{path}, capture.Config{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, settle(t, func(b *packet.Batch) error {
			err := src.Read(b)
			if d, ok := err.(interface{ Damaged() bool }); ok && d.Damaged() {
				return nil // the reader's own tests hold it to that
			}
			return err
		})...)
		src.Close()
	}
	for seed := range uint64(100) {
		all = append(all, settle(t, strange(seed))...)
	}
	return all
}

// The order of the table means nothing.
func TestShuffledRules(t *testing.T) {
	all := everyReset(t)
	var judge classify.Judge
	for seed := range uint64(5) {
		shuffled := classify.NewShuffledJudge(rand.New(rand.NewPCG(seed, 7)).Shuffle)
		for i := range all {
			want := judge.Verdict(all[i].of())
			got := shuffled.Verdict(all[i].of())
			if text(&got) != text(&want) || got.Rule != want.Rule {
				t.Fatalf("order %d, RST of %s: %s\n%s\nand in the order of the table %s\n%s", seed, all[i].reset.RST.Source(),
					got.Rule.ID, text(&got), want.Rule.ID, text(&want))
			}
		}
	}
}

// Of two causes that match equally well it is declared which goes first, or both
// are told with what would tell them apart.
func TestNoSilentTie(t *testing.T) {
	all := everyReset(t)
	var judge classify.Judge
	silent := map[string]int{}
	for i := range all {
		v := judge.Verdict(all[i].of())
		for _, a := range v.AlsoFits {
			if a.Tell == classify.Unlike {
				silent[v.Rule.ID+" and "+a.Rule.ID]++
			}
		}
	}
	for pair, n := range silent {
		t.Errorf("%d times nothing says which of %s goes first, or what tells them apart: one of them needs the other in Over or Confused", n, pair)
	}
}

// What goes before what makes no circle.
func TestOver(t *testing.T) {
	over := map[string][]string{}
	for _, r := range classify.Rules() {
		for _, o := range r.Over {
			if classify.ByID(o.ID) == nil || o.ID == r.ID || o.Why == "" {
				t.Errorf("%s goes before %q: %q", r.ID, o.ID, o.Why)
			}
			over[r.ID] = append(over[r.ID], o.ID)
		}
	}
	var visit func(id string, path []string)
	done := map[string]bool{}
	visit = func(id string, path []string) {
		for i, p := range path {
			if p == id {
				t.Fatalf("each goes before the next: %v", append(path[i:], id))
			}
		}
		if done[id] {
			return
		}
		for _, o := range over[id] {
			visit(o, append(path, id))
		}
		done[id] = true
	}
	for id := range over {
		visit(id, nil)
	}
}

// A case is a value: encoded, decoded and judged again it has the same verdict.
func TestCaseSurvivesEncoding(t *testing.T) {
	all := everyReset(t)
	var judge, again classify.Judge
	for i := range all {
		c := all[i].of()
		want := judge.Verdict(c)
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var decoded classify.Case
		if err := json.Unmarshal(b, &decoded); err != nil {
			t.Fatal(err)
		}
		got := again.Verdict(&decoded)
		if got.Rule != want.Rule || got.Confidence != want.Confidence || text(&got) != text(&want) || got.Harm != want.Harm || got.Effect != want.Effect {
			t.Errorf("RST of %s: %s", all[i].reset.RST.Source(), cmp.Diff(text(&want), text(&got)))
		}
	}
}
