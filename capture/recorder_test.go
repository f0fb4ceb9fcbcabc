package capture

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// TestRecorder keeps frames of many sizes: always the latest, whole, in their order, and as
// many as have room.
func TestRecorder(t *testing.T) {
	const size = maxRecord
	r := NewRecorder(size)
	dice := rand.New(rand.NewPCG(1, 2))
	lens := map[uint64]int{}
	for number := uint64(1); number <= 30_000; number++ {
		n := dice.IntN(1500)
		if number%5000 == 0 {
			n = size // which leaves no other
		}
		data := make([]byte, n)
		for k := range data {
			data[k] = byte(number)
		}
		lens[number] = n
		r.add(int64(number), number, 1, data, n)
		if number%997 != 0 && n != size {
			continue
		}
		next, octets := uint64(0), 0
		if err := r.Each(func(raw *Raw) error {
			f := raw.Ref.Frame()
			if next != 0 && f != next {
				t.Fatalf("frame %d after %d", f, next-1)
			}
			next = f + 1
			if len(raw.Data) != lens[f] || raw.Time != int64(f) {
				t.Fatalf("frame %d has %d octets, not %d", f, len(raw.Data), lens[f])
			}
			for _, b := range raw.Data {
				if b != byte(f) {
					t.Fatalf("frame %d holds another's octets", f)
				}
			}
			octets += len(raw.Data)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if next != number+1 {
			t.Fatalf("the latest frame is %d, not %d", next-1, number)
		}
		if n != size && number%5000 > 400 && octets < size-3*1500 {
			t.Errorf("after frame %d no more than %d of %d octets are kept", number, octets, size)
		}
	}
	// More frames than there is room for: the latest are kept.
	few := NewRecorder(size)
	for number := uint64(1); number <= 3*size/frameMean; number++ {
		few.add(int64(number), number, 1, []byte{byte(number)}, 1)
	}
	kept, last := 0, uint64(0)
	if err := few.Each(func(raw *Raw) error {
		kept++
		last = raw.Ref.Frame()
		if raw.Data[0] != byte(last) {
			t.Fatalf("frame %d holds another's octets", last)
		}
		return nil
	}); err != nil || kept != size/frameMean || last != 3*size/frameMean {
		t.Errorf("%d frames up to %d are kept, %v", kept, last, err)
	}
	stop := errors.New("enough")
	if err := r.Each(func(*Raw) error { return stop }); err != stop {
		t.Error(err)
	}
}
