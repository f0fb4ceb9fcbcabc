package flows

import (
	"time"
	"unsafe"

	"github.com/rstwhy/rstwhy/internal/arena"
)

// leaving is a connection that may leave at some second.
type leaving struct {
	slot, gen uint32
}

// wheel says which connections leave when.
type wheel struct {
	second  int64 // of the clock, up to which it was turned
	buckets [64][]leaving
}

// put lets the connection of slot be looked at when its second has come, or
// before.
func (w *wheel) put(slot uint32, c *connection) {
	at := min(c.due, w.second+int64(len(w.buckets))-1)
	at = max(at, w.second+1)
	i := at % int64(len(w.buckets))
	w.buckets[i] = append(w.buckets[i], leaving{slot, c.gen})
}

// closing lets the connection of slot leave after that time.
func (t *Table) closing(c *connection, slot uint32, after time.Duration) {
	due := t.clock/1e9 + int64(after/time.Second)
	if c.marks&isClosing != 0 {
		c.due = max(c.due, due)
		return
	}
	c.due = due
	c.marks |= isClosing
	t.wheel.put(slot, c)
}

// turn lets the connections leave whose second has come.
func (t *Table) turn(second int64, to *consumer) {
	w, p := &t.wheel, &t.population
	from := w.second + 1
	if w.second == 0 || second-from >= int64(len(w.buckets)) {
		from = max(0, second-int64(len(w.buckets))+1)
	}
	for s := from; s <= second; s++ {
		i := s % int64(len(w.buckets))
		due := w.buckets[i]
		w.buckets[i] = nil
		w.second = s
		for k, l := range due {
			if k+16 < len(due) {
				arena.Prefetch(unsafe.Pointer(p.at(due[k+16].slot)), standingLines+1)
			}
			if k+8 < len(due) {
				arena.Prefetch(unsafe.Pointer(&p.index.words[p.at(due[k+8].slot).hash&p.index.mask()]), 1)
			}
			c := p.at(l.slot)
			if c.marks&(isLive|isClosing) != isLive|isClosing || c.gen != l.gen {
				continue // it has left, or come back to life
			}
			if c.due > s {
				w.put(l.slot, c)
				continue
			}
			t.leave(l.slot, to)
		}
		if w.buckets[i] == nil {
			w.buckets[i] = due[:0]
		}
	}
	w.second = second
}

// sweep looks at two slots for every new connection, so that handshakes that
// never completed do not stay longer than halfOpenFor when there is traffic.
func (t *Table) sweep(to *consumer) {
	p := &t.population
	for range min(2, p.connections.next) {
		if t.hand >= p.connections.next {
			t.hand = 0
		}
		c := p.at(t.hand)
		if c.marks&(isLive|isWatched) == isLive && c.handshake != Established && c.packets() <= halfOpenMax &&
			t.clock-c.latest() > int64(halfOpenFor) {
			t.leave(t.hand, to)
		}
		t.hand++
	}
}
