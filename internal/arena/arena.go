// Package arena gives tables of many megabytes, that are met in no order, the
// memory that suits them: outside of what the garbage collector looks at, in
// huge pages where the system has them, and fetched ahead. It is the only package
// with unsafe code; what it hands out is typed, and has no pointers.
//
// With the build tag rstwhy_heap all of it is memory of Go's heap, for a system on
// which something else is in doubt.
package arena

import (
	"runtime"
	"slices"
	"unsafe"
)

// HugePage is the size of the pages that memory is best taken in, in octets.
const HugePage = 2 << 20

// carved is how much is taken at once for values that are smaller.
const carved = 4 * HugePage

// heapFirst is how many octets come from Go's heap before the first page is
// taken: a short capture needs no more.
const heapFirst = 1 << 20

// Arena is memory that is given back to the system some time after the Arena was
// last used: every Slab and Maker holds its own. A pointer that they handed out
// does not. Where one is the last thing used, runtime.KeepAlive keeps who has the
// Slab. An Arena is not safe for concurrent use.
type Arena struct {
	heap   int // octets of Go's heap so far
	left   []byte
	blocks *[][]byte // to be given back
}

// New returns an empty arena.
func New() *Arena {
	a := &Arena{blocks: new([][]byte)}
	runtime.AddCleanup(a, func(blocks *[][]byte) {
		for _, b := range *blocks {
			unmap(b)
		}
	}, a.blocks)
	return a
}

// block returns n zeroed octets from the beginning of a page, or nil where the
// system gives none.
func (a *Arena) block(n int) []byte {
	b := pages(n)
	if b != nil {
		*a.blocks = append(*a.blocks, b)
	}
	return b
}

// release gives back the block that begins at p, if one does.
func (a *Arena) release(p unsafe.Pointer) {
	*a.blocks = slices.DeleteFunc(*a.blocks, func(b []byte) bool {
		if unsafe.Pointer(&b[0]) != p {
			return false
		}
		unmap(b)
		return true
	})
}

// carve returns a place for n zeroed octets, at most HugePage, that begins a
// cache line, or nil where there is none but on Go's heap.
func (a *Arena) carve(n int) unsafe.Pointer {
	if a.heap+n <= heapFirst {
		a.heap += n
		return nil
	}
	n = (n + 63) &^ 63
	if len(a.left) < n {
		b := a.block(carved + HugePage)
		if b == nil {
			return nil
		}
		a.left = b[-uintptr(unsafe.Pointer(&b[0]))&(HugePage-1):]
	}
	p := unsafe.Pointer(&a.left[0])
	a.left = a.left[n:]
	return p
}
