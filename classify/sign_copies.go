package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var steppedCopies = sign{
	bit: SteppedCopies, id: "stepped-copies", proves: true,
	doc:  "several RSTs at once whose windows or TTLs step: no stack counts them",
	when: Followed,
	see: func(c *Case) (*Sentence, bool) {
		if len(c.FollowUps) == 0 {
			return nil, false
		}
		r := runsOf(c)
		return saysSteppedCopies, r.windows.steady() && r.seqs.still() || r.ttls.steady()
	},
}

// runs are the steps of what comes together from one sender.
type runs struct{ seqs, windows, ttls run }

func runsOf(c *Case) (r runs) {
	rst := &c.RST
	seq, window, ttl := rst.Seq, rst.Window, rst.TTL
	for i := range min(len(c.FollowUps), followMax) {
		f := &c.FollowUps[i].RST
		if f.Time-rst.Time > together {
			break
		}
		if f.Dir != c.Dir || f.Flags != rst.Flags {
			continue
		}
		r.seqs.step(int(f.Seq.Sub(seq)))
		r.windows.step(int(f.Window) - int(window))
		r.ttls.step(int(f.TTL) - int(ttl))
		seq, window, ttl = f.Seq, f.Window, f.TTL
	}
	return r
}

// run follows the differences between numbers.
type run struct {
	n, delta int
	broken   bool
}

func (r *run) step(delta int) {
	if r.n > 0 && delta != r.delta {
		r.broken = true
	}
	r.n++
	r.delta = delta
}

// steady: three numbers or more, each the same small step from the one before.
func (r *run) steady() bool {
	return r.n >= 2 && !r.broken && r.delta != 0 && r.delta >= -4 && r.delta <= 4
}

func (r *run) still() bool { return !r.broken && r.delta == 0 }

var farCopies = sign{
	bit: SteppedCopies, id: "far-copies", proves: true,
	doc:  "two RSTs at once, of which one is where its sender's stream never was: a stack's stands where its stream had come to or answers an acknowledgment, and nobody acknowledges what was not sent (NDSS 2009, RST_SEQ_CHANGE)",
	when: Followed,
	see: func(c *Case) (*Sentence, bool) {
		if len(c.FollowUps) == 0 {
			return nil, false
		}
		if r := runsOf(c); r.windows.steady() && r.seqs.still() || r.ttls.steady() {
			return nil, false // that says as much
		}
		if farCopy(c) != nil {
			return saysFarCopies, true
		}
		return saysFarFirst, nearCopy(c) != nil
	},
}

// comeTo is how far the stream of the RST's sender had come by a time at which a
// copy of the RST came, by all that the capture shows: what was sent or
// acknowledged, and what the capture may have put after the copy.
func comeTo(c *Case, at int64) packet.Seq {
	to := c.Sender.SndNxt.Max(c.Receiver.RcvNxt)
	if c.After.Latest[c.Dir.Peer()] != 0 {
		to = to.Max(c.After.Acked[c.Dir.Peer()])
	}
	if s := &c.After.CarriedOn; s.Valid() && s.Time-at <= disorder {
		to = to.Max(s.End())
	}
	return to
}

// farCopy finds a second RST beyond the first and beyond its sender's stream, nil
// without one. That the sender goes on later excuses nothing: it had not come
// there yet. Guesses are another matter: their first misses as well.
func farCopy(c *Case) *flows.Segment {
	if c.Missing != 0 || (c.Sender.Known | c.Receiver.Known).Has(flows.SawFIN) {
		return nil
	}
	// Whose first misses as well may be answers to acknowledgments of what the capture
	// lacks, unless the sender goes on from below.
	guesses := c.Flow.Handshake != flows.SYNReceived && c.RST.Seq != c.Receiver.RcvNxt && c.RST.Seq != c.Sender.SndNxt
	for i := range min(len(c.FollowUps), followMax) {
		f := &c.FollowUps[i]
		if f.RST.Time-c.RST.Time > together || guesses && !c.After.CarriedOn.Valid() {
			return nil
		}
		if f.RST.Dir == c.Dir && !f.Trigger.Valid() && f.RST.Seq.Sub(comeTo(c, f.RST.Time)) > 2 && f.RST.Seq.Sub(c.RST.Seq) > 2 &&
			(!c.After.CarriedOn.Valid() || f.RST.Flags == c.RST.Flags && !guesses) {
			return &f.RST
		}
	}
	return nil
}

// nearCopy finds a second RST of the same make where its sender's stream had come
// to, when the first is far beyond that: the two came in the other order. A host
// that aborts, and whose last data the capture lacks, looks so without the make: a
// window that no answer of a stack offers.
func nearCopy(c *Case) *flows.Segment {
	rst := &c.RST
	if c.Missing != 0 || (c.Sender.Known | c.Receiver.Known).Has(flows.SawFIN) || rst.Seq.Sub(comeTo(c, rst.Time)) <= 2 ||
		rst.Flags&packet.ACK != 0 || rst.Window == 0 || rst.Window == c.Sender.Window {
		return nil
	}
	for i := range min(len(c.FollowUps), followMax) {
		f := &c.FollowUps[i].RST
		if f.Time-rst.Time > together {
			return nil
		}
		if f.Dir == c.Dir && f.Flags == rst.Flags && f.Window == rst.Window && f.TTL == rst.TTL && f.Seq.LessEq(c.Sender.SndNxt.Max(c.Receiver.RcvNxt)) {
			return f
		}
	}
	return nil
}
