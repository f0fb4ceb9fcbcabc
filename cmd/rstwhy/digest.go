package main

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
)

// digests are the SHA-256 of the input files, computed beside the analysis.
type digests struct {
	stdin *teeDigest
	stop  atomic.Bool
	done  chan struct{}
	files map[string]string // by path, complete once done is closed
}

// newDigests begins to read the regular files among paths. What "-" reads must
// be read through the field stdin.
func newDigests(paths []string, stdin *os.File) *digests {
	d := &digests{
		stdin: &teeDigest{r: stdin, hash: sha256.New()},
		done:  make(chan struct{}),
		files: make(map[string]string),
	}
	go func() {
		defer close(d.done)
		for _, path := range paths {
			switch {
			case path == "-":
			case isStream(path):
				d.files[path] = "" // it cannot be read twice
			default:
				d.files[path] = d.file(path)
			}
		}
	}()
	return d
}

// file returns "" for what cannot be read to its end.
func (d *digests) file(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for !d.stop.Load() {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			return hex.EncodeToString(h.Sum(nil))
		}
		if err != nil {
			return ""
		}
	}
	return ""
}

// giveUp leaves out the digests that are not yet known.
func (d *digests) giveUp() { d.stop.Store(true) }

// of returns the digests of the named files, as capture.Files names them, and
// waits for them.
func (d *digests) of(names []string) []string {
	<-d.done
	out := make([]string, len(names))
	for i, name := range names {
		if sum, ok := d.files[name]; ok {
			out[i] = sum
		} else {
			out[i] = d.stdin.sum()
		}
	}
	return out
}

// teeDigest computes the digest of what is read through it.
type teeDigest struct {
	r     *os.File
	mu    sync.Mutex
	hash  hash.Hash
	whole bool // r was read to its end
}

func (t *teeDigest) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hash.Write(p[:n])
	t.whole = t.whole || err == io.EOF
	return n, err
}

// Stat says whether r is a stream.
func (t *teeDigest) Stat() (fs.FileInfo, error) { return t.r.Stat() }

func (t *teeDigest) sum() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.whole {
		return ""
	}
	return hex.EncodeToString(t.hash.Sum(nil))
}
