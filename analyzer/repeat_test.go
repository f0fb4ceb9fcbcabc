package analyzer_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/internal/synth"
	"github.com/rstwhy/rstwhy/packet"
)

// TestRepeats gives the same trace twice: as two files, in one file, and merged
// with itself; and traces that are not the same.
func TestRepeats(t *testing.T) {
	script := func(start string) *synth.Script {
		s, err := synth.Parse("t", []byte(`t
-- packets --
start 2024-01-15T`+start+`Z
repeat 20 +1
+0     C:{40000+i} > S  S  0:0(0) win 64240 <mss 1460>
+.0001 S > C:{40000+i}  R. 0:0(0) ack 1 win 0
end
`))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ng := func(start string) []byte { return render(t, script(start), synth.Format{PcapNG: true}) }
	a, b := ng("10:00:00"), ng("11:00:00")
	plain := render(t, script("10:00:00"), synth.Format{})
	paired := append([]byte(nil), plain[:24]...)
	for rest := plain[24:]; len(rest) > 0; {
		n := 16 + int(rest[8])
		paired = append(append(paired, rest[:n]...), rest[:n]...)
		rest = rest[n:]
	}
	ref := func(file uint32, frame uint64) packet.FrameRef {
		h := packet.Header{File: file, Frame: frame}
		return h.Ref()
	}
	for _, test := range []struct {
		name  string
		files [][]byte
		want  []analyzer.Repeat
	}{
		{"one file", [][]byte{a}, nil},
		{"two files", [][]byte{a, b}, nil},
		{"the same file twice", [][]byte{a, a}, []analyzer.Repeat{{First: ref(0, 1), Again: ref(1, 1), Segments: 32}}},
		{"the same trace in another format", [][]byte{a, plain}, []analyzer.Repeat{{First: ref(0, 1), Again: ref(1, 1), Segments: 32}}},
		{"the later of two twice", [][]byte{a, b, b}, []analyzer.Repeat{{First: ref(1, 1), Again: ref(2, 1), Segments: 32}}},
		{"twice in one file", [][]byte{bytes.Join([][]byte{a, a}, nil)}, []analyzer.Repeat{{First: ref(0, 1), Again: ref(0, 41), Segments: 32}}},
		{"in one file, time running backwards", [][]byte{bytes.Join([][]byte{b, a}, nil)}, nil},
		{"merged with itself", [][]byte{paired}, []analyzer.Repeat{{First: ref(0, 1), Again: ref(0, 2), Segments: 16, Paired: true}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			var paths []string
			for i, content := range test.files {
				path := filepath.Join(dir, string(rune('a'+i)))
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				paths = append(paths, path)
			}
			for _, batch := range []int{0, 1, 7} {
				src, err := capture.Open(paths, capture.Config{})
				if err != nil {
					t.Fatal(err)
				}
				sum, err := analyzer.Run(context.Background(), src, analyzer.Config{Batch: batch})
				src.Close()
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, sum.Repeats); diff != "" {
					t.Errorf("batches of %d: %s", batch, diff)
				}
			}
		})
	}
}
