package flows

import (
	"github.com/rstwhy/rstwhy/internal/arena"
	"github.com/rstwhy/rstwhy/packet"
)

// group is how many segments are looked up together.
const group = 16

// lookAhead runs ahead of the segments that are followed and has the processor
// fetch what they will need. What it finds is only a hint: the segments before
// change the table.
type lookAhead struct {
	hashes [4 * group]uint32
	slots  [4 * group]uint32 // where the connection was when it was looked up, +1
}

// start looks up the segments that a batch begins with.
func (l *lookAhead) start(p *population, hs []packet.Header) {
	for g := -3; g < 0; g++ {
		l.group(p, hs, g)
	}
}

// group is called when the segments of group g are about to be followed. It
// fetches first the words of the index, two groups later the connections, then
// their latest segments, and waits for none of it.
func (l *lookAhead) group(p *population, hs []packet.Header, g int) {
	x := &p.index
	for i := max(0, (g+3)*group); i < min((g+4)*group, len(hs)); i++ {
		hash := x.hash(&hs[i])
		arena.Prefetch(&x.words[hash&x.mask()], 1)
		l.hashes[i%len(l.hashes)] = hash
	}
	for i := max(0, (g+2)*group); i < min((g+3)*group, len(hs)); i++ {
		slot := x.find(l.hashes[i%len(l.hashes)])
		l.slots[i%len(l.slots)] = slot
		if slot != 0 {
			arena.Prefetch(p.at(slot-1), standingLines)
		}
	}
	for i := max(0, (g+1)*group); i < min((g+2)*group, len(hs)); i++ {
		slot := l.slots[i%len(l.slots)]
		if slot == 0 {
			continue
		}
		c := p.at(slot - 1)
		p.memory.ready(c)
		if h := &hs[i]; h.Len > 0 {
			d := Client
			if c.ends[Client].Port != h.SrcPort {
				d = Server
			}
			arena.Prefetch(&c.stream[d], 1)
		}
	}
}

// of is what was found for segment i of the batch.
func (l *lookAhead) of(i int) (hash, hint uint32) {
	return l.hashes[i%len(l.hashes)], l.slots[i%len(l.slots)]
}
