package flows

import (
	"math/rand/v2"
	"testing"

	"github.com/rstwhy/rstwhy/internal/arena"
	"github.com/rstwhy/rstwhy/packet"
)

// Against a map: after any sequence of insertions and removals the index holds
// the same slots, whatever collides.
func TestIndexAgainstMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	x := newIndex(arena.New())
	want := map[uint32]uint32{} // slot to hash
	has := func(hash, slot uint32) bool {
		for i := hash & x.mask(); x.words[i] != 0; i = (i + 1) & x.mask() {
			if x.words[i] == word(hash, slot) {
				return true
			}
		}
		return false
	}
	var next uint32
	for range 200_000 {
		if len(want) == 0 || rng.IntN(100) < 52 {
			hash := rng.Uint32() & 0x3ff0ff // crowded on purpose
			x.insert(hash, next)
			want[next] = hash
			next++
			continue
		}
		for slot, hash := range want {
			x.remove(hash, slot)
			delete(want, slot)
			if has(hash, slot) {
				t.Fatalf("slot %d is still there", slot)
			}
			break
		}
	}
	if x.used != len(want) {
		t.Fatalf("%d used, %d expected", x.used, len(want))
	}
	for slot, hash := range want {
		if !has(hash, slot) {
			t.Fatalf("slot %d with hash %x is lost", slot, hash)
		}
	}
	x.remove(12345, next+1) // never inserted
	if x.used != len(want) {
		t.Fatal("removing what is not there changed the count")
	}
}

func TestHashIsTheSameBothWays(t *testing.T) {
	x := newIndex(arena.New())
	rng := rand.New(rand.NewPCG(3, 4))
	distinct := map[uint32]bool{}
	for range 1000 {
		var h, back packet.Header
		for i := range h.Src {
			h.Src[i], h.Dst[i] = byte(rng.Uint32()), byte(rng.Uint32())
		}
		h.SrcPort, h.DstPort = uint16(rng.Uint32()), uint16(rng.Uint32())
		back.Src, back.Dst, back.SrcPort, back.DstPort = h.Dst, h.Src, h.DstPort, h.SrcPort
		if x.hash(&h) != x.hash(&back) {
			t.Fatal("the two directions have different hashes")
		}
		distinct[x.hash(&h)] = true
	}
	if len(distinct) < 995 {
		t.Errorf("%d distinct hashes of 1000", len(distinct))
	}
}
