package packet

import "encoding/binary"

// stripPPP leaves a PPP header to network, which meets it in tunnels too. What
// can stand before it is the address and control field of HDLC (RFC 1662), with
// the direction in place of the address where pppd recorded it, or the header of
// Cisco's HDLC, with an EtherType.
func stripPPP(h *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) < 2 {
		return 0, nil, CutShort
	}
	switch {
	case b[0] <= 1 && b[1] == 3:
		h.Marks |= [...]Marks{Incoming, Outgoing}[b[0]]
		b = b[2:]
	case (b[0] == 0x0f || b[0] == 0x8f) && b[1] == 0:
		if len(b) < 4 {
			return 0, nil, CutShort
		}
		return binary.BigEndian.Uint16(b[2:]), b[4:], Decoded
	}
	return etherPPP, b, Decoded
}

// stripPPPoE leaves a PPPoE header (RFC 2516) to network likewise.
func stripPPPoE(_ *Header, b []byte) (uint16, []byte, Skip) { return etherPPPoE, b, Decoded }
