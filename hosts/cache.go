package hosts

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/rstwhy/rstwhy/flows"
)

// ways is how many keys share a place before the least recent is forgotten.
const ways = 4

// partLen is how many places take their memory together, with the first key of
// one of them: a short capture then costs no more than what it shows.
const partLen = 64

// cache is a set-associative table of a fixed size: nothing it is asked to keep
// makes it grow or search longer than four keys.
type cache[K comparable, V any] struct {
	parts []*[partLen][ways]entry[K, V]
	shift uint
	hash  func(K) uint64
	clock uint32
}

type entry[K comparable, V any] struct {
	used uint32 // cache.clock when last put; 0 is unused
	key  K
	v    V
}

func newCache[K comparable, V any](logSets uint, hash func(K) uint64) cache[K, V] {
	return cache[K, V]{parts: make([]*[partLen][ways]entry[K, V], 1<<logSets/partLen), shift: 64 - logSets, hash: hash}
}

// get returns the value of key, or nil.
func (c *cache[K, V]) get(key K) *V {
	at := c.hash(key) >> c.shift
	part := c.parts[at/partLen]
	if part == nil {
		return nil
	}
	set := &part[at%partLen]
	for i := range set {
		if set[i].used != 0 && set[i].key == key {
			return &set[i].v
		}
	}
	return nil
}

// put returns the value of key, zero when it was not there.
func (c *cache[K, V]) put(key K) *V {
	at := c.hash(key) >> c.shift
	part := &c.parts[at/partLen]
	if *part == nil {
		*part = new([partLen][ways]entry[K, V])
	}
	c.clock++
	if c.clock == 0 { // wrapped: order starts anew, nothing is lost
		c.clock = 1
	}
	set := &(*part)[at%partLen]
	oldest := 0
	for i := range set {
		if set[i].used != 0 && set[i].key == key {
			set[i].used = c.clock
			return &set[i].v
		}
		if set[i].used < set[oldest].used {
			oldest = i
		}
	}
	set[oldest] = entry[K, V]{used: c.clock, key: key}
	return &set[oldest].v
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd1b54a32d192ed03)
	return hi ^ lo
}

func hashAddr(a [16]byte) uint64 {
	h := mix(binary.LittleEndian.Uint64(a[:8]), binary.LittleEndian.Uint64(a[8:]))
	return mix(h, 0x2545f4914f6cdd1d)
}

func hashEnd(e flows.Endpoint) uint64 { return mix(hashAddr(e.Addr), uint64(e.Port)+1) }

// estimate tells how many distinct keys have set bits in b (linear counting).
func estimate(b [4]uint64) int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	if n <= 3 {
		return n
	}
	if n >= 250 {
		return 192
	}
	return int(math.Round(-256 * math.Log(1-float64(n)/256)))
}
