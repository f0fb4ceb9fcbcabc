package field

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"
)

// Frames are read and written with a few lines of this package's own, so that
// what is called true owes nothing to the decoder that is measured.

const (
	linkEthernet = 1
	linkSLL2     = 276

	pcapHeaderLen = 24
	pcapRecordLen = 16
	protoTCP      = 6
)

// The flags of a segment.
const (
	fin = 1 << iota
	syn
	rst
	psh
	ack
	urg
)

// segment is one TCP segment.
type segment struct {
	src, dst netip.AddrPort
	seq, ack uint32
	flags    uint8
	window   uint16
	ttl      uint8
	id       uint16
	df       bool
	options  []byte
	payload  int // octets on the wire, not in the capture
	tcp      int // offset of the TCP header from that of IP
}

func (s *segment) has(flags uint8) bool { return s.flags&flags == flags }

// next is the number after everything that s takes up.
func (s *segment) next() uint32 {
	n := s.seq + uint32(s.payload)
	if s.has(syn) {
		n++
	}
	if s.has(fin) {
		n++
	}
	return n
}

// parseIP takes an IP packet apart. It is false for what is not TCP, and for
// what is too short to hold its header.
func parseIP(b []byte) (s segment, ok bool) {
	var total int
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		if b[9] != protoTCP || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			return s, false
		}
		s.tcp, total = int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
		s.ttl, s.id, s.df = b[8], binary.BigEndian.Uint16(b[4:]), b[6]&0x40 != 0
		s.src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:16])), 0)
		s.dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:20])), 0)
	case len(b) >= 40 && b[0]>>4 == 6:
		if b[6] != protoTCP {
			return s, false
		}
		s.tcp, total, s.ttl = 40, 40+int(binary.BigEndian.Uint16(b[4:])), b[7]
		s.src = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), 0)
		s.dst = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[24:40])), 0)
	default:
		return s, false
	}
	if len(b) < s.tcp+20 {
		return s, false
	}
	t := b[s.tcp:]
	head := int(t[12]>>4) * 4
	if head < 20 || total < s.tcp+head {
		return s, false
	}
	s.src = netip.AddrPortFrom(s.src.Addr(), binary.BigEndian.Uint16(t))
	s.dst = netip.AddrPortFrom(s.dst.Addr(), binary.BigEndian.Uint16(t[2:]))
	s.seq, s.ack = binary.BigEndian.Uint32(t[4:]), binary.BigEndian.Uint32(t[8:])
	s.flags, s.window = t[13], binary.BigEndian.Uint16(t[14:])
	s.payload = total - s.tcp - head
	if len(t) >= head {
		s.options = t[20:head]
	}
	return s, true
}

// packet makes the IPv4 packet that s describes, with payload. Its length field
// is not looked at.
func (s *segment) packet(payload []byte) []byte {
	head := 20 + (len(s.options)+3)/4*4
	b := make([]byte, 20+head+len(payload))
	b[0], b[8], b[9] = 0x45, s.ttl, protoTCP
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[4:], s.id)
	if s.df {
		b[6] = 0x40
	}
	copy(b[12:], s.src.Addr().AsSlice())
	copy(b[16:], s.dst.Addr().AsSlice())
	t := b[20:]
	binary.BigEndian.PutUint16(t, s.src.Port())
	binary.BigEndian.PutUint16(t[2:], s.dst.Port())
	binary.BigEndian.PutUint32(t[4:], s.seq)
	binary.BigEndian.PutUint32(t[8:], s.ack)
	t[12], t[13] = byte(head/4)<<4, s.flags
	binary.BigEndian.PutUint16(t[14:], s.window)
	copy(t[20:], s.options)
	copy(t[head:], payload)
	fillIPChecksum(b)
	sum := sum16(b[12:20]) + protoTCP + uint32(len(t)) + sum16(t)
	binary.BigEndian.PutUint16(t[16:], ^fold(sum))
	return b
}

// fillIPChecksum puts the right checksum into an IPv4 header.
func fillIPChecksum(b []byte) {
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], ^fold(sum16(b[:int(b[0]&15)*4])))
}

func sum16(b []byte) (sum uint32) {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}

// frame is one record of a capture.
type frame struct {
	time time.Time
	link int    // index of the interface, of SLL2 only
	out  bool   // SLL2: the host sent it
	data []byte // as captured
	wire int    // octets on the wire
	ip   int    // offset of the IP header
	seg  segment
	tcp  bool // seg is there
}

// capture is a capture in memory, with microseconds.
type capture struct {
	link   uint32
	frames []frame
}

var errNoCapture = errors.New("field: not a pcap file that the lab would write")

// parseCapture reads a capture of this machine's byte order. A last record that
// is cut short is left out.
func parseCapture(b []byte) (*capture, error) {
	if len(b) < pcapHeaderLen || binary.LittleEndian.Uint32(b) != 0xa1b2c3d4 {
		return nil, errNoCapture
	}
	c := &capture{link: binary.LittleEndian.Uint32(b[20:])}
	if c.link != linkEthernet && c.link != linkSLL2 {
		return nil, fmt.Errorf("%w: link type %d", errNoCapture, c.link)
	}
	for b = b[pcapHeaderLen:]; len(b) >= pcapRecordLen; {
		n := int(binary.LittleEndian.Uint32(b[8:]))
		if n > len(b)-pcapRecordLen {
			break
		}
		f := frame{
			time: time.Unix(int64(binary.LittleEndian.Uint32(b)), int64(binary.LittleEndian.Uint32(b[4:]))*1000).UTC(),
			wire: int(binary.LittleEndian.Uint32(b[12:])),
			data: b[pcapRecordLen : pcapRecordLen+n],
		}
		f.decode(c.link)
		c.frames = append(c.frames, f)
		b = b[pcapRecordLen+n:]
	}
	return c, nil
}

func (f *frame) decode(link uint32) {
	f.ip = 14
	if link == linkSLL2 {
		f.ip = 20
		if len(f.data) >= 20 {
			f.link, f.out = int(binary.BigEndian.Uint32(f.data[4:])), f.data[10] == 4
		}
	}
	if len(f.data) >= f.ip {
		f.seg, f.tcp = parseIP(f.data[f.ip:])
	}
}

func readCapture(path string) (*capture, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := parseCapture(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// bytes is the file of the capture.
func (c *capture) bytes() []byte {
	b := make([]byte, pcapHeaderLen)
	le := binary.LittleEndian
	le.PutUint32(b, 0xa1b2c3d4)
	le.PutUint16(b[4:], 2)
	le.PutUint16(b[6:], 4)
	le.PutUint32(b[16:], 262144)
	le.PutUint32(b[20:], c.link)
	for i := range c.frames {
		f := &c.frames[i]
		b = le.AppendUint32(b, uint32(f.time.Unix()))
		b = le.AppendUint32(b, uint32(f.time.Nanosecond()/1000))
		b = le.AppendUint32(b, uint32(len(f.data)))
		b = le.AppendUint32(b, uint32(f.wire))
		b = append(b, f.data...)
	}
	return b
}
