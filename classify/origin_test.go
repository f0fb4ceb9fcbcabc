package classify

import (
	"testing"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// forgedReset is a settled RST with a hard indicator and soft ones: in the
// server's name, with a TTL and a window of its own, and the server carries on.
func forgedReset(t testing.TB) *flows.Reset {
	t.Helper()
	const c, s = 1000, 5000
	var frame uint64
	header := func(at int64, server bool, f packet.Flags, seq, ack packet.Seq, n uint32) packet.Header {
		frame++
		h := packet.Header{Time: 1e18 + at, Frame: frame, Seq: seq, Ack: ack, Len: n, Flags: f, Window: 502, TTL: 64, Marks: packet.DF, IPID: uint16(frame)}
		h.Src, h.Dst, h.SrcPort, h.DstPort = [16]byte{1}, [16]byte{2}, 40000, 80
		if server {
			h.Src, h.Dst, h.SrcPort, h.DstPort = h.Dst, h.Src, h.DstPort, h.SrcPort
			h.TTL = 52
		}
		return h
	}
	b := packet.Batch{Headers: []packet.Header{
		header(0, false, packet.SYN, c, 0, 0),
		header(20e6, true, packet.SYN|packet.ACK, s, c+1, 0),
		header(21e6, false, packet.ACK, c+1, s+1, 0),
		header(22e6, false, packet.ACK, c+1, s+1, 100),
		header(43e6, true, packet.ACK, s+1, c+101, 100),
		header(44e6, true, packet.ACK, s+101, c+101, 100),
		header(45e6, true, packet.ACK, s+201, c+101, 100),
		header(46e6, false, packet.ACK, c+101, s+301, 100),
		header(47e6, true, packet.RST|packet.ACK, s+301, c+201, 0),
		header(66e6, true, packet.ACK, s+301, c+201, 100),
	}}
	rst := &b.Headers[8]
	rst.TTL, rst.Window, rst.Marks = 44, 1980, 0
	table := flows.NewTable(flows.Config{})
	for range table.Add(&b) {
	}
	var resets []*flows.Reset
	for out := range table.Flush() {
		resets = append(resets, out.Resets...)
	}
	if len(resets) != 1 {
		t.Fatalf("%d resets", len(resets))
	}
	return resets[0]
}

// Asking who sent a RST allocates nothing, whatever is found.
func TestOriginAllocatesNothing(t *testing.T) {
	r := forgedReset(t)
	var j Judge
	c := Case{Reset: r}
	j.Verdict(&c)
	if c.Origin.Who != Forged || !c.Origin.Signs.Has(CarriedOn|OtherDistance|FarOff|TooEarly|NoDF) {
		t.Fatalf("%v, signs %b", c.Origin.Who, c.Origin.Signs)
	}
	if got := testing.AllocsPerRun(100, func() { j.Verdict(&c) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkForged(b *testing.B) {
	r := forgedReset(b)
	var j Judge
	c := Case{Reset: r}
	j.Verdict(&c)
	b.ReportAllocs()
	for b.Loop() {
		j.Verdict(&c)
	}
}

// Hops are counted by class, and 32 is a class only for hosts that never show
// more.
func TestHops(t *testing.T) {
	for _, c := range []struct {
		ttl  uint8
		low  bool
		want int
	}{{64, false, 0}, {52, false, 12}, {123, false, 5}, {59, false, 5}, {255, false, 0}, {244, false, 11}, {30, false, 34}, {30, true, 2}, {1, false, 63}, {129, false, 126}} {
		if got := hops(c.ttl, c.low); got != c.want {
			t.Errorf("hops(%d, %v) is %d, want %d", c.ttl, c.low, got, c.want)
		}
	}
}

// No single soft sign decides, however strong.
func TestOneSoftSignIsNotEnough(t *testing.T) {
	for s := Signs(1); s <= Damaged; s <<= 1 {
		if s.Proofs() == 0 && s.weight() >= enough {
			t.Errorf("sign %b alone weighs %d", s, s.weight())
		}
	}
}
