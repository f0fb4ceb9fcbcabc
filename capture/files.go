package capture

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rstwhy/rstwhy/packet"
)

// Config says how files are read. The zero value reads every frame.
type Config struct {
	// Filter is a pcap-filter expression. Frames that do not match are not
	// counted, but keep their number.
	Filter string
	// Count ends the input after so many frames. 0 is no limit.
	Count uint64
	// Libpcap reads through libpcap and not with the readers of this package. The
	// headers are the same; it is slower.
	Libpcap bool
	// Stdin is what the path "-" reads. Nil is os.Stdin. Without a method Stat that
	// says otherwise, as that of a file does, it is a stream.
	Stdin io.Reader
}

// Files is a source that reads one capture file after the other, in the order
// of their first frames. Its methods, other than Close and Progress, are not
// safe for concurrent use.
type Files struct {
	config Config
	inputs []*input
	next   int // index of the input to open next
	cur    *input
	sink   sink
	last   int64 // time of the latest frame read
	apart  int   // see Apart

	// Where an input is a stream, read runs beside Read, which may return before it.
	ahead   *packet.Batch // what read fills then
	running bool          // it does
	result  chan error    // what it returned
	latest  int64         // time of the latest frame
	silence *time.Ticker
	reads   atomic.Pointer[input] // what read reads
	present atomic.Bool           // see Live

	busy   sync.Mutex // held while read runs
	mu     sync.Mutex // guards closed and what Close reaches of the inputs
	closed bool
}

// Limits of a batch: the frames of a capture without TCP must also come to an
// end.
const (
	batchHeaders = 1024
	batchFrames  = 8192
)

// limit is the number of frames that a count allows.
func limit(count uint64) uint64 {
	if count == 0 {
		return math.MaxUint64
	}
	return count
}

// Open prepares to read the files of the given paths, of which "-" is the
// standard input. Several files are read in the order of their first frame's
// time, as a rotated set must be; a file without frames comes last.
//
// It fails if any of the files cannot be read at all: with an *OpenError or a
// *FilterError, and for a single file with a *LinkTypeError. One of several that
// has a link layer which rstwhy does not read is reported by Read in its turn, as
// a pcapng file is, whose frames tell their link layer.
func Open(paths []string, config Config) (*Files, error) {
	if len(paths) > packet.MaxFiles {
		return nil, fmt.Errorf("%d files are more than the %d that can be told apart", len(paths), packet.MaxFiles)
	}
	f := &Files{config: config, sink: sink{filter: newFilter(config.Filter), left: limit(config.Count)}}
	for _, path := range paths {
		in := &input{path: path, name: path}
		if path == "-" {
			in.name = "standard input"
		}
		f.inputs = append(f.inputs, in)
		if err := f.probe(in, len(paths) > 1); err != nil {
			f.Close()
			return nil, err
		}
	}
	slices.SortStableFunc(f.inputs, func(a, b *input) int {
		switch {
		case a.first < b.first:
			return -1
		case a.first > b.first:
			return 1
		}
		return 0
	})
	if slices.ContainsFunc(f.inputs, func(in *input) bool { return in.waits }) {
		f.silence, f.result = time.NewTicker(quietPoll), make(chan error, 1)
	}
	return f, nil
}

// probe opens in, and if several files have to be put in order, finds out the
// time of its first frame. Of many files only one stays open at a time, except
// those that cannot be opened a second time.
func (f *Files) probe(in *input, several bool) error {
	err := in.open(f)
	var link *LinkTypeError
	if several && errors.As(err, &link) {
		in.first, in.unreadable = math.MaxInt64, link
		return nil
	}
	if err != nil || !several {
		return err
	}
	// The reading proper will report an error in its place.
	if in.hasPending, _ = next(in.r, &in.pending); in.hasPending {
		in.first = in.pending.time
	} else {
		in.first = math.MaxInt64
	}
	if in.reopen {
		in.close()
	}
	return nil
}

// Names returns the names of the files, in the order in which they are read:
// Header.File is an index into it.
func (f *Files) Names() []string {
	names := make([]string, len(f.inputs))
	for i, in := range f.inputs {
		names[i] = in.name
	}
	return names
}

// Held returns how many frames the filter did not let through so far. It is not to be
// called while Read runs.
func (f *Files) Held() uint64 { return f.sink.held }

// unrelated is how long after the end of one file another begins at least that is no
// part of the same capture: a rotated set has no such pause unless nothing was sent. Own.
const unrelated = int64(24 * time.Hour)

// Apart returns how many of the files that were read began more than a day after the
// latest frame of those before. It is not to be called while Read runs.
func (f *Files) Apart() int { return f.apart }

// Progress returns how many octets of the files were read so far, and how many
// there are. A stream adds to neither. It may be called while Read runs.
func (f *Files) Progress() (done, total int64) {
	for _, in := range f.inputs {
		if in.size > 0 {
			done += in.count.Load()
			total += in.size
		}
	}
	return done, total
}

// How the time passes while a stream is silent.
const (
	// presentAge is how old a frame may be when it arrives from a capture that is
	// being taken. It covers clocks that differ, and a link that is slow.
	presentAge = time.Minute
	// quiet is how long a stream must be silent before its silence counts as
	// time that went by on the wire: no RST that has come settles before it has
	// been watched for so long by the clock of this host as well.
	quiet = 2500 * time.Millisecond
	// quietPoll is how often a silent stream is asked.
	quietPoll = 500 * time.Millisecond
)

// Live reports whether the capture is being taken while it is read: the input is
// a stream, and its latest frames were less than a minute old, by the clock of
// this host, when they arrived. It may be called while Read runs.
func (f *Files) Live() bool { return f.present.Load() }

// Read empties b and fills it with the next frames. At the end it returns
// io.EOF. On any error b holds what was read before it. A *FormatError or a
// *LinkTypeError ends one file: the next call goes on with the next one.
//
// From a stream, frames are returned as soon as no further one can be had
// without waiting. While a stream is silent, Read returns now and then without a
// frame, and b.Last says how far the time of the capture has come: that of its
// latest frame and the length of the silence. It does so only
//
//   - for a capture that is being taken, as Live has it. Of an older one silence
//     says nothing: whoever writes is slow, and the next frame may be a
//     millisecond later than the one before, however long it takes to arrive. Its
//     time passes with its frames alone, as that of a file, so that the findings
//     are the same.
//   - after 2.5 s. A link that stalls, or a writer that holds frames back, can
//     still be longer on the way. Whoever advances a clock by b.Last then sees
//     frames before that time, and can tell.
//   - between frames: after a part of one the rest is known to be on its way.
//     tcpdump without -U stops like this.
//
// The frames that a filter does not let through make time pass in the same way.
func (f *Files) Read(b *packet.Batch) error {
	if f.silence == nil {
		return f.read(b)
	}
	if f.ahead == nil {
		f.ahead = &packet.Batch{Headers: make([]packet.Header, 0, cap(b.Headers))}
	}
	if !f.running {
		f.running = true
		go func() { f.result <- f.read(f.ahead) }()
	}
	for {
		select {
		case err := <-f.result:
			f.running = false
			*b, *f.ahead = *f.ahead, *b
			if in := f.reads.Load(); b.Last != 0 && in != nil && in.waits {
				f.latest = max(f.latest, b.Last)
				f.present.Store(time.Since(time.Unix(0, b.Last)).Abs() < presentAge)
			}
			return err
		case <-f.silence.C:
			if at, ok := f.passed(); ok {
				b.Reset()
				b.First, b.Last = at, at
				return nil
			}
		}
	}
}

// passed is the time that a silent stream has come to, if that can be told.
func (f *Files) passed() (int64, bool) {
	in := f.reads.Load()
	if in == nil || in.stream == nil || !f.present.Load() {
		return 0, false
	}
	silent := in.stream.silent()
	return f.latest + int64(silent), silent >= quiet && !in.b.torn.Load()
}

// read is Read where no input is a stream.
func (f *Files) read(b *packet.Batch) error {
	f.busy.Lock()
	defer f.busy.Unlock()
	b.Reset()
	if cap(b.Headers) == 0 {
		b.Headers = make([]packet.Header, 0, batchHeaders)
	}
	for {
		if f.sink.left == 0 || f.isClosed() {
			return io.EOF
		}
		if f.cur == nil {
			if f.next == len(f.inputs) {
				return io.EOF
			}
			in := f.inputs[f.next]
			f.next++
			if in.unreadable != nil {
				return f.end(in.unreadable)
			}
			if err := in.open(f); err != nil {
				return f.end(err)
			}
			if len(f.inputs) > 1 && f.last != 0 && in.first != math.MaxInt64 && in.first-f.last > unrelated {
				f.apart++
			}
			f.cur = in
			f.reads.Store(in)
			f.sink.begin(in, uint32(f.next-1))
		}
		err := f.fill(b)
		if b.Frames > 0 {
			f.last = max(f.last, b.Last)
		}
		if err == nil {
			return nil
		}
		f.cur.close()
		f.cur = nil
		if err != io.EOF {
			return f.end(err)
		}
		if b.Frames > 0 {
			return nil
		}
	}
}

// end turns the failure of a stream that was interrupted into the end of the
// input.
func (f *Files) end(err error) error {
	if f.isClosed() {
		return io.EOF
	}
	return err
}

// fill reads from the current file until b is full.
func (f *Files) fill(b *packet.Batch) error {
	in, s := f.cur, &f.sink
	s.b, s.err, s.passed = b, nil, 0
	defer func() {
		if b.Frames == 0 {
			b.First, b.Last = s.passed, s.passed
		}
	}()
	if in.hasPending {
		in.hasPending = false
		if fr := &in.pending; !s.add(fr.time, fr.link, fr.linkType, fr.data, fr.wireLen) {
			return s.err
		}
	}
	err := in.r.fill(s)
	switch {
	case s.err != nil:
		return s.err
	case err == io.EOF:
		return s.check(err)
	case err != nil:
		return &FormatError{File: in.name, Frame: s.number + 1, Reason: err.Error()}
	}
	return nil
}

// Close ends the reading and closes the files. It may be called while Read
// runs, which then returns soon, and io.EOF from then on.
func (f *Files) Close() error {
	f.mu.Lock()
	f.closed = true
	for _, in := range f.inputs {
		in.interrupt()
	}
	f.mu.Unlock()

	f.busy.Lock()
	defer f.busy.Unlock()
	for _, in := range f.inputs {
		in.close()
	}
	return nil
}

func (f *Files) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

var errClosed = errors.New("closed")
