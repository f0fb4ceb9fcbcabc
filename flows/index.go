package flows

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/rstwhy/rstwhy/internal/arena"
	"github.com/rstwhy/rstwhy/packet"
)

// index finds a flow's slot by hash. It is open addressing with linear probing
// over words that hold the 32-bit hash above and slot+1 below, so that a probe
// touches one cache line and never a flow of another hash. A Go map keyed by the
// tuple costs several times as much once it is larger than the caches.
type index struct {
	words []uint64
	used  int
	seed  [2]uint64 // per process: an attacker picks the tuples
	maker arena.Maker[uint64]
}

func newIndex(a *arena.Arena) index {
	return index{
		words: make([]uint64, 1024),
		seed:  [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1},
		maker: arena.NewMaker[uint64](a),
	}
}

// hash is the same for both directions of a connection.
func (x *index) hash(h *packet.Header) uint32 {
	a := x.end(&h.Src, h.SrcPort)
	b := x.end(&h.Dst, h.DstPort)
	hi, lo := bits.Mul64(a+b^uint64(h.Zone), x.seed[1])
	v := hi ^ lo
	return uint32(v>>32) ^ uint32(v)
}

func (x *index) end(addr *[16]byte, port uint16) uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(addr[:8])^x.seed[0], binary.LittleEndian.Uint64(addr[8:])^x.seed[1])
	hi, lo = bits.Mul64(hi^lo^uint64(port)<<17, x.seed[0])
	return hi ^ lo
}

func word(hash, slot uint32) uint64 { return uint64(hash)<<32 | uint64(slot+1) }

func (x *index) mask() uint32 { return uint32(len(x.words) - 1) }

// find returns the first slot, +1, that is there for hash, or 0.
func (x *index) find(hash uint32) uint32 {
	for i := hash & x.mask(); ; i = (i + 1) & x.mask() {
		if w := x.words[i]; w == 0 || uint32(w>>32) == hash {
			return uint32(w)
		}
	}
}

func (x *index) insert(hash, slot uint32) {
	if x.used >= len(x.words)/2 {
		x.grow()
	}
	i := hash & x.mask()
	for x.words[i] != 0 {
		i = (i + 1) & x.mask()
	}
	x.words[i] = word(hash, slot)
	x.used++
}

func (x *index) grow() {
	old := x.words
	x.words = x.maker.Slice(2 * len(old))
	for _, w := range old {
		if w == 0 {
			continue
		}
		i := uint32(w>>32) & x.mask()
		for x.words[i] != 0 {
			i = (i + 1) & x.mask()
		}
		x.words[i] = w
	}
	x.maker.Free(old)
}

// remove deletes the word of slot and closes the gap, so that no tombstones
// make later searches longer.
func (x *index) remove(hash, slot uint32) {
	w := word(hash, slot)
	i := hash & x.mask()
	for x.words[i] != w {
		if x.words[i] == 0 {
			return
		}
		i = (i + 1) & x.mask()
	}
	x.used--
	for j := i; ; {
		j = (j + 1) & x.mask()
		if x.words[j] == 0 {
			break
		}
		home := uint32(x.words[j]>>32) & x.mask()
		if (j-home)&x.mask() >= (j-i)&x.mask() {
			x.words[i] = x.words[j]
			i = j
		}
	}
	x.words[i] = 0
}
