package capture

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"github.com/rstwhy/rstwhy/packet"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng, section 4).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 2 // obsolete, still written by old tools
	blockSimple    = 3
	blockEnhanced  = 6

	// blockHeader is the shortest block: its type, and its length twice.
	blockHeader = 12
)

var pcapngMagic = [4]byte{0x0a, 0x0d, 0x0d, 0x0a}

// maxInterfaces bounds what a section can make the reader remember.
const maxInterfaces = 1 << 16

// pcapngReader reads pcapng files. pcapgo has a reader for them too, but one
// whose memory is chosen by the file, that panics on some damaged interface
// descriptions, and that keeps eight bits of the link type. It is the oracle of
// the tests instead.
type pcapngReader struct {
	b      *blocks
	order  order
	ifaces []iface
	length uint32 // of the current block, as it says
	left   int64  // octets of a block too large to be held, yet to be left out
	last   int64  // time of the frame before
}

// iface is an interface of the current section.
type iface struct {
	link     packet.Link
	linkType uint32
	snaplen  uint32
	unit     uint64 // ticks of its clock in a second
	offset   int64  // seconds to add to its time
	name     string // of the interface, "" where the file has none
	digits   uint8  // frame.digits
	nanos    uint64 // nanoseconds in a tick; 0 unless it is a number of them and offset is 0
}

func newPcapngReader(b *blocks) *pcapngReader { return &pcapngReader{b: b} }

func (p *pcapngReader) fill(s *sink) error {
	for !s.leave() || p.ready() {
		typ, b, err := p.block()
		if err != nil {
			return err
		}
		more := true
		switch typ {
		case blockEnhanced, blockPacket:
			if len(b) < 20 {
				return p.noRoom("packet block")
			}
			id := p.order.uint32(b)
			if typ == blockPacket {
				id = uint32(p.order.uint16(b)) // then a count of drops
			}
			if id >= uint32(len(p.ifaces)) {
				return fmt.Errorf("packet of interface %d, of which there is no description", id)
			}
			in := &p.ifaces[id]
			p.last = in.time(uint64(p.order.uint32(b[4:]))<<32 | uint64(p.order.uint32(b[8:])))
			more, err = p.add(s, in, b[20:], p.order.uint32(b[12:]), p.order.uint32(b[16:]))
		case blockSimple:
			if len(b) < 4 {
				return p.noRoom("packet block")
			}
			if len(p.ifaces) == 0 {
				return errors.New("packet without any interface description")
			}
			in := &p.ifaces[0]
			length := p.order.uint32(b)
			captured := length
			if in.snaplen != 0 {
				captured = min(captured, in.snaplen)
			}
			// A simple packet has no time. The clock stands still for it.
			more, err = p.add(s, in, b[4:], captured, length)
		case blockSection:
			err = p.section(b)
		case blockInterface:
			err = p.iface(b)
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// block reads the next block and returns its type and its octets, as far as
// they fit into the margin: all that stands before the options does.
func (p *pcapngReader) block() (typ uint32, b []byte, err error) {
	if p.left > 0 {
		n, err := p.b.discard(p.left)
		p.left -= n
		if err == io.EOF {
			return 0, nil, fmt.Errorf("the file ends %d bytes before the end of a block", p.left)
		} else if err != nil {
			return 0, nil, err
		}
	}
	head, err := p.b.peek(blockHeader)
	if err != nil {
		if err != io.EOF || len(head) == 0 {
			return 0, nil, err
		}
		return 0, nil, errors.New("the file ends within the header of a block")
	}
	typ = p.order.uint32(head)
	if typ == blockSection { // the same in either byte order
		switch uint32(0x1a2b3c4d) {
		case order(false).uint32(head[8:]):
			p.order = false
		case order(true).uint32(head[8:]):
			p.order = true
		default:
			return 0, nil, fmt.Errorf("section has the unknown byte order %x", head[8:12])
		}
	}
	p.length = p.order.uint32(head[4:])
	if p.length < blockHeader {
		return 0, nil, fmt.Errorf("block says %d bytes, the least is %d", p.length, blockHeader)
	}
	size := blockSpace(p.length)
	b, err = p.b.peek(int(min(size, margin)))
	if err == io.EOF {
		return 0, nil, fmt.Errorf("block says %d bytes, the file ends after %d", p.length, len(b))
	}
	if err != nil {
		return 0, nil, err
	}
	if size <= margin {
		if end := p.order.uint32(b[len(b)-4:]); end != p.length {
			return 0, nil, fmt.Errorf("block says %d bytes at its beginning, %d at its end", p.length, end)
		}
		p.b.skip(len(b))
		return typ, b[8 : len(b)-4], nil
	}
	p.left = size
	return typ, b[8:], nil
}

// blockSpace is the room that a block takes which says that it has length
// octets. It should say a multiple of four; some writers leave out the padding
// in the length but not in the file.
func blockSpace(length uint32) int64 { return (int64(length) + 3) &^ 3 }

// ready reports whether the next block is held.
func (p *pcapngReader) ready() bool {
	b := p.b.held()
	if p.left > 0 || len(b) < blockHeader {
		return false
	}
	if p.order.uint32(b) == blockSection {
		return false // its byte order is yet to be found out
	}
	length := p.order.uint32(b[4:])
	return length < blockHeader || int64(len(b)) >= blockSpace(length)
}

func (p *pcapngReader) noRoom(what string) error {
	return fmt.Errorf("%s of %d bytes has no room for its fields", what, blockSpace(p.length))
}

// add hands a frame to s, of which captured octets begin b.
func (p *pcapngReader) add(s *sink, in *iface, b []byte, captured, length uint32) (more bool, err error) {
	if captured > maxRecord {
		return false, fmt.Errorf("record says %d bytes, the most that a record can hold is %d", captured, maxRecord)
	}
	if int(captured) > len(b) {
		return false, fmt.Errorf("record says %d bytes, its block has %d", captured, len(b))
	}
	more = s.add(p.last, in.link, in.linkType, b[:captured], int(length))
	if s.one != nil {
		s.one.iface, s.one.digits = in.name, in.digits
	}
	return more, nil
}

// section begins a new section, which describes its own interfaces.
func (p *pcapngReader) section(b []byte) error {
	if len(b) < 16 {
		return p.noRoom("section header")
	}
	// Version 1.2 was written by mistake and is 1.0.
	if major, minor := p.order.uint16(b[4:]), p.order.uint16(b[6:]); major != 1 || minor != 0 && minor != 2 {
		return fmt.Errorf("section of pcapng version %d.%d, known is 1.0", major, minor)
	}
	p.ifaces = p.ifaces[:0]
	return nil
}

// Options of an interface description.
const (
	optEnd              = 0
	optInterfaceName    = 2
	optTimeResolution   = 9
	optTimestampsOffset = 14
)

// interfaceNameMax is how much of the name of an interface is kept, in octets.
const interfaceNameMax = 64

// iface adds an interface to the section.
func (p *pcapngReader) iface(b []byte) error {
	if len(b) < 8 {
		return p.noRoom("interface description")
	}
	if len(p.ifaces) == maxInterfaces {
		return fmt.Errorf("section with more than %d interfaces", maxInterfaces)
	}
	in := iface{linkType: uint32(p.order.uint16(b)), snaplen: p.order.uint32(b[4:]), unit: 1e6, digits: 6}
	in.link, _ = packet.LinkFromType(in.linkType)
	for b = b[8:]; len(b) >= 4; {
		code, n := p.order.uint16(b), int(p.order.uint16(b[2:]))
		if code == optEnd {
			break
		}
		if n > len(b)-4 {
			return fmt.Errorf("option of an interface description says %d bytes, %d are left", n, len(b)-4)
		}
		value := b[4 : 4+n]
		b = b[min(4+(n+3)&^3, len(b)):]
		switch code {
		case optInterfaceName:
			in.name = strings.ToValidUTF8(string(value[:min(n, interfaceNameMax)]), "?")
		case optTimeResolution:
			if n != 1 {
				return fmt.Errorf("time resolution of %d bytes, it has 1", n)
			}
			exponent := value[0] & 0x7f
			base, limit := uint64(10), uint8(19)
			if value[0]&0x80 != 0 {
				base, limit = 2, 63
			}
			if exponent > limit {
				return fmt.Errorf("time resolution of %d to the power of -%d, finer than can be counted", base, exponent)
			}
			in.unit = 1
			for range exponent {
				in.unit *= base
			}
			in.digits = nanoDigits
			if base == 10 && exponent < nanoDigits {
				in.digits = exponent
			}
		case optTimestampsOffset:
			if n != 8 {
				return fmt.Errorf("time offset of %d bytes, it has 8", n)
			}
			in.offset = int64(p.order.uint64(value))
		}
	}
	in.count()
	p.ifaces = append(p.ifaces, in)
	return nil
}

// most is how many seconds a time may have.
const most = packet.MaxTime / 1_000_000_000

// count prepares for time.
func (in *iface) count() {
	if in.offset == 0 && 1e9%in.unit == 0 {
		in.nanos = 1e9 / in.unit
	}
}

// time turns ticks of the interface's clock into nanoseconds since the Unix
// epoch. What an int64 cannot hold becomes the nearest that it can.
func (in *iface) time(ticks uint64) int64 {
	if hi, lo := bits.Mul64(ticks, in.nanos); in.nanos != 0 && hi == 0 && lo < most*1e9 {
		return int64(lo)
	}
	seconds, ticks := ticks/in.unit, ticks%in.unit
	hi, lo := bits.Mul64(ticks, 1e9)
	nanos, _ := bits.Div64(hi, lo, in.unit) // hi < unit, for ticks < unit and 1e9 < 2^64
	at := int64(min(seconds, most))
	switch {
	case in.offset > most-at:
		at = most
	case in.offset < -most:
		at = -most
	default:
		at += in.offset
	}
	return at*1e9 + int64(nanos)
}

func (p *pcapngReader) close() {}
