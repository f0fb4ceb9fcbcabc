package flows

import (
	"unsafe"

	"github.com/rstwhy/rstwhy/internal/arena"
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
	arena  *arena.Arena
}

func (s *store[T]) at(i uint32) *T { return &s.chunks[i/chunkLen][i%chunkLen] }

func (s *store[T]) take() uint32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		if n > 1 {
			// Where things come and go, this is the next to be taken.
			next := s.at(s.free[n-2])
			arena.Prefetch(unsafe.Pointer(next), int(unsafe.Sizeof(*next)/64))
		}
		return i
	}
	i := s.next
	s.next++
	if int(i/chunkLen) == len(s.chunks) {
		var chunk *[chunkLen]T
		if len(s.chunks) >= heapChunks {
			chunk = (*[chunkLen]T)(s.arena.Carve(unsafe.Sizeof(*chunk)))
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
