package capture

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// stream reads ahead of whoever reads from it, and can be interrupted while it
// waits: the read of a terminal or of an inherited pipe cannot.
type stream struct {
	full chan chunk
	free chan []byte
	done chan struct{}
	once sync.Once

	cur  chunk // what full gave last
	rest []byte

	waits atomic.Pointer[time.Time] // since when Read waits; nil while it does not
}

type chunk struct {
	data []byte
	err  error
}

// chunkSize is what a pipe holds on Linux.
const chunkSize = 64 << 10

func newStream(r io.Reader) *stream {
	s := &stream{full: make(chan chunk), free: make(chan []byte, 2), done: make(chan struct{})}
	for range cap(s.free) {
		s.free <- make([]byte, chunkSize)
	}
	go s.readAhead(r)
	return s
}

func (s *stream) readAhead(r io.Reader) {
	for {
		var b []byte
		select {
		case b = <-s.free:
		case <-s.done:
			return
		}
		n, err := r.Read(b)
		select {
		case s.full <- chunk{b[:n], err}:
		case <-s.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// Read returns what has arrived, and waits only if that is nothing.
func (s *stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.cur.err != nil {
			return 0, s.cur.err
		}
		if s.cur.data != nil {
			s.free <- s.cur.data[:chunkSize]
		}
		select {
		case s.cur = <-s.full:
		default:
			s.wait()
		}
		s.rest = s.cur.data
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// wait waits for the next chunk.
func (s *stream) wait() {
	since := time.Now()
	s.waits.Store(&since)
	defer s.waits.Store(nil)
	select {
	case s.cur = <-s.full:
	case <-s.done:
		s.cur = chunk{err: errClosed}
	}
}

// silent is for how long nothing has come. It may be called while Read runs.
func (s *stream) silent() time.Duration {
	if since := s.waits.Load(); since != nil {
		return time.Since(*since)
	}
	return 0
}

// interrupt ends a Read that waits, and every later one that would.
func (s *stream) interrupt() { s.once.Do(func() { close(s.done) }) }
