package flows

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/rstwhy/rstwhy/internal/arena"
	"github.com/rstwhy/rstwhy/packet"
)

// conversation is a client at 192.0.2.1 and a server at 192.0.2.2:80.
type conversation struct {
	batch packet.Batch
	now   int64
	port  uint16
}

func (c *conversation) send(d Dir, after int64, f packet.Flags, seq, ack packet.Seq, n uint32) *packet.Header {
	c.now += after
	h := packet.Header{
		Time: c.now, Frame: uint64(len(c.batch.Headers) + 1), Flags: f, Seq: seq, Ack: ack, Len: n, TTL: 64,
		Src: [16]byte{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: 1}, SrcPort: c.port,
		Dst: [16]byte{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: 2}, DstPort: 80,
	}
	if d == Server {
		h.Src, h.Dst = h.Dst, h.Src
		h.SrcPort, h.DstPort = h.DstPort, h.SrcPort
	}
	c.batch.Headers = append(c.batch.Headers, h)
	return &c.batch.Headers[len(c.batch.Headers)-1]
}

const (
	ms  = int64(1e6)
	sec = int64(1e9)
)

func (c *conversation) handshake() {
	c.send(Client, ms, packet.SYN, 100, 0, 0)
	c.send(Server, ms, packet.SYN|packet.ACK, 500, 101, 0)
	c.send(Client, ms, packet.ACK, 101, 501, 0)
}

func run(t *Table, b *packet.Batch) Output {
	var out Output
	add(t, b, &out)
	return out
}

func add(t *Table, b *packet.Batch, out *Output) {
	for o := range t.Add(b) {
		out.take(o)
	}
}

func advance(t *Table, now int64, out *Output) {
	for o := range t.Advance(now) {
		out.take(o)
	}
}

func flush(t *Table, out *Output) {
	for o := range t.Flush() {
		out.take(o)
	}
}

// take appends what a piece holds to o.
func (o *Output) take(piece *Output) {
	o.Events, o.Resets = append(o.Events, piece.Events...), append(o.Resets, piece.Resets...)
	o.Notes, o.order = append(o.Notes, piece.Notes...), append(o.order, piece.order...)
}

func TestResetSettlesAfterGrace(t *testing.T) {
	c := conversation{now: 1e18, port: 40000}
	c.handshake()
	c.send(Client, ms, packet.ACK|packet.PSH, 101, 501, 50)
	c.send(Server, ms, packet.RST|packet.ACK, 501, 151, 0)
	c.send(Client, ms, packet.ACK, 151, 501, 10) // in flight
	c.send(Server, ms, packet.RST, 501, 0, 0)
	table := NewTable(Config{})
	if out := run(table, &c.batch); len(out.Resets) != 0 {
		t.Fatal("settled before the grace was over")
	}
	var out Output
	advance(table, c.now+int64(Grace)+sec, &out)
	if len(out.Resets) != 1 {
		t.Fatalf("%d resets settled, want 1", len(out.Resets))
	}
	r := out.Resets[0]
	if r.Dir != Server || r.RST.Frame != 5 || len(r.FollowUps) != 1 {
		t.Errorf("direction %v, frame %d, %d follow-ups", r.Dir, r.RST.Frame, len(r.FollowUps))
	}
	if got := r.FollowUps[0].Trigger.Frame.Frame(); got != 6 {
		t.Errorf("the follow-up answers frame %d, want 6", got)
	}
	if r.Flow.Side[Client].Bytes != 50 {
		t.Errorf("%d bytes before the RST, want 50: the segment after it must not count", r.Flow.Side[Client].Bytes)
	}
	if r.After.Segments[Client] != 1 || r.After.AtEnd {
		t.Errorf("after: %+v", r.After)
	}
}

func TestHandshakeTimes(t *testing.T) {
	c := conversation{now: 1e18, port: 40000}
	c.send(Client, 0, packet.SYN, 100, 0, 0)
	c.send(Client, sec, packet.SYN, 100, 0, 0)
	c.send(Server, 20*ms, packet.SYN|packet.ACK, 500, 101, 0)
	c.send(Client, 3*ms, packet.ACK, 101, 501, 0)
	c.send(Client, 3*ms, packet.RST|packet.ACK, 101, 501, 0)
	table := NewTable(Config{})
	out := run(table, &c.batch)
	flush(table, &out)
	f := &out.Resets[0].Flow
	if f.RTTServer() != 20*ms || f.RTTClient() != 3*ms {
		t.Errorf("RTT %d and %d", f.RTTServer(), f.RTTClient())
	}
	if f.Handshake != Established || f.Side[Client].SYNs != 2 {
		t.Errorf("handshake %d, %d SYNs", f.Handshake, f.Side[Client].SYNs)
	}
	if !out.Resets[0].After.AtEnd {
		t.Error("the input ended before the grace did")
	}
}

func TestSequenceSpaceAcrossTheWrap(t *testing.T) {
	c := conversation{now: 1e18, port: 40000}
	isn := packet.Seq(0xffffff00)
	c.send(Client, ms, packet.SYN, isn, 0, 0)
	c.send(Server, ms, packet.SYN|packet.ACK, 500, isn+1, 0)
	c.send(Client, ms, packet.ACK, isn+1, 501, 1000) // wraps
	c.send(Client, ms, packet.ACK, isn+1, 501, 1000) // again
	c.send(Client, ms, packet.ACK, isn+1001, 501, 1000)
	c.send(Client, ms, packet.ACK, isn+5001, 501, 10) // a hole
	c.send(Client, ms, packet.ACK, isn+5010, 501, 0)  // a keep-alive probe
	c.send(Server, ms, packet.RST, 501, 0, 0)
	table := NewTable(Config{})
	out := run(table, &c.batch)
	flush(table, &out)
	s := &out.Resets[0].Flow.Side[Client]
	if s.Bytes != 2010 {
		t.Errorf("%d bytes", s.Bytes)
	}
	if s.SndNxt != isn+5011 || s.Retransmissions != 1 || s.Gaps != 1 || s.Probes != 1 {
		t.Errorf("max isn+%d, %d sent again, %d holes, %d probes", s.SndNxt-isn, s.Retransmissions, s.Gaps, s.Probes)
	}
	if got := out.Resets[0].Flow.History(); got != "ShDTGKA" {
		t.Errorf("history %s", got)
	}
}

// One connection after the other on the same addresses and ports.
func TestReuseBeginsAnotherConnection(t *testing.T) {
	c := conversation{now: 1e18, port: 40000}
	c.handshake()
	c.send(Server, ms, packet.RST|packet.ACK, 501, 101, 0)
	c.send(Client, 10*ms, packet.SYN, 90000, 0, 0)
	c.send(Server, ms, packet.RST|packet.ACK, 0, 90001, 0)
	table := NewTable(Config{})
	out := run(table, &c.batch)
	flush(table, &out)
	if len(out.Resets) != 2 || table.Stats().Connections != 2 {
		t.Fatalf("%d resets of %d connections", len(out.Resets), table.Stats().Connections)
	}
	if !out.Resets[0].After.NewSYN.Valid() {
		t.Error("the first reset does not know of the SYN that came after it")
	}
	if out.Resets[1].Flow.Prior.SndNxt[Client] != 101 || out.Resets[1].Flow.Prior.Known[Server]&SawRST == 0 {
		t.Errorf("prior %+v", out.Resets[1].Flow.Prior)
	}
	if out.Resets[1].Trigger.Frame.Frame() != 5 {
		t.Errorf("the second answers frame %d", out.Resets[1].Trigger.Frame.Frame())
	}
}

func TestClosedConnectionsLeave(t *testing.T) {
	table := NewTable(Config{})
	var out Output
	now := int64(1e18)
	for i := range 20_000 {
		c := conversation{now: now, port: uint16(1024 + i%60000)}
		c.handshake()
		c.send(Client, ms, packet.FIN|packet.ACK, 101, 501, 0)
		c.send(Server, ms, packet.FIN|packet.ACK, 501, 102, 0)
		c.send(Client, ms, packet.ACK, 102, 502, 0)
		add(table, &c.batch, &out)
		now = c.now + ms
	}
	// 20,000 connections of 7 ms each, kept for five seconds more.
	if table.Live() > 1000 {
		t.Errorf("%d connections are still followed", table.Live())
	}
	if table.Stats().Connections != 20_000 || table.population.connections.Len() > 1200 {
		t.Errorf("%d connections took %d slots", table.Stats().Connections, table.population.connections.Len())
	}
}

func TestEvictionTakesTheIdlest(t *testing.T) {
	table := NewTable(Config{MaxConnections: 640})
	var out Output
	now := int64(1e18)
	for i := range 700 {
		c := conversation{now: now, port: uint16(2000 + i)}
		c.handshake()
		add(table, &c.batch, &out)
		now = c.now
	}
	if table.Live() > 640 || table.Stats().Evicted == 0 {
		t.Fatalf("%d live, %d evicted", table.Live(), table.Stats().Evicted)
	}
	// The latest one is still known: its abort is no mid-stream RST.
	c := conversation{now: now, port: 2699}
	c.send(Client, ms, packet.RST|packet.ACK, 101, 501, 0)
	add(table, &c.batch, &out)
	flush(table, &out)
	last := out.Resets[len(out.Resets)-1]
	if last.Flow.Handshake != Established {
		t.Error("the latest connection was evicted")
	}
}

// Whether SYNs flood or the connections that are there remember more and more,
// the limit holds, and memory that was given back is used again.
func TestMemoryLimit(t *testing.T) {
	table := NewTable(Config{MaxMemory: 1}) // LeastMemory
	var out Output
	const n = 40_000
	c := conversation{now: 1e18}
	most := func() int64 {
		var out Output
		add(table, &c.batch, &out)
		c.batch.Headers = c.batch.Headers[:0]
		return table.population.taken()
	}
	for i := range n {
		c.port = uint16(1024 + i)
		c.send(Client, ms/100, packet.SYN, 100, 0, 0)
		if got := most(); got > LeastMemory+1<<14 {
			t.Fatalf("%d octets after %d SYNs", got, i+1)
		}
	}
	flood := table.Stats().Evicted
	if flood == 0 || table.Live() < LeastMemory/2/int(unsafe.Sizeof(connection{})) {
		t.Errorf("%d evicted, %d left", flood, table.Live())
	}
	for range RecentLen {
		for i := n - 10_000; i < n; i++ {
			c.port = uint16(1024 + i)
			c.send(Server, ms/100, packet.SYN|packet.ACK, 500, 101, 0)
			if got := most(); got > LeastMemory+1<<14 {
				t.Fatalf("%d octets", got)
			}
		}
	}
	if table.Stats().Evicted == flood {
		t.Error("what connections remember does not count")
	}
	if slots := int64(table.population.connections.Len()) * int64(unsafe.Sizeof(connection{})); slots > LeastMemory+1<<20 {
		t.Errorf("%d octets of slots", slots)
	}
	flush(table, &out)
}

// Times further apart than an int64 can say must not upset the choice of the
// idlest.
func TestEvictionWithHostileTimes(t *testing.T) {
	table := NewTable(Config{})
	var out Output
	for i, latest := range []int64{math.MaxInt64, math.MinInt64, 1e18} {
		talk := conversation{now: 1e18, port: uint16(2000 + i)}
		talk.handshake()
		add(table, &talk.batch, &out)
		c := table.population.connections.At(uint32(i))
		c.side[Client].Latest, c.side[Server].Latest = latest, latest
	}
	table.evict(&consumer{})
	if idlest := table.population.connections.At(1).marks&isLive != 0; table.Live() != 2 || idlest {
		t.Errorf("%d live, the idlest among them: %v", table.Live(), idlest)
	}
}

// Where nearly every connection waits for its reset to settle, the oldest
// resets settle early, so that room can be made at all.
func TestEvictionWhereMostWait(t *testing.T) {
	table := NewTable(Config{MaxConnections: 64})
	var out Output
	for i := range 1000 {
		c := conversation{now: 1e18, port: uint16(2000 + i)}
		c.handshake()
		c.send(Server, 0, packet.RST|packet.ACK, 501, 101, 0)
		add(table, &c.batch, &out)
		if table.Live() > 64 {
			t.Fatalf("%d connections are followed", table.Live())
		}
	}
	if table.Stats().SettledEarly == 0 {
		t.Error("no reset settled early")
	}
	flush(table, &out)
	if len(out.Resets) != 1000 {
		t.Errorf("%d resets came out, want 1000", len(out.Resets))
	}
}

// A flood of RSTs on one connection does not grow one Reset without bound, and
// none of them is lost.
func TestFloodOfResets(t *testing.T) {
	c := conversation{now: 1e18, port: 40000}
	c.handshake()
	const n = 5*FollowUpMax + 7
	for range n {
		c.send(Server, 1000, packet.RST, 501, 0, 0)
	}
	table := NewTable(Config{})
	out := run(table, &c.batch)
	flush(table, &out)
	got := 0
	for _, r := range out.Resets {
		got += 1 + len(r.FollowUps)
		if len(r.FollowUps) > FollowUpMax {
			t.Errorf("%d follow-ups in one Reset", len(r.FollowUps))
		}
	}
	if got != n {
		t.Errorf("%d RSTs came out, %d went in", got, n)
	}
}

// The latest segments are there in their order, whatever else the table holds,
// and the Reset keeps its own when the connection goes on.
func TestRecent(t *testing.T) {
	for n := range 2*RecentLen + 3 {
		table := NewTable(Config{})
		var out Output
		c := conversation{now: 1e18, port: 40000}
		for range n {
			c.send(Client, ms, packet.ACK, 101, 501, 10)
			c.port ^= 1 // another connection takes pieces in between
			c.send(Server, ms, packet.ACK, 501, 101, 10)
			c.port ^= 1
		}
		frames := uint64(2 * n)
		c.send(Server, ms, packet.RST, 501, 0, 0)
		for range 5 {
			c.send(Client, ms, packet.ACK, 111, 501, 10)
		}
		add(table, &c.batch, &out)
		flush(table, &out)
		f := &out.Resets[0].Flow
		for i := range RecentLen + 1 {
			s := f.Recent(i)
			if want := i < min(n, RecentLen); (s != nil) != want {
				t.Fatalf("%d segments: segment %d is %v", n, i, s)
			}
			if s != nil && s.Frame.Frame() != frames-1-2*uint64(i) {
				t.Fatalf("%d segments: segment %d is frame %d, want %d", n, i, s.Frame.Frame(), frames-1-2*uint64(i))
			}
		}
		if f.Recent(-1) != nil {
			t.Fatal("a segment of the future")
		}
	}
}

// What a connection takes: a million of them are open at once on a busy server.
// Its parts begin cache lines.
func TestSizes(t *testing.T) {
	var c connection
	for name, at := range map[string]uintptr{
		"side": unsafe.Offsetof(c.side), "the other side": unsafe.Sizeof(c.side[0]), "start": unsafe.Offsetof(c.start),
		"opening": unsafe.Offsetof(c.opening), "the other opening": unsafe.Sizeof(c.opening[0]),
		"stream": unsafe.Offsetof(c.stream), "the other stream": unsafe.Sizeof(c.stream[0]),
		"piece": unsafe.Sizeof(piece{}),
	} {
		if at%64 != 0 {
			t.Errorf("%s begins at octet %d", name, at)
		}
	}
	if at := unsafe.Offsetof(c.start); at != standingLines*64 {
		t.Errorf("the start is at octet %d", at)
	}
	if n := unsafe.Sizeof(c); n != 512 {
		t.Errorf("a connection takes %d octets", n)
	}
	if n := unsafe.Sizeof(piece{}); n != 192 {
		t.Errorf("%d segments take %d octets", pieceLen, n)
	}
}

// What there is much of has no pointers: the garbage collector has nothing to do
// with it.
func TestNoPointers(t *testing.T) {
	a := arena.New() // whose makers and slabs refuse them
	arena.NewMaker[waiting](a)
	arena.NewMaker[leaving](a)
	arena.NewMaker[Event](a)
	arena.NewMaker[Note](a)
	arena.NewMaker[FollowUp](a)
	arena.NewMaker[packet.Header](a)
}

func TestTooManyWaitingResetsSettleEarly(t *testing.T) {
	table := NewTable(Config{})
	var out Output
	n := waitMax + 1000
	for i := range n {
		c := conversation{now: 1e18, port: uint16(i)}
		h := c.send(Server, 0, packet.RST, 1, 0, 0)
		h.Dst[0], h.Dst[1], h.Dst[2] = byte(i), byte(i>>8), byte(i>>16)
		add(table, &c.batch, &out)
	}
	if table.Stats().SettledEarly != 1000 || len(out.Resets) != 1000 {
		t.Errorf("%d settled early, %d came out", table.Stats().SettledEarly, len(out.Resets))
	}
	flush(table, &out)
	if len(out.Resets) != n {
		t.Errorf("%d came out in all, want %d", len(out.Resets), n)
	}
}

func TestUnansweredSYN(t *testing.T) {
	c := conversation{now: 1e18, port: 40000}
	c.send(Client, 0, packet.SYN, 100, 0, 0)
	c.send(Client, sec, packet.SYN, 100, 0, 0)
	table := NewTable(Config{})
	out := run(table, &c.batch)
	flush(table, &out)
	if len(out.Notes) != 1 || out.Notes[0].Kind != UnansweredSYN || out.Notes[0].Tries != 2 {
		t.Errorf("notes %+v", out.Notes)
	}

	// The capture ends 10 ms after the SYN: too early to say.
	c = conversation{now: 1e18, port: 40000}
	c.send(Client, 0, packet.SYN, 100, 0, 0)
	other := c
	other.port++
	other.send(Client, 10*ms, packet.ACK, 1, 1, 0)
	table = NewTable(Config{})
	out = run(table, &other.batch)
	flush(table, &out)
	if len(out.Notes) != 0 {
		t.Errorf("notes %+v", out.Notes)
	}
}

func TestNoAllocationPerSegment(t *testing.T) {
	table := NewTable(Config{})
	var out Output
	c := conversation{now: 1e18, port: 40000}
	for i := range 64 {
		c.port = uint16(40000 + i)
		c.handshake()
	}
	add(table, &c.batch, &out)
	seq := packet.Seq(101)
	allocs := testing.AllocsPerRun(200, func() {
		c.batch.Headers = c.batch.Headers[:0]
		for i := range 64 {
			c.port = uint16(40000 + i)
			c.send(Client, 1000, packet.ACK|packet.PSH, seq, 501, 100)
			c.send(Server, 1000, packet.ACK, 501, seq+100, 0)
		}
		seq += 100
		add(table, &c.batch, &out)
	})
	if allocs != 0 {
		t.Errorf("%v allocations for 128 segments, want none", allocs)
	}
}

// headersFrom makes segments of raw bytes: few addresses and ports, so that
// they meet, and any flags, numbers and times.
func headersFrom(data []byte) []packet.Header {
	var hs []packet.Header
	now := int64(1e18)
	for len(data) >= 14 {
		c := conversation{port: 40000 + uint16(data[0]&3)}
		d := Dir(data[0] >> 2 & 1)
		step := int64(binary.LittleEndian.Uint16(data[1:])) << (data[0] >> 3)
		if data[13]&1 != 0 {
			step = -step
		}
		now += step
		c.now = now
		f := packet.Flags(binary.LittleEndian.Uint16(data[3:])) & 0xfff
		h := c.send(d, 0, f, packet.Seq(int8(data[5]))+packet.Seq(data[6])<<24, packet.Seq(int8(data[7]))+packet.Seq(data[8])<<24, uint32(data[9]))
		h.IPID, h.Window, h.TTL, h.Frame = uint16(data[10]), uint16(data[11]), data[12], uint64(len(hs)+1)
		hs = append(hs, *h)
		data = data[14:]
	}
	return hs
}

// Whatever comes in: no panic, every RST comes out once and in order, and a
// batch of one gives the same as a batch of all.
func FuzzTable(f *testing.F) {
	f.Add([]byte("S.............R............."))
	f.Add([]byte{0, 1, 0, 2, 0, 9, 0, 0, 0, 0, 1, 1, 64, 0, 4, 1, 0, 20, 0, 0, 0, 10, 0, 0, 0, 0, 64, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		hs := headersFrom(data)
		want := 0
		for i := range hs {
			if hs[i].Flags&packet.RST != 0 {
				want++
			}
		}
		var frames [2][]uint64
		for way := range frames {
			table := NewTable(Config{MaxConnections: 3})
			var out Output
			step := max(1, len(hs))
			if way == 1 {
				step = 1
			}
			for at := 0; at < len(hs); at += step {
				add(table, &packet.Batch{Headers: hs[at : at+step]}, &out)
			}
			flush(table, &out)
			for _, r := range out.Resets {
				frames[way] = append(frames[way], r.RST.Frame)
				for _, a := range r.FollowUps {
					frames[way] = append(frames[way], a.RST.Frame.Frame())
				}
			}
			if len(frames[way]) != want {
				t.Fatalf("%d RSTs went in, %d came out", want, len(frames[way]))
			}
			if table.Live() != 0 || table.population.index.used != 0 {
				t.Fatalf("%d connections are left, %d in the index", table.Live(), table.population.index.used)
			}
			if n := table.population.memory.taken(); n != 0 {
				t.Fatalf("%d octets did not come back", n)
			}
		}
		for i := range frames[0] {
			if frames[0][i] != frames[1][i] {
				t.Fatalf("frame %d here, %d one by one", frames[0][i], frames[1][i])
			}
		}
	})
}

func BenchmarkTable(b *testing.B) {
	table := NewTable(Config{})
	var out Output
	c := conversation{now: 1e18}
	for i := range 5000 {
		c.port = uint16(1024 + i)
		c.handshake()
	}
	add(table, &c.batch, &out)
	seq := packet.Seq(101)
	c.batch.Headers = c.batch.Headers[:0]
	for i := range 1024 {
		c.port = uint16(1024 + i*7%5000)
		c.send(Client, 1000, packet.ACK, seq, 501, 1400)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range c.batch.Headers {
			h := &c.batch.Headers[i]
			h.Seq += 1400
			h.Time += ms
		}
		add(table, &c.batch, &out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/segment")
}

// A client whose SYN met an old connection resets that and tries again with the
// same SYN: what follows is a connection like any other, with its own resets.
func TestSYNRetriedAfterResetLivesOn(t *testing.T) {
	c := conversation{now: 1e18, port: 40000}
	c.send(Client, ms, packet.SYN, 100, 0, 0)
	c.send(Server, ms, packet.ACK, 9000, 7000, 0)
	c.send(Client, ms, packet.RST, 7000, 0, 0)
	c.send(Client, 10*ms, packet.SYN, 100, 0, 0)
	c.send(Server, ms, packet.SYN|packet.ACK, 500, 101, 0)
	c.send(Client, ms, packet.ACK, 101, 501, 0)
	c.send(Client, 500*ms, packet.RST|packet.ACK, 101, 501, 0)
	table := NewTable(Config{})
	out := run(table, &c.batch)
	flush(table, &out)
	if len(out.Resets) != 2 {
		t.Fatalf("%d resets, want 2", len(out.Resets))
	}
	if !out.Resets[0].After.NewSYNACK.Valid() {
		t.Error("the SYN/ACK after the first reset is not remembered")
	}
	if s := out.Resets[1].Sender(); s.Known.Has(SawRST) {
		t.Error("the second reset counts as a follow-up of the first")
	}
}

// The side that was the server may open the next connection.
func TestReuseFromTheOtherSide(t *testing.T) {
	c := conversation{now: 1e18, port: 40000}
	c.handshake()
	c.send(Client, ms, packet.FIN|packet.ACK, 101, 501, 0)
	c.send(Server, ms, packet.ACK, 501, 102, 0)
	c.send(Server, sec, packet.SYN, 9000, 0, 0)
	c.send(Client, ms, packet.RST|packet.ACK, 0, 9001, 0)
	table := NewTable(Config{})
	out := run(table, &c.batch)
	flush(table, &out)
	if len(out.Resets) != 1 {
		t.Fatalf("%d resets", len(out.Resets))
	}
	f := &out.Resets[0].Flow
	if p := f.Prior; f.Ends[Client].Port != 80 || !p.Known[Server].Has(SawFIN) || p.Known[Client].Has(SawFIN) || p.SndNxt[Server] != 102 || p.RcvNxt[Server] != 501 {
		t.Errorf("client port %d, prior %+v", f.Ends[Client].Port, p)
	}
}

// Segments of 50,000 connections in no order: each finds its own in memory that
// no cache holds.
func BenchmarkManyConnections(b *testing.B) {
	table := NewTable(Config{})
	var out Output
	const n = 50_000
	c := conversation{now: 1e18}
	for i := range n {
		c.port = uint16(1024 + i)
		c.handshake()
		if len(c.batch.Headers) > 1000 {
			add(table, &c.batch, &out)
			c.batch.Headers = c.batch.Headers[:0]
			out.Empty()
		}
	}
	add(table, &c.batch, &out)
	rng := rand.New(rand.NewPCG(1, 2))
	batches := make([]packet.Batch, 64)
	for i := range batches {
		c.batch.Headers = nil
		for range 512 {
			c.port = uint16(1024 + rng.IntN(n))
			c.send(Client, 1000, packet.ACK, 101, 501, 1400)
			h := c.send(Server, 1000, packet.ACK, 501, 1501, 1400)
			h.IPID = 1
		}
		rng.Shuffle(1024, func(i, j int) {
			h := c.batch.Headers
			h[i], h[j] = h[j], h[i]
			h[i].Time, h[j].Time = h[j].Time, h[i].Time
		})
		batches[i] = c.batch
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		t := &batches[i%len(batches)]
		i++
		for k := range t.Headers {
			h := &t.Headers[k]
			h.Seq += 1400
			h.Ack += 1400
			h.Time += 200 * ms
		}
		add(table, t, &out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/segment")
}
