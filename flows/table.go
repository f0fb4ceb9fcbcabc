package flows

import (
	"iter"
	"runtime"
	"time"

	"github.com/rstwhy/rstwhy/internal/arena"
	"github.com/rstwhy/rstwhy/packet"
)

// Table follows connections. It is not safe for concurrent use.
//
// Add, Advance and Flush do their work while what they return is ranged over,
// once. What becomes known meanwhile comes in pieces, so that never much of it
// waits at a time. A piece is the caller's for the turn of the loop; its Resets
// are until they go back through Release. When the loop is left early the work
// is done all the same, and what it still makes known is lost.
type Table struct {
	config     Config
	population population
	pending    pending
	wheel      wheel
	ahead      lookAhead
	clock      int64 // the latest time of any segment
	wake       int64 // before the clock comes there, nothing is due: the next second at the latest
	out        Output
	stats      Stats
}

// NewTable returns an empty table.
func NewTable(c Config) *Table {
	t := &Table{config: c.complete(), pending: newPending()}
	t.population = newPopulation(arena.New())
	return t
}

// Add follows the segments of b.
func (t *Table) Add(b *packet.Batch) iter.Seq[*Output] {
	return func(yield func(*Output) bool) {
		to := consumer{yield}
		t.batch(b, &to)
		t.end(&to)
	}
}

// Advance moves the clock to now when that is later, and settles what is due.
// Add does it by itself; a live source calls it when an interface is silent.
func (t *Table) Advance(now int64) iter.Seq[*Output] {
	return func(yield func(*Output) bool) {
		to := consumer{yield}
		if now > t.clock {
			t.advance(now, &to)
		}
		t.end(&to)
	}
}

// Flush settles everything that still waits: the input has ended.
func (t *Table) Flush() iter.Seq[*Output] {
	return func(yield func(*Output) bool) {
		to := consumer{yield}
		t.flush(&to)
		t.end(&to)
	}
}

// Release gives a Reset back for reuse; nothing may hold on to it.
func (t *Table) Release(r *Reset) { t.pending.release(r) }

// Stats returns the counts so far.
func (t *Table) Stats() Stats { return t.stats }

// Live is how many connections are followed now.
func (t *Table) Live() int { return t.population.live }

// consumer is who ranges over what becomes known during one call. It does not
// hold the Output: who does could not be on the stack.
type consumer struct {
	yield func(*Output) bool // nil when the loop was left
}

// handOver shows the consumer what has become known.
func (t *Table) handOver(to *consumer) {
	if to.yield != nil && !to.yield(&t.out) {
		to.yield = nil
	}
	t.out.Empty()
}

// end shows the consumer the last piece.
func (t *Table) end(to *consumer) {
	if len(t.out.order) > 0 {
		t.handOver(to)
	}
	runtime.KeepAlive(t) // and so the memory that connections are in
}

// advance moves the clock to now, which is no earlier. What is due until then comes
// in the order of the times at which it is: in steps as long as the wheel has
// anything, so that it makes no difference how far apart segments are.
func (t *Table) advance(now int64, to *consumer) {
	w, q := &t.wheel, &t.pending
	if second := now / 1e9; second != w.second {
		for w.n > 0 && w.second < second {
			t.settleUntil((w.second+1)*1e9, to)
			t.turn()
		}
		w.second = second
	}
	t.settleUntil(now, to)
	t.clock = now
	t.wake = (w.second + 1) * 1e9
	if q.len() > 0 {
		t.wake = min(t.wake, q.at(q.first).due)
	}
}

// What begins to wait is not due within the second, and so not before wake.
const _ = uint64(Grace - time.Second)

// settleUntil settles the resets that are due at that time of the clock.
func (t *Table) settleUntil(at int64, to *consumer) {
	for q := &t.pending; q.len() > 0; {
		due := q.at(q.first).due
		if due > at {
			return
		}
		if q.renew(&t.population, due) {
			continue
		}
		t.settle(due, false, to)
	}
}

func (t *Table) flush(to *consumer) {
	for t.pending.len() > 0 {
		t.settle(t.clock, true, to)
	}
	p := &t.population
	notes := len(t.out.Notes)
	for slot := range p.connections.Len() {
		if p.at(slot).marks&isLive != 0 {
			t.leave(slot, t.clock)
		}
	}
	t.out.sortNotes(notes)
}
