package synth

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/rstwhy/rstwhy/packet"
)

// Link is the link layer that frames are wrapped in.
type Link uint8

// The link layers that a capture can be written with. The comment gives the
// LINKTYPE_ value of the tcpdump group's registry.
const (
	Ethernet Link = iota // 1
	SLL                  // 113, what "tcpdump -i any" wrote until libpcap 1.10
	SLL2                 // 276, what "tcpdump -i any" writes since
	Raw                  // 101, the packet starts with the IP header
	Null                 // 0, BSD loopback: the address family in the byte order of the file
	numLinks
)

// Type is the LINKTYPE_ value of l.
func (l Link) Type() uint16 {
	return [numLinks]uint16{1, 113, 276, 101, 0}[l]
}

// String is the name of l in the tcpdump group's registry.
func (l Link) String() string {
	if l >= numLinks {
		return fmt.Sprintf("Link(%d)", uint8(l))
	}
	return [numLinks]string{"EN10MB", "LINUX_SLL", "LINUX_SLL2", "RAW", "NULL"}[l]
}

const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	etherVLAN = 0x8100
	etherQinQ = 0x88a8

	protoTCP = 6

	// maxPayload keeps the IPv4 total length with two full headers in 16 bits.
	maxPayload = 65535 - 60 - 60
)

// segment is one TCP segment on its way to become a frame. Addresses are
// IPv4-mapped unless ipv6 is set.
type segment struct {
	src, dst         [16]byte
	srcPort, dstPort uint16
	seq, ack         packet.Seq
	label            uint32 // IPv6 flow label
	flags            packet.Flags
	window           uint16
	id               uint16 // IPv4 identification
	ttl, tos         uint8
	ipv6, df         bool
	outgoing         bool // sent by the capturing host, for cooked headers
	badsum           bool // the TCP checksum is wrong
	options          []byte
	payload          []byte
}

// envelope is how frames are wrapped.
type envelope struct {
	link      Link
	vlan      []uint16
	bigEndian bool
}

// appendFrame appends the whole frame of s to b. It is the only place that
// turns a segment into bytes; it does not allocate when b has the room.
func appendFrame(b []byte, s *segment, e *envelope) []byte {
	ether := uint16(etherIPv4)
	if s.ipv6 {
		ether = etherIPv6
	}
	switch e.link {
	case Ethernet:
		b = appendMAC(b, &s.dst)
		b = appendMAC(b, &s.src)
		for i, id := range e.vlan {
			tpid := uint16(etherVLAN)
			if i < len(e.vlan)-1 {
				tpid = etherQinQ
			}
			b = binary.BigEndian.AppendUint16(b, tpid)
			b = binary.BigEndian.AppendUint16(b, id)
		}
		b = binary.BigEndian.AppendUint16(b, ether)
	case SLL:
		b = append(b, 0, cookedType(s), 0, 1, 0, 6)
		b = appendMAC(b, &s.src)
		b = append(b, 0, 0)
		b = binary.BigEndian.AppendUint16(b, ether)
	case SLL2:
		b = binary.BigEndian.AppendUint16(b, ether)
		b = append(b, 0, 0, 0, 0, 0, 2, 0, 1, cookedType(s), 6)
		b = appendMAC(b, &s.src)
		b = append(b, 0, 0)
	case Null:
		family := uint32(2)
		if s.ipv6 {
			family = 30 // macOS; the other BSDs say 24 or 28
		}
		if e.bigEndian {
			b = binary.BigEndian.AppendUint32(b, family)
		} else {
			b = binary.LittleEndian.AppendUint32(b, family)
		}
	}

	tcpLen := 20 + (len(s.options)+3)&^3 + len(s.payload)
	var pseudo uint64
	if s.ipv6 {
		b = binary.BigEndian.AppendUint32(b, 6<<28|uint32(s.tos)<<20|s.label&0xfffff)
		b = binary.BigEndian.AppendUint16(b, uint16(tcpLen))
		b = append(b, protoTCP, s.ttl)
		b = append(b, s.src[:]...)
		b = append(b, s.dst[:]...)
		pseudo = onesSum(b[len(b)-32:])
	} else {
		h := len(b)
		b = append(b, 0x45, s.tos)
		b = binary.BigEndian.AppendUint16(b, uint16(20+tcpLen))
		b = binary.BigEndian.AppendUint16(b, s.id)
		frag := byte(0)
		if s.df {
			frag = 0x40
		}
		b = append(b, frag, 0, s.ttl, protoTCP, 0, 0)
		b = append(b, s.src[12:]...)
		b = append(b, s.dst[12:]...)
		binary.BigEndian.PutUint16(b[h+10:], ^fold(onesSum(b[h:])))
		pseudo = onesSum(b[h+12:])
	}

	h := len(b)
	b = binary.BigEndian.AppendUint16(b, s.srcPort)
	b = binary.BigEndian.AppendUint16(b, s.dstPort)
	b = binary.BigEndian.AppendUint32(b, uint32(s.seq))
	b = binary.BigEndian.AppendUint32(b, uint32(s.ack))
	words := uint16(tcpLen-len(s.payload)) / 4
	b = binary.BigEndian.AppendUint16(b, words<<12|uint16(s.flags&0xfff))
	b = binary.BigEndian.AppendUint16(b, s.window)
	b = append(b, 0, 0, 0, 0)
	b = append(b, s.options...)
	for range -len(s.options) & 3 {
		b = append(b, 0)
	}
	b = append(b, s.payload...)
	sum := ^fold(uint64(fold(pseudo)) + uint64(fold(onesSum(b[h:]))) + protoTCP + uint64(tcpLen))
	if s.badsum {
		sum ^= 0x5555
	}
	binary.BigEndian.PutUint16(b[h+16:], sum)
	return b
}

// cookedType is the packet type of a cooked header: 4 for what the capturing
// host sent, 0 for what was sent to it.
func cookedType(s *segment) byte {
	if s.outgoing {
		return 4
	}
	return 0
}

// appendMAC appends a locally administered address that follows from the IP
// address, so that a host has the same one throughout.
func appendMAC(b []byte, ip *[16]byte) []byte {
	return append(b, 0x02, ip[0]^ip[7], ip[12], ip[13], ip[14], ip[15])
}

// onesSum adds up b as big-endian 64-bit words in ones' complement arithmetic
// (RFC 1071: the width of the words does not change the folded sum).
func onesSum(b []byte) uint64 {
	var sum, carry uint64
	for len(b) >= 32 {
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[8:]), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[16:]), carry)
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b[24:]), carry)
		b = b[32:]
	}
	for len(b) >= 8 {
		sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(b), carry)
		b = b[8:]
	}
	var tail [8]byte
	copy(tail[:], b)
	sum, carry = bits.Add64(sum, binary.BigEndian.Uint64(tail[:]), carry)
	sum, carry = bits.Add64(sum, 0, carry)
	return sum + carry
}

// fold brings a ones' complement sum down to 16 bits.
func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum)
}
