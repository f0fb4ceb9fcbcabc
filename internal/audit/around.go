package audit

import (
	"math"
	"slices"

	"github.com/rstwhy/rstwhy/packet"
)

const (
	// settles is how much later than its RST a reset is looked at, at the most: the
	// refusals of one SYN are gathered for ten seconds, and then watched.
	settles = 10e9 + watched
	// grace is how much later than its RST a reset is looked at, at the least.
	grace = 2000e6
	// silence is the shortest that counts as a pause.
	silence = 1900e6
	// copied is how much later the same frame may stand in a capture again.
	copied = 5e6
	// crowd is how many hosts, or ports of them, are surely remembered together.
	// Where a capture has more, what is missing may have been forgotten.
	crowd = 100
)

// who is the client.
func (v *view) who() (addr [16]byte, port uint16) {
	if v.client {
		return v.rst.Src, v.rst.SrcPort
	}
	return v.rst.Dst, v.rst.DstPort
}

// crowded reports whether the capture has too many hosts for all to be remembered,
// or too many ports where these are asked for.
func (v *view) crowded(ports bool) bool {
	type end struct {
		addr [16]byte
		port uint16
	}
	ends := map[end]bool{}
	for t := range v.c.by {
		switch {
		case !ports:
			ends[end{t.a, 0}], ends[end{t.b, 0}] = true, true
		case t.pa < t.pb:
			ends[end{t.a, t.pa}] = true
		default:
			ends[end{t.b, t.pb}] = true
		}
		if len(ends) > crowd {
			return true
		}
	}
	return false
}

// unless is what is said of a value that is wrong where nothing was forgotten.
func unless(forgotten bool) Answer {
	if forgotten {
		return Undecidable
	}
	return False
}

func isSYN(h *packet.Header) bool { return h.Flags&(packet.SYN|packet.ACK|packet.RST) == packet.SYN }

func isSYNACK(h *packet.Header) bool {
	return h.Flags&(packet.SYN|packet.ACK|packet.RST) == packet.SYN|packet.ACK
}

// sameWay reports whether a and b have one sender and are of one tuple.
func sameWay(a, b *packet.Header) bool {
	return a.Src == b.Src && a.SrcPort == b.SrcPort && a.Dst == b.Dst && a.DstPort == b.DstPort && a.Zone == b.Zone
}

// conversation is the segments of a tuple.
func (v *view) conversation(at []int) []*packet.Header {
	out := make([]*packet.Header, len(at))
	for i, k := range at {
		out[i] = &v.c.headers[k]
	}
	return out
}

// onPort returns the conversations of the server's port.
func (v *view) onPort() (out [][]*packet.Header) {
	addr, port := v.server()
	for t, at := range v.c.by {
		if t.a == addr && t.pa == port || t.b == addr && t.pb == port {
			out = append(out, v.conversation(at))
		}
	}
	return out
}

// refusedAgain is how many more RSTs the sender sent while the reset was watched:
// longer than others where a SYN is refused again and again.
func refusedAgain(v *view) (n int64) {
	for _, h := range v.of(v.conversation(v.c.by[tupleOf(v.rst)]), true, has(packet.RST)) {
		if after(v, h, v.rst) && h.Time-v.rst.Time <= settles {
			n++
		}
	}
	return n
}

// isOwn reports whether h is of the connection of the RST itself.
func (v *view) isOwn(h *packet.Header) bool { return slices.Contains(v.pre, h) }

// triggerOffset: of a stream whose SYN is not there the first number is what its
// peer acknowledged first, or unknown.
func triggerOffset(v *view, value int64) Answer {
	if v.trig == nil {
		return False
	}
	if s := headOf(receiverSYN)(v); s != nil {
		if int64(v.trig.Seq.Sub(s.Seq+1)) == value {
			return True
		}
		return unless(!v.whole)
	}
	for _, h := range v.of(v.pre, true, has(packet.ACK)) {
		if int64(v.trig.Seq.Sub(h.Ack)) == value {
			return True
		}
	}
	return unless(!v.whole)
}

// lateUnseen: the sender closed, and its RST acknowledges more than it ever did,
// of a side of which the capture has nothing.
func lateUnseen(v *view, value int64) Answer {
	ack, ok := highestAck(v, true)
	switch {
	case v.rst.Flags&packet.ACK == 0, value <= 0:
		return False
	case !v.whole:
		return Undecidable
	case !ok, len(senderFIN(v)) == 0, len(v.of(v.pre, false, none(packet.RST))) > 0:
		return False
	}
	return answer(int64(v.rst.Ack.Sub(ack)) == value)
}

// sinceData: some payload lies just so far back, and none came after it that was
// new.
func sinceData(v *view, value int64) Answer {
	latest := int64(-1)
	for _, sender := range []bool{true, false} {
		if h := tailOf(freshOf(sender))(v); h != nil {
			latest = max(latest, h.Time)
		}
	}
	if latest >= 0 && v.rst.Time-latest == value {
		return True
	}
	if !v.whole {
		for _, h := range v.all {
			if h.Len > 0 && v.rst.Time-h.Time == value {
				return Undecidable
			}
		}
	}
	return False
}

// remembered are the latest segments, as many as a connection keeps.
func remembered(v *view) []*packet.Header {
	list := either(preAll, none(packet.RST))(v)
	return list[max(0, len(list)-16):]
}

// open are those of list that one side sent and the other has not acknowledged.
func open(v *view, list []*packet.Header, sender bool) []*packet.Header {
	ack, ok := highestAck(v, !sender)
	return v.of(list, sender, func(h *packet.Header) bool { return h.Len > 0 && ok && ack.LessEq(h.Seq) })
}

func repeats(v *view, value int64) Answer {
	list := remembered(v)
	mine, other := len(open(v, list, true)), len(open(v, list, false))
	switch {
	case int64(mine-1) == value && other > 2:
		return True
	case value < 2 || value >= int64(len(v.all)):
		return False
	}
	return unless(!v.whole)
}

func deafFor(v *view, value int64) Answer {
	list := remembered(v)
	mine, other := open(v, list, true), open(v, list, false)
	if len(mine) > 0 && len(other) > 0 && v.rst.Time-min(mine[0].Time, other[0].Time) == value {
		return True
	}
	for _, h := range v.all {
		if v.rst.Time-h.Time == value && h.Len > 0 {
			return unless(!v.whole)
		}
	}
	return False
}

// hopsOf is how many routers a TTL has passed by the usual initial values.
func hopsOf(ttl int64, low bool) int64 {
	for _, from := range []int64{32, 64, 128} {
		if ttl <= from && (from > 32 || low) {
			return from - ttl
		}
	}
	return 255 - ttl
}

// hostHops: of the host's TTLs the highest counts, of its SYN/ACKs elsewhere the
// latest where it has shown none here.
func hostHops(v *view, value int64) Answer {
	is := func(ttl int64) bool { return hopsOf(ttl, ttl <= 32 && v.rst.TTL <= 32) == value }
	if _, hi := ttls(v, true); hi != 0 && (v.whole || is(hi)) {
		return answer(is(hi))
	}
	for i := range v.c.headers {
		if h := &v.c.headers[i]; h.Src == v.rst.Src && h.Flags&packet.RST == 0 && is(int64(h.TTL)) {
			if len(v.pre) == 0 && isSYNACK(h) {
				return True
			}
			return Undecidable
		}
	}
	return False
}

// until is the latest time at which the reset can have been looked at.
func (v *view) until() int64 {
	clock := v.rst.Time
	for i := range v.c.at[v.rst.Ref()] {
		clock = max(clock, v.c.headers[i].Time)
	}
	if len(either(postAll, has(packet.RST))(v)) > 0 {
		return clock + settles
	}
	return clock + watched
}

// byClock calls f with every segment until the RST was looked at, and with the
// latest time of those until then.
func (v *view) byClock(f func(h *packet.Header, clock int64)) {
	until, clock := v.until(), int64(math.MinInt64)
	for i := range v.c.headers {
		h := &v.c.headers[i]
		if clock = max(clock, h.Time); clock > until {
			return
		}
		f(h, clock)
	}
}

// window is how long targets are counted, and remembered once.
const window = 10e9

// windows are those that what is remembered of the client may have come to when
// the RST was looked at: any of its segments since its latest SYN may have begun
// one.
func (v *view) windows() map[int64]bool {
	addr, _ := v.who()
	out := map[int64]bool{}
	v.byClock(func(h *packet.Header, clock int64) {
		if isSYN(h) && h.Src == addr && !after(v, h, v.rst) {
			clear(out)
		}
		if h.Src == addr || h.Dst == addr {
			out[clock/window] = true
		}
	})
	return out
}

// asks: a SYN that is sent again need not count, and another attempt must.
func asks(v *view, value int64) Answer {
	type attempt struct {
		t   tuple
		seq packet.Seq
	}
	addr, _ := v.who()
	least, most := int64(math.MaxInt64), int64(0)
	for w := range v.windows() {
		n, attempts := int64(0), map[attempt]bool{}
		v.byClock(func(h *packet.Header, clock int64) {
			if at := clock / window; isSYN(h) && h.Src == addr && (at == w || at == w-1) {
				n++
				if clock <= v.rst.Time+grace {
					attempts[attempt{tupleOf(h), h.Seq}] = true
				}
			}
		})
		least, most = min(least, int64(len(attempts))), max(most, n)
	}
	switch {
	case value > most || value < 1:
		return False
	case value < least:
		return unless(v.crowded(false))
	}
	return True
}

// unlike: no more than the pairs that the client exchanged a RST with in these
// seconds and had asked with a SYN of another make. The number is an estimate, by
// hashes.
func unlike(v *view, value int64) Answer {
	addr, _ := v.who()
	bare := func(h *packet.Header) bool { return h.Options&^packet.OptMSS == 0 }
	s := headOf(clientSYN)(v)
	if s == nil {
		return Undecidable
	}
	type end struct {
		addr   [16]byte
		port   uint16
		latest bool
	}
	most := 0
	for w := range v.windows() {
		asked := map[tuple]bool{}
		ends := map[end]bool{}
		v.byClock(func(h *packet.Header, clock int64) {
			at := clock / window
			switch {
			case isSYN(h) && h.Src == addr && bare(h) != bare(s):
				asked[tupleOf(h)] = true
			case h.Flags&packet.RST == 0 || !asked[tupleOf(h)] || at != w && at != w-1:
			case h.Src == addr:
				ends[end{h.Dst, h.DstPort, at == w}] = true
			default:
				ends[end{h.Src, h.SrcPort, at == w}] = true
			}
		})
		most = max(most, len(ends))
	}
	return answer(value > 0 && value <= int64(most+most/4+2))
}

// kin: no more than the pairs with this server's address, or with its port, that the
// client had asked and exchanged a RST with in these seconds.
func kin(v *view, value int64) Answer {
	addr, _ := v.who()
	s := headOf(clientSYN)(v)
	if s == nil {
		return Undecidable
	}
	type end struct {
		addr [16]byte
		port uint16
	}
	most := 0
	for w := range v.windows() {
		asked := map[tuple]bool{}
		onHost, onPort := map[end]bool{}, map[end]bool{}
		v.byClock(func(h *packet.Header, clock int64) {
			of := end{h.Src, h.SrcPort}
			if h.Src == addr {
				of = end{h.Dst, h.DstPort}
			}
			switch at := clock / window; {
			case isSYN(h) && h.Src == addr:
				asked[tupleOf(h)] = true
			case h.Flags&packet.RST == 0 || !asked[tupleOf(h)] || at != w && at != w-1:
			default:
				if of.addr == s.Dst {
					onHost[of] = true
				}
				if of.port == s.DstPort {
					onPort[of] = true
				}
			}
		})
		most = max(most, len(onHost), len(onPort))
	}
	return answer(value > 0 && value <= int64(most))
}

// trip is a time between two segments of a handshake. It is plain where nothing
// of it came twice or in another order, so that no other time can be meant.
type trip struct {
	took  int64
	plain bool
}

// trips returns the round trips of the handshakes of other connections of addr,
// the client's or the server's side of them.
func (v *view) trips(addr [16]byte, client bool) (out []trip) {
	for _, at := range v.c.by {
		list := v.conversation(at)
		for i, sa := range list {
			if !isSYNACK(sa) || sa.Time > v.rst.Time+settles || v.isOwn(sa) || client && sa.Dst != addr || !client && sa.Src != addr {
				continue
			}
			if client {
				for k := i + 1; k < len(list); k++ {
					if h := list[k]; !sameWay(h, sa) && plainAck(h) {
						plain := i == 1 && k == 2 && isSYN(list[i-1]) && h.Len == 0 && h.Ack == sa.Seq+1 && sa.Ack == list[i-1].Seq+1
						out = append(out, trip{h.Time - sa.Time, plain && h.Time < v.rst.Time+grace/2})
						break
					}
				}
				continue
			}
			for k := i - 1; k >= 0; k-- {
				if h := list[k]; !sameWay(h, sa) && isSYN(h) {
					plain := i == 1 && sa.Ack == h.Seq+1 && len(list) > 2 && !sameWay(list[2], sa) && plainAck(list[2]) &&
						list[2].Len == 0 && list[2].Ack == sa.Seq+1 && list[2].Time < v.rst.Time+grace/2
					out = append(out, trip{sa.Time - h.Time, plain})
				}
			}
		}
	}
	return out
}

// shortestTrip: another handshake took just so long, and none took less.
func shortestTrip(client bool) auditor {
	return func(v *view, value int64) Answer {
		addr, _ := v.server()
		if client {
			addr, _ = v.who()
		}
		there, less := false, false
		for _, t := range v.trips(addr, client) {
			there = there || t.took == value
			less = less || t.plain && t.took > 0 && t.took < value
		}
		switch {
		case !there || value <= 0:
			return False
		case less:
			return unless(v.crowded(false))
		}
		return True
	}
}

// conversed: just so far from the RST one side of another connection of the port
// sent its first data, and the other had.
func conversed(later bool) auditor {
	return func(v *view, value int64) Answer {
		if value < 0 {
			return False
		}
		at := v.rst.Time - value
		if later {
			at = v.rst.Time + value
		}
		for _, list := range v.onPort() {
			for i, h := range list {
				if h.Time == at && h.Len > 0 && h.Flags&packet.RST == 0 && !v.isOwn(h) && firstAnswer(list, i) {
					return True
				}
			}
		}
		return False
	}
}

// firstAnswer reports whether the i-th segment is the first payload of its side in
// its connection, after payload of the other. Where the connection may have been
// forgotten, or was over, another one can have begun.
func firstAnswer(list []*packet.Header, i int) bool {
	other, later := false, list[i]
	for k := i - 1; k >= 0; k-- {
		h := list[k]
		switch {
		case isSYN(h) && h.Len == 0, h.Flags&(packet.RST|packet.FIN) != 0, later.Time-h.Time > 120e9:
			return other
		case h.Len > 0 && sameWay(h, list[i]):
			return false
		case h.Len > 0:
			other = true
		}
		later = h
	}
	return other
}

// pause is a silence of a connection, and what the segment after it met, if
// anything: an answer, a RST. It is plain where that cannot be doubted.
type pause struct {
	lasted        int64
	went, refused bool
	plain         bool
}

// pauses returns those of the port's connections until the RST was looked at.
func (v *view) pauses() (out []pause) {
	addr, port := v.server()
	until := v.until()
	for _, list := range v.onPort() {
		opened, over := false, false // as far as the capture has it from its SYN
		for k, h := range list {
			switch {
			case h.Time > until:
				continue
			case isSYN(h):
				opened, over = h.Dst == addr && h.DstPort == port && k+2 < len(list) && isSYNACK(list[k+1]) && plainAck(list[k+2]) &&
					list[k+1].Ack == h.Seq+1 && list[k+2].Ack == list[k+1].Seq+1 && list[k+2].Len == 0, false
			case h.Flags&(packet.RST|packet.FIN) != 0:
				over = true
			}
			if h.Flags&packet.RST != 0 {
				continue
			}
			p := pause{}
			var m *packet.Header // what it met first
			for _, a := range list[k+1:] {
				if sameWay(a, h) {
					continue
				}
				if m == nil {
					m = a
				}
				if a.Flags&packet.RST != 0 {
					p.refused = p.refused || a.Time-h.Time < silence+copied
					break
				}
				p.went = p.went || a.Flags&packet.ACK != 0 && a.Ack.Sub(h.Seq) >= 0
				if p.went && a.Time-h.Time > silence {
					break
				}
			}
			// The one before may stand there twice.
			for j := k - 1; j >= 0; j-- {
				b := list[j]
				if b.Flags&packet.RST != 0 {
					continue
				}
				if p.lasted = h.Time - b.Time; p.lasted >= silence {
					p.plain = j == k-1 && k+1 < len(list) && m == list[k+1] && opened && !over && h.Len > 0 && follows(h, b) &&
						m.Time >= h.Time && m.Time <= v.rst.Time && m.Time-h.Time < silence && plainly(h, m)
					out = append(out, p)
				}
				if j == 0 || !isCopy(list[j-1], b) {
					break
				}
			}
		}
	}
	return out
}

// isCopy reports whether a is b, captured before it.
func isCopy(a, b *packet.Header) bool {
	return sameWay(a, b) && a.IPID == b.IPID && a.Seq == b.Seq && a.Ack == b.Ack && a.Len == b.Len && a.Flags == b.Flags && b.Time-a.Time <= copied
}

// follows reports whether h is the next data after b, which was all that there had
// been.
func follows(h, b *packet.Header) bool {
	switch {
	case !plainAck(b):
		return false
	case sameWay(h, b):
		return b.Len == 0 && b.Seq == h.Seq && b.Ack == h.Ack
	}
	return b.Ack == h.Seq && h.Ack == b.End()
}

// plainly reports whether m answers h, or has the numbers of who has no such
// connection.
func plainly(h, m *packet.Header) bool {
	if m.Flags&packet.RST != 0 {
		return m.Flags&packet.ACK == 0 && m.Seq == h.Ack
	}
	return m.Flags&(packet.SYN|packet.ACK|packet.FIN) == packet.ACK && m.Ack == h.End()
}

// pauseOf audits the longest pause that was survived, or the shortest that was
// not.
func pauseOf(survived bool) auditor {
	return func(v *view, value int64) Answer {
		there, other := false, false
		for _, p := range v.pauses() {
			switch {
			case survived && p.went:
				there = there || p.lasted == value
				other = other || p.plain && !p.refused && p.lasted > value
			case !survived && p.refused:
				there = there || p.lasted == value
				other = other || p.plain && !p.went && p.lasted < value
			}
		}
		switch {
		case !there:
			return False
		case other:
			return unless(v.crowded(true))
		}
		return True
	}
}

// pausesCounted: no more than there are, and no fewer than cannot be doubted.
func pausesCounted(survived bool) auditor {
	return func(v *view, value int64) Answer {
		least, most := int64(0), int64(0)
		for _, p := range v.pauses() {
			if survived && p.went || !survived && p.refused {
				most++
				if p.plain && p.went != p.refused {
					least++
				}
			}
		}
		switch {
		case value > most || value < 1:
			return False
		case value < least:
			return unless(v.crowded(true))
		}
		return True
	}
}

// legSYN: a SYN of the same client to another server, or of another client with
// the same port to this one, in whose stream the numbers of this connection lie.
func legSYN(v *view, value int64) Answer {
	h := v.header(value)
	if h == nil || !isSYN(h) || tupleOf(h) == tupleOf(v.rst) || h.Time > v.rst.Time+settles {
		return False
	}
	client, from := v.who()
	server, port := v.server()
	switch {
	case h.Src == client && h.SrcPort == from && h.Dst != server:
	case h.Dst == server && h.DstPort == port && h.SrcPort == from && h.Src != client:
	default:
		return False
	}
	if s := tailOf(clientSYN)(v); s != nil && v.whole {
		return answer(s.Seq == h.Seq)
	}
	var numbers []packet.Seq
	for _, s := range append(slices.Clone(v.all), v.rst) {
		switch {
		case s.Src == client && s.SrcPort == from:
			numbers = append(numbers, s.Seq, s.End())
		case s.Flags&packet.ACK != 0:
			numbers = append(numbers, s.Ack)
		}
	}
	return answer(slices.ContainsFunc(numbers, func(n packet.Seq) bool { return n-h.Seq <= 1<<20 }))
}

// legRST: a RST of another server to the same client and port, with a number of the
// stream that this connection's server began.
func legRST(v *view, value int64) Answer {
	h := v.header(value)
	if h == nil || h.Flags&packet.RST == 0 || h.Time > v.rst.Time || tupleOf(h) == tupleOf(v.rst) {
		return False
	}
	client, from := v.who()
	server, _ := v.server()
	if h.Dst != client || h.DstPort != from || h.Src == server {
		return False
	}
	for _, s := range v.all {
		if isSYNACK(s) && s.Src == server {
			return answer(h.Seq-s.Seq-1 < 1<<20)
		}
	}
	return False
}

// departure: a FIN or RST of another connection to the address of the RST's sender,
// before any other of that connection.
func departure(v *view, value int64) Answer {
	h := v.header(value)
	if h == nil || h.Flags&(packet.FIN|packet.RST) == 0 || h.Dst != v.rst.Src || h.Time > v.rst.Time || tupleOf(h) == tupleOf(v.rst) {
		return False
	}
	for _, k := range v.c.by[tupleOf(h)] {
		s := &v.c.headers[k]
		if s.Ref() == h.Ref() {
			return True
		}
		if isSYN(s) || s.Flags&packet.RST != 0 {
			continue // ports are used again
		}
		if s.Flags&packet.FIN != 0 && h.Time-s.Time < silence {
			return Undecidable // an earlier use of the ports may have ended so
		}
	}
	return True
}

func departureToRST(v *view, value int64) Answer {
	at := v.rst.Time - value
	for i := range v.c.headers {
		h := &v.c.headers[i]
		if h.Time == at && departure(v, int64(h.Ref())) != False {
			return True
		}
	}
	return False
}
