package capture

import (
	"io"
	"sync"
)

const (
	// aheadBlocks is how many blocks there are: one is being filled, one is in
	// use, and two even out that neither always takes the same time.
	aheadBlocks = 4
	// aheadSize is how much of each is filled. Handing a block over costs as much
	// as decompressing some kilobytes, so that more than blockSize is better.
	aheadSize = 512 << 10
)

// ahead has a goroutine read blocks before they are asked for. That is for a
// reader with work to do, such as decompression.
type ahead struct {
	full  chan block
	free  chan []byte
	done  chan struct{}
	once  sync.Once
	ended chan struct{} // closed when the goroutine has returned
}

// block is a buffer as blocks has it, with n octets behind the margin.
type block struct {
	buf []byte
	n   int
	err error // what ended the reading
}

// newAhead begins to read r, for which close must be called in the end. If waits
// is set, r may wait for whoever writes, and what it returned until then is not
// held back until a block is full.
func newAhead(r io.Reader, waits bool) *ahead {
	a := &ahead{
		full:  make(chan block, aheadBlocks),
		free:  make(chan []byte, aheadBlocks),
		done:  make(chan struct{}),
		ended: make(chan struct{}),
	}
	// Blocks are made when they are needed: many files are only probed. The one in
	// use is none yet, and comes back as that.
	for range aheadBlocks - 1 {
		a.free <- nil
	}
	go a.run(r, waits)
	return a
}

// blocks returns the one user of what a reads.
func (a *ahead) blocks() *blocks { return &blocks{ahead: a} }

func (a *ahead) run(r io.Reader, waits bool) {
	defer close(a.ended)
	for {
		var next block
		select {
		case next.buf = <-a.free:
		case <-a.done:
			return
		}
		if next.buf == nil {
			next.buf = make([]byte, margin+aheadSize)
		}
		next.read(r, waits)
		a.full <- next // which has room for all there are
		if next.err != nil {
			return
		}
	}
}

// read fills the block, or if r may wait, reads what there is.
func (b *block) read(r io.Reader, waits bool) {
	for empty := 0; b.n < aheadSize && b.err == nil && (b.n == 0 || !waits); {
		var n int
		n, b.err = r.Read(b.buf[margin+b.n:])
		b.n += n
		if n > 0 {
			empty = 0
		} else if empty++; empty == maxEmpty && b.err == nil {
			b.err = io.ErrNoProgress
		}
	}
}

// interrupt ends a wait for the next block, and the goroutine once its reader
// returns.
func (a *ahead) interrupt() { a.once.Do(func() { close(a.done) }) }

// close waits until the goroutine has ended, and lets go of the blocks.
func (a *ahead) close() {
	a.interrupt()
	<-a.ended
	for {
		select {
		case <-a.full:
		case <-a.free:
		default:
			return
		}
	}
}

// take is fill for blocks that are read ahead. What is left of the current block
// moves to in front of the next one, unless it is less work the other way round.
func (b *blocks) take() error {
	var next block
	select {
	case next = <-b.ahead.full:
	case <-b.ahead.done:
		b.err = errClosed
		return b.err
	}
	b.err = next.err
	left, data := b.held(), next.buf[margin:margin+next.n]
	if len(data) < len(left) && len(data) <= len(b.buf)-b.end {
		b.end += copy(b.buf[b.end:], data)
		b.ahead.free <- next.buf
	} else {
		b.at, b.end = margin-copy(next.buf[margin-len(left):margin], left), margin+len(data)
		b.ahead.free <- b.buf
		b.buf = next.buf
	}
	if len(data) == 0 {
		return b.err
	}
	return nil
}
