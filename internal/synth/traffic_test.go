package synth_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"

	"github.com/rstwhy/rstwhy/internal/synth"
)

func profile(t testing.TB, name string) synth.Profile {
	t.Helper()
	p, ok := synth.ProfileNamed(name)
	if !ok {
		t.Fatalf("no profile %s", name)
	}
	return p
}

func generate(t testing.TB, w io.Writer, p synth.Profile) synth.Summary {
	t.Helper()
	sum, err := synth.Generate(w, p)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// tuple is a connection, client first.
type tuple struct{ src, sport, dst, dport string }

// audit follows generated traffic segment by segment with rules of its own and
// says what it found, to compare with what the generator says it made.
func audit(t *testing.T, capture []byte, ng bool) (sum synth.Summary, octetsPerPacket int) {
	t.Helper()
	type half struct {
		nxt    uint32
		syn    bool
		fin    bool
		octets int
	}
	type conn struct {
		side    [2]half // client, server
		acked   bool    // the handshake was completed
		resets  int
		pending int // side that the last payload came from, -1 for none
		lastAck uint32
	}
	conns := map[tuple]*conn{}
	sum.Incidents = map[string]int64{}
	last := int64(0)
	for i, f := range readBack(t, capture, ng) {
		if f.Time < last {
			t.Fatalf("frame %d goes back in time", i+1)
		}
		last = f.Time
		sum.Packets++
		octetsPerPacket += f.WireLen
		d := decode(t, f.Data, layers.LayerTypeEthernet)
		tcp := d.tcp
		key, me := tuple{d.src, tcp.SrcPort.String(), d.dst, tcp.DstPort.String()}, 0
		c := conns[key]
		if c == nil {
			if back := conns[tuple{key.dst, key.dport, key.src, key.sport}]; back != nil {
				c, me = back, 1
			} else {
				if !tcp.SYN || tcp.ACK {
					t.Fatalf("frame %d begins a connection without SYN", i+1)
				}
				c = &conn{pending: -1}
				conns[key] = c
				sum.Connections++
			}
		} else if tcp.SYN {
			t.Fatalf("frame %d uses a connection's addresses and ports again", i+1)
		}
		mine, peer := &c.side[me], &c.side[1-me]
		if tcp.RST {
			sum.Resets++
			if c.resets++; c.resets > 1 {
				if tcp.ACK || tcp.Seq != mine.nxt {
					t.Errorf("frame %d: a follow-up is a R at the sender's number", i+1)
				}
				sum.FollowUps++
				continue
			}
			var cause string
			switch {
			case tcp.ACK && !mine.syn:
				cause = "no-listener"
				if tcp.Seq != 0 || tcp.Ack != peer.nxt || tcp.Window != 0 || d.ip4.Id != 0 {
					t.Errorf("frame %d is no refusal: %+v", i+1, tcp)
				}
			case !tcp.ACK && !c.acked:
				cause = "handshake-abort"
			case !tcp.ACK && mine.fin:
				cause = "data-after-close"
			case !tcp.ACK:
				cause = "stale-connection"
			case peer.octets == 0:
				cause = "deliberate-abort"
			default:
				cause = "unread-data-on-close"
				if c.pending == me {
					t.Errorf("frame %d aborts although its side spoke last", i+1)
				}
			}
			if tcp.ACK && mine.syn && (tcp.Seq != mine.nxt || tcp.Ack != peer.nxt || tcp.Window == 0 || len(tcp.Options) != 3) {
				t.Errorf("frame %d is no abort: %+v", i+1, tcp)
			}
			if !tcp.ACK && (tcp.Seq != c.lastAck || tcp.Window != 0 || d.ip4.Id != 0) {
				t.Errorf("frame %d is no reply to the segment before: %+v", i+1, tcp)
			}
			sum.Incidents[cause]++
			continue
		}
		probe := len(tcp.Payload) == 0 && mine.syn && tcp.Seq == mine.nxt-1 && !tcp.FIN
		if mine.syn && tcp.Seq != mine.nxt && !probe {
			t.Errorf("frame %d: sequence number %d, want %d", i+1, tcp.Seq, mine.nxt)
		}
		if tcp.ACK && tcp.Ack != peer.nxt && c.resets == 0 {
			t.Errorf("frame %d acknowledges %d, the peer has sent up to %d", i+1, tcp.Ack, peer.nxt)
		}
		if !probe {
			mine.nxt = tcp.Seq + uint32(len(tcp.Payload))
		}
		if tcp.SYN || tcp.FIN {
			mine.nxt++
		}
		mine.syn, mine.fin = mine.syn || tcp.SYN, mine.fin || tcp.FIN
		if n := len(tcp.Payload); n > 0 {
			mine.octets += n
			c.pending = me
		}
		c.acked = c.acked || me == 0 && tcp.ACK
		c.lastAck = tcp.Ack
	}
	sum.Octets = int64(len(capture))
	return sum, octetsPerPacket / int(sum.Packets)
}

func TestSummaryIsWhatTheCaptureHolds(t *testing.T) {
	for _, c := range []struct {
		name      string
		size      int64
		packets   int64
		conns     int64
		average   [2]int // octets of a frame
		ng        bool
		allCauses bool
	}{
		{"web", 30_000_000, 0, 0, [2]int{800, 950}, true, false},
		{"small", 0, 0, 3000, [2]int{330, 400}, false, true},
		{"scan", 0, 5000, 0, [2]int{54, 60}, false, false},
		{"wide", 0, 0, 5000, [2]int{100, 400}, false, true},
	} {
		p := profile(t, c.name)
		p.Seed, p.PcapNG = 7, c.ng
		p.Size, p.Packets, p.Connections = c.size, c.packets, c.conns
		var b bytes.Buffer
		said := generate(t, &b, p)
		found, average := audit(t, b.Bytes(), c.ng)
		found.Peak, found.Span = said.Peak, said.Span // not seen by the audit
		if d := cmp.Diff(said, found); d != "" {
			t.Errorf("%s: the summary differs from the capture (-said +found):\n%s", c.name, d)
		}
		if average < c.average[0] || average > c.average[1] {
			t.Errorf("%s: frames have %d octets on average, want %v", c.name, average, c.average)
		}
		if c.size > 0 && (said.Octets < c.size || said.Octets > c.size+1600) {
			t.Errorf("%s: %d octets, want %d", c.name, said.Octets, c.size)
		}
		if c.allCauses && len(said.Incidents) != 6 {
			t.Errorf("%s: not every cause occurs: %v", c.name, said.Incidents)
		}
		if c.name == "scan" && (said.Resets < 2450 || said.Resets+said.Connections != 5000) {
			t.Errorf("scan: %d resets of %d connections in 5000 packets", said.Resets, said.Connections)
		}
	}
}

func TestWideOpensAllBeforeTheFirstRequest(t *testing.T) {
	p := profile(t, "wide")
	p.Connections = 2000
	var b bytes.Buffer
	sum := generate(t, &b, p)
	if sum.Connections != 2000 {
		t.Errorf("%d connections, want 2000", sum.Connections)
	}
	syns := 0
	for i, f := range readBack(t, b.Bytes(), false) {
		d := decode(t, f.Data, layers.LayerTypeEthernet)
		if d.tcp.SYN && !d.tcp.ACK {
			syns++
		}
		if len(d.tcp.Payload) > 0 {
			if syns != 2000 {
				t.Errorf("frame %d has payload after %d SYNs", i+1, syns)
			}
			break
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	digest := func(seed uint64) string {
		p := profile(t, "small")
		p.Seed, p.Size = seed, 3_000_000
		h := sha256.New()
		generate(t, h, p)
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	first, again := digest(1), digest(1)
	if first != again {
		t.Error("the same seed gave other bytes")
	}
	if first == digest(2) {
		t.Error("another seed gave the same bytes")
	}
}

// heapWatch is a writer that looks at the heap every so often.
type heapWatch struct {
	writes int
	peak   uint64
}

func (w *heapWatch) Write(b []byte) (int, error) {
	if w.writes++; w.writes%16 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.peak = max(w.peak, m.HeapAlloc)
	}
	return len(b), nil
}

func TestMemoryIsBounded(t *testing.T) {
	p := profile(t, "web")
	p.Open, p.Size = 500, 200_000_000
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	w := &heapWatch{}
	sum := generate(t, w, p)
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if w.writes < 100 {
		t.Fatalf("%d octets came in %d writes", sum.Octets, w.writes)
	}
	if w.peak > before.HeapAlloc+8<<20 {
		t.Errorf("the heap grew by %d octets for a capture of %d", w.peak-before.HeapAlloc, sum.Octets)
	}
	if n := after.Mallocs - before.Mallocs; n > 1000 {
		t.Errorf("%d allocations for %d packets", n, sum.Packets)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestGenerateErrors(t *testing.T) {
	if _, err := synth.Generate(io.Discard, synth.Profile{Open: 1}); err == nil {
		t.Error("traffic without an end was accepted")
	}
	if _, err := synth.Generate(io.Discard, synth.Profile{Size: 1}); err == nil {
		t.Error("a profile without conversations was accepted")
	}
	if _, err := synth.Generate(brokenWriter{}, profile(t, "web")); err != io.ErrClosedPipe {
		t.Errorf("a broken writer: %v", err)
	}
	if _, ok := synth.ProfileNamed("nope"); ok {
		t.Error("there is a profile nope")
	}
}

func TestTsharkAcceptsTraffic(t *testing.T) {
	p := profile(t, "web")
	p.Size = 2_000_000
	var b bytes.Buffer
	generate(t, &b, p)
	if got := tshark(t, b.Bytes()); got != "" {
		t.Errorf("tshark objects:\n%.2000s", got)
	}
}

func BenchmarkGenerate(b *testing.B) {
	for _, name := range synth.ProfileNames() {
		b.Run(name, func(b *testing.B) {
			p := profile(b, name)
			p.Size, p.Packets, p.Connections = 64<<20, 0, 0
			b.SetBytes(p.Size)
			b.ReportAllocs()
			for b.Loop() {
				generate(b, io.Discard, p)
			}
		})
	}
}
