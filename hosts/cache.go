package hosts

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/arena"
)

// ways is how many keys share a place before the least recent is forgotten.
const ways = 4

// partLen is how many places take their memory together, with the first key of
// one of them: a short capture then costs no more than what it shows.
const partLen = 8

// cache is a set-associative table of a fixed size: nothing it is asked to keep
// makes it grow or search longer than four keys. Who asks brings the hash of the
// key, which often serves several tables.
type cache[K comparable, V any] struct {
	parts []*part[K, V]
	maker arena.Maker[part[K, V]]
	shift uint
	clock uint32
}

type part[K comparable, V any] [partLen]set[K, V]

// set has apart from its entries what finds one of them, so that a search
// mostly waits for one line of memory, and one more when it finds something.
type set[K comparable, V any] struct {
	used    [ways]uint32 // cache.clock when last put; 0 is unused
	tags    [ways]uint32 // low half of the key's hash
	entries [ways]entry[K, V]
}

type entry[K comparable, V any] struct {
	key K
	v   V
}

func newCache[K comparable, V any](a *arena.Arena, logSets uint) cache[K, V] {
	return cache[K, V]{parts: make([]*part[K, V], 1<<logSets/partLen), maker: arena.NewMaker[part[K, V]](a), shift: 64 - logSets}
}

// get returns the value of key, or nil.
func (c *cache[K, V]) get(hash uint64, key *K) *V {
	at := hash >> c.shift
	part := c.parts[at/partLen]
	if part == nil {
		return nil
	}
	s := &part[at%partLen]
	for i := range s.tags {
		if s.tags[i] == uint32(hash) && s.used[i] != 0 && s.entries[i].key == *key {
			return &s.entries[i].v
		}
	}
	return nil
}

// put returns the value of key, zero when it was not there.
func (c *cache[K, V]) put(hash uint64, key *K) *V {
	at := hash >> c.shift
	part := &c.parts[at/partLen]
	if *part == nil {
		*part = c.maker.New()
	}
	c.clock++
	if c.clock == 0 { // wrapped: order starts anew, nothing is lost
		c.clock = 1
	}
	s := &(*part)[at%partLen]
	oldest := 0
	for i := range s.used {
		if s.tags[i] == uint32(hash) && s.used[i] != 0 && s.entries[i].key == *key {
			s.used[i] = c.clock
			return &s.entries[i].v
		}
		if s.used[i] < s.used[oldest] {
			oldest = i
		}
	}
	s.used[oldest], s.tags[oldest] = c.clock, uint32(hash)
	s.entries[oldest] = entry[K, V]{key: *key}
	return &s.entries[oldest].v
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd1b54a32d192ed03)
	return hi ^ lo
}

func hashAddr(a *[16]byte) uint64 {
	h := mix(binary.LittleEndian.Uint64(a[:8]), binary.LittleEndian.Uint64(a[8:]))
	return mix(h, 0x2545f4914f6cdd1d)
}

// hashes are those of an Endpoint and of its address alone.
type hashes struct{ addr, end uint64 }

func hashesOf(e *flows.Endpoint) hashes {
	h := hashAddr(&e.Addr)
	return hashes{h, mix(h, uint64(e.Port)+1)}
}

// estimates tells how many distinct keys have set so many bits of 256 (linear
// counting).
var estimates = func() (of [257]uint16) {
	for n := range of {
		switch {
		case n <= 3:
			of[n] = uint16(n)
		case n >= 250:
			of[n] = 192
		default:
			of[n] = uint16(math.Round(-256 * math.Log(1-float64(n)/256)))
		}
	}
	return of
}()

func estimate(b *[4]uint64) int {
	return int(estimates[bits.OnesCount64(b[0])+bits.OnesCount64(b[1])+bits.OnesCount64(b[2])+bits.OnesCount64(b[3])])
}
