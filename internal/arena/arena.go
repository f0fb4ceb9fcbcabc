// Package arena gives tables of many megabytes, that are met in no order, the
// memory that suits them: outside of what the garbage collector looks at, in
// huge pages where the system has them, and fetched ahead.
package arena

import (
	"runtime"
	"slices"
	"unsafe"
)

// HugePage is the size of the pages that memory is best taken in, in octets.
const HugePage = 2 << 20

// carved is how much Carve takes at once.
const carved = 4 * HugePage

// Arena hands out memory that holds no pointers. It is not safe for concurrent
// use.
type Arena struct {
	left   []byte
	blocks *[][]byte // to be given back
}

// New returns an arena whose memory goes back to the system some time after
// owner was last used. Nothing may refer to it for longer; where a pointer into
// it is the last thing used, runtime.KeepAlive keeps the owner.
func New[T any](owner *T) *Arena {
	a := &Arena{blocks: new([][]byte)}
	runtime.AddCleanup(owner, func(blocks *[][]byte) {
		for _, b := range *blocks {
			unmap(b)
		}
	}, a.blocks)
	return a
}

// Block returns n zeroed octets from the beginning of a page, or nil where the
// system gives none.
func (a *Arena) Block(n int) []byte {
	b := pages(n)
	if b != nil {
		*a.blocks = append(*a.blocks, b)
	}
	return b
}

// Release gives back what Block returned.
func (a *Arena) Release(b []byte) {
	*a.blocks = slices.DeleteFunc(*a.blocks, func(x []byte) bool { return &x[0] == &b[0] })
	unmap(b)
}

// Carve returns a place for n zeroed octets, at most HugePage, that begins a
// cache line, or nil where the system gives none. It is never given back by
// itself.
func (a *Arena) Carve(n uintptr) unsafe.Pointer {
	n = (n + 63) &^ 63
	if uintptr(len(a.left)) < n {
		b := a.Block(carved + HugePage)
		if b == nil {
			return nil
		}
		a.left = b[-uintptr(unsafe.Pointer(&b[0]))&(HugePage-1):]
	}
	p := unsafe.Pointer(&a.left[0])
	a.left = a.left[n:]
	return p
}
