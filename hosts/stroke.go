package hosts

import "github.com/rstwhy/rstwhy/flows"

// strokeOf is the key of the resets by the side d, and its hash: the port says
// nothing of a client.
func strokeOf(end *flows.Endpoint, h hashes, d flows.Dir) (flows.Endpoint, uint64) {
	key := *end
	if d == flows.Client {
		key.Port = 0
		return key, mix(h.addr, 1)
	}
	return key, h.end
}

// stroke is a run of resets of one sender.
type stroke struct {
	first, last     int64
	n, moved, spoke uint32
	// fell and rose are in how many the connection before in the stroke was completed
	// later than this one, or earlier; completed is when the latest of them was.
	fell, rose uint32
	completed  int64
	// acted is in how many the other side had acted at all, from actedFirst to
	// actedLast.
	acted                 uint32
	actedFirst, actedLast int64
}

// movedBy is in how many resets of s the other side may have set the moment.
func (s *stroke) movedBy() uint32 {
	// A timer that each set off with its latest payload ends them as close to each
	// other as they began.
	if s.acted == s.n && s.actedLast-s.actedFirst <= 2*(s.last-s.first)+strokeGap {
		return s.n
	}
	return s.moved
}

// strokesKept is how many strokes before the latest are remembered: a reset is
// asked about when it settles, and others come meanwhile.
const strokesKept = 4

type strokeFacts struct {
	now  stroke              // which may go on
	past [strokesKept]stroke // a ring, of two resets and more
	next uint8
}

// add takes the reset of e into account.
func (f *strokeFacts) add(e *flows.Event) {
	s := &f.now
	if s.n > 0 && (e.Time > s.last+strokeGap || e.Time < s.first-strokeGap) {
		if s.n > 1 {
			f.past[f.next%strokesKept] = *s
			f.next = (f.next + 1) % strokesKept
		}
		*s = stroke{}
	}
	if s.n == 0 {
		s.first, s.last = e.Time, e.Time
	}
	s.first, s.last = min(s.first, e.Time), max(s.last, e.Time)
	s.n++
	switch {
	case s.completed == 0 || e.Completed == 0:
	case e.Completed < s.completed:
		s.fell++
	case e.Completed > s.completed:
		s.rose++
	}
	s.completed = e.Completed
	if e.Acted != 0 {
		if s.acted == 0 {
			s.actedFirst, s.actedLast = e.Acted, e.Acted
		}
		s.actedFirst, s.actedLast = min(s.actedFirst, e.Acted), max(s.actedLast, e.Acted)
		s.acted++
		if e.Time-e.Acted <= e.RTT+strokeAnswers {
			s.moved++
		}
	}
	if e.Spoke {
		s.spoke++
	}
}

// around is the stroke of that time, nil when it is forgotten.
func (f *strokeFacts) around(at int64) *stroke {
	if s := &f.now; s.first <= at && at <= s.last {
		return s
	}
	for i := range f.past {
		if s := &f.past[i]; s.n > 0 && s.first <= at && at <= s.last {
			return s
		}
	}
	return nil
}
