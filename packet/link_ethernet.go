package packet

import "encoding/binary"

// stripEthernet takes off two addresses and the EtherType, or the length of an
// 802.3 frame in its place. VLAN tags are EtherTypes of their own.
func stripEthernet(_ *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) < 14 {
		return 0, nil, CutShort
	}
	return binary.BigEndian.Uint16(b[12:]), b[14:], Decoded
}
