package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Mechanism is how a RST came about, before the question why.
type Mechanism uint8

// The mechanisms. On Linux the first two come from different functions:
// tcp_v4_send_reset answers a segment and knows nothing but that segment,
// tcp_send_active_reset ends a connection it has all the state of.
const (
	// Unexplained fits neither: its numbers belong to no segment of the capture.
	Unexplained Mechanism = iota
	// Answer answers a segment of the other side (RFC 9293, 3.5.2): without ACK
	// its sequence number is the acknowledgment it answers; with ACK it
	// acknowledges a segment that had none.
	Answer
	// AnswerWithACK answers a segment that had an ACK and carries one itself, as
	// OpenBSD, lwIP and several load balancers do.
	AnswerWithACK
	// Abort is an abort: it stands where the sender's stream had come to and
	// acknowledges what had arrived.
	Abort
)

// String is the word in JSON.
func (m Mechanism) String() string {
	return [...]string{"unexplained", "answer", "answer", "abort"}[m]
}

// Mechanisms is a set of mechanisms.
type Mechanisms uint8

func mechanisms(ms ...Mechanism) Mechanisms {
	var s Mechanisms
	for _, m := range ms {
		s |= 1 << m
	}
	return s
}

// Has reports whether m is in the set.
func (s Mechanisms) Has(m Mechanism) bool { return s>>m&1 != 0 }

// mechanismOf settles the mechanism of r, and the segment it answers.
func mechanismOf(r *flows.Reset) (Mechanism, flows.Segment) {
	x, y := r.Sender(), r.Receiver()
	rst := &r.RST
	if rst.Flags&packet.ACK == 0 {
		switch {
		case answersLate(r):
			return Answer, r.After.First[r.Dir.Peer()]
		case r.Trigger.Valid() && !ownWindow(r):
			return Answer, r.Trigger
		case refusesOther(r):
			return Answer, flows.Segment{}
		case abortsBare(r) || ownWindow(r):
			return Abort, flows.Segment{}
		case y.Known.Has(flows.SawAck) && rst.Seq == y.RcvNxt:
			// The segment is forgotten or was not captured, its number is not.
			return Answer, flows.Segment{}
		case (!y.Spoke() || !y.Whole()) && x.Spoke() && (rst.Seq == x.SndNxt || endsSegment(r)):
			return Answer, flows.Segment{}
		case x.Known.Has(flows.SawAck) && rst.Seq == x.SndNxt && rst.Ack == x.RcvNxt && rst.Ack != 0:
			// Only a socket knows both of its numbers: Windows leaves out the flag,
			// not the number.
			return Abort, flows.Segment{}
		}
		return Unexplained, flows.Segment{}
	}
	if r.Trigger.Valid() && (rst.Seq == 0 || !x.Spoke()) {
		return Answer, r.Trigger
	}
	if s := r.Flow.Recent(0); s != nil && echoes(r, s) {
		return AnswerWithACK, *s
	}
	answered := answersWithACK(r)
	if activeNumbers(r) {
		if answered.Valid() && (!wasThere(r) || pathOf(rst, x, 0).Off != 0) && usesTimestamps(r) && !rst.Options.Has(packet.OptTimestamps) && rst.Window == 0 {
			// A socket of this sender would have put timestamps on it.
			return AnswerWithACK, answered
		}
		return Abort, flows.Segment{}
	}
	if answered.Valid() {
		return AnswerWithACK, answered
	}
	if r.Trigger.Valid() {
		return Answer, r.Trigger
	}
	return Unexplained, flows.Segment{}
}

// activeNumbers reports whether the RST's numbers are those of a socket that
// ends its own connection: the sequence number is where its stream had come to
// (or the edge of the peer's window, where that is lower: tcp_send_active_reset
// uses tcp_acceptable_seq), and it acknowledges octets that the peer had sent.
func activeNumbers(r *flows.Reset) bool {
	x, y := r.Sender(), r.Receiver()
	rst := &r.RST
	if !x.Spoke() && !y.Spoke() {
		return false
	}
	var seqOK bool
	switch {
	case x.Spoke():
		seqOK = rst.Seq == x.SndNxt ||
			y.Known.Has(flows.SawAck) && rst.Seq.Less(x.SndNxt) && y.RcvNxt.LessEq(rst.Seq) ||
			beyondCaptured(r)
	case y.Known.Has(flows.SawAck):
		seqOK = rst.Seq == y.RcvNxt
	}
	if !seqOK {
		return false
	}
	if !y.Spoke() {
		return !x.Known.Has(flows.SawAck) || x.RcvNxt.LessEq(rst.Ack)
	}
	if y.SndNxt.Less(rst.Ack) && !(rst.Options.Has(packet.OptTimestamps) && rst.Ack.LessEq(x.WindowEdge)) {
		return false // a socket may have got what the capture lacks, as far as it had room
	}
	return !x.Known.Has(flows.SawAck) || x.RcvNxt.LessEq(rst.Ack)
}

// answersLate reports whether the segment that r answers stands in the capture
// just after it: they were on the wire the other way round. That can only be
// where answers come at once, near the RST's sender.
func answersLate(r *flows.Reset) bool {
	s := &r.After.First[r.Dir.Peer()]
	if !s.Valid() || s.Time-r.RST.Time > disorder || s.Ack != r.RST.Seq || s.Flags&packet.ACK == 0 || s.SeqLen() == 0 {
		return false
	}
	rtt := r.Flow.RTTServer()
	if r.Dir == flows.Client {
		rtt = r.Flow.RTTClient()
	}
	return rtt <= disorder && (!r.Trigger.Valid() || r.RST.Time-r.Trigger.Time > 3*rtt+disorder)
}

// echoes reports whether r has the window, and something else that is not its
// sender's own, from s, which came just before: a box that knows no connection
// has made it from that segment (Cisco ASA, PAN-OS, Suricata).
func echoes(r *flows.Reset, s *flows.Segment) bool {
	x, rst := r.Sender(), &r.RST
	if s.Dir == r.Dir || s.Flags&packet.ACK == 0 || s.Ack != rst.Seq || rst.Time-s.Time > together ||
		rst.Window == 0 || rst.Window != s.Window || x.Window == rst.Window {
		return false
	}
	v4 := rst.Marks&packet.IPv6 == 0
	switch {
	case usesTimestamps(r) && !rst.Options.Has(packet.OptTimestamps):
	case v4 && rst.IPID > 1 && rst.IPID == s.IPID && !near(rst.IPID, x.IPID):
	case v4 && x.Packets >= baseline && x.NoDF == 0 && rst.Marks&packet.DF == 0:
	default:
		return false
	}
	return true
}

// beyondCaptured reports whether the RST stands beyond what the capture holds of
// its sender, but is the sender's own all the same: its latest data was lost, or
// was put into the capture after the RST. The timestamps of the connection show
// the hand; without them nothing does.
func beyondCaptured(r *flows.Reset) bool {
	x, y := r.Sender(), r.Receiver()
	rst := &r.RST
	if !x.SndNxt.Less(rst.Seq) {
		return false
	}
	if s := &r.After.First[r.Dir]; s.Valid() && s.Time-rst.Time <= disorder && s.End() == rst.Seq && s.Seq.LessEq(x.SndNxt) {
		return true
	}
	return x.Known.Has(flows.SawTS) && rst.Options.Has(packet.OptTimestamps) &&
		int32(rst.TSVal-x.TSVal) >= 0 && y.Known.Has(flows.SawAck) && rst.Seq.LessEq(y.WindowEdge) &&
		pathOf(rst, x, 0).Off == 0
}

// abortsBare reports whether r, without ACK, is the abort of RFC 9293, 3.10.5:
// it stands where its sender's stream had come to, and what its receiver sent has
// had its answer, as far as the capture is whole.
func abortsBare(r *flows.Reset) bool {
	x, y := r.Sender(), r.Receiver()
	return x.Spoke() && y.Spoke() && y.Whole() && r.RST.Seq == x.SndNxt && r.Flow.Handshake != flows.SYNSent
}

// endsSegment reports whether the RST stands where a remembered segment of its
// sender begins or ends, as an acknowledgment of its receiver would.
func endsSegment(r *flows.Reset) bool {
	for i := range flows.RecentLen {
		s := r.Flow.Recent(i)
		if s == nil {
			return false
		}
		if s.Dir == r.Dir && s.SeqLen() > 0 && (s.Seq == r.RST.Seq && s.Flags&packet.SYN == 0 || s.End() == r.RST.Seq) {
			return true
		}
	}
	return false
}

// ownWindow reports whether r offers the window that its sender, which was in the
// connection a moment ago, offered last: an answer is made of a segment alone,
// without a socket that has a window.
func ownWindow(r *flows.Reset) bool {
	x, rst := r.Sender(), &r.RST
	return rst.Window != 0 && x.Window == rst.Window && rst.Seq == x.SndNxt && wasThere(r)
}

// wasThere reports whether the RST's sender has shown, a moment before, that it
// knows the connection, and had not closed it.
func wasThere(r *flows.Reset) bool {
	x := r.Sender()
	return x.Packets > uint32(x.SYNs) && !x.Known.Has(flows.SawFIN) && r.RST.Time-x.Latest <= r.Flow.Patience(r.Dir)
}

// answersWithACK finds the segment whose own numbers r repeats: sequence number
// from its acknowledgment, acknowledgment from its sequence number.
func answersWithACK(r *flows.Reset) flows.Segment {
	rst := &r.RST
	patience := r.Flow.Patience(r.Dir)
	for s := range unanswered(r) {
		if s.Flags&packet.ACK == 0 || s.Ack != rst.Seq || rst.Time-s.Time > patience {
			continue
		}
		if rst.Ack == s.Seq || rst.Ack == s.End() || rst.Ack == s.Seq.Add(s.Len) {
			return *s
		}
	}
	return flows.Segment{}
}

// unanswered walks the remembered segments of the RST's receiver that its sender has
// not answered, as far as the order of the capture tells, the latest first.
func unanswered(r *flows.Reset) func(yield func(*flows.Segment) bool) {
	return func(yield func(*flows.Segment) bool) {
		var own *flows.Segment // the furthest acknowledgment of the RST's sender
		for i := range flows.RecentLen {
			s := r.Flow.Recent(i)
			switch {
			case s == nil:
				return
			case s.Dir == r.Dir:
				if s.Flags&packet.ACK != 0 && (own == nil || own.Ack.Less(s.Ack)) {
					own = s
				}
			case own != nil && s.SeqLen() > 0 && s.End().LessEq(own.Ack) && !sentBefore(r, i):
				return // and so have those before it
			case !yield(s):
				return
			}
		}
	}
}

// sentBefore reports whether the i-th latest segment had been sent before.
func sentBefore(r *flows.Reset, i int) bool {
	s := r.Flow.Recent(i)
	for k := i + 1; k < flows.RecentLen; k++ {
		e := r.Flow.Recent(k)
		if e == nil {
			return false
		}
		if e.Dir == s.Dir && e.SeqLen() > 0 && s.End().LessEq(e.End()) {
			return true
		}
	}
	return false
}
