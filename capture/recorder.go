package capture

import (
	"sync"

	"github.com/rstwhy/rstwhy/packet"
)

// Recorder keeps the latest frames of a live capture, as many as have room. Its methods
// may be called from several goroutines.
type Recorder struct {
	mu     sync.Mutex
	octets []byte // a ring, in which a frame never wraps
	next   int    // where the next frame goes
	frames []recorded
	first  int // of frames, the oldest
}

// recorded is a frame that is kept.
type recorded struct {
	time     int64
	number   uint64
	at, size int
	wireLen  int
	linkType uint32
}

// NewRecorder returns one with room for so many octets of frames.
func NewRecorder(size int) *Recorder { return &Recorder{octets: make([]byte, max(size, maxRecord))} }

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
	copy(r.octets[r.next:], data)
	if r.first > 1024 && r.first > len(r.frames)/2 {
		r.frames = r.frames[:copy(r.frames, r.frames[r.first:])]
		r.first = 0
	}
	r.frames = append(r.frames, recorded{time, number, r.next, len(data), wireLen, linkType})
	r.next += len(data)
}

// forget drops the oldest frames as long as they lie within from and to.
func (r *Recorder) forget(from, to int) {
	for r.first < len(r.frames) {
		if f := &r.frames[r.first]; f.at >= to || f.at+f.size <= from || f.size == 0 && f.at < from {
			return
		}
		r.first++
	}
}

// Each calls with for every frame that is kept, the oldest first, and ends at the first
// error. The capture waits meanwhile.
func (r *Recorder) Each(with func(*Raw) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.frames[r.first:] {
		f := &r.frames[r.first+k]
		raw := Raw{
			Time: f.time, Data: r.octets[f.at : f.at+f.size : f.at+f.size], WireLen: f.wireLen, LinkType: f.linkType, Digits: nanoDigits,
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
