package packet

import "encoding/binary"

// Attributes of NFLOG (linux/netfilter/nfnetlink_log.h).
const (
	nflogHeader  = 1 // NFULA_PACKET_HDR: EtherType, hook
	nflogPayload = 9 // NFULA_PAYLOAD: the packet, from its IP header on
)

// stripNFLOG finds the packet among the attributes that the NFLOG target of
// netfilter gives (https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html). Their
// lengths and types are in the byte order of the machine that captured; types are
// small, so the order shows.
func stripNFLOG(h *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) < 4 {
		return 0, nil, CutShort
	}
	family := uint32(b[0])
	for b = b[4:]; len(b) >= 4; {
		n, kind := int(binary.LittleEndian.Uint16(b)), binary.LittleEndian.Uint16(b[2:])
		if b[2] == 0 && b[3] != 0 {
			n, kind = int(binary.BigEndian.Uint16(b)), binary.BigEndian.Uint16(b[2:])
		}
		if n < 4 {
			return 0, nil, Malformed
		}
		switch value := b[4:max(4, min(n, len(b)))]; {
		case kind == nflogPayload:
			return fromFamily(family, value)
		case kind == nflogHeader && len(value) >= 3:
			switch value[2] {
			case 1: // NF_INET_LOCAL_IN
				h.Marks |= Incoming
			case 3: // NF_INET_LOCAL_OUT
				h.Marks |= Outgoing
			}
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return 0, nil, CutShort
}
