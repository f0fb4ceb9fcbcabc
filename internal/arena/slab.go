package arena

import "unsafe"

// chunkLen values make one block of a Slab, so that growth never copies any.
const chunkLen = 256

// Slab holds values of T, which has no pointers, in places that are numbered from
// 0 and used again once they were given back.
type Slab[T any] struct {
	chunks []*[chunkLen]T
	free   []uint32
	next   uint32 // places ever used
	maker  Maker[[chunkLen]T]
}

// NewSlab returns an empty slab. It panics when T has pointers.
func NewSlab[T any](a *Arena) Slab[T] { return Slab[T]{maker: NewMaker[[chunkLen]T](a)} }

// At is the value in place i.
func (s *Slab[T]) At(i uint32) *T { return &s.chunks[i/chunkLen][i%chunkLen] }

// Take returns a place that is free, and does not clear it: the value is the one
// that was there when it was given back, or zero.
func (s *Slab[T]) Take() uint32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		if n > 1 {
			// Where things come and go, this is the next to be taken.
			next := s.At(s.free[n-2])
			Prefetch(next, int(unsafe.Sizeof(*next)/64))
		}
		return i
	}
	i := s.next
	s.next++
	if int(i/chunkLen) == len(s.chunks) {
		s.chunks = append(s.chunks, s.maker.New())
	}
	return i
}

// Give gives place i back.
func (s *Slab[T]) Give(i uint32) { s.free = append(s.free, i) }

// Len is how many places were ever used: all numbers below it have been taken.
func (s *Slab[T]) Len() uint32 { return s.next }

// Taken is how many octets the places in use have.
func (s *Slab[T]) Taken() int64 {
	var t T
	return int64(int(s.next)-len(s.free)) * int64(unsafe.Sizeof(t))
}
