package classify_test

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/internal/synth"
	"github.com/rstwhy/rstwhy/packet"
)

// settled is a reset and what its whole capture shows around it.
type settled struct {
	reset  *flows.Reset
	around hosts.Around
}

// of is the case of s.
func (s *settled) of() *classify.Case { return &classify.Case{Reset: s.reset, Around: s.around} }

// into makes c the case of s, and returns it.
func (s *settled) into(c *classify.Case) *classify.Case {
	c.Reset, c.Around = s.reset, s.around
	return c
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
	return settle(t, src.Read)
}

// strange fills a batch with segments of a few connections, of any kind and in
// any order, such as no stack and no scenario makes.
func strange(seed uint64) func(*packet.Batch) error {
	rnd := rand.New(rand.NewPCG(seed, 1))
	flags := []packet.Flags{packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.ACK | packet.PSH, packet.FIN | packet.ACK, packet.RST, packet.RST | packet.ACK}
	gaps := []int64{1e3, 1e6, 40e6, 700e6, 30e9, 400e9}
	now := int64(1e18)
	return func(b *packet.Batch) error {
		for i := range 200 {
			now += gaps[rnd.IntN(len(gaps))]
			h := packet.Header{
				Time: now, Frame: uint64(i + 1), Flags: flags[rnd.IntN(len(flags))],
				Seq: packet.Seq(rnd.IntN(6) * 100), Ack: packet.Seq(rnd.IntN(6) * 100), Len: uint32(rnd.IntN(3) * 100),
				Src: [16]byte{15: 1}, SrcPort: uint16(40000 + rnd.IntN(4)), Dst: [16]byte{15: 2}, DstPort: 443,
				TTL: uint8(60 + rnd.IntN(5)), Window: uint16(rnd.IntN(3) * 1024), IPID: uint16(rnd.IntN(9)), PeekN: packet.PeekLen,
			}
			copy(h.Peek[:], []string{"GET / HTTP/1.1\r\n", "HTTP/1.1 408 Re\r", "\x15\x03\x03\x00\x02\x02\x28         ", "\x16\x03\x01\x02\x00\x01          "}[rnd.IntN(4)])
			if rnd.IntN(2) == 0 {
				h.Options, h.TSVal, h.TSEcr = packet.OptTimestamps, rnd.Uint32N(2000), rnd.Uint32N(2000)
			}
			if rnd.IntN(2) == 0 {
				h.Src, h.SrcPort, h.Dst, h.DstPort = h.Dst, h.DstPort, h.Src, h.SrcPort
			}
			b.Headers = append(b.Headers, h)
		}
		return io.EOF
	}
}

// settle returns the settled resets of what is read.
func settle(t testing.TB, read func(*packet.Batch) error) []settled {
	table, memory := flows.NewTable(flows.Config{}), hosts.New()
	var all []settled
	take := func(pieces iter.Seq[*flows.Output]) {
		for piece := range pieces {
			for item := range piece.Items() {
				switch r := item.Reset; {
				case r != nil:
					s := settled{reset: r}
					memory.Around(r, classify.Needs(r), &s.around)
					all = append(all, s)
				case item.Event != nil:
					memory.Observe(item.Event)
				}
			}
		}
	}
	var err error
	for batch := (packet.Batch{}); err != io.EOF; {
		if err = read(&batch); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		take(table.Add(&batch))
	}
	take(table.Flush())
	return all
}

// BenchmarkVerdict judges the resets of all scenarios; ns/op is of one reset.
func BenchmarkVerdict(b *testing.B) {
	all := scenarioResets(b)
	var judge classify.Judge
	var c classify.Case
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := &all[i%len(all)]
		if v := judge.Verdict(s.into(&c)); v.Rule == nil {
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
	var c classify.Case
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := &all[i%len(all)]
		if v := judge.Verdict(s.into(&c)); v.Rule.ID != "closed-port-scan" {
			b.Fatal(v.Rule.ID)
		}
	}
}

// Judging allocates nothing: what a verdict holds is the Judge's.
func TestVerdictAllocations(t *testing.T) {
	all := scenarioResets(t)
	var judge classify.Judge
	var c classify.Case
	judgeAll := func() {
		for _, s := range all {
			judge.Verdict(s.into(&c))
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
		v := judge.Verdict(s.of())
		clones = append(clones, v.Clone())
	}
	for i, s := range all {
		alone := new(classify.Judge).Verdict(s.of())
		if text(&alone) != text(&clones[i]) {
			t.Errorf("reset %d was\n%s\nand has become\n%s", i, text(&alone), text(&clones[i]))
		}
	}
}

// text is all that the lists of a verdict hold.
func text(v *classify.Verdict) string {
	var b strings.Builder
	for _, list := range [][]classify.Evidence{v.Evidence, v.Origin.Proofs, v.Origin.Hints} {
		fmt.Fprintln(&b, len(list), list)
	}
	for _, a := range v.AlsoFits {
		fmt.Fprintln(&b, a.Rule.ID, a.Tell)
	}
	for _, r := range v.Unchecked {
		fmt.Fprintln(&b, r.ID)
	}
	return b.String()
}
