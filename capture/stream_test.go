package capture

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/rstwhy/rstwhy/packet"
)

// flusher is a writer of compressed data.
type flusher interface {
	io.Writer
	Flush() error
}

// TestStreamCompressed checks that frames come out of a compressed stream as
// they arrive.
func TestStreamCompressed(t *testing.T) {
	for name, start := range map[string]func(io.Writer) flusher{
		"gzip": func(w io.Writer) flusher { return gzip.NewWriter(w) },
		"zstd": func(w io.Writer) flusher {
			z, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := io.Pipe()
			defer r.Close()
			next := make(chan []byte, 4)
			defer close(next)
			go func() {
				z := start(w)
				for b := range next {
					z.Write(b)
					z.Flush()
				}
			}()
			next <- pcapFile(little, micro, 65535, typeRaw, record{data: segment(80, 1, 0)})
			f, err := Open([]string{"-"}, Config{Stdin: r})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			out := make(chan []packet.Seq)
			go func() {
				defer close(out)
				var b packet.Batch
				for f.Read(&b) == nil {
					var seqs []packet.Seq
					for i := range b.Headers {
						seqs = append(seqs, b.Headers[i].Seq)
					}
					out <- seqs
				}
			}()
			for n := uint32(1); n <= 4; n++ {
				select {
				case got := <-out:
					if !slices.Equal(got, []packet.Seq{packet.Seq(n)}) {
						t.Fatalf("segments %v, want %d", got, n)
					}
				case <-time.After(5 * time.Second):
					t.Fatalf("segment %d does not arrive", n)
				}
				next <- pcapFile(little, micro, 65535, typeRaw, record{data: segment(80, n+1, 0)})[pcapHeaderLen:]
			}
		})
	}
}

// at is a record of a segment that was captured at t.
func at(t time.Time, port uint16, seq uint32) record {
	return record{sec: uint32(t.Unix()), frac: uint32(t.Nanosecond() / 1000), data: segment(port, seq, 0)}
}

// TestStreamSilence checks what silence says: how late it is, but only of a
// capture that is being taken, and not within a frame.
func TestStreamSilence(t *testing.T) {
	raw := func(records ...record) []byte { return pcapFile(little, micro, 65535, typeRaw, records...) }
	flushed := func(b []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Write(b)
		z.Flush()
		return out.Bytes()
	}
	half := func(b []byte) []byte { return b[:len(b)-5] }
	for _, test := range []struct {
		name    string
		filter  string
		written func(now time.Time) []byte
		frames  uint64
		live    bool // as Live has it
		told    bool // that time passes
	}{
		{"being taken", "", func(now time.Time) []byte { return raw(at(now, 80, 1)) }, 1, true, true},
		{"by a clock that is behind", "", func(now time.Time) []byte { return raw(at(now.Add(-50*time.Second), 80, 1)) }, 1, true, true},
		{"by a clock that is ahead", "", func(now time.Time) []byte { return raw(at(now.Add(50*time.Second), 80, 1)) }, 1, true, true},
		{"older", "", func(now time.Time) []byte { return raw(at(now.Add(-70*time.Second), 80, 1)) }, 1, false, false},
		{"catching up", "", func(now time.Time) []byte { return raw(at(now.Add(-time.Hour), 80, 1), at(now, 80, 2)) }, 2, true, true},
		{"no frame yet", "", func(now time.Time) []byte { return raw() }, 0, false, false},
		{"within a frame", "", func(now time.Time) []byte { return half(raw(at(now, 80, 1), at(now, 80, 2))) }, 1, true, false},
		{"within a header", "", func(now time.Time) []byte { return append(raw(at(now, 80, 1)), 0, 0) }, 1, true, false},
		{"compressed", "", func(now time.Time) []byte { return flushed(raw(at(now, 80, 1))) }, 1, true, true},
		{"compressed, within a frame", "", func(now time.Time) []byte { return flushed(half(raw(at(now, 80, 1), at(now, 80, 2)))) }, 1, true, false},
		{"none for the filter", "port 81", func(now time.Time) []byte { return raw(at(now, 80, 1)) }, 0, true, true},
		{"one for the filter", "port 80", func(now time.Time) []byte { return raw(at(now.Add(-time.Second), 80, 1), at(now, 81, 2)) }, 1, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, w := io.Pipe()
				began := time.Now()
				go w.Write(test.written(began))
				f, err := Open([]string{"-"}, Config{Stdin: r, Filter: test.filter})
				if err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(time.Minute, func() { w.Close() })
				var frames uint64
				var latest, told int64
				for b := (packet.Batch{Headers: make([]packet.Header, 0, 8)}); ; {
					err := f.Read(&b)
					frames += b.Frames
					silent := time.Since(began)
					switch {
					case b.Frames > 0:
						latest = b.Last
					case b.Last == 0:
					case silent == 0: // what the filter does not let through
						latest = b.Last
					case silent < quiet || b.Last != latest+int64(silent):
						t.Errorf("after %v it is %v later", silent, time.Duration(b.Last-latest))
					default:
						told = b.Last
					}
					if err != nil {
						break
					}
				}
				if frames != test.frames {
					t.Errorf("%d frames", frames)
				}
				if told := told != 0; told != test.told || f.Live() != test.live {
					t.Errorf("told that time passes: %v; live: %v", told, f.Live())
				}
				f.Close()
			})
		})
	}
}
