package flows

import (
	"math"
	"time"
	"unsafe"

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

// openMax is how many resets wait for their grace at once; beyond it the
// oldest settles early, which is counted.
const openMax = 1 << 14

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

// Output takes what a Table has finished. The caller empties it; Resets go back
// through Release once they are not needed any more.
type Output struct {
	Resets []*Reset
	Notes  []Note
	Events []Event
}

// chunkLen flows make one block of the slab, so that growth never copies flows.
const chunkLen = 256

type leaving struct {
	slot, gen uint32
}

// Table follows connections. It is not safe for concurrent use.
type Table struct {
	config Config
	index  index
	memory memory
	chunks []*[chunkLen]Connection
	free   []uint32 // slots
	live   int
	next   uint32 // slots ever used
	hand   uint32 // where the sweep goes on

	clock  int64
	second int64 // clock in seconds, up to which the wheel was turned
	wheel  [64][]leaving

	open    []*Reset // by Flow.open-1
	spare   []uint32 // unused entries of open
	queue   []uint32 // entries of open, by the time they settle
	head    int
	unused  []*Reset
	hashes  [group]uint32
	touched uint64 // keeps the loads of fetch alive
	stats   Stats
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
	return &Table{config: c, index: newIndex()}
}

// Stats returns the counts so far.
func (t *Table) Stats() Stats { return t.stats }

// Live is how many connections are followed now.
func (t *Table) Live() int { return t.live }

// taken is how many octets count against Config.MaxMemory.
func (t *Table) taken() int64 {
	return int64(t.live)*int64(unsafe.Sizeof(Connection{})) + int64(len(t.index.words))*8 +
		int64(int(t.memory.next)-len(t.memory.free))*int64(unsafe.Sizeof(piece{}))
}

// Release gives a Reset back for reuse; nothing may hold on to it.
func (t *Table) Release(r *Reset) {
	if cap(r.Follow) > 64 {
		r.Follow = nil // one flood must not stay in every spare Reset
	}
	if len(t.unused) < 1024 {
		t.unused = append(t.unused, r)
	}
}

func (t *Table) flow(slot uint32) *Connection { return &t.chunks[slot/chunkLen][slot%chunkLen] }

// group is how many segments are looked up ahead: many enough for the misses to
// overlap, and few enough that what they bring is still in the first cache when
// it is used.
const group = 32

// fetch computes the hashes of hs and loads what add will need for them: the
// words of the index, then the connections, then their latest segments. In each
// pass no load waits for another, so the misses of a group overlap; one segment
// after the other, each would wait for the one before. What it finds is only a
// hint: add looks again, as the segments of the group change the table.
func (t *Table) fetch(hs []packet.Header) {
	var touched uint64
	x := &t.index
	for i := range hs {
		hash := x.hash(&hs[i])
		touched ^= x.words[hash&x.mask()]
		t.hashes[i] = hash
	}
	var slots [group]uint32
	for i := range hs {
		w := x.words[t.hashes[i]&x.mask()]
		if uint32(w>>32) != t.hashes[i] || w == 0 {
			continue
		}
		slots[i] = uint32(w)
		f := t.flow(uint32(w) - 1)
		// One load for each line that most segments need.
		touched ^= uint64(f.hash) ^ uint64(f.Ends[0].Port) ^ uint64(f.due)
		for d := range f.Side {
			s := &f.Side[d]
			touched ^= uint64(s.Known) ^ uint64(s.IPID) ^ s.Bytes ^ uint64(s.DataWhere)
		}
	}
	for _, s := range slots[:len(hs)] {
		if s != 0 {
			touched ^= uint64(t.memory.touch(t.flow(s - 1)))
		}
	}
	t.touched = touched
}

// Add follows the segments of b. What settles meanwhile is appended to out.
func (t *Table) Add(b *packet.Batch, out *Output) {
	note := 0
	for i := range b.Headers {
		if i%group == 0 {
			t.fetch(b.Headers[i:min(i+group, len(b.Headers))])
		}
		h := &b.Headers[i]
		if h.Time > t.clock {
			t.Advance(h.Time, out)
		} else if h.Time < t.clock {
			t.stats.Backwards++
			t.stats.BackwardsLargest = max(t.stats.BackwardsLargest, t.clock-h.Time)
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
		t.add(h, t.hashes[i%group], text, out)
	}
}

// Advance moves the clock to now when that is later, and settles what is due.
// A live source calls it when an interface is silent.
func (t *Table) Advance(now int64, out *Output) {
	if now <= t.clock {
		return
	}
	for t.head < len(t.queue) {
		r := t.open[t.queue[t.head]]
		if r.due > now {
			break
		}
		t.settle(r.due, false, out)
	}
	t.clock = now
	if second := now / 1e9; second != t.second {
		t.turn(second, out)
	}
}

// Flush settles everything that still waits: the input has ended.
func (t *Table) Flush(out *Output) {
	for t.head < len(t.queue) {
		t.settle(t.clock, true, out)
	}
	for slot := range t.next {
		if f := t.flow(slot); f.live {
			t.leave(slot, out)
		}
	}
}

func (t *Table) add(h *packet.Header, hash uint32, note []byte, out *Output) {
	t.stats.Segments++
	if t.taken() > t.config.MaxMemory {
		t.evict(out)
	}
	rst := h.Flags&packet.RST != 0
	slot, d, ok := t.find(h, hash)
	if ok {
		f := t.flow(slot)
		if f.startsAnew(h, d) {
			prior := Earlier{
				Max: [2]packet.Seq{f.Side[0].Max, f.Side[1].Max}, Ack: [2]packet.Seq{f.Side[0].Ack, f.Side[1].Ack},
				Known: [2]Known{f.Side[0].Known, f.Side[1].Known}, Latest: max(f.Side[0].Latest, f.Side[1].Latest),
			}
			if f.open != 0 {
				t.open[f.open-1].watch(h, d)
			}
			t.leave(slot, out)
			was := d
			slot, d = t.create(h, hash, out)
			if d != was { // the ends have changed their parts
				prior.Max[0], prior.Max[1] = prior.Max[1], prior.Max[0]
				prior.Ack[0], prior.Ack[1] = prior.Ack[1], prior.Ack[0]
				prior.Known[0], prior.Known[1] = prior.Known[1], prior.Known[0]
			}
			t.flow(slot).Prior = prior
		}
	} else {
		slot, d = t.create(h, hash, out)
	}
	f := t.flow(slot)
	if rst {
		t.reset(f, slot, h, d, note, out)
		return
	}
	if f.open != 0 {
		t.open[f.open-1].watch(h, d)
	}
	syns := f.Side[d].SYNs
	f.update(&t.memory, h, d)
	if h.Flags&packet.SYN != 0 && syns == 0 {
		k := Asked
		if h.Flags&packet.ACK != 0 {
			k = Answered
		}
		e := f.event(k, h, d, t.clock)
		e.RTT = f.RTTServer()
		out.Events = append(out.Events, e)
	}
	if f.due == 0 && f.Side[0].Known&f.Side[1].Known&SawFIN != 0 {
		t.closing(f, slot, closedFor)
	}
}

// startsAnew reports whether h begins another connection on the addresses and
// ports of f: a SYN with another initial sequence number, or any SYN once f is
// known to be over.
func (f *Connection) startsAnew(h *packet.Header, d Dir) bool {
	if h.Flags&(packet.SYN|packet.RST) != packet.SYN {
		return false
	}
	s := &f.Side[d]
	if s.Known&SawSYN != 0 {
		return h.Seq != s.ISN && (h.Flags&packet.ACK == 0 || f.due != 0)
	}
	if h.Flags&packet.ACK == 0 {
		return d == Server || s.Spoke() || f.Side[d.Peer()].Spoke()
	}
	return f.Handshake == MidStream && (s.Spoke() || f.due != 0)
}

func (t *Table) find(h *packet.Header, hash uint32) (slot uint32, d Dir, ok bool) {
	x := &t.index
	for i := hash & x.mask(); x.words[i] != 0; i = (i + 1) & x.mask() {
		w := x.words[i]
		if uint32(w>>32) != hash {
			continue
		}
		slot = uint32(w) - 1
		f := t.flow(slot)
		if f.Zone != h.Zone {
			continue
		}
		c, s := &f.Ends[Client], &f.Ends[Server]
		if c.Port == h.SrcPort && s.Port == h.DstPort && c.Addr == h.Src && s.Addr == h.Dst {
			return slot, Client, true
		}
		if s.Port == h.SrcPort && c.Port == h.DstPort && s.Addr == h.Src && c.Addr == h.Dst {
			return slot, Server, true
		}
	}
	return 0, 0, false
}

func (t *Table) create(h *packet.Header, hash uint32, out *Output) (uint32, Dir) {
	t.sweep(out)
	if t.live >= t.config.MaxConnections {
		t.evict(out)
	}
	var slot uint32
	if n := len(t.free); n > 0 {
		slot = t.free[n-1]
		t.free = t.free[:n-1]
	} else {
		slot = t.next
		t.next++
		if int(slot/chunkLen) == len(t.chunks) {
			t.chunks = append(t.chunks, new([chunkLen]Connection))
		}
	}
	f := t.flow(slot)
	gen := f.gen + 1
	*f = Connection{} // in place; with values it would be built elsewhere and copied
	f.gen, f.hash, f.live, f.Zone, f.Start = gen, hash, true, h.Zone, h.Time

	d := Client
	switch h.Flags & (packet.SYN | packet.ACK) {
	case packet.SYN:
		f.Handshake = SYNSent
	case packet.SYN | packet.ACK:
		d = Server
	default:
		f.Guessed = true
		if h.SrcPort < h.DstPort {
			d = Server
		}
		t.stats.MidStream++
	}
	f.Ends[d] = Endpoint{h.Src, h.SrcPort}
	f.Ends[d.Peer()] = Endpoint{h.Dst, h.DstPort}
	t.index.insert(hash, slot)
	t.live++
	t.stats.Connections++
	return slot, d
}

// leave takes the connection of slot out of the table.
func (t *Table) leave(slot uint32, out *Output) {
	f := t.flow(slot)
	if n, ok := f.note(t.clock); ok {
		out.Notes = append(out.Notes, n)
	}
	for d := range f.Side {
		s := &f.Side[d]
		t.stats.Holes += uint64(s.Holes)
		t.stats.Copies += uint64(s.Copies)
		if !s.Spoke() && s.Known&SawRST == 0 && f.Side[d^1].Packets > 1 && f.Side[d^1].SYNs == 0 {
			t.stats.OneSided++
		}
	}
	t.index.remove(f.hash, slot)
	t.memory.forget(f)
	f.live = false
	f.open = 0
	t.free = append(t.free, slot)
	t.live--
}

func (t *Table) reset(f *Connection, slot uint32, h *packet.Header, d Dir, note []byte, out *Output) {
	t.stats.RSTs++
	rst := segmentOf(h, d)
	e := f.event(WasReset, h, d, t.clock)
	e.First = (f.Side[0].Known|f.Side[1].Known)&SawRST == 0
	e.Payload = f.Side[0].Bytes + f.Side[1].Bytes
	e.Stray = f.Handshake == MidStream
	e.Refusal = f.Handshake <= SYNSent && f.Side[d].SYNs == 0 && h.Flags&packet.ACK != 0 && f.Side[d.Peer()].SYNs > 0
	out.Events = append(out.Events, e)
	if f.open != 0 && len(t.open[f.open-1].Follow) >= FollowMax {
		f.open = 0 // it settles when it is due
	}
	if f.open != 0 {
		r := t.open[f.open-1]
		r.Follow = append(r.Follow, Answer{rst, f.trigger(&t.memory, &rst, r.Follow, &r.Trigger)})
	} else {
		if e.First {
			t.stats.Reset++
		}
		r := t.newReset()
		r.RST, r.Dir, r.slot = *h, d, slot
		t.memory.copy(&r.Flow, f)
		r.Note = append(r.Note[:0], note...)
		r.Trigger = f.trigger(&t.memory, &rst, nil, nil)
		r.due = t.clock + int64(Grace)
		f.open = int32(t.wait(r, out)) + 1
	}
	if s := &f.Side[d]; s.Known&SawRST == 0 {
		s.Known |= SawRST
		s.RSTTime, s.RSTWhere = h.Time, h.Where()
	}
	f.write('r', d)
	keep := int64(resetFor)
	if f.Side[0].Packets+f.Side[1].Packets <= 4 && f.Handshake <= SYNSent {
		keep = closedFor
	}
	t.closing(f, slot, keep)
}

func (t *Table) newReset() *Reset {
	if n := len(t.unused); n > 0 {
		r := t.unused[n-1]
		t.unused = t.unused[:n-1]
		r.Follow = r.Follow[:0]
		r.After = After{}
		return r
	}
	return new(Reset)
}

// wait puts r into the queue of resets that are watched.
func (t *Table) wait(r *Reset, out *Output) uint32 {
	if len(t.queue)-t.head >= openMax {
		t.stats.SettledEarly++
		t.settle(t.clock, false, out)
	}
	var i uint32
	if n := len(t.spare); n > 0 {
		i = t.spare[n-1]
		t.spare = t.spare[:n-1]
		t.open[i] = r
	} else {
		i = uint32(len(t.open))
		t.open = append(t.open, r)
	}
	if t.head > 4096 && t.head > len(t.queue)/2 {
		t.queue = t.queue[:copy(t.queue, t.queue[t.head:])]
		t.head = 0
	}
	t.queue = append(t.queue, i)
	return i
}

// settle ends the watch over the oldest waiting reset.
func (t *Table) settle(at int64, end bool, out *Output) {
	i := t.queue[t.head]
	t.head++
	r := t.open[i]
	r.After.Settled, r.After.AtEnd = at, end
	r.events = len(out.Events)
	t.open[i] = nil
	t.spare = append(t.spare, i)
	// No other connection can hold entry i: it was r's until now.
	if f := t.flow(r.slot); f.open == int32(i)+1 {
		f.open = 0
	}
	out.Resets = append(out.Resets, r)
}

// closing lets the connection of slot leave in so many seconds.
func (t *Table) closing(f *Connection, slot uint32, seconds int64) {
	fresh := f.due == 0
	f.due = max(f.due, t.clock/1e9+seconds)
	if fresh {
		t.schedule(slot, f)
	}
}

func (t *Table) schedule(slot uint32, f *Connection) {
	at := min(f.due, t.second+int64(len(t.wheel))-1)
	at = max(at, t.second+1)
	i := at % int64(len(t.wheel))
	t.wheel[i] = append(t.wheel[i], leaving{slot, f.gen})
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
		for _, l := range due {
			f := t.flow(l.slot)
			if !f.live || f.gen != l.gen {
				continue
			}
			if f.due == 0 {
				continue // it came back to life
			}
			if f.due > s {
				t.schedule(l.slot, f)
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
	for range min(2, t.next) {
		if t.hand >= t.next {
			t.hand = 0
		}
		f := t.flow(t.hand)
		if f.live && f.open == 0 && f.Handshake != Established && f.Side[0].Packets+f.Side[1].Packets <= 16 &&
			t.clock-f.latest() > halfOpenFor {
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
	for len(t.queue)-t.head > t.live/2 {
		t.stats.SettledEarly++
		t.settle(t.clock, false, out)
	}
	want := max(1, t.live/evictShare)
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for slot := range t.next {
		if f := t.flow(slot); f.live && f.open == 0 {
			first, last = min(first, f.latest()), max(last, f.latest())
		}
	}
	if first > last {
		return // every one waits for a reset to settle
	}
	// Unsigned: times of a hostile capture may lie further apart than an int64
	// can say.
	var spans [256]int
	width := (uint64(last)-uint64(first))/uint64(len(spans)) + 1
	span := func(f *Connection) int { return int((uint64(f.latest()) - uint64(first)) / width) }
	for slot := range t.next {
		if f := t.flow(slot); f.live && f.open == 0 {
			spans[span(f)]++
		}
	}
	until, n := 0, spans[0]
	for n < want && until < len(spans)-1 {
		until++
		n += spans[until]
	}
	for slot := range t.next {
		if want == 0 {
			return
		}
		if f := t.flow(slot); f.live && f.open == 0 && span(f) <= until {
			t.stats.Evicted++
			t.leave(slot, out)
			want--
		}
	}
}
