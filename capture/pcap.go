package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/google/gopacket"
	"github.com/google/gopacket/pcapgo"

	"github.com/rstwhy/rstwhy/packet"
)

const (
	pcapHeaderLen = 24
	recordHeader  = 16
	// linkTypeMask leaves out the length of the frame check sequence, which
	// shares the field.
	linkTypeMask = 0x03ffffff
)

// isPcap reports whether a file that begins with head is a pcap file, of
// microseconds or nanoseconds, in either byte order.
func isPcap(head []byte) bool {
	_, ok := pcapOrder(head)
	return ok
}

func pcapOrder(head []byte) (binary.ByteOrder, bool) {
	if len(head) >= 4 {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			if m := order.Uint32(head); m == 0xa1b2c3d4 || m == 0xa1b23c4d {
				return order, true
			}
		}
	}
	return nil, false
}

// pcapReader reads pcap files through pcapgo.
type pcapReader struct {
	br       *bufio.Reader
	read     *atomic.Int64 // octets that br has read
	offset   int64         // where the record after this one begins
	r        *pcapgo.Reader
	order    binary.ByteOrder
	link     packet.Link
	linkType uint32
	own      []byte // for records that pcapgo refuses
}

func newPcapReader(name string, br *bufio.Reader, read *atomic.Int64, libpcap bool) (reader, error) {
	head, err := br.Peek(pcapHeaderLen)
	if err == io.EOF {
		return nil, fmt.Errorf("%w: it ends within the file header", ErrNotCapture)
	}
	if err != nil {
		return nil, err
	}
	p := &pcapReader{br: br, read: read, offset: pcapHeaderLen}
	p.order, _ = pcapOrder(head)
	// pcapgo keeps eight bits of the link type: too few for SLL2, which is 276.
	p.linkType = p.order.Uint32(head[20:]) & linkTypeMask
	var ok bool
	if p.link, ok = packet.LinkFromType(p.linkType); !ok {
		return nil, &LinkTypeError{name, p.linkType}
	}
	if libpcap {
		return newLibpcapReader(br)
	}
	// pcapgo reads straight from a *bufio.Reader, with none of its own between.
	if p.r, err = pcapgo.NewReader(br); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNotCapture, err)
	}
	// Many writers note a smaller snapshot length than they keep to.
	p.r.SetSnaplen(maxRecord)
	return p, nil
}

func (p *pcapReader) next(fr *frame) (bool, error) {
	data, ci, err := p.r.ZeroCopyReadPacketData()
	if err != nil {
		if data, err = p.recover(ci, data, err); err != nil {
			return false, err
		}
	}
	p.offset += recordHeader + int64(len(data))
	fr.data, fr.wireLen, fr.time = data, ci.Length, ci.Timestamp.UnixNano()
	fr.link, fr.linkType = p.link, p.linkType
	return true, nil
}

// recover reads a record that pcapgo refused after its header, or says what is
// wrong with it.
func (p *pcapReader) recover(ci gopacket.CaptureInfo, data []byte, err error) ([]byte, error) {
	switch {
	case ci.Timestamp.IsZero(): // there was no whole header
		if err == io.ErrUnexpectedEOF {
			return nil, errors.New("the file ends within the header of the record")
		}
		return nil, err
	case ci.CaptureLength > maxRecord:
		return nil, fmt.Errorf("record says %d bytes, the most that a record can hold is %d", ci.CaptureLength, maxRecord)
	case data == nil && ci.CaptureLength > ci.Length:
		// The record holds more than was on the wire, as some tools note it.
		if p.own == nil {
			p.own = make([]byte, maxRecord)
		}
		data = p.own[:ci.CaptureLength]
		if _, err = io.ReadFull(p.br, data); err == nil {
			return data, nil
		}
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("record says %d bytes, the file ends after %d", ci.CaptureLength, p.read.Load()-p.offset-recordHeader)
	}
	return nil, err
}

func (p *pcapReader) ready() bool {
	have := p.br.Buffered()
	if have < recordHeader {
		return false
	}
	head, _ := p.br.Peek(recordHeader)
	n := p.order.Uint32(head[8:])
	return n > maxRecord || have >= recordHeader+int(n)
}

func (p *pcapReader) close() {}
