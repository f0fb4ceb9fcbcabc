package capture

import (
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/rstwhy/rstwhy/packet"
)

// goroutines waits until there are no more than n.
func goroutines(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > n; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, there were %d before:\n%s", runtime.NumGoroutine(), n, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

var packers = map[string]func([]byte) []byte{"gzip": gz, "zstd": zst}

// TestAhead checks that what is read ahead is what is read, and that damage is
// reported after the frames that stand before it.
func TestAhead(t *testing.T) {
	const n = 10 * batchHeaders
	plain := many(n)
	for i := range n { // the sequence number is the number of the frame
		at := pcapHeaderLen + i*(recordHeader+14+100) + recordHeader + 14 + 24
		big.PutUint32(plain[at:], uint32(i+1))
	}
	before := runtime.NumGoroutine()
	for name, pack := range packers {
		packed := pack(plain)
		for _, test := range []struct {
			b      []byte
			config Config
			frames uint64 // 0: some
			says   string
		}{
			{packed, Config{}, n, ""},
			{packed, Config{Count: 3000}, 3000, ""},
			{packed, Config{Filter: "tcp", Count: 3000}, 3000, ""},
			{packed[:len(packed)/2], Config{}, 0, "the " + name + " data ends early"},
			{pack(append(plain[:len(plain):len(plain)], 1, 2)), Config{}, n, "the file ends within the header of the record"},
		} {
			path := file(t, "a", test.b)
			r := read(t, test.config, path)
			if test.frames != 0 && r.frames != test.frames || r.frames < 100 || uint64(len(r.headers)) != r.frames {
				t.Errorf("%s: %d frames and %d headers, want %d", name, r.frames, len(r.headers), test.frames)
			}
			for i := range r.headers {
				if h := &r.headers[i]; h.Frame != uint64(i+1) || h.Seq != packet.Seq(i+1) {
					t.Fatalf("%s: segment %d is frame %d, number %d", name, i+1, h.Frame, h.Seq)
				}
			}
			var format *FormatError
			if test.says == "" && r.err() != nil || test.says != "" &&
				(!errors.As(r.err(), &format) || format.Frame != r.frames+1 || format.Reason != test.says || len(r.errs) != 1) {
				t.Errorf("%s: got %v, want %q", name, r.errs, test.says)
			}
		}
		// The limit holds across files, and so do the numbers.
		path := file(t, "a", packed)
		r := read(t, Config{Count: n + 5}, path, path)
		if r.err() != nil || r.frames != n+5 || r.headers[n].Frame != 1 || r.headers[n].File != 1 {
			t.Errorf("%s: two files: %d frames, %v", name, r.frames, r.errs)
		}
	}
	goroutines(t, before)
}

// TestAheadClose closes a source that is read ahead, and finds nothing of it
// left.
func TestAheadClose(t *testing.T) {
	before := runtime.NumGoroutine()
	for name, pack := range packers {
		b := pack(many(20 * batchHeaders))
		path := file(t, "a", b)
		for i := range 6 {
			reads := i % 3 // also when it was never read
			f, err := Open([]string{path}, Config{Libpcap: i >= 3})
			if err != nil {
				t.Fatal(err)
			}
			var b packet.Batch
			for range reads {
				if err := f.Read(&b); err != nil || b.Frames == 0 {
					t.Fatalf("%s: %d frames, %v", name, b.Frames, err)
				}
			}
			// Now every batch is full, or soon will be.
			f.Close()
			if err := f.Read(&b); err != io.EOF || b.Frames != 0 {
				t.Errorf("%s: after Close: %d frames, %v", name, b.Frames, err)
			}
			goroutines(t, before)
		}

		if _, err := Open([]string{file(t, "a", pack([]byte("hello")))}, Config{}); !errors.Is(err, ErrNotCapture) {
			t.Errorf("%s: %v", name, err)
		}
		goroutines(t, before)

		// Closed while Read waits for the writer.
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		go w.Write(b[:len(b)/2])
		f, err := Open([]string{"-"}, Config{Stdin: r})
		if err != nil {
			t.Fatal(err)
		}
		waits, ended := make(chan bool), make(chan error)
		go func() {
			var b packet.Batch
			for {
				if err := f.Read(&b); err != nil {
					ended <- err
					return
				}
				waits <- true
			}
		}()
		for waiting := false; !waiting; {
			select {
			case <-waits:
			case <-time.After(200 * time.Millisecond):
				waiting = true
			}
		}
		f.Close()
		if err := <-ended; err != io.EOF {
			t.Errorf("%s: after Close: %v", name, err)
		}
		w.Close()
		goroutines(t, before)
		r.Close()
	}
}

// TestAheadReopened reads compressed files of a set, each of which is opened a
// second time.
func TestAheadReopened(t *testing.T) {
	var paths []string
	for range 20 {
		paths = append(paths, file(t, "a", zst(many(3*batchHeaders))))
	}
	f, err := Open(paths, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if r := drain(t, f); r.err() != nil || r.frames != 20*3*batchHeaders {
		t.Errorf("%d frames, %v", r.frames, r.errs)
	}
	if done, total := f.Progress(); done != total || total == 0 {
		t.Errorf("progress %d of %d", done, total)
	}
}

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

// TestAheadMemory checks that a small file that unpacks to a large one takes no
// more memory than any other.
func TestAheadMemory(t *testing.T) {
	for name, pack := range packers {
		path := file(t, "a", pack(append(many(1), make([]byte, 20<<20)...)))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := read(t, Config{}, path)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 16<<20 || r.frames < 1<<20 {
			t.Errorf("%s: %d bytes allocated for %d frames", name, n, r.frames)
		}
	}
}
