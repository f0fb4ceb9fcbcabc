package flows

import (
	"cmp"
	"iter"
	"slices"
)

// Output is what has become known, in order. Who asked about other connections
// when a Reset settled knows of the events before it in the list, and of no
// other.
type Output struct {
	Events []Event
	Resets []*Reset
	Notes  []Note
	order  []place
}

// place says which of the three lists is next: its length then told where in it.
type place uint8

const (
	atEvent place = iota
	atReset
	atNote
)

// Item is one thing of an Output: exactly one of its fields is set.
type Item struct {
	Event *Event
	Reset *Reset
	Note  *Note
}

// Items lists what o holds in the order in which it became known. Events and
// notes are o's own: they are good until o is emptied.
func (o *Output) Items() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		var next [3]int
		for _, p := range o.order {
			i := next[p]
			next[p]++
			var item Item
			switch p {
			case atEvent:
				item.Event = &o.Events[i]
			case atReset:
				item.Reset = o.Resets[i]
			case atNote:
				item.Note = &o.Notes[i]
			}
			if !yield(item) {
				return
			}
		}
	}
}

// Empty makes o ready to be filled again, in the same memory.
func (o *Output) Empty() {
	clear(o.Resets)
	o.Events, o.Resets, o.Notes, o.order = o.Events[:0], o.Resets[:0], o.Notes[:0], o.order[:0]
}

// event returns the next event, to be filled: it holds what an earlier one did.
func (o *Output) event() *Event {
	o.order = append(o.order, atEvent)
	n := len(o.Events)
	if n == cap(o.Events) {
		o.Events = slices.Grow(o.Events, max(n, 1))
	}
	o.Events = o.Events[:n+1]
	return &o.Events[n]
}

func (o *Output) reset(r *Reset) {
	o.order = append(o.order, atReset)
	o.Resets = append(o.Resets, r)
}

func (o *Output) note(n Note) {
	o.order = append(o.order, atNote)
	o.Notes = append(o.Notes, n)
}

// sortNotes puts those from the i-th on, which are of one moment, in the order
// of their frames.
func (o *Output) sortNotes(i int) {
	if len(o.Notes)-i > 1 {
		slices.SortFunc(o.Notes[i:], func(a, b Note) int { return cmp.Compare(a.Frame, b.Frame) })
	}
}
