package flows

import (
	"github.com/rstwhy/rstwhy/internal/arena"
	"github.com/rstwhy/rstwhy/packet"
)

// pieceLen segments are what a connection takes from the Table's memory at once:
// most connections that are reset never need more.
const pieceLen = 4

// memory holds what connections have besides: the latest segments, in pieces
// that a connection takes when it needs them and gives back when it leaves, and
// what is rare. Inside of every connection that would be most of its size.
type memory struct {
	pieces arena.Slab[piece]
	rares  arena.Slab[rares]
}

type piece [pieceLen]Segment

// rares is what most connections never show, or only at their end.
type rares struct {
	side  [2]Rare
	prior Earlier
}

// taken is how many octets connections have in m.
func (m *memory) taken() int64 { return m.pieces.Taken() + m.rares.Taken() }

// recent is Flow.Recent for a connection in the table.
func (m *memory) recent(c *connection, i int) *Segment {
	if i < 0 || i >= RecentLen || i >= int(c.recentN) {
		return nil
	}
	at := (c.recentN - 1 - uint8(i)) % RecentLen
	return &m.pieces.At(c.pieces[at/pieceLen] - 1)[at%pieceLen]
}

func (m *memory) remember(c *connection, h *packet.Header, d Dir) { m.next(c).set(h, d) }

// next makes room for the latest segment of c.
func (m *memory) next(c *connection) *Segment {
	at := c.recentN % RecentLen
	p := &c.pieces[at/pieceLen]
	if *p == 0 {
		*p = m.pieces.Take() + 1
	}
	if c.recentN++; c.recentN == 2*RecentLen {
		c.recentN = RecentLen
	}
	return &m.pieces.At(*p - 1)[at%pieceLen]
}

// ready has the processor fetch what remember will write.
func (m *memory) ready(c *connection) {
	at := c.recentN % RecentLen
	if p := c.pieces[at/pieceLen]; p != 0 {
		s := &m.pieces.At(p - 1)[at%pieceLen]
		arena.Prefetch(s, 1)
		if at%pieceLen%3 != 0 {
			arena.Prefetch(&s.Dir, 1) // it lies in two lines
		}
	}
}

// rare returns what is rare of c, to be written to.
func (m *memory) rare(c *connection) *rares {
	if c.rare == 0 {
		c.rare = m.rares.Take() + 1
		*m.rares.At(c.rare - 1) = rares{}
	}
	return m.rares.At(c.rare - 1)
}

// forget gives back what c has in m.
func (m *memory) forget(c *connection) {
	for i, p := range c.pieces {
		if p == 0 {
			break
		}
		m.pieces.Give(p - 1)
		c.pieces[i] = 0
	}
	c.recentN = 0
	if c.rare != 0 {
		m.rares.Give(c.rare - 1)
		c.rare = 0
	}
}

// describe writes c into f, which may hold another connection; of its history
// the first n letters.
func (m *memory) describe(f *Flow, c *connection, n uint8) {
	f.Ends, f.Zone, f.Handshake, f.Start = c.ends, c.zone, c.handshake, c.start
	f.RolesGuessed, f.Retried, f.Refused = c.marks&isGuessed != 0, c.marks&isTriedAgain != 0, c.marks&isRefused != 0
	f.Letters, f.HistoryN = c.history, n
	for i := n; i < c.historyN; i++ {
		f.Letters[i] = 0
	}
	for d := range f.Side {
		s := &f.Side[d]
		s.Standing = c.side[d]
		s.Known &^= unanswered
		// Without these marks the rest is zero, and need not be fetched.
		if s.Known&SawData == 0 {
			s.Stream = Stream{}
		} else {
			s.Stream = c.stream[d]
		}
		if s.Known&(SawSYN|SawPlainAck|SawData|PeerISN) == 0 {
			s.Opening = Opening{}
		} else {
			s.Opening = c.opening[d]
		}
		if c.rare == 0 {
			s.Rare = Rare{}
		} else {
			s.Rare = m.rares.At(c.rare - 1).side[d]
		}
	}
	f.Prior = Earlier{}
	if c.rare != 0 {
		f.Prior = m.rares.At(c.rare - 1).prior
	}
	if c.rstFrame != 0 {
		s := &f.Side[c.rstDir]
		s.RSTTime, s.RSTFrame = c.rstTime, c.rstFrame
	}
	before := f.RecentN
	f.RecentN = min(c.recentN, RecentLen)
	for i := range int(f.RecentN) {
		f.Segments[i] = *m.recent(c, i)
	}
	if f.RecentN < before {
		clear(f.Segments[f.RecentN:before])
	}
}
