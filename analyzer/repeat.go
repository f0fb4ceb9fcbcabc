package analyzer

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/rstwhy/rstwhy/packet"
)

const (
	// beginning is how many segments of a file are held against others: few enough
	// to cost nothing, more than chance or two taps make alike.
	beginning = 32
	// leastAlike is how many must be alike. One can be a frame that was captured
	// twice.
	leastAlike = 2
	// maxRepeats bounds what a file can make the summary remember.
	maxRepeats = 64
)

// Repeat is a place where the input begins again: with the same segments, to the
// nanosecond, that a file began with. What is there was read twice.
type Repeat struct {
	First, Again packet.FrameRef // the two segments that begin alike
	Segments     int             // alike so far as they were compared
	Paired       bool            // each stands beside its like, as where a trace was merged with itself
}

// repeats finds them. It looks at the first segments of each file, and further
// only where time runs backwards, as it must for a trace to begin again.
type repeats struct {
	found  []Repeat
	seed   maphash.Seed
	others map[uint64]packet.FrameRef // first segments of the files before, by their hash
	file   uint32
	first  []packet.Header // of this file
	full   bool            // first grows no more
	at     int             // segments that are alike just now
	from   packet.FrameRef // the first of those
}

// take looks at a batch, which holds segments of one file. backwards says that
// time ran backwards within it or before it.
func (r *repeats) take(headers []packet.Header, backwards bool) {
	if len(headers) == 0 {
		return
	}
	if r.others == nil {
		r.seed, r.others = maphash.MakeSeed(), make(map[uint64]packet.FrameRef)
		r.first = make([]packet.Header, 0, beginning)
		r.file = headers[0].File
	}
	if file := headers[0].File; file != r.file {
		r.endFile()
		r.file, r.full, r.first, r.at = file, false, r.first[:0], 0
	}
	if r.full && !backwards && r.at == 0 {
		return
	}
	for i := range headers {
		h := &headers[i]
		r.follow(h)
		if !r.full {
			r.first = append(r.first, *h)
			r.full = len(r.first) == beginning
		}
		if r.full && !backwards && r.at == 0 {
			return
		}
	}
}

func (r *repeats) follow(h *packet.Header) {
	switch {
	case r.at > 0 && alike(h, &r.first[r.at]):
		if r.at++; r.at == len(r.first) {
			r.add(Repeat{First: r.first[0].Ref(), Again: r.from, Segments: r.at})
			r.at = 0
		}
		return
	case len(r.first) >= leastAlike && alike(h, &r.first[0]):
		r.at, r.from, r.full = 1, h.Ref(), true
		return
	}
	r.at = 0
}

// endFile holds the beginning of a file against those before it.
func (r *repeats) endFile() {
	if len(r.first) < leastAlike {
		return
	}
	var hash maphash.Hash
	hash.SetSeed(r.seed)
	var b [8]byte
	for i := range r.first {
		h := &r.first[i]
		hash.Write(h.Src[:])
		hash.Write(h.Dst[:])
		for _, v := range [...]uint64{uint64(h.Time), uint64(h.SrcPort)<<48 | uint64(h.DstPort)<<32 | uint64(h.Seq), uint64(h.Ack)<<32 | uint64(h.Len), uint64(h.Flags)<<32 | uint64(h.IPID)} {
			binary.LittleEndian.PutUint64(b[:], v)
			hash.Write(b[:])
		}
	}
	sum := hash.Sum64()
	if paired(r.first) {
		r.add(Repeat{First: r.first[0].Ref(), Again: r.first[1].Ref(), Segments: len(r.first) / 2, Paired: true})
	}
	if before, ok := r.others[sum]; ok {
		r.add(Repeat{First: before, Again: r.first[0].Ref(), Segments: len(r.first)})
		return
	}
	r.others[sum] = r.first[0].Ref()
}

func (r *repeats) add(found Repeat) {
	if len(r.found) < maxRepeats {
		r.found = append(r.found, found)
	}
}

// paired reports whether each of two segments that follow each other is as the
// other.
func paired(headers []packet.Header) bool {
	for i := 1; i < len(headers); i += 2 {
		if !alike(&headers[i-1], &headers[i]) {
			return false
		}
	}
	return len(headers) >= 2*leastAlike
}

// alike reports whether a and b are the same segment but for where they stand.
func alike(a, b *packet.Header) bool {
	if a.Time != b.Time || a.Seq != b.Seq {
		return false
	}
	c := *a
	c.Frame, c.File = b.Frame, b.File
	return c == *b
}
