package flows

// memory holds the latest segments of all connections of a Table, in pieces of
// pieceLen that a connection takes when it needs them and gives back when it
// leaves. Sixteen segments inside of every connection would be most of its size.
type memory struct {
	slabs []*[pieceSlab]piece
	free  []uint32
	next  uint32 // pieces ever used
}

type piece [pieceLen]Segment

// pieceSlab pieces are allocated at once, so that growth never copies any.
const pieceSlab = 256

func (m *memory) piece(i uint32) *piece { return &m.slabs[i/pieceSlab][i%pieceSlab] }

// recent is Flow.Recent for a connection in the table.
func (m *memory) recent(c *Connection, i int) *Segment {
	if i < 0 || i >= RecentLen || uint32(i) >= c.recentN {
		return nil
	}
	at := (c.recentN - 1 - uint32(i)) % RecentLen
	return &m.piece(c.pieces[at/pieceLen] - 1)[at%pieceLen]
}

func (m *memory) remember(c *Connection, s Segment) {
	at := c.recentN % RecentLen
	p := &c.pieces[at/pieceLen]
	if *p == 0 {
		*p = m.take() + 1
	}
	m.piece(*p - 1)[at%pieceLen] = s
	c.recentN++
}

// touch reads what remember will write and isCopy may read.
func (m *memory) touch(c *Connection) int64 {
	at := c.recentN % RecentLen
	p := c.pieces[at/pieceLen]
	if p == 0 {
		return 0
	}
	piece := m.piece(p - 1)
	s, before := &piece[at%pieceLen], &piece[(at-1)%pieceLen]
	return s.Time + int64(s.Dir) + before.Time
}

func (m *memory) take() uint32 {
	if n := len(m.free); n > 0 {
		i := m.free[n-1]
		m.free = m.free[:n-1]
		return i
	}
	i := m.next
	m.next++
	if int(i/pieceSlab) == len(m.slabs) {
		m.slabs = append(m.slabs, new([pieceSlab]piece))
	}
	return i
}

// forget gives back what c remembers.
func (m *memory) forget(c *Connection) {
	for i, p := range c.pieces {
		if p == 0 {
			break
		}
		m.free = append(m.free, p-1)
		c.pieces[i] = 0
	}
	c.recentN = 0
}

// copy makes f the connection c with what it remembers.
func (m *memory) copy(f *Flow, c *Connection) {
	f.Connection = *c
	for i, p := range c.pieces {
		if p == 0 {
			break
		}
		copy(f.recent[i*pieceLen:], m.piece(p - 1)[:])
	}
}
