package capture

import (
	"io"
	"slices"
	"testing"
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
