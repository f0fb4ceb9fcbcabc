package packet

import "encoding/binary"

// stripRadiotap takes off the radiotap header (https://www.radiotap.org) that
// monitor mode puts before an IEEE 802.11 frame.
func stripRadiotap(h *Header, b []byte) (uint16, []byte, Skip) {
	if len(b) < 8 {
		return 0, nil, CutShort
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	if n < 8 {
		return 0, nil, Malformed
	}
	if n > len(b) {
		return 0, nil, CutShort
	}
	return frame80211(b[n:], padded80211(b[:n]))
}

// padded80211 reports whether the radiotap header b says that the frame's own
// header is filled up to a multiple of four octets. The field Flags tells; only
// the 64-bit TSFT, which is aligned, can stand before it.
func padded80211(b []byte) bool {
	present := binary.LittleEndian.Uint32(b[4:])
	at := 8
	for more := present; more&(1<<31) != 0; at += 4 {
		if at+4 > len(b) {
			return false
		}
		more = binary.LittleEndian.Uint32(b[at:])
	}
	if present&1 != 0 {
		at = (at+7)&^7 + 8
	}
	return present&2 != 0 && at < len(b) && b[at]&0x20 != 0
}

func strip80211(_ *Header, b []byte) (uint16, []byte, Skip) { return frame80211(b, false) }

// frame80211 takes off the header of a data frame in clear (IEEE 802.11, 9.3.2).
// LLC follows, for which the EtherType 0 stands. Frames that are encrypted, or
// hold several or a later part of one, are left out.
func frame80211(b []byte, padded bool) (uint16, []byte, Skip) {
	if len(b) < 24 {
		return 0, nil, CutShort
	}
	const (
		typeData    = 2 << 2
		withoutData = 4 << 4 // null frames and the like
		qos         = 8 << 4

		toAndFromDS = 3
		protected   = 0x40
		order       = 0x80 // an HT control field follows
	)
	kind, flags := b[0], b[1]
	switch {
	case kind&0x0c != typeData || kind&withoutData != 0:
		return 0, nil, NotIP
	case flags&protected != 0:
		return 0, nil, EncryptedPayload
	case b[22]&0x0f != 0:
		return 0, nil, Fragment
	}
	n := 24
	if flags&toAndFromDS == toAndFromDS {
		n += 6
	}
	if kind&qos != 0 {
		if len(b) < n+2 {
			return 0, nil, CutShort
		}
		if b[n]&0x80 != 0 { // several MSDUs in one
			return 0, nil, NotIP
		}
		n += 2
		if flags&order != 0 {
			n += 4
		}
	}
	if padded {
		n = (n + 3) &^ 3
	}
	if len(b) < n {
		return 0, nil, CutShort
	}
	return 0, b[n:], Decoded
}
