package flows

import (
	"time"

	"github.com/rstwhy/rstwhy/internal/arena"
)

// leaving is a connection that is to be looked at in some second: it may leave.
type leaving struct {
	slot, gen uint32
}

// wheel says which connections are to be looked at in which second of the clock.
type wheel struct {
	second  int64 // up to which it was turned
	n       int   // entries in it
	buckets [64][]leaving
	spare   [][]leaving // empty buckets, to be used again
}

// put has a connection looked at in that second, or before.
func (w *wheel) put(second int64, l leaving) {
	at := min(second, w.second+int64(len(w.buckets))-1)
	b := &w.buckets[max(at, w.second+1)%int64(len(w.buckets))]
	if n := len(w.spare); cap(*b) == 0 && n > 0 {
		*b = w.spare[n-1]
		w.spare = w.spare[:n-1]
	}
	*b = append(*b, l)
	w.n++
}

// next turns w by a second and returns who is to be looked at in it.
func (w *wheel) next() []leaving {
	w.second++
	b := &w.buckets[w.second%int64(len(w.buckets))]
	due := *b
	*b = nil
	w.n -= len(due)
	return due
}

// emptied takes back what next returned.
func (w *wheel) emptied(due []leaving) {
	if cap(due) > 0 && len(w.spare) < 8 {
		w.spare = append(w.spare, due[:0])
	}
}

// leaves is the second of the clock at whose beginning c leaves when nothing
// happens to it until then. It follows from c's own segments and from the clock
// at them: what others do changes neither who leaves nor when. ok is false for a
// connection that stays.
func (c *connection) leaves() (second int64, ok bool) {
	if c.marks&isClosing != 0 {
		return c.due, true
	}
	return after(c.latest(), halfOpenFor), c.isHalfOpen()
}

// after is the second of the clock that is so much later.
func after(clock int64, d time.Duration) int64 { return clock/1e9 + int64(d/time.Second) }

// isHalfOpen reports whether no handshake was completed, nor shown by segments
// of both sides to have been completed before.
func (c *connection) isHalfOpen() bool {
	client, server := &c.side[Client], &c.side[Server]
	return c.handshake != Established && c.packets() <= halfOpenMax &&
		(client.Packets == uint32(client.SYNs) || server.Packets == uint32(server.SYNs))
}

// closing lets the connection of slot leave after that time.
func (t *Table) closing(c *connection, slot uint32, d time.Duration) {
	due := after(t.clock, d)
	if c.marks&isClosing != 0 {
		c.due = max(c.due, due)
		return
	}
	c.due = due
	c.marks |= isClosing
	t.wheel.put(due, leaving{slot, c.gen})
}

// turn begins the next second: the connections leave whose time has come. Their
// notes come in the order of their frames.
func (t *Table) turn() {
	w, p := &t.wheel, &t.population
	due := w.next()
	notes := len(t.out.Notes)
	for k, l := range due {
		if k+16 < len(due) {
			arena.Prefetch(p.at(due[k+16].slot), standingLines+1)
		}
		if k+8 < len(due) {
			arena.Prefetch(&p.index.words[p.at(due[k+8].slot).hash&p.index.mask()], 1)
		}
		c := p.at(l.slot)
		if c.marks&isLive == 0 || c.gen != l.gen {
			continue // it has left
		}
		switch second, ok := c.leaves(); {
		case !ok:
		case second > w.second:
			w.put(second, l)
		default:
			t.leave(l.slot, w.second*1e9)
		}
	}
	w.emptied(due)
	t.out.sortNotes(notes)
}
