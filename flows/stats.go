package flows

// Stats counts what a Table has seen and what it had to give up.
type Stats struct {
	Connections      uint64 // uses of an address and port pair
	Reset            uint64 // of these, with at least one RST
	MidStream        uint64 // of these, without a SYN in the capture
	OneSided         uint64 // of these, with segments of one side only and more than a SYN, when they left
	Segments         uint64
	RSTs             uint64
	Evicted          uint64 // connections that left because of the limits of Config
	SettledEarly     uint64 // resets judged before their grace was over
	Gaps             uint64 // jumps in sequence numbers: segments that the capture may lack
	Duplicates       uint64 // frames captured twice
	Backwards        uint64 // segments earlier than one before them
	BackwardsLargest int64  // by how many nanoseconds at most
}

// Add adds the counts of o to s.
func (s *Stats) Add(o Stats) {
	s.Connections += o.Connections
	s.Reset += o.Reset
	s.MidStream += o.MidStream
	s.OneSided += o.OneSided
	s.Segments += o.Segments
	s.RSTs += o.RSTs
	s.Evicted += o.Evicted
	s.SettledEarly += o.SettledEarly
	s.Gaps += o.Gaps
	s.Duplicates += o.Duplicates
	s.Backwards += o.Backwards
	s.BackwardsLargest = max(s.BackwardsLargest, o.BackwardsLargest)
}

// backwards counts a segment that is by so many nanoseconds too early.
func (s *Stats) backwards(by int64) {
	s.Backwards++
	s.BackwardsLargest = max(s.BackwardsLargest, by)
}

// left counts what c was when it leaves.
func (s *Stats) left(c *connection, m *memory) {
	for d := range c.side {
		side, peer := &c.side[d], &c.side[d^1]
		if !side.Spoke() && side.Known&SawRST == 0 && peer.Packets > 1 && peer.SYNs == 0 {
			s.OneSided++
		}
		if c.rare != 0 {
			r := &m.rare(c).side[d]
			s.Gaps += uint64(r.Gaps)
			s.Duplicates += uint64(r.Duplicates)
		}
	}
}
