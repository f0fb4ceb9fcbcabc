package audit

import (
	"maps"
	"slices"

	"github.com/rstwhy/rstwhy/packet"
)

const (
	// surely is how long after a RST what comes is watched in any case: the grace,
	// less what a capture's clock may be ahead.
	surely = 1900e6
	// perhaps is how long what comes after the refusal of a SYN that is sent again and
	// again may be gathered.
	perhaps = 12100e6
	// atOnce is how far apart copies of a RST may come.
	atOnce = 100e6
)

// later is what comes of the tuple after the RST within that time.
func (v *view) later(within int64) (out []*packet.Header) {
	list := v.c.by[tupleOf(v.rst)]
	from, _ := slices.BinarySearch(list, v.c.at[v.rst.Ref()]+1)
	for _, k := range list[from:] {
		if h := &v.c.headers[k]; h.Time-v.rst.Time <= within {
			out = append(out, h)
		}
	}
	return out
}

func pureAck(h *packet.Header) bool {
	return h.Len == 0 && h.Flags&(packet.ACK|packet.SYN|packet.FIN|packet.RST) == packet.ACK
}

func bareSYN(h *packet.Header) bool {
	return h.Flags&(packet.SYN|packet.ACK|packet.RST) == packet.SYN
}

// exactly audits a fact that names the first of list. What came after a RST does
// not depend on whether what came before it was captured whole.
func exactly(list func(*view) []*packet.Header) auditor {
	return func(v *view, value int64) Answer {
		l := list(v)
		return answer(len(l) > 0 && int64(l[0].Ref()) == value)
	}
}

// exactlyAfter audits the time from the RST to the first of list.
func exactlyAfter(list func(*view) []*packet.Header) auditor {
	return func(v *view, value int64) Answer {
		l := list(v)
		return answer(len(l) > 0 && l[0].Time-v.rst.Time == value)
	}
}

// latestOf audits what the latest segment of a kind shows. Where the connection
// is not whole another segment of the kind may be meant, but it has to be one.
func latestOf(sender func(*view) bool, keep func(*packet.Header) bool, shows func(v *view, h *packet.Header) int64) auditor {
	return func(v *view, value int64) Answer {
		l := v.of(v.pre, sender(v), keep)
		if len(l) > 0 && shows(v, l[len(l)-1]) == value {
			return True
		}
		return v.someOther(sender(v), keep, shows, value)
	}
}

func (v *view) someOther(sender bool, keep func(*packet.Header) bool, shows func(v *view, h *packet.Header) int64, value int64) Answer {
	if v.whole {
		return False
	}
	for _, h := range v.of(v.all, sender, keep) {
		if shows(v, h) == value {
			return Undecidable
		}
	}
	return False
}

func byClient(v *view) bool { return v.client }
func bySender(*view) bool   { return true }

func toRST(v *view, h *packet.Header) int64 { return v.rst.Time - h.Time }

var (
	receiverAfter = post(false, none(packet.RST))
	synsAgain     = func(v *view) []*packet.Header { return v.same(v.post) }
)

// same are the SYNs of list that have the number of one before the RST.
func (v *view) same(list []*packet.Header) (out []*packet.Header) {
	for _, h := range list {
		if !bareSYN(h) {
			continue
		}
		for _, s := range v.of(v.pre, v.fromSender(h), has(packet.SYN)) {
			if s.Seq == h.Seq {
				out = append(out, h)
				break
			}
		}
	}
	return out
}

// timesAgain: no more SYNs than the longest watch holds, and no fewer than the
// shortest, which the answer to one of them may end.
func timesAgain(v *view, value int64) Answer {
	// Each RST within the grace of the one before lets the watch go on.
	until, last := v.rst.Time+watched, v.rst.Time
	var all []*packet.Header
	for _, h := range v.later(perhaps) {
		for h.Time > until && until-last <= watched {
			until += watched
		}
		if h.Time > until {
			break
		}
		if h.Flags&packet.RST != 0 {
			last = h.Time
		}
		all = append(all, h)
	}
	sure := v.later(surely)
	if i := slices.IndexFunc(sure, func(h *packet.Header) bool {
		return h.Flags&packet.SYN != 0 && (h.Flags&packet.ACK != 0 || len(v.same([]*packet.Header{h})) == 0)
	}); i >= 0 {
		sure = sure[:i]
	}
	return answer(value > 0 && value >= int64(len(v.same(sure))) && value <= int64(len(v.same(all))))
}

// spokeLast: a segment of the sender stands just there, and none surely watched
// after it. With a SYN another connection may begin.
func spokeLast(v *view, value int64) Answer {
	found := false
	for _, h := range v.post {
		switch {
		case found && h.Flags&packet.SYN != 0:
			return True
		case !v.fromSender(h) || h.Flags&(packet.SYN|packet.RST) != 0:
		case h.Time-v.rst.Time == value:
			found = true
		case found && h.Time-v.rst.Time <= surely:
			found = false
		}
	}
	return answer(found)
}

// denies: a RST of the receiver that has the numbers of an answer to what the
// sender sent after the reset.
func denies(v *view, d *packet.Header) bool {
	if d.Flags&packet.RST == 0 || v.fromSender(d) || tupleOf(d) != tupleOf(v.rst) || !after(v, d, v.rst) {
		return false
	}
	for _, h := range v.of(v.later(perhaps), true, none(packet.RST)) {
		if after(v, h, d) {
			break
		}
		if h.SeqLen() == 0 || h.Time <= v.rst.Time {
			continue
		}
		if answers(d, h) {
			return true
		}
		// Some stacks answer from where their own FIN has ended.
		for _, f := range v.of(append(slices.Clone(v.pre), v.post...), false, has(packet.FIN)) {
			if d.Flags&packet.ACK == 0 && f.End() == d.Seq && h.Ack.Less(d.Seq) {
				return true
			}
		}
	}
	return false
}

// taken: a later RST of the sender that the receiver let end the connection: one
// with the number that it asked for, after which it was silent, or one after
// which it knew the connection no more.
func taken(v *view, value int64) Answer {
	t := v.header(value)
	if t == nil || t.Flags&packet.RST == 0 || !v.fromSender(t) || !after(v, t, v.rst) {
		return False
	}
	for _, h := range v.later(perhaps) {
		switch {
		case !after(v, h, t):
		case denies(v, h):
			return True
		case v.fromSender(h) && h.Flags&packet.RST != 0:
			return v.lastTaken(t) // a denial would speak of this one
		}
	}
	return v.lastTaken(t)
}

// lastTaken reports whether t has the number that the receiver asked for, none
// with that number comes after it, and nothing of the receiver does.
func (v *view) lastTaken(t *packet.Header) Answer {
	asked := false
	for _, h := range v.of(append(slices.Clone(v.pre), v.post...), false, has(packet.ACK)) {
		asked = asked || h.Flags&packet.RST == 0 && h.Ack == t.Seq && h.Time <= t.Time
	}
	if !asked || t.Seq == v.rst.Seq {
		return False
	}
	for _, h := range v.later(surely) {
		switch {
		case !after(v, h, t):
		case h.Flags&packet.SYN != 0:
			return True // what comes then is another connection's
		case v.fromSender(h) && h.Flags&packet.RST != 0 && h.Seq == t.Seq,
			!v.fromSender(h) && h.Flags&packet.RST == 0 && h.Time > t.Time:
			return False
		}
	}
	return True
}

// nearCopies are later RSTs of the make of the first, with a lower number.
func nearCopies(v *view) []*packet.Header {
	return v.of(v.post, true, func(h *packet.Header) bool {
		return h.Flags == v.rst.Flags && h.Window == v.rst.Window && h.TTL == v.rst.TTL && h.Seq.Less(v.rst.Seq) && h.Time-v.rst.Time <= atOnce
	})
}

// nearCopy: it stands within its sender's stream, and the first does not.
func nearCopy(v *view, value int64) Answer {
	for _, h := range nearCopies(v) {
		if int64(h.Ref()) != value {
			continue
		}
		end, ok := highestEnd(v, true)
		ack, acked := highestAck(v, false)
		if acked && (!ok || end.Less(ack)) {
			end, ok = ack, true
		}
		switch {
		case ok && h.Seq.LessEq(end) && end.Less(v.rst.Seq):
			return True
		case !v.whole:
			return Undecidable
		}
	}
	return False
}

func fromNearCopy(v *view, value int64) Answer {
	for _, h := range nearCopies(v) {
		if int64(v.rst.Seq.Sub(h.Seq)) == value {
			return True
		}
	}
	return False
}

// dataEnd is highestEnd without the FIN.
func dataEnd(v *view, sender bool) (packet.Seq, bool) {
	end, ok := highestEnd(v, sender)
	for _, f := range v.of(v.pre, sender, has(packet.FIN)) {
		if f.End() == end {
			return end - 1, ok
		}
	}
	return end, ok
}

// missing are the octets by which the messages that one side began reach beyond
// what it sent, each by the length in its head.
func missing(v *view, sender bool) (out []int64) {
	end, ok := dataEnd(v, sender)
	for _, h := range v.of(v.pre, sender, none(packet.RST)) {
		if !ok || !h.Message.Has(packet.MessageHead|packet.MessageLength) {
			continue
		}
		if n := int64(h.Seq.Add(h.MessageLen).Sub(end)); n > 0 {
			out = append(out, n)
		}
	}
	return out
}

func messageMissing(v *view, value int64) Answer {
	switch {
	case slices.Contains(missing(v, false), value):
		return True
	case !v.whole && value > 0 && value < 1<<32:
		return Undecidable
	}
	return False
}

// unacknowledgedOf: what one side had sent beyond what the other acknowledged, with
// what came after the RST and what its message was still to bring. The RST may be
// the last to acknowledge. Of a connection that is not whole only the most is
// known.
func unacknowledgedOf(v *view, value int64) Answer {
	if value <= 0 || value >= 1<<32 {
		return False
	}
	most := int64(0)
	for _, sender := range []bool{true, false} {
		_, fresh := v.fresh(sender)
		sent := sum(fresh)
		end, ok := dataEnd(v, sender)
		var open []int64
		if ack, acked := highestAck(v, !sender); ok && acked {
			open = append(open, max(0, int64(end.Sub(ack))))
		} else {
			open = append(open, sent)
		}
		if ok && !sender && v.rst.Flags&packet.ACK != 0 {
			open = append(open, max(0, int64(end.Sub(v.rst.Ack))))
		}
		came := int64(0)
		if !sender {
			came = v.late(end)
		}
		for _, n := range open {
			for _, m := range append(missing(v, sender), 0) {
				if value == n+came+m || value == min(n, sent)+came+m {
					return True
				}
				most = max(most, n+came+m)
			}
		}
	}
	if !v.whole && value <= most {
		return Undecidable
	}
	return False
}

// late is how far beyond end the receiver went after the RST.
func (v *view) late(end packet.Seq) (n int64) {
	came := v.of(v.post, false, none(packet.RST|packet.SYN))
	for _, h := range came {
		n = max(n, int64(h.Seq.Add(h.Len).Sub(end)))
	}
	return min(n, payload(came))
}

// numbersOf are where a pure ACK stands.
type numbersOf struct{ seq, ack packet.Seq }

// rounds are the RSTs with the number of the first that each follow an ACK of the
// receiver, one of those with the numbers that are met most.
func rounds(v *view) (at numbersOf, rsts []*packet.Header) {
	open := map[numbersOf]int{}
	found := map[numbersOf][]*packet.Header{}
	for _, h := range v.post {
		switch {
		case !v.fromSender(h) && pureAck(h) && h.Time >= v.rst.Time && answers(v.rst, h):
			open[numbersOf{h.Seq, h.Ack}]++
		case v.fromSender(h) && h.Flags&packet.RST != 0 && h.Seq == v.rst.Seq:
			for _, n := range slices.Collect(maps.Keys(open)) {
				if open[n] > 0 {
					open[n]--
					found[n] = append(found[n], h)
				}
			}
		}
	}
	for n, l := range found {
		if len(l) > len(rsts) || len(l) == len(rsts) && n.seq.Less(at.seq) {
			at, rsts = n, l
		}
	}
	return at, rsts
}

// sureRounds is how many of the rounds were watched in any case.
func sureRounds(v *view, rsts []*packet.Header) (n int) {
	for _, h := range rsts {
		if h.Time-v.rst.Time <= surely {
			n++
		}
	}
	return n
}

func loopRounds(v *view, value int64) Answer {
	_, rsts := rounds(v)
	return answer(value >= int64(sureRounds(v, rsts)) && value > 0 && value <= int64(len(rsts)))
}

func loopLast(v *view, value int64) Answer {
	_, rsts := rounds(v)
	for _, h := range rsts[max(0, sureRounds(v, rsts)-1):] {
		if int64(h.Ref()) == value {
			return True
		}
	}
	return False
}

func loopPace(v *view, value int64) Answer {
	_, rsts := rounds(v)
	for i := max(1, sureRounds(v, rsts)-1); i < len(rsts); i++ {
		if (rsts[i].Time-rsts[0].Time)/int64(i) == value {
			return True
		}
	}
	return False
}

// place audits a number that is counted from the SYN of one side.
func place(sender bool, of func(v *view, at numbersOf) packet.Seq) auditor {
	return func(v *view, value int64) Answer {
		at, rsts := rounds(v)
		syn := headOf(pre(sender, has(packet.SYN)))(v)
		if syn == nil || len(rsts) == 0 {
			return False
		}
		return answer(int64(uint32(of(v, at)-syn.Seq)) == value)
	}
}

// closingResponse: the last payload of the RST's sender before it, and the latest head of a
// message of its own says that it closes the connection.
func closingResponse(v *view, value int64) Answer {
	h := v.header(value)
	if h == nil || h.Len == 0 || !v.fromSender(h) {
		return False
	}
	closes := false
	for _, s := range v.pre {
		if !v.fromSender(s) || s.Len == 0 {
			continue
		}
		if s.Message&packet.MessageHead != 0 {
			closes = s.Message&packet.MessageClose != 0
		}
	}
	switch {
	case closes:
		return True
	case !v.whole:
		return Undecidable
	}
	return False
}
