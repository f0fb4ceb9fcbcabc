package flows

import "math"

// evict makes room: the idlest connections leave, about one in evictShare.
//
// A connection whose reset waits cannot leave. When most of them wait, the
// oldest resets settle early: otherwise next to nothing would leave, and every
// segment would look at all connections again.
func (t *Table) evict(to *consumer) {
	p := &t.population
	for t.pending.len() > p.live/2 {
		t.stats.SettledEarly++
		t.settle(t.clock, false, to)
	}
	want := max(1, p.live/evictShare)
	until, ok := p.idleUntil(want)
	if !ok {
		return // every one waits for a reset to settle
	}
	notes := len(t.out.Notes)
	for slot := range p.connections.Len() {
		if want == 0 {
			break
		}
		if c := p.at(slot); c.mayGo() && c.latest() <= until {
			t.stats.Evicted++
			t.leave(slot, t.clock)
			want--
		}
	}
	t.out.sortNotes(notes)
}

// mayGo reports whether c is there and no reset waits on it.
func (c *connection) mayGo() bool { return c.marks&(isLive|isWatched) == isLive }

// idleUntil is a time such that at least want connections that may go, or all of
// them, were last seen at that time or before. It is found in two passes and
// without sorting: how many were last seen in each of 256 equal spans of time,
// then the end of the last of the earliest ones.
func (p *population) idleUntil(want int) (until int64, ok bool) {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for slot := range p.connections.Len() {
		if c := p.at(slot); c.mayGo() {
			first, last = min(first, c.latest()), max(last, c.latest())
		}
	}
	if first > last {
		return 0, false
	}
	// Unsigned: times of a hostile capture may lie further apart than an int64
	// can say.
	var spans [256]int
	width := (uint64(last)-uint64(first))/uint64(len(spans)) + 1
	for slot := range p.connections.Len() {
		if c := p.at(slot); c.mayGo() {
			spans[(uint64(c.latest())-uint64(first))/width]++
		}
	}
	n := spans[0]
	span := 0
	for n < want && span < len(spans)-1 {
		span++
		n += spans[span]
	}
	return int64(uint64(first) + min(uint64(span+1)*width-1, uint64(last)-uint64(first))), true
}
