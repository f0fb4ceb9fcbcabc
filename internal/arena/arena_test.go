package arena

import (
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// paged reports whether the system gives memory that is not Go's.
func paged() bool {
	b := pages(HugePage)
	if b != nil {
		unmap(b)
	}
	return b != nil
}

// What is made is zero, begins cache lines and overlaps nothing.
func TestMaker(t *testing.T) {
	a := New()
	var all [][]byte
	take := func(p unsafe.Pointer, n int) {
		if uintptr(p)%64 != 0 {
			t.Fatalf("%d octets at %p", n, p)
		}
		b := unsafe.Slice((*byte)(p), n)
		for k, x := range b {
			if x != 0 {
				t.Fatalf("%d octets overlap others", n)
			}
			b[k] = 1
		}
		all = append(all, b)
	}
	small, medium, large := NewMaker[[64]byte](a), NewMaker[[17 << 10]byte](a), NewMaker[[HugePage - 1]byte](a)
	for i := range 200 {
		take(unsafe.Pointer(small.New()), 64)
		take(unsafe.Pointer(medium.New()), 17<<10)
		if i%20 == 0 {
			take(unsafe.Pointer(large.New()), HugePage-1)
		}
	}
	take(unsafe.Pointer(NewMaker[[HugePage + 1]byte](a).New()), HugePage+1)
	total := 0
	for _, b := range all {
		total += len(b)
		for _, x := range b {
			if x != 1 {
				t.Fatal("what was written is not there")
			}
		}
	}
	if total < 2*carved {
		t.Fatalf("%d octets are less than two blocks", total)
	}
	if got := len(*a.blocks) > 0; got != paged() {
		t.Errorf("pages were taken: %v", got)
	}
	runtime.KeepAlive(a)
}

// What is small takes no pages.
func TestHeapComesFirst(t *testing.T) {
	a := New()
	m := NewMaker[[1 << 10]byte](a)
	for range heapFirst >> 10 {
		m.New()
	}
	if len(*a.blocks) != 0 {
		t.Error("pages were taken")
	}
	if m.New(); (len(*a.blocks) == 1) != paged() {
		t.Errorf("%d blocks", len(*a.blocks))
	}
}

func TestFreeGivesTheBlockBack(t *testing.T) {
	a := New()
	m := NewMaker[uint64](a)
	one, two, little := m.Slice(HugePage/8), m.Slice(HugePage/8), m.Slice(8)
	if len(one) != HugePage/8 || len(little) != 8 {
		t.Fatalf("%d and %d values", len(one), len(little))
	}
	two[len(two)-1] = 7
	m.Free(one)
	m.Free(little)
	m.Free(nil)
	if n := len(*a.blocks); paged() && n != 1 {
		t.Errorf("%d blocks are left", n)
	}
	if two[len(two)-1] != 7 {
		t.Error("the wrong one is gone")
	}
	runtime.KeepAlive(a)
}

// An arena that nobody has any more gives its memory back.
func TestArenaThatIsForgotten(t *testing.T) {
	if !paged() {
		t.Skip("SKIPPED: this system has no memory but that of Go")
	}
	gone := make(chan bool)
	func() {
		s := NewSlab[[1 << 12]byte](New())
		for range 2000 {
			s.At(s.Take())[0] = 1
		}
		if len(*s.maker.arena.blocks) == 0 {
			t.Fatal("no pages were taken")
		}
		runtime.AddCleanup(s.maker.arena, func(c chan bool) { close(c) }, gone)
	}()
	for range 100 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the arena is still there")
}

// Places are numbered in a row, hold what was written, and come back.
func TestSlab(t *testing.T) {
	type value struct{ a, b uint64 }
	s := NewSlab[value](New())
	const n = 100_000
	for i := range uint32(n) {
		if got := s.Take(); got != i {
			t.Fatalf("place %d, want %d", got, i)
		}
		*s.At(i) = value{uint64(i), ^uint64(i)}
	}
	for i := range uint32(n) {
		if *s.At(i) != (value{uint64(i), ^uint64(i)}) {
			t.Fatalf("place %d holds %v", i, *s.At(i))
		}
	}
	if s.Len() != n || s.Taken() != n*16 {
		t.Errorf("%d places, %d octets", s.Len(), s.Taken())
	}
	s.Give(7)
	s.Give(9)
	if s.Taken() != (n-2)*16 {
		t.Errorf("%d octets", s.Taken())
	}
	if a, b := s.Take(), s.Take(); a != 9 || b != 7 || s.Len() != n || s.At(a).a != 9 {
		t.Errorf("places %d and %d", a, b)
	}
}

// What has pointers is refused, wherever they are.
func TestPointersAreRefused(t *testing.T) {
	refused := func(make func()) (why string) {
		defer func() {
			if r := recover(); r != nil {
				why = r.(string)
			}
		}()
		make()
		return ""
	}
	a := New()
	type inner struct {
		N    int
		Name string
	}
	for want, make := range map[string]func(){
		"ptr":          func() { NewSlab[*int](a) },
		"slice":        func() { NewSlab[struct{ s []int }](a) },
		"Name, string": func() { NewSlab[[2]inner](a) },
		"map":          func() { NewMaker[map[int]int](a) },
		"func":         func() { NewMaker[[1]func()](a) },
		"interface":    func() { NewMaker[struct{ e error }](a) },
		"chan":         func() { NewMaker[chan int](a) },
	} {
		if why := refused(make); !strings.HasSuffix(why, want) {
			t.Errorf("%s: %q", want, why)
		}
	}
	if why := refused(func() { NewSlab[struct{ x [3]struct{ f float64 } }](a) }); why != "" {
		t.Error(why)
	}
}

// Addresses beyond the end, and of nothing, are no harm.
func TestPrefetch(t *testing.T) {
	var b [64]byte
	Prefetch(&b, 1)
	Prefetch(&b[63], 8)
	Prefetch[byte](nil, 1)
	b[0] = 1
	PrefetchWrite(&b, 1)
	PrefetchWrite(&b[63], 8)
	PrefetchWrite[byte](nil, 1)
	if b != [64]byte{1} {
		t.Errorf("prefetching has written: %v", b)
	}
}
