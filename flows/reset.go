package flows

import "github.com/rstwhy/rstwhy/packet"

// FollowUp is a further RST and the segment of the other side that it answers, if any.
type FollowUp struct {
	RST     Segment
	Trigger Segment // not Valid when no remembered segment explains the RST
}

// After is what happened between the first RST and the moment it settled.
type After struct {
	Segments [2]uint32 // segments without RST, by Dir
	Bytes    [2]uint64 // their payload
	First    [2]Segment
	Latest   [2]int64 // time of the latest segment without SYN and RST, 0 for none
	// Acked is the highest acknowledgment number of those segments, by Dir.
	Acked [2]packet.Seq
	// SndNxt is the highest seq+len(+SYN+FIN) of those segments and of SYNs, by Dir;
	// valid where Segments is not 0.
	SndNxt [2]packet.Seq
	// DataNxt is the same without the FIN, of those with payload; valid where Bytes
	// is not 0.
	DataNxt [2]packet.Seq
	// CarriedOn is the first segment in which the RST's own sender went on with
	// its stream beyond what it had sent before: it had not reset anything.
	CarriedOn Segment
	// Took is the first segment in which the RST's own sender acknowledged what
	// its receiver sent only after the RST.
	Took Segment
	// Challenge is the first pure ACK of the RST's receiver: RFC 5961, 3.2 asks
	// for one when a RST is in the window but not exact.
	Challenge Segment
	NewSYN    Segment // first SYN of a new connection on the same addresses and ports
	// SYNAgain is the first SYN with which the client tries the same connection
	// again, with the same initial sequence number; SYNsAgain is how many came, and
	// LastSYNAgain the time of the latest.
	SYNAgain     Segment
	SYNsAgain    uint32
	LastSYNAgain int64
	NewSYNACK    Segment // first SYN/ACK after the RST
	Settled      int64   // capture time until which the connection was watched
	AtEnd        bool    // the input ended before the grace did
}

// Reset is a RST, the connection as it stood just before, and what came after.
// It is a value: without pointers and with every field exported, it is the same
// after it was encoded and decoded. A list that is empty is nil.
type Reset struct {
	RST       packet.Header // the first RST
	Payload   []byte        // its payload, at most packet.NoteLen octets
	Dir       Dir           // who sent it
	Flow      Flow          // just before the RST
	Trigger   Segment       // the segment it answers; not Valid when there is none
	FollowUps []FollowUp    // RSTs of the same connection during the grace, in order
	After     After
}

// Sender is the side in whose name the RST was sent.
func (r *Reset) Sender() *Side { return &r.Flow.Side[r.Dir] }

// Receiver is the side that the RST was addressed to.
func (r *Reset) Receiver() *Side { return &r.Flow.Side[r.Dir.Peer()] }

// Late is how many octets of payload the side d sent after the first RST,
// beyond what it had sent before.
func (r *Reset) Late(d Dir) uint64 {
	side := &r.Flow.Side[d]
	if r.After.Bytes[d] == 0 {
		return 0
	}
	if !side.Spoke() {
		return r.After.Bytes[d]
	}
	return min(uint64(max(0, r.After.DataNxt[d].Sub(side.SndNxt))), r.After.Bytes[d])
}

// trigger finds the segment of the other side that rst answers, among those
// the flow remembers and that no RST of used has answered.
//
// Without the ACK flag a RST takes its sequence number from the
// acknowledgment it answers; with it, from a sender that had no number to take,
// it acknowledges everything the segment held (RFC 9293, 3.5.2). What its sender
// has acknowledged has had its answer, with all that came before, and one that is
// made of a segment comes within a few round trips of it.
func (c *connection) trigger(m *memory, rst *Segment, used []FollowUp, first *Segment) Segment {
	d := rst.Dir.Peer()
	rtt := c.rttTo(rst.Dir)
	latest := rtt + rtt/2 + int64(answerSlack)
	patience := patience(rtt)
	closed := c.closed(m, rst)
	var newest, best *Segment
	// own is the furthest acknowledgment of the RST's sender among what came after
	// s, and spoke the latest that it sent otherwise.
	var own, spoke *Segment
	for i := range RecentLen {
		s := m.recent(c, i)
		if s == nil {
			break
		}
		if s.Dir != d {
			if s.Flags&packet.ACK != 0 && (own == nil || own.Ack.Less(s.Ack)) {
				own = s
			}
			if spoke == nil && s.Flags&packet.SYN == 0 {
				spoke = s
			}
			continue
		}
		if own != nil && c.acknowledged(m, s, i, own, rtt) || rtt > 0 && spoke != nil && s.SeqLen() == 0 && spoke.Time-s.Time >= rtt {
			break // and so have those before it
		}
		if s.Flags&packet.RST != 0 || !answers(rst, s) && !(closed && answersFromFIN(rst, s)) || taken(s, used, first) {
			continue
		}
		age := rst.Time - s.Time
		if s.Flags&packet.SYN == 0 && age > patience {
			continue
		}
		if newest == nil || (newest.SeqLen() == 0 && s.SeqLen() > 0 && age <= latest) {
			newest = s
		}
		// Several segments in flight are answered one by one: the oldest that
		// can have had its answer by now is the one, and the oldest of all where
		// none can, since the path has got shorter.
		if s.SeqLen() > 0 && age <= latest && (age >= rtt/2 || best == nil || rst.Time-best.Time < rtt/2) {
			best = s
		}
	}
	if best != nil {
		return *best
	}
	if newest != nil {
		return *newest
	}
	return Segment{}
}

func answers(rst, s *Segment) bool {
	if rst.Flags&packet.ACK == 0 {
		return s.Flags&packet.ACK != 0 && s.Ack == rst.Seq
	}
	// XNU does not count the FIN of a probe when it answers.
	return s.Flags&packet.ACK == 0 && (s.End() == rst.Ack || s.Flags&packet.FIN != 0 && s.End() == rst.Ack+1)
}

// closed reports whether rst stands where its sender's stream had ended, with a
// FIN.
func (c *connection) closed(m *memory, rst *Segment) bool {
	return rst.Flags&packet.ACK == 0 && c.side[rst.Dir].Known&SawFIN != 0 && rst.Seq == m.rare(c).side[rst.Dir].FINEnd
}

// answersFromFIN reports whether rst, which stands just after its sender's FIN,
// can answer s all the same, which had not acknowledged the FIN: some stacks put
// their own next number there.
func answersFromFIN(rst, s *Segment) bool {
	return s.Flags&packet.ACK != 0 && s.SeqLen() > 0 && s.Ack.Less(rst.Seq)
}

// acknowledged reports whether own, a later segment of the RST's sender,
// acknowledges s, the i-th latest. When s was sent before, it may acknowledge the
// first copy, unless it came a whole round trip later.
func (c *connection) acknowledged(m *memory, s *Segment, i int, own *Segment, rtt int64) bool {
	if s.SeqLen() == 0 || own.Ack.Less(s.End()) {
		return false
	}
	if rtt > 0 && own.Time-s.Time >= rtt {
		return true
	}
	for k := i + 1; k < RecentLen; k++ {
		e := m.recent(c, k)
		if e == nil {
			break
		}
		if e.Dir == s.Dir && e.SeqLen() > 0 && s.End().LessEq(e.End()) {
			return false
		}
	}
	return true
}

func taken(s *Segment, used []FollowUp, first *Segment) bool {
	if first != nil && first.Frame == s.Frame {
		return true
	}
	// Only the latest few can matter, and a flood must not make this quadratic.
	for i := len(used) - 1; i >= 0 && i >= len(used)-RecentLen; i-- {
		if used[i].Trigger.Frame == s.Frame {
			return true
		}
	}
	return false
}

// watch takes a segment that came after the first RST into account.
func (r *Reset) watch(h *packet.Header, d Dir) {
	a := &r.After
	s := segmentOf(h, d)
	inc32(&a.Segments[d])
	if a.Segments[d] == 1 || a.SndNxt[d].Less(h.End()) {
		a.SndNxt[d] = h.End()
	}
	if h.Len > 0 {
		end := h.End()
		if h.Flags&packet.FIN != 0 {
			end--
		}
		if a.Bytes[d] == 0 || a.DataNxt[d].Less(end) {
			a.DataNxt[d] = end
		}
		a.Bytes[d] += uint64(h.Len)
	}
	if !a.First[d].Valid() {
		a.First[d] = s
	}
	if h.Flags&packet.SYN == 0 {
		if h.Flags&packet.ACK != 0 && (a.Latest[d] == 0 || a.Acked[d].Less(h.Ack)) {
			a.Acked[d] = h.Ack
		}
		a.Latest[d] = h.Time
	}
	side := &r.Flow.Side[d]
	switch {
	case h.Flags&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK:
		if !a.NewSYNACK.Valid() {
			a.NewSYNACK = s
		}
	case h.Flags&packet.SYN != 0 && side.Known&SawSYN != 0 && h.Seq == side.ISN:
		if !a.SYNAgain.Valid() {
			a.SYNAgain = s
		}
		inc32(&a.SYNsAgain)
		a.LastSYNAgain = h.Time
	case h.Flags&packet.SYN != 0:
		if !a.NewSYN.Valid() {
			a.NewSYN = s
		}
	case d == r.Dir:
		if !a.CarriedOn.Valid() && h.SeqLen() > 0 && side.Spoke() && side.SndNxt.Less(h.End()) {
			a.CarriedOn = s
		}
		if p := &r.Flow.Side[d.Peer()]; !a.Took.Valid() && h.Flags&packet.ACK != 0 && p.Spoke() &&
			a.Segments[d.Peer()] > 0 && p.SndNxt.Less(h.Ack) && h.Ack.LessEq(a.SndNxt[d.Peer()]) {
			a.Took = s
		}
	case h.SeqLen() == 0 && h.Flags&packet.ACK != 0:
		if !a.Challenge.Valid() {
			a.Challenge = s
		}
	}
}
