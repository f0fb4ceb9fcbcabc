package synth

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rstwhy/rstwhy/packet"
)

// Script is a parsed scenario. It does not change when it is written out, so
// one Script may be used by several goroutines.
type Script struct {
	Name  string // as given to Parse
	Title string // first line of the text before the first section

	sections []section
	events   []event
}

// event is one captured segment of a script.
type event struct {
	segment
	time      int64
	sender    string // name of the endpoint
	handshake bool   // SYN, SYN/ACK, or the ACK that ends the handshake
}

// Section returns the text of the section with the given name and the line of
// the file that the text begins on, from 1. ok is false when there is none.
func (s *Script) Section(name string) (text []byte, line int, ok bool) {
	for _, sec := range s.sections {
		if sec.name == name {
			return sec.text, sec.line, true
		}
	}
	return nil, 0, false
}

// section is one file of a txtar archive.
type section struct {
	name string
	line int // of the first line of text, from 1
	text []byte
}

// splitSections reads a txtar archive, which has no syntax errors. The first
// section has no name and is the comment.
func splitSections(text []byte) []section {
	sections := []section{{line: 1}}
	line, start, at := 1, 0, 0
	for at < len(text) {
		end := len(text)
		if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		line++
		marker := string(bytes.TrimRight(text[at:end], "\r\n"))
		name, opens := strings.CutPrefix(marker, "-- ")
		name, closes := strings.CutSuffix(name, " --")
		if name = strings.TrimSpace(name); opens && closes && name != "" {
			sections[len(sections)-1].text = text[start:at]
			sections = append(sections, section{name: name, line: line})
			start = end
		}
		at = end
	}
	sections[len(sections)-1].text = text[start:]
	return sections
}

// Frame is one captured frame.
type Frame struct {
	Time    int64  // nanoseconds since the Unix epoch
	Data    []byte // what was captured, from the link layer on
	WireLen int    // length on the wire, at least len(Data)
}

// Format says how a script becomes a capture. The zero value is a
// little-endian pcap file with microseconds and whole Ethernet frames. The
// fields from IPv6 on change what was captured, for tests that expect the same
// causes, or weaker ones, from the same conversation seen differently.
type Format struct {
	Nano      bool // nanoseconds and not microseconds
	PcapNG    bool
	BigEndian bool
	Link      Link
	VLAN      []uint16 // VLAN ids on every frame, the outermost first; Ethernet only
	Snaplen   int      // octets kept of every frame; 0 keeps all

	IPv6          bool   // IPv4 addresses become IPv6 addresses
	Mirror        bool   // the two addresses of the first segment swap wherever they stand; ports stay
	OneWay        string // only what the endpoint of this name sent; empty for all
	DropHandshake bool   // without SYN, SYN/ACK and the ACK after them
	SplitEvery    int    // frames a file, for WriteFiles; 0 for one file
}

func (f *Format) check() error {
	switch {
	case f.Link >= numLinks:
		return fmt.Errorf("synth: unknown link layer %d", f.Link)
	case len(f.VLAN) > 0 && f.Link != Ethernet:
		return fmt.Errorf("synth: VLAN tags need Ethernet, not %v", f.Link)
	case f.Snaplen < 0 || f.SplitEvery < 0:
		return fmt.Errorf("synth: negative snapshot length or split")
	}
	return nil
}

// Frames returns the frames of s as whole Ethernet frames.
func (s *Script) Frames() []Frame {
	frames := make([]Frame, len(s.events))
	for i := range s.events {
		e := &s.events[i]
		data := appendFrame(nil, &e.segment, &envelope{})
		frames[i] = Frame{Time: e.time, Data: data, WireLen: len(data)}
	}
	return frames
}

// Write writes the capture of s as one file. It fails when w does, when f
// contradicts itself, and when f asks for several files.
func (s *Script) Write(w io.Writer, f Format) error {
	if f.SplitEvery != 0 {
		return fmt.Errorf("synth: a split capture needs WriteFiles")
	}
	return s.WriteFiles(func(int) (io.Writer, error) { return w, nil }, f)
}

// WriteFiles writes the capture of s as a set of files, each with f.SplitEvery
// frames and the last with what is left. It asks next for the writer of each,
// numbered from 0; there is always one. Closing them is the caller's part.
func (s *Script) WriteFiles(next func(file int) (io.Writer, error), f Format) error {
	if err := f.check(); err != nil {
		return err
	}
	w, err := next(0)
	if err != nil {
		return err
	}
	r, files := newRecorder(w, &f), 1
	var a, b [16]byte
	if len(s.events) > 0 {
		a, b = s.events[0].src, s.events[0].dst
	}
	for i := range s.events {
		e := s.events[i]
		if !e.kept(&f) {
			continue
		}
		if f.SplitEvery > 0 && r.frames == uint64(f.SplitEvery) {
			if err := r.flush(); err != nil {
				return err
			}
			if w, err = next(files); err != nil {
				return err
			}
			r = newRecorder(w, &f)
			files++
		}
		if f.Mirror {
			e.swap(a, b)
		}
		e.transform(&f)
		r.record(e.time, &e.segment)
	}
	return r.flush()
}

func (e *event) kept(f *Format) bool {
	return (f.OneWay == "" || f.OneWay == e.sender) && !(f.DropHandshake && e.handshake)
}

// swap gives whoever has the address a the address b, and the other way round.
func (e *event) swap(a, b [16]byte) {
	for _, p := range []*[16]byte{&e.src, &e.dst} {
		switch *p {
		case a:
			*p = b
		case b:
			*p = a
		}
	}
}

func (e *event) transform(f *Format) {
	if f.IPv6 && !e.ipv6 {
		e.ipv6 = true
		e.src, e.dst = mapped6(e.src), mapped6(e.dst)
	}
}

// mapped6 puts an IPv4 address under 2001:db8:64::/96, in the range for
// documentation (RFC 3849).
func mapped6(ip [16]byte) [16]byte {
	copy(ip[:], []byte{0x20, 0x01, 0x0d, 0xb8, 0, 0x64, 0, 0, 0, 0, 0, 0})
	return ip
}

// sortEvents brings the runs of a repeat block into one order of time.
func (s *Script) sortEvents() {
	slices.SortStableFunc(s.events, func(a, b event) int {
		switch {
		case a.time < b.time:
			return -1
		case a.time > b.time:
			return 1
		}
		return 0
	})
}

// mix is the finaliser of splitmix64: numbers that look drawn but follow from
// what they are for.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// farISN turns a drawn number into an ISN that is large, so that nobody takes
// it for a relative one, and far from the wrap.
func farISN(x uint64) packet.Seq {
	return packet.Seq(0x10000000 + x%0xd0000000)
}
