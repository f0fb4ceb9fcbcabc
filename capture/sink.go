package capture

import "github.com/rstwhy/rstwhy/packet"

// reader reads the records of one file format.
type reader interface {
	// fill adds frames to s until it wants no more. Where it would have to wait
	// for input, it asks s before. It returns io.EOF at the end; the text of any
	// other error is the reason of a FormatError.
	fill(s *sink) error
	close()
}

// frame is one captured frame. data is valid until the next one is read.
type frame struct {
	data     []byte
	wireLen  int   // octets on the wire
	time     int64 // nanoseconds since the Unix epoch
	link     packet.Link
	linkType uint32 // LINKTYPE_ value
	iface    string // name of its interface, "" where the file has none
	digits   uint8  // of the fraction of its second, as the file counts
}

// next reads one frame and reports whether there was one.
func next(r reader, fr *frame) (bool, error) {
	s := sink{one: fr}
	err := r.fill(&s)
	return s.number > 0, err
}

// sink is where a reader puts its frames.
type sink struct {
	b      *packet.Batch
	one    *frame // takes one frame in place of b
	filter *filter
	left   uint64 // frames until the limit
	err    error  // what the filter failed with

	name    string // of the file
	file    uint32 // its index
	waits   bool   // a read may wait for whoever writes
	number  uint64 // of the last frame
	held    uint64 // frames that the filter did not let through, of all files so far
	passed  int64  // of a stream: time of the latest frame that the filter did not let into b
	known   bool   // a frame had a supported link type
	unknown uint32 // an unsupported link type that was seen
}

// begin prepares for the frames of another file.
func (s *sink) begin(in *input, file uint32) {
	*s = sink{filter: s.filter, left: s.left, held: s.held, name: in.name, file: file, waits: in.waits}
}

// nanoDigits are the digits of a fraction in nanoseconds.
const nanoDigits = 9

// add takes a frame, of the given time in nanoseconds since the Unix epoch. It
// reports whether s wants a further one.
func (s *sink) add(time int64, link packet.Link, linkType uint32, data []byte, wireLen int) bool {
	s.number++
	if s.one != nil {
		*s.one = frame{data: data, wireLen: wireLen, time: time, link: link, linkType: linkType, digits: nanoDigits}
		return false
	}
	if s.filter != nil && link != 0 {
		s.known = true
		var ok bool
		if ok, s.err = s.filter.matches(link, linkType, data, wireLen); !ok {
			s.held++
			if s.waits {
				s.passed = max(s.passed, time)
			}
			return s.err == nil
		}
	}
	s.left--
	b := s.b
	if b.Add(time, s.number, s.file, link, data, wireLen) == packet.UnknownLink {
		s.unknown = linkType
	} else {
		s.known = true
	}
	return len(b.Headers) < cap(b.Headers) && b.Frames < batchFrames && s.left > 0
}

// leave reports whether a reader should return the frames that it has rather
// than read, which may have to wait.
func (s *sink) leave() bool { return s.waits && (s.b.Frames > 0 || s.passed > 0) }

// check replaces the end of a file of which no frame could be decoded for its
// link type.
func (s *sink) check(err error) error {
	if !s.known && s.unknown != 0 {
		return &LinkTypeError{s.name, s.unknown}
	}
	return err
}
