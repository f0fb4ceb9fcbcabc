package audit

import "github.com/rstwhy/rstwhy/packet"

type auditor func(v *view, value int64) Answer

// frame audits a fact that names a segment: one of list, the first or the last.
func first(of func(*view) []*packet.Header) auditor {
	return func(v *view, value int64) Answer {
		list := of(v)
		if len(list) == 0 {
			return answer(value == 0)
		}
		return v.whichever(list[0], value)
	}
}

func last(of func(*view) []*packet.Header) auditor {
	return func(v *view, value int64) Answer {
		list := of(v)
		if len(list) == 0 {
			return answer(value == 0)
		}
		return v.whichever(list[len(list)-1], value)
	}
}

// whichever holds a frame against the one expected. Where the connection is not
// whole another one may be meant.
func (v *view) whichever(want *packet.Header, value int64) Answer {
	if int64(want.Ref()) == value {
		return True
	}
	if !v.whole {
		return Undecidable
	}
	return False
}

// that audits a fact by a property of the segment that it names.
func that(holds func(v *view, h *packet.Header) bool) auditor {
	return func(v *view, value int64) Answer {
		if value == 0 {
			return Undecidable
		}
		h := v.header(value)
		return answer(h != nil && holds(v, h))
	}
}

// span audits a time from one segment to another.
func span(from, to func(*view) *packet.Header) auditor {
	return func(v *view, value int64) Answer {
		a, b := from(v), to(v)
		switch {
		case value == -1 || a == nil || b == nil:
			return Undecidable
		case b.Time-a.Time == value, b.Time < a.Time && value == 0:
			return True
		case !v.whole:
			return Undecidable
		}
		return False
	}
}

// count audits a number that can be counted.
func count(n func(*view) int64) auditor {
	return func(v *view, value int64) Answer {
		switch {
		case n(v) == value:
			return True
		case !v.whole:
			return Undecidable
		}
		return False
	}
}

// field audits a field of the RST, which nothing can hide.
func field(of func(*packet.Header) int64) auditor {
	return func(v *view, value int64) Answer { return answer(of(v.rst) == value) }
}

// ofTrigger audits a field of the segment that the RST answers.
func ofTrigger(of func(v *view, t *packet.Header) int64) auditor {
	return func(v *view, value int64) Answer {
		if v.trig == nil {
			return Undecidable
		}
		return answer(of(v, v.trig) == value)
	}
}

func undecidable(*view, int64) Answer { return Undecidable }

func theRST(v *view) *packet.Header     { return v.rst }
func theTrigger(v *view) *packet.Header { return v.trig }

func headOf(of func(*view) []*packet.Header) func(*view) *packet.Header {
	return func(v *view) *packet.Header {
		if l := of(v); len(l) > 0 {
			return l[0]
		}
		return nil
	}
}

func tailOf(of func(*view) []*packet.Header) func(*view) *packet.Header {
	return func(v *view) *packet.Header {
		if l := of(v); len(l) > 0 {
			return l[len(l)-1]
		}
		return nil
	}
}

// The segments that facts speak of.
func pre(sender bool, keep func(*packet.Header) bool) func(*view) []*packet.Header {
	return func(v *view) []*packet.Header { return v.of(v.pre, sender, keep) }
}

func post(sender bool, keep func(*packet.Header) bool) func(*view) []*packet.Header {
	return func(v *view) []*packet.Header { return v.of(v.post, sender, keep) }
}

func either(list func(*view) []*packet.Header, keep func(*packet.Header) bool) func(*view) []*packet.Header {
	return func(v *view) (out []*packet.Header) {
		for _, h := range list(v) {
			if keep(h) {
				out = append(out, h)
			}
		}
		return out
	}
}

func preAll(v *view) []*packet.Header  { return v.pre }
func postAll(v *view) []*packet.Header { return v.post }

var (
	senderFIN   = pre(true, has(packet.FIN))
	receiverFIN = pre(false, has(packet.FIN))
	senderSYN   = pre(true, has(packet.SYN))
	receiverSYN = pre(false, has(packet.SYN))
	clientSYN   = either(preAll, func(h *packet.Header) bool { return h.Flags&(packet.SYN|packet.ACK) == packet.SYN })
	serverSYN   = either(preAll, has(packet.SYN|packet.ACK))
	furtherRSTs = either(postAll, has(packet.RST))
)

func freshOf(sender bool) func(*view) []*packet.Header {
	return func(v *view) []*packet.Header { s, _ := v.fresh(sender); return s }
}

func sum(ns []int64) (total int64) {
	for _, n := range ns {
		total += n
	}
	return total
}

// unanswered is what one side sent since the other last sent new payload.
func unanswered(sender bool) func(*view) int64 {
	return func(v *view) int64 {
		theirs, octets := v.fresh(sender)
		answers, _ := v.fresh(!sender)
		var total int64
		for i, h := range theirs {
			if len(answers) == 0 || after(v, h, answers[len(answers)-1]) {
				total += octets[i]
			}
		}
		return total
	}
}

// after reports whether a stands after b in the capture.
func after(v *view, a, b *packet.Header) bool { return v.c.at[a.Ref()] > v.c.at[b.Ref()] }

// highestAck is the highest acknowledgment of one side before the RST.
func highestAck(v *view, sender bool) (ack packet.Seq, ok bool) {
	for _, h := range v.of(v.pre, sender, has(packet.ACK)) {
		if h.Flags&packet.RST != 0 {
			continue
		}
		if !ok || ack.Less(h.Ack) {
			ack, ok = h.Ack, true
		}
	}
	return ack, ok
}

// highestEnd is the end of all that one side has sent before the RST, or that the
// other has acknowledged.
func highestEnd(v *view, sender bool) (end packet.Seq, ok bool) {
	for _, h := range v.of(v.pre, sender, none(packet.RST)) {
		if !ok || end.Less(h.End()) {
			end, ok = h.End(), true
		}
	}
	if ack, acked := highestAck(v, !sender); ok && acked && end.Less(ack) && ack.Sub(end) < 1<<30 {
		end = ack
	}
	return end, ok
}

// numbers audits a difference of two sequence numbers.
func numbers(of func(v *view) (packet.Seq, packet.Seq, bool)) auditor {
	return func(v *view, value int64) Answer {
		a, b, ok := of(v)
		switch {
		case !ok:
			return Undecidable
		case int64(a.Sub(b)) == value:
			return True
		case !v.whole:
			return Undecidable
		}
		return False
	}
}

func rstSeqLess(of func(v *view) (packet.Seq, bool)) auditor {
	return numbers(func(v *view) (packet.Seq, packet.Seq, bool) { b, ok := of(v); return v.rst.Seq, b, ok })
}

func ends(sender bool) func(v *view) (packet.Seq, bool) {
	return func(v *view) (packet.Seq, bool) { return highestEnd(v, sender) }
}

func acks(sender bool) func(v *view) (packet.Seq, bool) {
	return func(v *view) (packet.Seq, bool) { return highestAck(v, sender) }
}

// port is what every connection of the server's port shows.
func (v *view) server() (addr [16]byte, port uint16) {
	if v.client {
		return v.rst.Dst, v.rst.DstPort
	}
	return v.rst.Src, v.rst.SrcPort
}

// ttls are those of one side's segments, SYNs apart.
func ttls(v *view, withSYN bool) (lo, hi int64) {
	for _, h := range v.of(v.pre, true, none(packet.RST)) {
		if h.Flags&packet.SYN != 0 && !withSYN {
			continue
		}
		t := int64(h.TTL)
		if lo == 0 || t < lo {
			lo = t
		}
		hi = max(hi, t)
	}
	return lo, hi
}
