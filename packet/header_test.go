package packet

import (
	"slices"
	"testing"
	"unsafe"
)

// A frame keeps its number and its file, and frames compare in order, also with
// more files than sixteen bits can number.
func TestWhere(t *testing.T) {
	var all []FrameRef
	for _, file := range []uint32{0, 1, 65_535, 65_536, 1<<23 + 1, MaxFiles - 1} {
		for _, frame := range []uint64{1, 2, 1 << 32, 1<<40 - 1} {
			h := Header{File: file, Frame: frame}
			w := h.Ref()
			if w == 0 || w.File() != int(file) || w.Frame() != frame {
				t.Errorf("frame %d of file %d becomes frame %d of file %d", frame, file, w.Frame(), w.File())
			}
			all = append(all, w)
		}
	}
	if !slices.IsSorted(all) {
		t.Errorf("%x are not in order", all)
	}
}

// The table writes and reads headers by the million: two cache lines each.
func TestHeaderSize(t *testing.T) {
	if n := unsafe.Sizeof(Header{}); n != headerLines*64 {
		t.Errorf("a header takes %d octets", n)
	}
}

func TestBatchKeepsTheFile(t *testing.T) {
	b := Batch{Headers: make([]Header, 0, 1)}
	frame := append([]byte{0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}, make([]byte, 20)...)
	frame[20+12] = 5 << 4
	if skip := b.Add(1, 3, 70_000, LinkRaw, frame, len(frame)); skip != Decoded {
		t.Fatal(skip)
	}
	if w := b.Headers[0].Ref(); w.File() != 70_000 || w.Frame() != 3 {
		t.Errorf("frame %d of file %d", w.Frame(), w.File())
	}
}
