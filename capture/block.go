package capture

import (
	"io"
	"sync/atomic"
)

const (
	// blockSize is how much is read at once: as much as stays in the cache of
	// the processor until it is decoded, beside the headers of a batch.
	blockSize = 256 << 10
	// margin holds the largest record and what stands around it.
	margin = maxRecord + 32<<10
)

// blocks reads a file in blocks, and lets its octets be used where they are.
// The end of a block that holds only a part of a record is moved to before the
// place of the next one, so that every record can be had in one piece.
type blocks struct {
	r       io.Reader
	buf     []byte // margin, then a block
	at, end int    // the octets of buf that were read and not yet used
	err     error  // what ended the reading

	torn atomic.Bool // fill waits for the rest of what is held
}

func newBlocks(r io.Reader) *blocks {
	return &blocks{r: r, buf: make([]byte, margin+blockSize), at: margin, end: margin}
}

// held is the octets that can be had without reading.
func (b *blocks) held() []byte { return b.buf[b.at:b.end] }

// peek returns the next n octets, at most margin, or fewer and the reason. They
// are valid until the next call of a method that has to read.
func (b *blocks) peek(n int) ([]byte, error) {
	for b.end-b.at < n {
		if err := b.fill(); err != nil {
			return b.held(), err
		}
	}
	return b.buf[b.at : b.at+n], nil
}

// skip leaves out the next n octets, which are held.
func (b *blocks) skip(n int) { b.at += n }

// discard leaves out n octets, and returns how many of them there were.
func (b *blocks) discard(n int64) (int64, error) {
	left := n
	for {
		k := min(left, int64(b.end-b.at))
		b.at += int(k)
		if left -= k; left == 0 {
			return n, nil
		}
		if err := b.fill(); err != nil {
			return n - left, err
		}
	}
}

// Read returns what there is, and reads once if that is nothing.
func (b *blocks) Read(p []byte) (int, error) {
	if b.at == b.end && len(p) > 0 {
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.held())
	b.at += n
	return n, nil
}

// fill reads at least an octet.
func (b *blocks) fill() error {
	if b.err != nil {
		return b.err
	}
	if b.at == b.end || b.end == len(b.buf) {
		left := copy(b.buf[margin-(b.end-b.at):margin], b.held())
		b.at, b.end = margin-left, margin
	}
	for range 100 { // as bufio does
		var n int
		b.torn.Store(b.end > b.at)
		n, b.err = b.r.Read(b.buf[b.end:])
		b.end += n
		if n > 0 {
			return nil
		}
		if b.err != nil {
			return b.err
		}
	}
	b.err = io.ErrNoProgress
	return b.err
}
