package flows

import (
	"github.com/rstwhy/rstwhy/internal/arena"
	"github.com/rstwhy/rstwhy/packet"
)

// waiting is a reset whose grace is not over. It has no pointers: many wait, and
// the garbage collector is to have nothing to do with them.
type waiting struct {
	due  int64
	slot uint32 // of the connection, which may have left it when there is a Reset
	// made is the place of its Reset in pending.made, +1. As long as nothing has
	// happened on the connection since, and that is so for nearly all resets of a
	// scan, it is 0: the Reset then is made when it settles, out of the
	// connection and of what follows.
	made uint32

	latest int64 // clock at its latest RST
	until  int64 // clock until which it may wait longer, when again
	again  bool  // the same SYN was sent again, and met the same

	// What the connection was before it was reset.
	known    Known // of the sender
	historyN uint8
	retried  bool

	dir Dir
	rst packet.Header
}

// pending is the resets that wait: a ring of those numbered from first up to
// next.
type pending struct {
	ring        []waiting
	first, next uint32
	made        []*Reset // of those that wait; nil where the place is free
	places      []uint32 // free ones of made
	unused      []*Reset
	follow      [][]FollowUp // for Reset.FollowUps, empty
}

func newPending() pending { return pending{ring: make([]waiting, 64)} }

func (q *pending) len() int { return int(q.next - q.first) }

// at is the waiting reset of that number.
func (q *pending) at(number uint32) *waiting { return &q.ring[number&uint32(len(q.ring)-1)] }

// push returns the place for one more, the number of which is next-1.
func (q *pending) push() *waiting {
	if n := q.next - q.first; int(n) == len(q.ring) {
		old := q.ring
		q.ring = make([]waiting, 2*len(old))
		for i := q.first; i != q.next; i++ {
			*q.at(i) = old[i&(n-1)]
		}
	}
	q.next++
	return q.at(q.next - 1)
}

// pop takes the oldest one out and returns its Reset.
func (q *pending) pop(p *population) *Reset {
	number := q.first
	q.first++
	w := q.at(number)
	var r *Reset
	if w.made == 0 {
		r = q.describe(p, w)
	} else {
		r = q.made[w.made-1]
		q.made[w.made-1] = nil
		q.places = append(q.places, w.made)
	}
	// No other connection can hold this number: it was r's until now.
	if c := p.at(w.slot); c.marks&isWatched != 0 && c.open == number {
		c.marks &^= isWatched
	}
	q.ahead(p)
	return r
}

// renew lets the oldest one wait for another Grace, and reports whether it does:
// its SYN was sent again and reset again within the last one.
func (q *pending) renew(p *population, at int64) bool {
	w := *q.at(q.first)
	if !w.again || w.latest+int64(Grace) <= at || at >= w.until {
		return false
	}
	c := p.at(w.slot)
	if c.marks&isWatched == 0 || c.open != q.first {
		return false
	}
	q.first++
	w.due = at + int64(Grace)
	*q.push() = w
	c.open = q.next - 1
	return true
}

// ahead fetches what the resets after the oldest will be made of: they have
// waited for long enough to be in no cache.
func (q *pending) ahead(p *population) {
	n := q.len()
	if n > 24 {
		w := q.at(q.first + 24)
		arena.Prefetch(w, 3)
	}
	if n > 16 {
		arena.Prefetch(p.at(q.at(q.first+16).slot), standingLines+2)
	}
	if n > 8 {
		p.memory.ready(p.at(q.at(q.first + 8).slot))
	}
}

// watched returns the reset that waits on c, which something happens to now.
func (q *pending) watched(p *population, c *connection) *Reset {
	w := q.at(c.open)
	if w.made == 0 {
		if n := len(q.places); n > 0 {
			w.made = q.places[n-1]
			q.places = q.places[:n-1]
		} else {
			q.made = append(q.made, nil)
			w.made = uint32(len(q.made))
		}
		q.made[w.made-1] = q.describe(p, w)
	}
	return q.made[w.made-1]
}

// describe makes the Reset of w out of its connection, to which nothing has
// happened since.
func (q *pending) describe(p *population, w *waiting) *Reset {
	var r *Reset
	if n := len(q.unused); n > 0 {
		r = q.unused[n-1]
		q.unused = q.unused[:n-1]
		r.After = After{}
	} else {
		r = new(Reset)
	}
	c, m := p.at(w.slot), &p.memory
	r.RST, r.Dir = w.rst, w.dir
	r.Payload = nil
	m.describe(&r.Flow, c, w.historyN)
	r.Flow.Retried = w.retried
	s := &r.Flow.Side[w.dir]
	s.Known = w.known &^ unanswered
	if w.known&SawRST == 0 {
		s.RSTTime, s.RSTFrame = 0, 0
	}
	rst := segmentOf(&w.rst, w.dir)
	r.Trigger = c.trigger(m, &rst, nil, nil)
	return r
}

// answer returns room for one more follow-up of r.
func (q *pending) answer(r *Reset) *FollowUp {
	if n := len(q.follow); r.FollowUps == nil && n > 0 {
		r.FollowUps = q.follow[n-1]
		q.follow = q.follow[:n-1]
	}
	r.FollowUps = append(r.FollowUps, FollowUp{})
	return &r.FollowUps[len(r.FollowUps)-1]
}

// spares is how many Resets, and lists of follow-ups, are kept for reuse.
const spares = 1024

// release keeps r for reuse. Of lists only the short ones are kept: one flood
// must not stay for good.
func (q *pending) release(r *Reset) {
	if n := cap(r.FollowUps); n > 0 && n <= 64 && len(q.follow) < spares {
		q.follow = append(q.follow, r.FollowUps[:0])
	}
	r.FollowUps = nil
	if len(q.unused) < spares {
		q.unused = append(q.unused, r)
	}
}
