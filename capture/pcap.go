package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/rstwhy/rstwhy/packet"
)

const (
	pcapHeaderLen = 24
	recordHeader  = 16
	// linkTypeMask leaves out the length of the frame check sequence, which
	// shares the field.
	linkTypeMask = 0x03ffffff

	pcapMicro = 0xa1b2c3d4
	pcapNano  = 0xa1b23c4d
)

// order is the byte order of a file: whether it is big endian.
type order bool

func (o order) uint16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if o {
		v = bits.ReverseBytes16(v)
	}
	return v
}

func (o order) uint32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if o {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (o order) uint64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if o {
		v = bits.ReverseBytes64(v)
	}
	return v
}

// isPcap reports whether a file that begins with head is a pcap file, of
// microseconds or nanoseconds, in either byte order.
func isPcap(head []byte) bool {
	_, ok := pcapOrder(head)
	return ok
}

func pcapOrder(head []byte) (o order, ok bool) {
	if len(head) < 4 {
		return false, false
	}
	for _, o := range []order{false, true} {
		if m := o.uint32(head); m == pcapMicro || m == pcapNano {
			return o, true
		}
	}
	return false, false
}

// pcapReader reads pcap files. It decodes in place what b holds.
type pcapReader struct {
	b        *blocks
	order    order
	unit     int64 // nanoseconds in a unit of the fraction
	link     packet.Link
	linkType uint32
}

func newPcapReader(name string, b *blocks, libpcap bool) (reader, error) {
	head, err := b.peek(pcapHeaderLen)
	if err == io.EOF {
		return nil, fmt.Errorf("%w: it ends within the file header", ErrNotCapture)
	}
	if err != nil {
		return nil, err
	}
	p := &pcapReader{b: b, unit: 1000}
	p.order, _ = pcapOrder(head)
	if p.order.uint32(head) == pcapNano {
		p.unit = 1
	}
	p.linkType = p.order.uint32(head[20:]) & linkTypeMask
	var ok bool
	if p.link, ok = packet.LinkFromType(p.linkType); !ok {
		return nil, &LinkTypeError{name, p.linkType}
	}
	if libpcap {
		return newLibpcapReader(b)
	}
	if major, minor := p.order.uint16(head[4:]), p.order.uint16(head[6:]); major != 2 || minor != 4 {
		return nil, fmt.Errorf("%w: pcap version %d.%d, known is 2.4", ErrNotCapture, major, minor)
	}
	b.skip(pcapHeaderLen)
	return p, nil
}

func (p *pcapReader) fill(s *sink) error {
	b := p.b
	for {
		h := b.held()
		var captured uint32
		if len(h) >= recordHeader {
			captured = p.order.uint32(h[8:])
		}
		if len(h) < recordHeader+int(captured) || len(h) < recordHeader || captured > maxRecord {
			if s.leave() {
				return nil
			}
			var err error
			if h, err = p.record(); err != nil {
				return err
			}
			captured = uint32(len(h) - recordHeader)
		}
		data := h[recordHeader : recordHeader+int(captured)]
		b.skip(recordHeader + len(data))
		time := int64(p.order.uint32(h))*1e9 + int64(p.order.uint32(h[4:]))*p.unit
		more := s.add(time, p.link, p.linkType, data, int(p.order.uint32(h[12:])))
		if s.one != nil && p.unit != 1 {
			s.one.digits = nanoDigits - 3
		}
		if !more {
			return nil
		}
	}
}

// record reads until a whole record is held, or says why there is none.
func (p *pcapReader) record() ([]byte, error) {
	h, err := p.b.peek(recordHeader)
	if err != nil {
		if err == io.EOF && len(h) > 0 {
			return nil, errors.New("the file ends within the header of the record")
		}
		return nil, err
	}
	captured := p.order.uint32(h[8:])
	if captured > maxRecord {
		return nil, fmt.Errorf("record says %d bytes, the most that a record can hold is %d", captured, maxRecord)
	}
	h, err = p.b.peek(recordHeader + int(captured))
	if err == io.EOF {
		return nil, fmt.Errorf("record says %d bytes, the file ends after %d", captured, len(h)-recordHeader)
	}
	return h, err
}

func (p *pcapReader) close() {}
