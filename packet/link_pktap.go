package packet

import "encoding/binary"

// stripPKTAP takes off what macOS puts before the link header of each interface
// when it captures on several (bsd/net/pktap.h of XNU): its length, the kind of
// record, the link type as a DLT_ value, and, among others, the direction. Its
// numbers are little-endian, as all machines are that write it.
func stripPKTAP(h *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) < 40 {
		return 0, nil, CutShort
	}
	n := binary.LittleEndian.Uint32(b)
	if n < 40 {
		return 0, nil, Malformed
	}
	if uint64(n) > uint64(len(b)) {
		return 0, nil, CutShort
	}
	switch flags := binary.LittleEndian.Uint32(b[36:]); {
	case flags&1 != 0: // PTH_FLAG_DIR_IN
		h.Marks |= Incoming
	case flags&2 != 0: // PTH_FLAG_DIR_OUT
		h.Marks |= Outgoing
	}
	link := binary.LittleEndian.Uint32(b[8:])
	b = b[n:]
	switch link {
	case 0:
		return stripNull(h, b)
	case 1:
		return stripEthernet(h, b)
	case 9:
		return stripPPP(h, b)
	case 12:
		return stripRaw(h, b)
	case 127:
		return stripRadiotap(h, b)
	}
	return 0, nil, UnknownLink
}
