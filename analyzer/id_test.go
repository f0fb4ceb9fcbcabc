package analyzer_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/synth"
	"github.com/rstwhy/rstwhy/packet"
)

// ids are those of the incidents it is shown.
type ids []string

func (l *ids) Incident(i *analyzer.Incident) error {
	*l = append(*l, i.ID())
	return nil
}
func (l *ids) Note(*flows.Note) error        { return nil }
func (l *ids) Close(*analyzer.Summary) error { return nil }

// identify returns the IDs of what the files hold.
func identify(t *testing.T, batch int, paths ...string) (l ids) {
	t.Helper()
	src, err := capture.Open(paths, capture.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if _, err := analyzer.Run(context.Background(), src, analyzer.Config{Batch: batch}, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// An incident has one ID in every run, whatever the size of batches and the name
// of the file, and no other incident of the capture has it.
func TestIDs(t *testing.T) {
	web, _ := synth.ProfileNamed("web")
	web.Size, web.Packets = 0, 60_000
	var b bytes.Buffer
	if _, err := synth.Generate(&b, web); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	one, two := filepath.Join(dir, "web.pcap"), filepath.Join(dir, "the same.pcap")
	for _, path := range []string{one, two} {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	captures, err := filepath.Glob("../testdata/pcaps/*/*.pcap*")
	if err != nil || len(captures) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, path := range append(captures, one) {
		want := identify(t, 0, path)
		if distinct := slices.Compact(slices.Sorted(slices.Values(want))); len(distinct) != len(want) {
			t.Errorf("%s: %d IDs of %d incidents", path, len(distinct), len(want))
		}
		for _, id := range want {
			if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) {
				t.Errorf("%s: ID %q", path, id)
			}
		}
		for _, batch := range []int{1, 7} {
			if got := identify(t, batch, path); !slices.Equal(got, want) {
				t.Errorf("%s: other IDs with batches of %d", path, batch)
			}
		}
	}
	want := identify(t, 0, one)
	if len(want) < 20 {
		t.Errorf("%d incidents are too few to tell", len(want))
	}
	if got := identify(t, 0, two); !slices.Equal(got, want) {
		t.Error("another name of the file gives other IDs")
	}
	// Among others: a file with one frame that is no TCP, of 1970, is read first.
	early := filepath.Join(dir, "early.pcap")
	b.Truncate(24) // the header of the file
	b.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 14, 0, 0, 0, 16 + 12: 0x08, 16 + 13: 0x06})
	if err := os.WriteFile(early, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	among := identify(t, 0, two, early)
	if len(among) != len(want) {
		t.Errorf("%d incidents, %d alone", len(among), len(want))
	}
	for _, id := range want {
		if !slices.Contains(among, id) {
			t.Errorf("incident %s has another ID when other files are read, too", id)
		}
	}
}

// Every fact that goes in makes another ID, and nothing else does.
func TestIDIsOfTheRST(t *testing.T) {
	first := packet.Header{Frame: 1, Time: 2, Src: [16]byte{3}, SrcPort: 4, Dst: [16]byte{5}, DstPort: 6, Seq: 7, Ack: 8, Flags: packet.RST}
	id := func(change func(*flows.Reset)) string {
		r := flows.Reset{RST: first}
		change(&r)
		return (&analyzer.Incident{Reset: &r}).ID()
	}
	seen := map[string]string{}
	for name, change := range map[string]func(*flows.Reset){
		"as it is": func(*flows.Reset) {},
		"frame":    func(r *flows.Reset) { r.RST.Frame++ },
		"time":     func(r *flows.Reset) { r.RST.Time++ },
		"zone":     func(r *flows.Reset) { r.RST.Zone++ },
		"source":   func(r *flows.Reset) { r.RST.Src[15]++ },
		"its port": func(r *flows.Reset) { r.RST.SrcPort++ },
		"target":   func(r *flows.Reset) { r.RST.Dst[15]++ },
		"port":     func(r *flows.Reset) { r.RST.DstPort++ },
		"seq":      func(r *flows.Reset) { r.RST.Seq++ },
		"ack":      func(r *flows.Reset) { r.RST.Ack++ },
		"flags":    func(r *flows.Reset) { r.RST.Flags |= packet.ACK },
	} {
		if other, ok := seen[id(change)]; ok {
			t.Errorf("%s and %s have one ID", name, other)
		}
		seen[id(change)] = name
	}
	for name, change := range map[string]func(*flows.Reset){
		"file":     func(r *flows.Reset) { r.RST.File++ },
		"the rest": func(r *flows.Reset) { r.Flow.Zone, r.Dir, r.After.AtEnd = 1, 1, true },
	} {
		if seen[id(change)] != "as it is" {
			t.Errorf("%s changes the ID", name)
		}
	}
	// IDs are kept by others: a change of what goes in is a change of every one.
	if got, want := id(func(*flows.Reset) {}), "9d0988e32179119ab9d04863714d629a"; got != want {
		t.Errorf("the ID is %s, and was %s", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { id(func(*flows.Reset) {}) }); n > 3 {
		t.Errorf("%v allocations", n)
	}
}
