package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/rstwhy/rstwhy/packet"
)

// The lab reads its captures with a few lines of its own, so that the truth it
// writes owes nothing to the decoder that the captures are to test.

const (
	pcapHeaderLen = 24
	pcapRecordLen = 16

	linkEthernet = 1
	linkSLL2     = 276

	protoTCP = 6
	protoUDP = 17
)

var linkNames = map[uint32]string{linkEthernet: "EN10MB", linkSLL2: "LINUX_SLL2"}

// pcap is a capture file in memory.
type pcap struct {
	header []byte
	link   uint32
	frames []frame
}

// frame is one record of a capture.
type frame struct {
	record           []byte // with its header
	time             time.Time
	proto            byte
	sender, receiver netip.AddrPort
	syn, rst         bool
	ack              bool
	seq              uint32
	payload          []byte
}

// parsePcap reads a capture of Ethernet or SLL2 frames. A record that is
// not there in full ends it without an error: the file may still be growing.
func parsePcap(b []byte) (*pcap, error) {
	if len(b) < pcapHeaderLen {
		return &pcap{}, nil
	}
	const micro, nano = 0xa1b2c3d4, 0xa1b23c4d
	var order binary.ByteOrder = binary.LittleEndian
	if magic := order.Uint32(b); magic != micro && magic != nano {
		order = binary.BigEndian
	}
	unit := time.Microsecond
	switch magic := order.Uint32(b); magic {
	case micro:
	case nano:
		unit = time.Nanosecond
	default:
		return nil, fmt.Errorf("lab: capture with magic number %#x", magic)
	}
	p := &pcap{header: b[:pcapHeaderLen], link: order.Uint32(b[20:])}
	if linkNames[p.link] == "" {
		return nil, fmt.Errorf("lab: capture with link type %d", p.link)
	}
	for b = b[pcapHeaderLen:]; len(b) >= pcapRecordLen; {
		end := pcapRecordLen + uint64(order.Uint32(b[8:]))
		if uint64(len(b)) < end {
			break
		}
		sec, frac := order.Uint32(b), order.Uint32(b[4:])
		f := frame{record: b[:end], time: time.Unix(int64(sec), int64(frac)*int64(unit)).UTC()}
		if err := f.decode(p.link, b[pcapRecordLen:end]); err != nil {
			return nil, fmt.Errorf("lab: frame %d: %w", len(p.frames)+1, err)
		}
		p.frames = append(p.frames, f)
		b = b[end:]
	}
	return p, nil
}

// segment is what the kernel's words are found by.
func (f *frame) segment() *packet.Header {
	h := &packet.Header{
		Time: f.time.UnixNano(), Seq: packet.Seq(f.seq),
		Src: f.sender.Addr().As16(), SrcPort: f.sender.Port(), Dst: f.receiver.Addr().As16(), DstPort: f.receiver.Port(),
	}
	if f.ack {
		h.Flags |= packet.ACK
	}
	return h
}

var errShort = errors.New("cut short")

// decode takes apart a frame of IPv4 or IPv6 with TCP or UDP in it.
func (f *frame) decode(link uint32, b []byte) error {
	n := 14
	if link == linkSLL2 {
		n = 20
	}
	if len(b) < n+20 {
		return errShort
	}
	ip := b[n:]
	var src, dst netip.Addr
	var t []byte
	switch version := ip[0] >> 4; {
	case version == 4:
		src, _ = netip.AddrFromSlice(ip[12:16])
		dst, _ = netip.AddrFromSlice(ip[16:20])
		f.proto, t = ip[9], ip[min(len(ip), int(ip[0]&15)*4):]
	case version == 6 && len(ip) >= 40:
		src, _ = netip.AddrFromSlice(ip[8:24])
		dst, _ = netip.AddrFromSlice(ip[24:40])
		f.proto, t = ip[6], ip[40:]
	default:
		return fmt.Errorf("no IPv4 or IPv6 header, or cut short (version %d)", version)
	}
	if len(t) < 8 || f.proto == protoTCP && len(t) < 20 {
		return errShort
	}
	f.sender = netip.AddrPortFrom(src, binary.BigEndian.Uint16(t))
	f.receiver = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(t[2:]))
	if f.proto == protoTCP {
		f.seq = binary.BigEndian.Uint32(t[4:])
		f.syn, f.rst, f.ack = t[13]&2 != 0, t[13]&4 != 0, t[13]&16 != 0
	} else {
		f.payload = t[8:]
	}
	return nil
}
