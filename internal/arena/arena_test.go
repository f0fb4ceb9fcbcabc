package arena

import (
	"testing"
	"unsafe"
)

// What was carved is zero, begins cache lines and overlaps nothing.
func TestCarve(t *testing.T) {
	a := New(t)
	if a.Block(1) == nil {
		t.Skip("SKIPPED: this system has no memory but that of Go")
	}
	var all [][]byte
	total := 0
	for i := range 200 {
		n := 1 + i*i*7
		p := a.Carve(uintptr(n))
		if uintptr(p)%64 != 0 {
			t.Fatalf("%d octets at %p", n, p)
		}
		b := unsafe.Slice((*byte)(p), n)
		for _, x := range b {
			if x != 0 {
				t.Fatalf("%d octets overlap others", n)
			}
		}
		for k := range b {
			b[k] = 1
		}
		all = append(all, b)
		total += n
	}
	if total < 2*carved {
		t.Fatalf("%d octets are less than two blocks", total)
	}
	for _, b := range all {
		for _, x := range b {
			if x != 1 {
				t.Fatal("what was written is not there")
			}
		}
	}
}

func TestReleaseForgetsTheBlock(t *testing.T) {
	a := New(t)
	one, two := a.Block(HugePage), a.Block(HugePage)
	if one == nil {
		t.Skip("SKIPPED: this system has no memory but that of Go")
	}
	a.Release(one)
	if len(*a.blocks) != 1 || &(*a.blocks)[0][0] != &two[0] {
		t.Errorf("%d blocks are left", len(*a.blocks))
	}
}

// Addresses beyond the end, and of nothing, are no harm.
func TestPrefetch(t *testing.T) {
	var b [64]byte
	Prefetch(unsafe.Pointer(&b), 1)
	Prefetch(unsafe.Pointer(&b[63]), 8)
	Prefetch(nil, 1)
	b[0] = 1
	PrefetchWrite(unsafe.Pointer(&b), 1)
	PrefetchWrite(unsafe.Pointer(&b[63]), 8)
	PrefetchWrite(nil, 1)
	if b != [64]byte{1} {
		t.Errorf("prefetching has written: %v", b)
	}
}
