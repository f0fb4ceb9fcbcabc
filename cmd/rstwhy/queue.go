package main

import (
	"io"
	"sync"
)

// queueMax is what a queue holds of what nobody has read yet, in octets.
const queueMax = 16 << 20

// queue writes in a goroutine of its own, so that who reads what a live run finds cannot
// keep it from its packets. What has no room any more is left out, each Write as a whole,
// and counted.
type queue struct {
	w  io.Writer
	mu sync.Mutex
	// changed is signalled when the fields below change.
	changed *sync.Cond
	waiting []byte
	writing bool
	patient bool // Write waits for room
	ended   bool
	left    uint64 // Writes that were left out
	err     error
}

func newQueue(w io.Writer) *queue {
	q := &queue{w: w}
	q.changed = sync.NewCond(&q.mu)
	go q.run()
	return q
}

func (q *queue) run() {
	var buf []byte
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for len(q.waiting) == 0 && !q.ended {
			q.changed.Wait()
		}
		if len(q.waiting) == 0 {
			return
		}
		buf, q.waiting = q.waiting, buf[:0]
		q.writing = true
		q.mu.Unlock()
		_, err := q.w.Write(buf)
		q.mu.Lock()
		q.writing = false
		if err != nil {
			q.err, q.waiting = err, nil
		}
		q.changed.Broadcast()
	}
}

// Write takes p, or leaves it out. The error is that of an earlier Write.
func (q *queue) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.patient && q.err == nil && len(q.waiting) > 0 && len(q.waiting)+len(p) > queueMax {
		q.changed.Wait()
	}
	if q.err != nil {
		return 0, q.err
	}
	if !q.patient && len(q.waiting)+len(p) > queueMax {
		q.left++
		return len(p), nil
	}
	q.waiting = append(q.waiting, p...)
	q.changed.Broadcast()
	return len(p), nil
}

// wait makes each Write from now on wait until it has room.
func (q *queue) wait() {
	q.mu.Lock()
	q.patient = true
	q.mu.Unlock()
}

// end waits until all is written, and returns why it could not be.
func (q *queue) end() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.err == nil && (len(q.waiting) > 0 || q.writing) {
		q.changed.Wait()
	}
	q.ended = true
	q.changed.Broadcast()
	return q.err
}

// leftOut is how many Writes were left out.
func (q *queue) leftOut() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.left
}
