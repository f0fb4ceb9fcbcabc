package flows

import (
	"runtime"
	"slices"
	"unsafe"
)

// chunkLen values make one block of a store, so that growth never copies any.
const chunkLen = 256

// heapChunks chunks of a store come from the heap of Go: a short capture needs
// no more, and takes no huge page for it.
const heapChunks = 4

// store is a slab of T, which has no pointers. Places are numbered from 0 and
// used again once they were given back; take does not clear them.
type store[T any] struct {
	chunks []*[chunkLen]T
	free   []uint32
	next   uint32 // places ever used
	arena  *arena
}

func (s *store[T]) at(i uint32) *T { return &s.chunks[i/chunkLen][i%chunkLen] }

func (s *store[T]) take() uint32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		if n > 1 {
			// Where things come and go, this is the next to be taken.
			next := s.at(s.free[n-2])
			for at := uintptr(0); at < unsafe.Sizeof(*next); at += 64 {
				prefetch(unsafe.Add(unsafe.Pointer(next), at))
			}
		}
		return i
	}
	i := s.next
	s.next++
	if int(i/chunkLen) == len(s.chunks) {
		var chunk *[chunkLen]T
		if len(s.chunks) >= heapChunks {
			chunk = (*[chunkLen]T)(s.arena.carve(unsafe.Sizeof(*chunk)))
		}
		if chunk == nil {
			chunk = new([chunkLen]T)
		}
		s.chunks = append(s.chunks, chunk)
	}
	return i
}

func (s *store[T]) give(i uint32) { s.free = append(s.free, i) }

// taken is how many octets the places in use have.
func (s *store[T]) taken() int64 {
	var t T
	return int64(int(s.next)-len(s.free)) * int64(unsafe.Sizeof(t))
}

// hugePage is the size of the pages that memory is best taken in.
const hugePage = 2 << 20

// arena hands out memory that goes back when its table is not used any more.
type arena struct {
	left   []byte
	blocks *[][]byte // to be unmapped
}

func newArena(t *Table) *arena {
	a := &arena{blocks: new([][]byte)}
	runtime.AddCleanup(t, func(blocks *[][]byte) {
		for _, b := range *blocks {
			unmap(b)
		}
	}, a.blocks)
	return a
}

// block returns n octets from the beginning of a page, or nil where the system
// gives none.
func (a *arena) block(n int) []byte {
	b := pages(n)
	if b != nil {
		*a.blocks = append(*a.blocks, b)
	}
	return b
}

// release gives back what block returned.
func (a *arena) release(b []byte) {
	*a.blocks = slices.DeleteFunc(*a.blocks, func(x []byte) bool { return &x[0] == &b[0] })
	unmap(b)
}

// carve returns n octets, at most hugePage, that begin a cache line, or nil
// where the system gives none.
func (a *arena) carve(n uintptr) unsafe.Pointer {
	n = (n + 63) &^ 63
	if uintptr(len(a.left)) < n {
		b := a.block(5 * hugePage)
		if b == nil {
			return nil
		}
		a.left = b[-uintptr(unsafe.Pointer(&b[0]))&(hugePage-1):]
	}
	p := unsafe.Pointer(&a.left[0])
	a.left = a.left[n:]
	return p
}
