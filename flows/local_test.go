package flows

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/rstwhy/rstwhy/packet"
)

// talk is what happens on a few pairs of addresses and ports: tries that are
// repeated for minutes, connections that open, speak, fall silent, close, are
// reset and used again, and segments that fit nothing.
func talk(rng *rand.Rand, port uint16) []packet.Header {
	pauses := []int64{1e3, ms, 40 * ms, 700 * ms, 3 * sec, 5 * sec, 31 * sec, 60 * sec, 128 * sec, 131 * sec, 140 * sec, 400 * sec}
	shapes := [][]packet.Flags{
		{packet.SYN, packet.SYN, packet.SYN},
		{packet.SYN, packet.RST | packet.ACK, packet.SYN},
		{packet.SYN, packet.SYN | packet.ACK, packet.SYN | packet.ACK},
		{packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.SYN | packet.ACK, packet.ACK},
		{packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.ACK | packet.PSH, packet.RST, packet.ACK},
		{packet.SYN, packet.SYN | packet.ACK, packet.ACK, packet.FIN | packet.ACK, packet.FIN | packet.ACK, packet.SYN},
		{packet.ACK, packet.ACK | packet.PSH, packet.RST},
		{packet.RST, packet.FIN | packet.ACK, packet.ACK},
	}
	c := conversation{now: 1e18 + rng.Int64N(sec)}
	for range 30 {
		c.port = port + uint16(rng.IntN(3))
		shape, isn := shapes[rng.IntN(len(shapes))], packet.Seq(rng.IntN(3)*5000)
		longest := 1 + rng.IntN(len(pauses)) // some shapes are quick, some take minutes
		for i, f := range shape {
			d := Dir(0)
			if f.Has(packet.SYN|packet.ACK) || i > 0 && rng.IntN(2) == 0 && f&packet.SYN == 0 {
				d = Server
			}
			h := c.send(d, pauses[rng.IntN(longest)]+rng.Int64N(1e6), f, isn+packet.Seq(i), 100+packet.Seq(rng.IntN(3)), uint32(rng.IntN(2)*10))
			if f&packet.SYN != 0 {
				h.Seq, h.Len = isn, 0
			}
			h.IPID, h.Window = uint16(rng.IntN(5)), 1000
		}
	}
	return c.batch.Headers
}

// known is all that becomes known of connections from the port on, in order, when
// the table is given hs and the clock then moves to end.
func known(hs []packet.Header, end int64, from uint16) (list []any) {
	table := NewTable(Config{})
	var out Output
	add(table, &packet.Batch{Headers: hs}, &out)
	advance(table, end, &out)
	flush(table, &out)
	for item := range out.Items() {
		var ends [2]Endpoint
		var what any
		switch {
		case item.Event != nil:
			ends, what = item.Event.Ends, *item.Event
		case item.Reset != nil:
			ends, what = item.Reset.Flow.Ends, *item.Reset
		default:
			ends, what = item.Note.Ends, *item.Note
		}
		if min(ends[0].Port, ends[1].Port) == 80 && max(ends[0].Port, ends[1].Port)/1000 == from/1000 {
			list = append(list, what)
		}
	}
	return list
}

// What becomes known of some connections, and in which order, does not depend on
// what others do at the same time.
func TestOthersChangeNothing(t *testing.T) {
	resets, notes := 0, 0
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var both []packet.Header
		for i := range uint16(8) {
			both = append(both, talk(rng, 40000+i%2*10000+i*10)...)
		}
		slices.SortStableFunc(both, func(a, b packet.Header) int { return int(a.Time - b.Time) })
		for i := range both {
			both[i].Frame = uint64(i + 1)
		}
		var parts [2][]packet.Header
		for _, h := range both {
			part := 0
			if max(h.SrcPort, h.DstPort) >= 50000 {
				part = 1
			}
			parts[part] = append(parts[part], h)
		}
		end := both[len(both)-1].Time + rng.Int64N(200*sec)
		for i, port := range []uint16{40000, 50000} {
			alone, among := known(parts[i], end, port), known(both, end, port)
			var before Note
			for k := range max(len(alone), len(among)) {
				if k >= len(alone) || k >= len(among) || !reflect.DeepEqual(alone[k], among[k]) {
					t.Fatalf("seed %d: %d and %d things are known; number %d is\n%s\nalone, and among others\n%s",
						seed, len(alone), len(among), k, show(alone, k), show(among, k))
				}
				switch now := alone[k].(type) {
				case Reset:
					resets++
				case Note:
					notes++
					if b := now.First + now.Watched; b < before.First+before.Watched || b == before.First+before.Watched && now.Frame < before.Frame {
						t.Fatalf("seed %d: a note of frame %d after one of frame %d", seed, now.Frame.Frame(), before.Frame.Frame())
					}
					before = now
				}
			}
		}
	}
	if resets < 1000 || notes < 1000 {
		t.Errorf("%d resets and %d notes are too few to tell", resets, notes)
	}
}

func show(list []any, k int) string {
	if k >= len(list) {
		return "nothing"
	}
	return fmt.Sprintf("%T %+v", list[k], list[k])
}

// A SYN that comes after its connection has been given up is another connection,
// also when nothing else is in the capture.
func TestHalfOpenConnectionsAreGivenUp(t *testing.T) {
	for _, test := range []struct {
		pause int64
		tries []int
	}{{100 * sec, []int{2}}, {128 * sec, []int{2}}, {131 * sec, []int{1, 1}}, {400 * sec, []int{1, 1}}} {
		c := conversation{now: 1e18, port: 40000}
		c.send(Client, 0, packet.SYN, 100, 0, 0)
		c.send(Client, test.pause, packet.SYN, 100, 0, 0)
		table := NewTable(Config{})
		out := run(table, &c.batch)
		advance(table, c.now+300*sec, &out)
		var tries []int
		for _, n := range out.Notes {
			tries = append(tries, n.Tries)
			if end := n.Latest + int64(halfOpenFor); n.First+n.Watched > end || n.First+n.Watched < end-sec {
				t.Errorf("SYNs %d s apart: watched for %d ns", test.pause/sec, n.Watched)
			}
		}
		if !slices.Equal(tries, test.tries) || table.Live() != 0 {
			t.Errorf("SYNs %d s apart: tries %v, want %v; %d connections are left", test.pause/sec, tries, test.tries, table.Live())
		}
	}
}

// A connection that the capture shows from its middle is one of which both sides
// have spoken: a silence does not end it. What one side sent alone is forgotten.
func TestSilenceInTheMiddle(t *testing.T) {
	for _, both := range []bool{true, false} {
		c := conversation{now: 1e18, port: 40000}
		c.send(Client, 0, packet.ACK|packet.PSH, 100, 500, 10)
		if both {
			c.send(Server, ms, packet.ACK, 500, 110, 0)
		}
		c.send(Client, 1000*sec, packet.ACK|packet.PSH, 110, 500, 10)
		c.send(Server, ms, packet.RST, 500, 0, 0)
		table := NewTable(Config{})
		out := run(table, &c.batch)
		flush(table, &out)
		f := &out.Resets[0].Flow
		if want := map[bool]int64{true: 1e18, false: 1e18 + 1000*sec}[both]; f.Start != want {
			t.Errorf("both sides spoke: %v; the connection began %d s after its first segment", both, (f.Start-1e18)/sec)
		}
	}
}

// Nothing that is half open stays in memory, whether there is traffic or not.
func TestHalfOpenConnectionsFreeMemory(t *testing.T) {
	table := NewTable(Config{})
	var out Output
	c := conversation{now: 1e18}
	for i := range 20_000 {
		c.port = uint16(i)
		c.send(Client, ms*20, packet.SYN, 100, 0, 0)
		add(table, &c.batch, &out)
		c.batch.Headers = c.batch.Headers[:0]
	}
	if got := table.Live(); got > 132*50 {
		t.Errorf("%d are live, 50 a second were begun", got)
	}
	advance(table, c.now+131*sec, &out)
	if table.Live() != 0 || table.wheel.n != 0 || table.population.memory.taken() != 0 {
		t.Errorf("%d are live, %d in the wheel", table.Live(), table.wheel.n)
	}
}
