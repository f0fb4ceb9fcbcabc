package capture

import (
	"sync"
	"syscall"

	"github.com/rstwhy/rstwhy/packet"
)

// Recorder keeps the latest frames of a live capture, as many as have room. Its methods
// may be called from several goroutines.
type Recorder struct {
	mu     sync.Mutex
	octets []byte // a ring, in which a frame never wraps
	next   int    // where the next frame goes
	frames []recorded
	first  uint64 // the oldest frame, of all that there were
	end    uint64 // behind the latest
}

// recorded is a frame that is kept. It has no pointers, and lies in a ring by its number.
type recorded struct {
	time     int64
	number   uint64
	at, size uint32
	wireLen  uint32
	linkType uint32
}

// frameMean is how long frames are at least, on an average, where all octets can be used:
// a segment without payload has 54 and more, one with some a few hundred.
const frameMean = 128

// NewRecorder returns one with room for so many octets of frames, 256 MiB at most.
func NewRecorder(size int) *Recorder {
	size = min(max(size, maxRecord), 256<<20)
	return &Recorder{octets: memoryOf(size), frames: make([]recorded, size/frameMean)}
}

// memoryOf is memory of the system's, of which Go's collector does not let the heap grow
// by as much again.
func memoryOf(size int) []byte {
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([]byte, size)
	}
	return b
}

// frame is the k-th of all that there were.
func (r *Recorder) frame(k uint64) *recorded { return &r.frames[k%uint64(len(r.frames))] }

// add keeps a frame, and forgets those whose room it takes.
func (r *Recorder) add(time int64, number uint64, linkType uint32, data []byte, wireLen int) {
	if len(data) > len(r.octets) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next+len(data) > len(r.octets) {
		r.forget(r.next, len(r.octets))
		r.next = 0
	}
	r.forget(r.next, r.next+len(data))
	if r.end-r.first == uint64(len(r.frames)) {
		r.first++
	}
	copy(r.octets[r.next:], data)
	*r.frame(r.end) = recorded{time, number, uint32(r.next), uint32(len(data)), uint32(wireLen), linkType}
	r.end++
	r.next += len(data)
}

// forget drops the oldest frames as long as they lie within from and to.
func (r *Recorder) forget(from, to int) {
	for ; r.first < r.end; r.first++ {
		f := r.frame(r.first)
		if at, size := int(f.at), int(f.size); at >= to || at+size <= from || size == 0 && at < from {
			return
		}
	}
}

// Each calls with for every frame that is kept, the oldest first, and ends at the first
// error. The capture waits meanwhile.
func (r *Recorder) Each(with func(*Raw) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := r.first; k < r.end; k++ {
		f := r.frame(k)
		raw := Raw{
			Time: f.time, Data: r.octets[f.at : f.at+f.size : f.at+f.size], WireLen: int(f.wireLen), LinkType: f.linkType, Digits: nanoDigits,
		}
		link, _ := packet.LinkFromType(f.linkType)
		h := &raw.Header
		h.Time, h.Frame = f.time, f.number
		raw.Ref = h.Ref()
		var skip packet.Skip
		raw.Segment, skip = packet.Segment(h, link, raw.Data, raw.WireLen)
		raw.TCP = skip == packet.Decoded
		if err := with(&raw); err != nil {
			return err
		}
	}
	return nil
}
