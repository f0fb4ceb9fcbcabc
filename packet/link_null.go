package packet

import (
	"encoding/binary"
	"math/bits"
)

// stripNull takes off an address family in the byte order of the machine that
// captured. Families are small, so the order shows: the other one has all its
// bits in the upper half.
func stripNull(_ *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) < 4 {
		return 0, nil, CutShort
	}
	family := binary.LittleEndian.Uint32(b)
	if family > 0xffff {
		family = bits.ReverseBytes32(family)
	}
	return fromFamily(family, b[4:])
}

// stripLoop is stripNull with a fixed byte order.
func stripLoop(_ *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) < 4 {
		return 0, nil, CutShort
	}
	return fromFamily(binary.BigEndian.Uint32(b), b[4:])
}

func fromFamily(family uint32, b []byte) (uint16, []byte, Skip) {
	switch family {
	case 2:
		return etherIPv4, b, Decoded
	case 10, 24, 28, 30: // Linux; NetBSD and OpenBSD; FreeBSD; macOS
		return etherIPv6, b, Decoded
	}
	return 0, nil, NotIP
}
