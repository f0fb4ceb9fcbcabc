package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/rstwhy/rstwhy/packet"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng, section 4).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 2 // obsolete, still written by old tools
	blockSimple    = 3
	blockEnhanced  = 6
)

var pcapngMagic = [4]byte{0x0a, 0x0d, 0x0d, 0x0a}

// maxInterfaces bounds what a section can make the reader remember.
const maxInterfaces = 1 << 16

// pcapngReader reads pcapng files. pcapgo has a reader for them too, but one
// whose memory is chosen by the file, that panics on some damaged interface
// descriptions, and that keeps eight bits of the link type. It is the oracle of
// the tests instead.
type pcapngReader struct {
	br     *bufio.Reader
	order  binary.ByteOrder
	ifaces []iface
	left   int64 // octets of the block returned last, still in br
	last   int64 // time of the frame before
}

// iface is an interface of the current section.
type iface struct {
	link     packet.Link
	linkType uint32
	snaplen  uint32
	unit     uint64 // ticks of its clock in a second
	offset   int64  // seconds to add to its time
}

func newPcapngReader(br *bufio.Reader) *pcapngReader {
	return &pcapngReader{br: br, order: binary.LittleEndian}
}

// block returns the type of the next block and its octets, as far as they fit
// into the buffer: all that stands before the options does.
func (p *pcapngReader) block() (uint32, []byte, error) {
	if p.left > 0 {
		for p.left > 0 {
			n, err := p.br.Discard(int(min(p.left, math.MaxInt32)))
			p.left -= int64(n)
			if err == io.EOF {
				return 0, nil, fmt.Errorf("the file ends %d bytes before the end of a block", p.left)
			} else if err != nil {
				return 0, nil, err
			}
		}
	}
	head, err := p.br.Peek(12)
	if err != nil {
		if err != io.EOF || len(head) == 0 {
			return 0, nil, err
		}
		return 0, nil, errors.New("the file ends within the header of a block")
	}
	typ := p.order.Uint32(head)
	if typ == blockSection { // the same in either byte order
		switch uint32(0x1a2b3c4d) {
		case binary.LittleEndian.Uint32(head[8:]):
			p.order = binary.LittleEndian
		case binary.BigEndian.Uint32(head[8:]):
			p.order = binary.BigEndian
		default:
			return 0, nil, fmt.Errorf("section has the unknown byte order %x", head[8:12])
		}
	}
	length := p.order.Uint32(head[4:])
	if length < 12 {
		return 0, nil, fmt.Errorf("block says %d bytes, the least is 12", length)
	}
	// The length is to be a multiple of four; some writers leave out the padding
	// in the length but not in the file.
	p.left = (int64(length) + 3) &^ 3
	b, err := p.br.Peek(int(min(p.left, bufferSize)))
	if err == io.EOF {
		return 0, nil, fmt.Errorf("block says %d bytes, the file ends after %d", length, len(b))
	}
	if err != nil {
		return 0, nil, err
	}
	if p.left <= bufferSize {
		if end := p.order.Uint32(b[len(b)-4:]); end != length {
			return 0, nil, fmt.Errorf("block says %d bytes at its beginning, %d at its end", length, end)
		}
		b = b[:len(b)-4]
	}
	return typ, b[8:], nil
}

func (p *pcapngReader) next(fr *frame) (bool, error) {
	typ, b, err := p.block()
	if err != nil {
		return false, err
	}
	switch typ {
	case blockEnhanced, blockPacket:
		if len(b) < 20 {
			return false, fmt.Errorf("packet block of %d bytes has no room for its fields", p.left)
		}
		id := p.order.Uint32(b)
		if typ == blockPacket {
			id = uint32(p.order.Uint16(b)) // then a count of drops
		}
		if id >= uint32(len(p.ifaces)) {
			return false, fmt.Errorf("packet of interface %d, of which there is no description", id)
		}
		in := &p.ifaces[id]
		fr.time = in.time(uint64(p.order.Uint32(b[4:]))<<32 | uint64(p.order.Uint32(b[8:])))
		return true, p.frame(fr, in, b[20:], p.order.Uint32(b[12:]), p.order.Uint32(b[16:]))
	case blockSimple:
		if len(b) < 4 {
			return false, fmt.Errorf("packet block of %d bytes has no room for its fields", p.left)
		}
		if len(p.ifaces) == 0 {
			return false, errors.New("packet without any interface description")
		}
		in := &p.ifaces[0]
		length := p.order.Uint32(b)
		captured := length
		if in.snaplen != 0 {
			captured = min(captured, in.snaplen)
		}
		// A simple packet has no time. The clock stands still for it.
		fr.time = p.last
		return true, p.frame(fr, in, b[4:], captured, length)
	case blockSection:
		return false, p.section(b)
	case blockInterface:
		return false, p.iface(b)
	}
	return false, nil
}

func (p *pcapngReader) frame(fr *frame, in *iface, b []byte, captured, length uint32) error {
	if captured > maxRecord {
		return fmt.Errorf("record says %d bytes, the most that a record can hold is %d", captured, maxRecord)
	}
	if int(captured) > len(b) {
		return fmt.Errorf("record says %d bytes, its block has %d", captured, len(b))
	}
	fr.data, fr.wireLen = b[:captured], int(length)
	fr.link, fr.linkType = in.link, in.linkType
	p.last = fr.time
	return nil
}

// section begins a new section, which describes its own interfaces.
func (p *pcapngReader) section(b []byte) error {
	if len(b) < 16 {
		return fmt.Errorf("section header of %d bytes has no room for its fields", p.left)
	}
	// Version 1.2 was written by mistake and is 1.0.
	if major, minor := p.order.Uint16(b[4:]), p.order.Uint16(b[6:]); major != 1 || minor != 0 && minor != 2 {
		return fmt.Errorf("section of pcapng version %d.%d, known is 1.0", major, minor)
	}
	p.ifaces = p.ifaces[:0]
	return nil
}

// Options of an interface description.
const (
	optEnd              = 0
	optTimeResolution   = 9
	optTimestampsOffset = 14
)

// iface adds an interface to the section.
func (p *pcapngReader) iface(b []byte) error {
	if len(b) < 8 {
		return fmt.Errorf("interface description of %d bytes has no room for its fields", p.left)
	}
	if len(p.ifaces) == maxInterfaces {
		return fmt.Errorf("section with more than %d interfaces", maxInterfaces)
	}
	in := iface{linkType: uint32(p.order.Uint16(b)), snaplen: p.order.Uint32(b[4:]), unit: 1e6}
	in.link, _ = packet.LinkFromType(in.linkType)
	for b = b[8:]; len(b) >= 4; {
		code, n := p.order.Uint16(b), int(p.order.Uint16(b[2:]))
		if code == optEnd {
			break
		}
		if n > len(b)-4 {
			return fmt.Errorf("option of an interface description says %d bytes, %d are left", n, len(b)-4)
		}
		value := b[4 : 4+n]
		b = b[min(4+(n+3)&^3, len(b)):]
		switch code {
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
		case optTimestampsOffset:
			if n != 8 {
				return fmt.Errorf("time offset of %d bytes, it has 8", n)
			}
			in.offset = int64(p.order.Uint64(value))
		}
	}
	p.ifaces = append(p.ifaces, in)
	return nil
}

// time turns ticks of the interface's clock into nanoseconds since the Unix
// epoch. What an int64 cannot hold becomes the nearest that it can.
func (in *iface) time(ticks uint64) int64 {
	seconds, ticks := ticks/in.unit, ticks%in.unit
	hi, lo := bits.Mul64(ticks, 1e9)
	nanos, _ := bits.Div64(hi, lo, in.unit) // hi < unit, for ticks < unit and 1e9 < 2^64
	const most = math.MaxInt64/1_000_000_000 - 1
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

func (p *pcapngReader) ready() bool {
	have := int64(p.br.Buffered()) - p.left
	if have < 12 {
		return false
	}
	head, _ := p.br.Peek(int(p.left) + 12)
	head = head[p.left:]
	order := p.order
	if order.Uint32(head) == blockSection {
		return false // its byte order is yet to be found out
	}
	length := int64(order.Uint32(head[4:]))
	return length < 12 || have >= (length+3)&^3
}

func (p *pcapngReader) close() {}
