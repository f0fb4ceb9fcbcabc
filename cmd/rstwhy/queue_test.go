package main

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"
)

// stuck is a reader who does not read until it is let.
type stuck struct {
	let  chan struct{}
	read bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.let
	return s.read.Write(p)
}

// TestQueue writes more than it holds to somebody who does not read: what is left out is
// left out as a whole, and what comes when there is time to wait is not.
func TestQueue(t *testing.T) {
	to := &stuck{let: make(chan struct{})}
	q := newQueue(to)
	line := append(bytes.Repeat([]byte("x"), 1<<20-1), '\n')
	for range 40 {
		done := make(chan error, 1)
		go func() { _, err := q.Write(line); done <- err }()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("who does not read keeps the writer waiting")
		}
	}
	left := q.leftOut()
	// As much as has room waits, and as much at most is being written.
	if room := uint64(queueMax >> 20); left < 40-2*room || left > 40-room {
		t.Errorf("%d of 40 left out, of which %d have room", left, room)
	}
	q.wait()
	last := make(chan error, 1)
	go func() {
		_, err := q.Write([]byte("the end\n"))
		last <- errors.Join(err, q.end())
	}()
	close(to.let)
	if err := <-last; err != nil {
		t.Fatal(err)
	}
	if got := uint64(bytes.Count(to.read.Bytes(), line)); got != 40-left || q.leftOut() != left || !bytes.HasSuffix(to.read.Bytes(), []byte("\nthe end\n")) {
		t.Errorf("%d lines written, %d left out of 40", got, q.leftOut())
	}
}

// TestQueueFails hears that nobody is there any more.
func TestQueueFails(t *testing.T) {
	r, w := io.Pipe()
	r.CloseWithError(io.ErrClosedPipe)
	q := newQueue(w)
	q.Write([]byte("x"))
	if err := q.end(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
	if _, err := q.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}
