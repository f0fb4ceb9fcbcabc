package packet

func stripRaw(_ *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) == 0 {
		return 0, nil, CutShort
	}
	switch b[0] >> 4 {
	case 4:
		return etherIPv4, b, Decoded
	case 6:
		return etherIPv6, b, Decoded
	}
	return 0, nil, NotIP
}
