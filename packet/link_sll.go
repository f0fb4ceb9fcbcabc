package packet

import "encoding/binary"

// stripSLL takes off the header of a Linux cooked capture
// (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html).
func stripSLL(h *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) < 16 {
		return 0, nil, CutShort
	}
	return cooked(h, binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[14:]), b[16:])
}

// stripSLL2 takes off the header of version 2
// (https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html).
func stripSLL2(h *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) < 20 {
		return 0, nil, CutShort
	}
	return cooked(h, uint16(b[10]), binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint16(b), b[20:])
}

func cooked(h *Header, packetType, arpHardware, proto uint16, b []byte) (uint16, []byte, Skip) {
	switch packetType {
	case 0: // PACKET_HOST
		h.Marks |= Incoming
	case 4: // PACKET_OUTGOING
		h.Marks |= Outgoing
	}
	switch arpHardware {
	case 801, 802, 803, 824: // 802.11 and Netlink, whose protocol field means something else
		return 0, nil, NotIP
	}
	// Below 1536 are the kernel's own numbers; 4 is an 802.2 header (ETH_P_802_2),
	// which network recognises by its being no EtherType.
	if proto < 1536 && proto != 4 {
		return 0, nil, NotIP
	}
	return proto, b, Decoded
}
