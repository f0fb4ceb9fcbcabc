package packet

// stripFDDI takes off the frame control and two addresses. Only LLC frames
// (frame control 0101xxxx) carry IP; they go on like an 802.3 frame, for which
// the EtherType 0 stands.
func stripFDDI(_ *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) < 13 {
		return 0, nil, CutShort
	}
	if b[0]&0xf0 != 0x50 {
		return 0, nil, NotIP
	}
	return 0, b[13:], Decoded
}
