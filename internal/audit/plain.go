package audit

import "github.com/rstwhy/rstwhy/packet"

func plainAck(h *packet.Header) bool {
	return h.Flags&packet.ACK != 0 && h.Flags&(packet.SYN|packet.RST) == 0
}

func tsval(h *packet.Header) int64 { return int64(h.TSVal) }

func fieldOf(h *packet.Header, of func(*packet.Header) int64) int64 {
	if h == nil {
		return 0
	}
	return of(h)
}

// answers reports whether a RST has the numbers of an answer to h, by RFC 9293,
// 3.5.2, or those that stacks use in its place.
func answers(rst, h *packet.Header) bool {
	if h.Flags&packet.ACK != 0 && h.Ack == rst.Seq {
		return true
	}
	return rst.Flags&packet.ACK != 0 && (rst.Ack == h.End() || rst.Ack == h.Seq || rst.Ack == h.Seq.Add(h.Len) || rst.Ack+1 == h.End())
}

// ownNumber reports whether the RST stands just behind a FIN of its sender: some
// stacks answer there instead of where they were asked.
func (v *view) ownNumber() bool {
	for _, h := range v.of(v.pre, true, has(packet.FIN)) {
		if h.End() == v.rst.Seq {
			return true
		}
	}
	return false
}

// fromSender holds the number of the RST against what its sender had sent, or had
// acknowledged by its receiver: an acknowledgment of what was never sent says
// nothing of the stream, one of what was not captured does.
func fromSender(v *view, value int64) Answer {
	sent := v.of(v.pre, true, none(packet.RST))
	for k, h := range sent {
		if k == 0 || sent[0].End().Less(h.End()) {
			sent[0] = h
		}
	}
	if len(sent) > 0 && int64(v.rst.Seq.Sub(sent[0].End())) == value {
		return True
	}
	return rstSeqLess(ends(true))(v, value)
}

func ackFromISN(v *view, t *packet.Header) int64 {
	if s := headOf(senderSYN)(v); s != nil {
		return int64(t.Ack.Sub(s.Seq + 1))
	}
	return -1 << 62
}

// atMost audits a count that cannot be more than what the capture holds.
func atMost(n func(*view) int64) auditor {
	return func(v *view, value int64) Answer {
		switch {
		case value <= n(v):
			return True
		case !v.whole:
			return Undecidable
		}
		return False
	}
}

func beyondWindow(ack bool) auditor {
	return func(v *view, value int64) Answer {
		end, ok := highestEnd(v, !ack)
		n := v.rst.Seq
		if ack {
			n = v.rst.Ack
		}
		if !ok || !v.whole {
			return Undecidable
		}
		return answer(value > 0 && int64(n.Sub(end)) >= value) // the window reaches beyond what was sent, if anything
	}
}

func beforeStream(sender bool) auditor {
	return numbers(func(v *view) (packet.Seq, packet.Seq, bool) {
		s, n := headOf(pre(sender, has(packet.SYN)))(v), v.rst.Seq
		if !sender {
			n = v.rst.Ack
		}
		if s == nil {
			return 0, 0, false
		}
		return s.Seq, n, true
	})
}

func synDataTaken(v *view) (packet.Seq, packet.Seq, bool) {
	a, b := headOf(senderSYN)(v), headOf(receiverSYN)(v)
	if a == nil || b == nil {
		return 0, 0, false
	}
	return a.Ack, b.Seq + 1, true
}

func numbersAtLeastZero(of func(v *view) (packet.Seq, packet.Seq, bool)) auditor {
	plain := numbers(of)
	return func(v *view, value int64) Answer {
		if a, b, ok := of(v); ok && a.Sub(b) < 0 && value == 0 {
			return True
		}
		return plain(v, value)
	}
}

// undelivered: what the sender sent beyond the receiver's highest acknowledgment,
// its FIN apart.
func undelivered(v *view, value int64) Answer {
	end, ok := highestEnd(v, true)
	ack, acked := highestAck(v, false)
	if !ok || !acked || !v.whole {
		return Undecidable
	}
	n := int64(end.Sub(ack))
	if len(senderFIN(v)) > 0 {
		n--
	}
	return answer(value == max(0, n))
}

// runLength is how many segments one side has sent in a row since the other last
// spoke.
func runLength(v *view, sender bool) int64 {
	n := int64(0)
	for i := len(v.pre) - 1; i >= 0; i-- {
		if v.fromSender(v.pre[i]) != sender {
			break
		}
		n++
	}
	return n
}

// inRun audits a time since a segment that one side has sent since the other last
// spoke: one of them lies just so far back.
func inRun(sender bool) auditor {
	return func(v *view, value int64) Answer {
		for i := len(v.pre) - 1; i >= 0 && v.fromSender(v.pre[i]) == sender; i-- {
			if v.rst.Time-v.pre[i].Time == value {
				return True
			}
		}
		if !v.whole {
			return Undecidable
		}
		return False
	}
}

func sinceRST(sender bool) auditor {
	return func(v *view, value int64) Answer {
		for _, h := range v.of(v.all, sender, has(packet.RST)) {
			if v.rst.Time-h.Time == value {
				return True
			}
		}
		return False
	}
}

// idle audits a silence: just so long a pause lies between two segments of the
// connection, one of them perhaps the RST.
func idle(v *view, value int64) Answer {
	if value == -1 {
		return Undecidable
	}
	times := []int64{v.rst.Time}
	for i := len(v.pre) - 1; i >= 0; i-- {
		times = append(times, v.pre[i].Time)
	}
	for i := range times {
		for k := i + 1; k < len(times); k++ {
			if times[i]-times[k] == value {
				return True
			}
		}
	}
	if !v.whole {
		return Undecidable
	}
	return False
}

// lateOctets: no more than the receiver sent beyond what the sender had
// acknowledged.
func lateOctets(v *view, value int64) Answer {
	_, n := v.fresh(false)
	if v.trig != nil && after(v, v.trig, v.rst) {
		return Undecidable
	}
	return atMost(func(*view) int64 { return sum(n) })(v, value)
}

// wentOn: a segment of the sender after the RST, beyond what it had sent before
// or acknowledging what came only after it.
func wentOn(v *view, value int64) Answer {
	h := v.header(value)
	if h == nil || !v.fromSender(h) || !after(v, h, v.rst) {
		return answer(value == 0)
	}
	end, ok := highestEnd(v, true)
	had, acked := highestEnd(v, false)
	return answer(ok && end.Less(h.End()) || acked && h.Flags&packet.ACK != 0 && had.Less(h.Ack))
}

func payload(of []*packet.Header) (n int64) {
	for _, h := range of {
		n += int64(h.Len)
	}
	return n
}

func hostTTL(v *view, value int64) Answer {
	lo, hi := ttls(v, true)
	if hi == 0 || !v.whole {
		return Undecidable
	}
	return answer(value == lo || value == hi)
}

// lastID is the latest IP ID of the sender that is not 0.
func lastID(v *view) (id int64) {
	for _, h := range v.of(v.pre, true, none(packet.RST)) {
		if h.IPID != 0 {
			id = int64(h.IPID)
		}
	}
	return id
}

// refusals: RSTs that answer a SYN of the server's port, at least so many until
// what was watched ends.
func refusals(v *view, value int64) Answer {
	addr, port := v.server()
	n := int64(0)
	for i := range v.c.headers {
		h := &v.c.headers[i]
		if h.Src == addr && h.SrcPort == port && h.Flags&(packet.RST|packet.ACK) == packet.RST|packet.ACK && h.Time-v.rst.Time <= 2*watched {
			n++
		}
	}
	return answer(value <= n)
}

// opened: a SYN/ACK of the server's port lies just so far from the RST.
func opened(later bool) auditor {
	return func(v *view, value int64) Answer {
		addr, port := v.server()
		for i := range v.c.headers {
			h := &v.c.headers[i]
			if h.Src != addr || h.SrcPort != port || h.Flags&(packet.SYN|packet.ACK) != packet.SYN|packet.ACK {
				continue
			}
			if d := h.Time - v.rst.Time; later && d == value || !later && -d == value {
				return True
			}
		}
		return False
	}
}

// beats: RSTs of the client to the server's port, at least so many until what was
// watched ends.
func beats(v *view, value int64) Answer {
	client := v.rst.Src
	if !v.client {
		client = v.rst.Dst
	}
	addr, port := v.server()
	n := int64(0)
	for i := range v.c.headers {
		h := &v.c.headers[i]
		if h.Src == client && h.Dst == addr && h.DstPort == port && h.Flags&packet.RST != 0 && h.Time-v.rst.Time <= 2*watched {
			n++
		}
	}
	return answer(value <= n)
}

// burstFell counts the RSTs of the sender's port, each the first of its connection
// and within a millisecond of the one before, whose connection was completed before
// that one's.
func burstFell(v *view) (n int64) {
	type end struct {
		addr [16]byte
		port uint16
	}
	completed, reset, answered := map[end]int64{}, map[end]bool{}, map[end]bool{}
	var last, at int64
	for k := range v.c.headers {
		h := &v.c.headers[k]
		switch {
		case h.Dst == v.rst.Src && h.DstPort == v.rst.SrcPort && h.Flags&(packet.SYN|packet.RST|packet.ACK) == packet.ACK:
			if from := (end{h.Src, h.SrcPort}); !answered[from] {
				completed[from], answered[from] = h.Time, true
			}
		case h.Src == v.rst.Src && h.SrcPort == v.rst.SrcPort && h.Flags&packet.SYN != 0:
			if to := (end{h.Dst, h.DstPort}); completed[to] == 0 {
				completed[to] = h.Time
			}
		case h.Src == v.rst.Src && h.SrcPort == v.rst.SrcPort && h.Flags&packet.RST != 0:
			to := end{h.Dst, h.DstPort}
			if reset[to] {
				continue
			}
			reset[to] = true
			if done := completed[to]; h.Time-at <= 1e6 && done > 0 && done < last {
				n++
			}
			last, at = completed[to], h.Time
		}
	}
	return n
}

// burst: RSTs of the same sender around this one, at least so many.
func burst(v *view, value int64) Answer {
	n := int64(0)
	for i := range v.c.headers {
		h := &v.c.headers[i]
		if h.Src == v.rst.Src && (v.client || h.SrcPort == v.rst.SrcPort) && h.Flags&packet.RST != 0 && h.Time-v.rst.Time <= 150e6 && v.rst.Time-h.Time <= 150e6 {
			n++
		}
	}
	return answer(value <= n)
}

func elsewhereTTL(v *view, value int64) Answer {
	for i := range v.c.headers {
		h := &v.c.headers[i]
		if h.Src == v.rst.Src && h.Flags&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK && int64(h.TTL) == value {
			return True
		}
	}
	return answer(value == 0)
}

// lastRecordIs audits an octet of the payload that a side sent last.
func lastRecordIs(sender bool, at int) auditor {
	return func(v *view, value int64) Answer {
		h := tailOf(freshOf(sender))(v)
		if h == nil || int(h.PeekN) <= at || h.Peek[0] != 0x15 {
			return Undecidable // a record before it was stepped over
		}
		return answer(int64(h.Peek[at]) == value)
	}
}

// atMostSent: nobody can lose more than was sent.
func atMostSent(v *view, value int64) Answer {
	_, a := v.fresh(true)
	_, b := v.fresh(false)
	n := sum(a) + sum(b) + payload(v.post)
	if !v.whole {
		return Undecidable
	}
	// Octets that were acknowledged without having been captured count as well.
	for _, sender := range []bool{true, false} {
		if end, ok := highestEnd(v, sender); ok {
			if f := headOf(pre(sender, none(packet.RST)))(v); f != nil {
				n = max(n, int64(end.Sub(f.Seq))+payload(v.post))
			}
		}
	}
	// What a message names and never came is a part of the whole too.
	unsent := int64(0)
	for _, sender := range []bool{true, false} {
		end, _ := highestEnd(v, sender)
		for _, h := range v.of(v.pre, sender, func(h *packet.Header) bool { return h.Message&packet.MessageLength != 0 }) {
			unsent = max(unsent, int64(h.Seq.Add(h.MessageLen).Sub(end)))
		}
	}
	// So do octets beyond the peer's acknowledgments, before what was captured.
	out := payload(v.post)
	for _, sender := range []bool{true, false} {
		end, ok := highestEnd(v, sender)
		ack, acked := highestAck(v, !sender)
		if ok && acked {
			out += max(0, int64(end.Sub(ack)))
		}
	}
	return answer(value <= max(n, out)+unsent)
}

// received: no more than was captured, or than the RST acknowledges beyond the
// SYN of its receiver; where the capture lacks that one, what its sender
// acknowledges in the handshake and later tells both.
func received(v *view, value int64) Answer {
	_, n := v.fresh(false)
	most := sum(n)
	if s := headOf(receiverSYN)(v); s != nil && v.rst.Flags&packet.ACK != 0 {
		most = max(most, int64(v.rst.Ack.Sub(s.Seq+1)))
	}
	acks := v.of(v.pre, true, has(packet.ACK))
	if len(acks) > 0 && len(senderSYN(v)) > 0 && len(v.of(v.pre, false, none(packet.RST))) == 0 {
		ack, _ := highestAck(v, true)
		if v.rst.Flags&packet.ACK != 0 {
			ack = v.rst.Ack
		}
		most = max(most, int64(ack.Sub(acks[0].Ack)))
	}
	return atMost(func(*view) int64 { return most })(v, value)
}

// shownTTL: a segment of the sender has just this TTL.
func shownTTL(v *view, value int64) Answer {
	for _, h := range v.of(v.pre, true, none(packet.RST)) {
		if int64(h.TTL) == value {
			return True
		}
	}
	if !v.whole {
		return Undecidable
	}
	return False
}
