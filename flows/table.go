package flows

import (
	"math"
	"time"
	"unsafe"

	"github.com/rstwhy/rstwhy/internal/arena"
	"github.com/rstwhy/rstwhy/packet"
)

// Times after which the table lets go, by the clock of the capture.
const (
	// Grace is how long a RST is watched before it settles: time for follow-ups,
	// a challenge ACK, and the SYN tries of systems that repeat a refused one
	// (Windows does, about every half second).
	Grace = 2 * time.Second
	// closedFor keeps a connection after both FINs, or after a refused SYN.
	closedFor = 5
	// resetFor keeps a connection that had more to lose than a SYN after its
	// RST, so that late retransmissions are known for what they are.
	resetFor = 60
	// halfOpenFor keeps a connection whose handshake does not complete: Linux
	// gives up a SYN after 127 s (tcp_syn_retries = 6).
	halfOpenFor = 130e9
)

// waitMax is how many resets wait for their grace at once; beyond it the
// oldest settles early, which is counted. It is a power of two.
const waitMax = 1 << 14

// enough resets come out of one call at most, if several are due at once: each
// is 2 KB, and is judged best while it is in the cache.
const enough = 32

// Config are the limits of a Table. Its zero value works.
type Config struct {
	// MaxMemory is how many octets connections may take, with what is
	// remembered of their segments and the index; beyond it the idlest leave
	// early. 0 means 1 GiB; less than 16 MiB counts as that. Not in it are
	// resets that wait, some 40 MB at most, and room that was given back and is
	// kept: up to half as much again when a flood of short connections gives way
	// to as many long ones.
	MaxMemory int64
	// MaxConnections is how many connections are followed at once; beyond it
	// the idlest leave early. 0 sets no limit but that of MaxMemory.
	MaxConnections int
}

// What Config.MaxMemory is when it is 0, and at least.
const (
	DefaultMemory = 1 << 30
	LeastMemory   = 1 << 24
)

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
	Holes            uint64 // jumps in sequence numbers: segments that the capture may lack
	Copies           uint64 // frames captured twice
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
	s.Holes += o.Holes
	s.Copies += o.Copies
	s.Backwards += o.Backwards
	s.BackwardsLargest = max(s.BackwardsLargest, o.BackwardsLargest)
}

type leaving struct {
	slot, gen uint32
}

// waiting is a reset whose grace is not over. It has no pointers: many wait, and
// the garbage collector is to have nothing to do with them.
type waiting struct {
	due  int64
	slot uint32 // of the connection, which may have left it when there is a Reset
	// made is the place of its Reset in Table.made, +1. As long as nothing has
	// happened on the connection since, and that is so for nearly all resets of a
	// scan, it is 0: the Reset then is made when it settles, out of the
	// connection and of what follows.
	made uint32

	// What the connection was before it was reset.
	known    Known // of the sender
	historyN uint8

	dir Dir
	rst packet.Header
}

// Table follows connections. It is not safe for concurrent use.
type Table struct {
	config      Config
	arena       *arena.Arena
	index       index
	connections store[connection]
	memory      memory
	live        int
	hand        uint32 // where the sweep goes on

	clock  int64
	second int64 // clock in seconds, up to which the wheel was turned
	wheel  [64][]leaving

	// waiting is a ring of the resets numbered from first up to next.
	waiting     []waiting
	first, next uint32
	made        []*Reset // of those that wait; nil where the place is free
	places      []uint32 // free ones of made
	unused      []*Reset
	follow      [][]Answer // empty

	at     int // segment of the batch to go on with
	hashes [4 * group]uint32
	slots  [4 * group]uint32 // where the connection was when it was looked up, +1
	stats  Stats
}

// NewTable returns an empty table.
func NewTable(c Config) *Table {
	if c.MaxMemory == 0 {
		c.MaxMemory = DefaultMemory
	}
	c.MaxMemory = max(c.MaxMemory, LeastMemory)
	if c.MaxConnections == 0 {
		c.MaxConnections = math.MaxInt
	}
	t := &Table{config: c, waiting: make([]waiting, 64)}
	t.arena = arena.New(t)
	t.index = newIndex(t.arena)
	t.connections.arena, t.memory.pieces.arena, t.memory.rares.arena = t.arena, t.arena, t.arena
	return t
}

// Stats returns the counts so far.
func (t *Table) Stats() Stats { return t.stats }

// Live is how many connections are followed now.
func (t *Table) Live() int { return t.live }

// taken is how many octets count against Config.MaxMemory.
func (t *Table) taken() int64 {
	return t.connections.taken() + int64(len(t.index.words))*8 + t.memory.taken()
}

// Release gives a Reset back for reuse; nothing may hold on to it.
func (t *Table) Release(r *Reset) {
	// A short list is used again. One flood must not stay for good.
	if n := cap(r.Follow); n > 0 && n <= 64 && len(t.follow) < 1024 {
		t.follow = append(t.follow, r.Follow[:0])
	}
	r.Follow = nil
	if len(t.unused) < 1024 {
		t.unused = append(t.unused, r)
	}
}

// group is how many segments are looked up together.
const group = 16

// lookup runs ahead of the segments that are followed, a group at a time, and
// has the processor fetch what they will need: first the words of the index,
// two groups later the connections, then their latest segments. Nothing waits
// for any of it. What it finds is only a hint: the segments before change the
// table.
func (t *Table) lookup(hs []packet.Header, g int) {
	x := &t.index
	for i := max(0, (g+3)*group); i < min((g+4)*group, len(hs)); i++ {
		hash := x.hash(&hs[i])
		arena.Prefetch(unsafe.Pointer(&x.words[hash&x.mask()]), 1)
		t.hashes[i%len(t.hashes)] = hash
	}
	for i := max(0, (g+2)*group); i < min((g+3)*group, len(hs)); i++ {
		slot := x.find(t.hashes[i%len(t.hashes)])
		t.slots[i%len(t.slots)] = slot
		if slot != 0 {
			arena.Prefetch(unsafe.Pointer(t.connections.at(slot-1)), standingLines)
		}
	}
	for i := max(0, (g+1)*group); i < min((g+2)*group, len(hs)); i++ {
		slot := t.slots[i%len(t.slots)]
		if slot == 0 {
			continue
		}
		c := t.connections.at(slot - 1)
		t.memory.ready(c)
		if h := &hs[i]; h.Len > 0 {
			d := Client
			if c.ends[Client].Port != h.SrcPort {
				d = Server
			}
			arena.Prefetch(unsafe.Pointer(&c.stream[d]), 1)
		}
	}
}

// Add follows the segments of b. What settles meanwhile is appended to out. It
// reports whether it has come to the end of b: when much has settled it returns
// earlier, and is to be called again with the same batch, and out emptied.
func (t *Table) Add(b *packet.Batch, out *Output) bool {
	full := len(out.Resets) + enough
	note := 0
	if t.at == 0 {
		for g := -3; g < 0; g++ {
			t.lookup(b.Headers, g)
		}
	}
	for i := t.at; i < len(b.Headers); i++ {
		h := &b.Headers[i]
		if len(out.Resets) >= full || h.Time > t.clock && !t.advance(h.Time, full, out) {
			t.at = i
			return false
		}
		if h.Time < t.clock {
			t.stats.Backwards++
			t.stats.BackwardsLargest = max(t.stats.BackwardsLargest, t.clock-h.Time)
		}
		if i%group == 0 {
			t.lookup(b.Headers, i/group)
		}
		var text []byte
		if h.Flags&packet.RST != 0 {
			for note < len(b.Notes) && b.Notes[note].Header < i {
				note++
			}
			if note < len(b.Notes) && b.Notes[note].Header == i {
				text = b.Notes[note].Text[:b.Notes[note].N]
			}
		}
		t.add(h, t.hashes[i%len(t.hashes)], t.slots[i%len(t.slots)], text, out)
	}
	t.at = 0
	return true
}

// Advance moves the clock to now when that is later, and settles what is due.
// Add does it by itself; a live source calls it when an interface is silent. It
// reports whether everything that was due has come out: when much was, it is to
// be called again.
func (t *Table) Advance(now int64, out *Output) bool {
	return now <= t.clock || t.advance(now, len(out.Resets)+enough, out)
}

func (t *Table) advance(now int64, full int, out *Output) bool {
	for t.first != t.next {
		w := t.wait(t.first)
		if w.due > now {
			break
		}
		if len(out.Resets) >= full {
			return false
		}
		t.settle(w.due, false, out)
	}
	t.clock = now
	if second := now / 1e9; second != t.second {
		t.turn(second, out)
	}
	return true
}

// Flush settles everything that still waits: the input has ended. It reports
// whether everything has come out, and is to be called again until it has.
func (t *Table) Flush(out *Output) bool {
	for full := len(out.Resets) + enough; t.first != t.next; {
		if len(out.Resets) >= full {
			return false
		}
		t.settle(t.clock, true, out)
	}
	for slot := range t.connections.next {
		if t.connections.at(slot).marks&isLive != 0 {
			t.leave(slot, out)
		}
	}
	return true
}

func (t *Table) add(h *packet.Header, hash, hint uint32, note []byte, out *Output) {
	// A few segments take only so much: asking now and then will do. When, must
	// not depend on where batches end.
	if t.stats.Segments++; t.stats.Segments%group == 0 && t.taken() > t.config.MaxMemory {
		t.evict(out)
	}
	slot, d, ok := t.find(h, hash, hint)
	if !ok {
		slot, d = t.create(h, hash, out)
	}
	c := t.connections.at(slot)
	if ok && h.Flags&packet.SYN != 0 && c.startsAnew(h, d) {
		prior := c.earlier()
		if c.marks&isWatched != 0 {
			t.watched(c).watch(h, d)
		}
		t.leave(slot, out)
		was := d
		slot, d = t.create(h, hash, out)
		if d != was {
			prior = prior.turned()
		}
		c = t.connections.at(slot)
		t.memory.rare(c).prior = prior
	}
	if h.Flags&packet.RST != 0 {
		t.reset(c, slot, h, d, note, out)
		return
	}
	if c.marks&isWatched != 0 {
		t.watched(c).watch(h, d)
	}
	syns := c.side[d].SYNs
	c.update(&t.memory, h, d)
	if h.Flags&packet.SYN != 0 && syns == 0 {
		k := Asked
		if h.Flags&packet.ACK != 0 {
			k = Answered
		}
		e := c.event(k, h, d, t.clock, out)
		e.RTT = c.rttServer()
	}
	if c.marks&isClosing == 0 && c.side[0].Known&c.side[1].Known&SawFIN != 0 {
		t.closing(c, slot, closedFor)
	}
}

// find returns the place of h's connection, and which side of it has sent h.
// The hint is a place, +1, where it may be.
func (t *Table) find(h *packet.Header, hash, hint uint32) (slot uint32, d Dir, ok bool) {
	if hint != 0 {
		if c := t.connections.at(hint - 1); c.marks&isLive != 0 {
			if d, ok = c.sends(h); ok {
				return hint - 1, d, true
			}
		}
	}
	x := &t.index
	for i := hash & x.mask(); x.words[i] != 0; i = (i + 1) & x.mask() {
		w := x.words[i]
		if uint32(w>>32) != hash {
			continue
		}
		slot = uint32(w) - 1
		if d, ok = t.connections.at(slot).sends(h); ok {
			return slot, d, true
		}
	}
	return 0, 0, false
}

// sends reports whether h is a segment of c, and of which side.
func (c *connection) sends(h *packet.Header) (Dir, bool) {
	if c.zone != h.Zone {
		return 0, false
	}
	a, b := &c.ends[Client], &c.ends[Server]
	if a.Port == h.SrcPort && b.Port == h.DstPort && a.Addr == h.Src && b.Addr == h.Dst {
		return Client, true
	}
	return Server, b.Port == h.SrcPort && a.Port == h.DstPort && b.Addr == h.Src && a.Addr == h.Dst
}

func (t *Table) create(h *packet.Header, hash uint32, out *Output) (uint32, Dir) {
	t.sweep(out)
	if t.live >= t.config.MaxConnections {
		t.evict(out)
	}
	slot := t.connections.take()
	c := t.connections.at(slot)
	gen := c.gen + 1
	*c = connection{} // in place; with values it would be built elsewhere and copied
	c.gen, c.hash, c.marks, c.zone, c.start = gen, hash, isLive, h.Zone, h.Time

	d := Client
	switch h.Flags & (packet.SYN | packet.ACK) {
	case packet.SYN:
		c.handshake = SYNSent
	case packet.SYN | packet.ACK:
		d = Server
	default:
		c.marks |= isGuessed
		if h.SrcPort < h.DstPort {
			d = Server
		}
		t.stats.MidStream++
	}
	c.ends[d] = Endpoint{h.Src, h.SrcPort}
	c.ends[d.Peer()] = Endpoint{h.Dst, h.DstPort}
	t.index.insert(hash, slot)
	t.live++
	t.stats.Connections++
	return slot, d
}

// leave takes the connection of slot out of the table.
func (t *Table) leave(slot uint32, out *Output) {
	c := t.connections.at(slot)
	if n, ok := c.note(&t.memory, t.clock); ok {
		out.note(n)
	}
	for d := range c.side {
		s := &c.side[d]
		if !s.Spoke() && s.Known&SawRST == 0 && c.side[d^1].Packets > 1 && c.side[d^1].SYNs == 0 {
			t.stats.OneSided++
		}
		if c.rare != 0 {
			r := &t.memory.rare(c).side[d]
			t.stats.Holes += uint64(r.Holes)
			t.stats.Copies += uint64(r.Copies)
		}
	}
	t.index.remove(c.hash, slot)
	t.memory.forget(c)
	c.marks = 0
	t.connections.give(slot)
	t.live--
}

// reset takes the RST h into account.
func (t *Table) reset(c *connection, slot uint32, h *packet.Header, d Dir, note []byte, out *Output) {
	t.stats.RSTs++
	e := c.event(WasReset, h, d, t.clock, out)
	e.First = c.known()&SawRST == 0
	if c.known()&SawData != 0 {
		e.Payload = c.stream[0].Bytes + c.stream[1].Bytes
	}
	e.Stray = c.handshake == MidStream
	e.Refusal = c.handshake <= SYNSent && c.side[d].SYNs == 0 && h.Flags&packet.ACK != 0 && c.side[d.Peer()].SYNs > 0
	if e.First && c.marks&isWatched == 0 {
		t.stats.Reset++
	}
	var r *Reset
	if c.marks&isWatched != 0 {
		if r = t.watched(c); len(r.Follow) >= FollowMax {
			r = nil // it settles when it is due
		}
	}
	if r != nil {
		if n := len(t.follow); r.Follow == nil && n > 0 {
			r.Follow = t.follow[n-1]
			t.follow = t.follow[:n-1]
		}
		rst := segmentOf(h, d)
		r.Follow = append(r.Follow, Answer{rst, c.trigger(&t.memory, &rst, r.Follow, &r.Trigger)})
	} else {
		w := t.enqueue(out)
		c.open = t.next - 1
		c.marks |= isWatched
		w.due, w.slot, w.dir, w.rst = t.clock+int64(Grace), slot, d, *h
		w.known, w.historyN = c.side[d].Known, c.historyN
		w.made = 0
		if len(note) > 0 {
			r := t.watched(c)
			r.Payload = append([]byte(nil), note...)
		}
	}
	c.wasReset(&t.memory, h, d)
	keep := int64(resetFor)
	if c.packets() <= 4 && c.handshake <= SYNSent {
		keep = closedFor
	}
	t.closing(c, slot, keep)
}

// wait is the waiting reset of that number.
func (t *Table) wait(number uint32) *waiting { return &t.waiting[number&uint32(len(t.waiting)-1)] }

// enqueue returns the place for one more reset that waits.
func (t *Table) enqueue(out *Output) *waiting {
	switch n := t.next - t.first; {
	case n == waitMax:
		t.stats.SettledEarly++
		t.settle(t.clock, false, out)
	case int(n) == len(t.waiting):
		old := t.waiting
		t.waiting = make([]waiting, 2*len(old))
		for i := t.first; i != t.next; i++ {
			*t.wait(i) = old[i&(n-1)]
		}
	}
	t.next++
	return t.wait(t.next - 1)
}

// watched returns the reset that waits on c, which something happens to now.
func (t *Table) watched(c *connection) *Reset {
	w := t.wait(c.open)
	if w.made == 0 {
		if n := len(t.places); n > 0 {
			w.made = t.places[n-1]
			t.places = t.places[:n-1]
		} else {
			t.made = append(t.made, nil)
			w.made = uint32(len(t.made))
		}
		t.made[w.made-1] = t.describe(w)
	}
	return t.made[w.made-1]
}

// describe makes the Reset of w out of its connection, to which nothing has
// happened since.
func (t *Table) describe(w *waiting) *Reset {
	var r *Reset
	if n := len(t.unused); n > 0 {
		r = t.unused[n-1]
		t.unused = t.unused[:n-1]
		r.After = After{}
	} else {
		r = new(Reset)
	}
	c := t.connections.at(w.slot)
	r.RST, r.Dir = w.rst, w.dir
	r.Payload = nil
	t.memory.describe(&r.Flow, c, w.historyN)
	s := &r.Flow.Side[w.dir]
	s.Known = w.known &^ unanswered
	if w.known&SawRST == 0 {
		s.RSTTime, s.RSTWhere = 0, 0
	}
	rst := segmentOf(&w.rst, w.dir)
	r.Trigger = c.trigger(&t.memory, &rst, nil, nil)
	return r
}

// settle ends the watch over the oldest waiting reset.
func (t *Table) settle(at int64, end bool, out *Output) {
	number := t.first
	t.first++
	w := t.wait(number)
	var r *Reset
	if w.made == 0 {
		r = t.describe(w)
	} else {
		r = t.made[w.made-1]
		t.made[w.made-1] = nil
		t.places = append(t.places, w.made)
	}
	// No other connection can hold this number: it was r's until now.
	if c := t.connections.at(w.slot); c.marks&isWatched != 0 && c.open == number {
		c.marks &^= isWatched
	}
	r.After.Settled, r.After.AtEnd = at, end
	out.reset(r)
	t.ahead()
}

// ahead fetches what the resets after the oldest will be made of: they have
// waited for long enough to be in no cache.
func (t *Table) ahead() {
	n := t.next - t.first
	if n > 24 {
		w := t.wait(t.first + 24)
		arena.Prefetch(unsafe.Pointer(w), 3)
	}
	if n > 16 {
		arena.Prefetch(unsafe.Pointer(t.connections.at(t.wait(t.first+16).slot)), standingLines+2)
	}
	if n > 8 {
		t.memory.ready(t.connections.at(t.wait(t.first + 8).slot))
	}
}

// closing lets the connection of slot leave in so many seconds.
func (t *Table) closing(c *connection, slot uint32, seconds int64) {
	due := t.clock/1e9 + seconds
	if c.marks&isClosing != 0 {
		c.due = max(c.due, due)
		return
	}
	c.due = due
	c.marks |= isClosing
	t.schedule(slot, c)
}

func (t *Table) schedule(slot uint32, c *connection) {
	at := min(c.due, t.second+int64(len(t.wheel))-1)
	at = max(at, t.second+1)
	i := at % int64(len(t.wheel))
	t.wheel[i] = append(t.wheel[i], leaving{slot, c.gen})
}

// turn lets the connections leave whose second has come.
func (t *Table) turn(second int64, out *Output) {
	from := t.second + 1
	if t.second == 0 || second-from >= int64(len(t.wheel)) {
		from = max(0, second-int64(len(t.wheel))+1)
	}
	for s := from; s <= second; s++ {
		i := s % int64(len(t.wheel))
		due := t.wheel[i]
		t.wheel[i] = nil
		t.second = s
		for k, l := range due {
			if k+16 < len(due) {
				arena.Prefetch(unsafe.Pointer(t.connections.at(due[k+16].slot)), standingLines+1)
			}
			if k+8 < len(due) {
				arena.Prefetch(unsafe.Pointer(&t.index.words[t.connections.at(due[k+8].slot).hash&t.index.mask()]), 1)
			}
			c := t.connections.at(l.slot)
			if c.marks&(isLive|isClosing) != isLive|isClosing || c.gen != l.gen {
				continue // it has left, or come back to life
			}
			if c.due > s {
				t.schedule(l.slot, c)
				continue
			}
			t.leave(l.slot, out)
		}
		if t.wheel[i] == nil {
			t.wheel[i] = due[:0]
		}
	}
	t.second = second
}

// sweep looks at two slots for every new connection, so that handshakes that
// never completed do not stay longer than halfOpenFor when there is traffic.
func (t *Table) sweep(out *Output) {
	for range min(2, t.connections.next) {
		if t.hand >= t.connections.next {
			t.hand = 0
		}
		c := t.connections.at(t.hand)
		if c.marks&(isLive|isWatched) == isLive && c.handshake != Established && c.packets() <= 16 &&
			t.clock-c.latest() > halfOpenFor {
			t.leave(t.hand, out)
		}
		t.hand++
	}
}

// evictShare is the part of the connections that leaves at once when there is
// no room: looking at all of them for each new one would take quadratic time.
const evictShare = 16

// evict makes room: the idlest connections leave, about one in evictShare.
//
// Which they are is found in two passes and without sorting: how many were last
// seen in each of 256 equal spans of time, then those of the earliest spans.
//
// A connection whose reset waits cannot leave. When most of them wait, the
// oldest resets settle early: otherwise next to nothing would leave, and every
// segment would look at all connections again.
func (t *Table) evict(out *Output) {
	for int(t.next-t.first) > t.live/2 {
		t.stats.SettledEarly++
		t.settle(t.clock, false, out)
	}
	want := max(1, t.live/evictShare)
	slots := t.connections.next
	idle := func(slot uint32) (*connection, bool) {
		c := t.connections.at(slot)
		return c, c.marks&(isLive|isWatched) == isLive
	}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for slot := range slots {
		if c, ok := idle(slot); ok {
			first, last = min(first, c.latest()), max(last, c.latest())
		}
	}
	if first > last {
		return // every one waits for a reset to settle
	}
	// Unsigned: times of a hostile capture may lie further apart than an int64
	// can say.
	var spans [256]int
	width := (uint64(last)-uint64(first))/uint64(len(spans)) + 1
	span := func(c *connection) int { return int((uint64(c.latest()) - uint64(first)) / width) }
	for slot := range slots {
		if c, ok := idle(slot); ok {
			spans[span(c)]++
		}
	}
	until, n := 0, spans[0]
	for n < want && until < len(spans)-1 {
		until++
		n += spans[until]
	}
	for slot := range slots {
		if want == 0 {
			return
		}
		if c, ok := idle(slot); ok && span(c) <= until {
			t.stats.Evicted++
			t.leave(slot, out)
			want--
		}
	}
}
