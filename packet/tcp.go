package packet

import "encoding/binary"

// tcp decodes a TCP segment (RFC 9293, 3.1) of length octets by the IP header,
// of which b was captured.
func (d *decoder) tcp(h *Header, b []byte, length int) Skip {
	if len(b) < 20 {
		if length < 20 {
			return Malformed
		}
		return d.short()
	}
	hlen := int(b[12]>>4) * 4
	if hlen < 20 {
		return Malformed
	}
	d.segment = b
	h.SrcPort = binary.BigEndian.Uint16(b)
	h.DstPort = binary.BigEndian.Uint16(b[2:])
	h.Seq = Seq(binary.BigEndian.Uint32(b[4:]))
	h.Ack = Seq(binary.BigEndian.Uint32(b[8:]))
	h.Flags = Flags(binary.BigEndian.Uint16(b[12:]) & 0xfff)
	h.Window = binary.BigEndian.Uint16(b[14:])

	switch {
	case hlen > len(b):
		h.options(b[20:])
		h.Options |= OptBroken
	case hlen == 32 && binary.BigEndian.Uint32(b[20:]) == 0x0101080a:
		// Two no-operations and the timestamps are what nearly every segment
		// of an established connection has.
		h.Options = OptTimestamps
		h.TSVal = binary.BigEndian.Uint32(b[24:])
		h.TSEcr = binary.BigEndian.Uint32(b[28:])
	case hlen > 20:
		h.options(b[20:hlen])
	}
	if length > hlen {
		h.Len = uint32(length - hlen)
	}
	if len(b) > hlen {
		payload := b[hlen:]
		if len(payload) >= PeekLen { // without a call
			h.Peek, h.PeekN = [PeekLen]byte(payload), PeekLen
			if beginsMessage(payload) {
				h.head(payload)
			}
		} else {
			h.PeekN = uint8(copy(h.Peek[:], payload))
		}
		// Who ends a message pushes it.
		if h.Flags&PSH != 0 && len(b) == length && endsBlank(payload) && endsChunks(payload) {
			h.Message |= MessageLastChunk
		}
	}
	if h.Flags&(RST|SYN) != 0 && len(b) == length && !d.noSum && h.Marks&LengthGuessed == 0 {
		h.Marks |= checksum(h, b)
	}
	return Decoded
}

// Option kinds, https://www.iana.org/assignments/tcp-parameters.
const (
	kindEnd       = 0
	kindNop       = 1
	kindMSS       = 2
	kindScale     = 3
	kindSACKPerm  = 4
	kindSACK      = 5
	kindTimestamp = 8
	kindMD5       = 19
	kindAO        = 29
	kindMPTCP     = 30
	kindFastOpen  = 34
)

// options reads an option list. An option whose length contradicts the list or
// its own kind makes the list broken; what was read before it stays.
func (h *Header) options(b []byte) {
	for len(b) > 0 {
		if b[0] == kindEnd {
			return
		}
		if b[0] == kindNop {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			h.Options |= OptBroken
			return
		}
		o, n := b, int(b[1])
		b = b[n:]
		switch o[0] {
		case kindMSS:
			if n != 4 {
				h.Options |= OptBroken
				return
			}
			h.Options |= OptMSS
			h.MSS = binary.BigEndian.Uint16(o[2:])
		case kindScale:
			if n != 3 {
				h.Options |= OptBroken
				return
			}
			h.Options |= OptScale
			h.Scale = o[2]
		case kindSACKPerm:
			if n != 2 {
				h.Options |= OptBroken
				return
			}
			h.Options |= OptSACKPerm
		case kindSACK:
			if n < 10 || (n-2)%8 != 0 {
				h.Options |= OptBroken
				return
			}
			for i := 2; i < n; i += 8 {
				right := Seq(binary.BigEndian.Uint32(o[i+4:]))
				if h.Options&OptSACK == 0 || h.SACKRight.Less(right) {
					h.SACKRight = right
				}
				h.Options |= OptSACK
			}
		case kindTimestamp:
			if n != 10 {
				h.Options |= OptBroken
				return
			}
			h.Options |= OptTimestamps
			h.TSVal = binary.BigEndian.Uint32(o[2:])
			h.TSEcr = binary.BigEndian.Uint32(o[6:])
		case kindMD5:
			h.Options |= OptMD5
		case kindAO:
			h.Options |= OptAO
		case kindMPTCP:
			h.Options |= OptMPTCP
			if n < 3 {
				h.Options |= OptBroken
				return
			}
			switch o[2] >> 4 { // subtype, RFC 8684, 3
			case 7:
				h.Options |= OptFastClose
			case 8:
				if n != 4 {
					h.Options |= OptBroken
					return
				}
				h.Options |= OptTCPRST
				h.MPReason = o[3]
			}
		case kindFastOpen:
			h.Options |= OptFastOpen
		default:
			h.Options |= OptOther
		}
	}
}

// checksum returns the mark for the TCP checksum of a whole SYN or RST, over the
// pseudo-header of h's addresses. There is none for one that is not filled in yet: a host that leaves it
// to the network card, or to nobody where the segment does not leave the machine,
// puts the sum of the pseudo-header there, not inverted (Linux CHECKSUM_PARTIAL,
// __tcp_v4_send_check, __tcp_v6_send_check). One segment in 65,536 that is damaged looks so.
func checksum(h *Header, segment []byte) Marks {
	sum := uint64(protoTCP) + uint64(len(segment))
	if h.Marks&IPv6 != 0 {
		sum += Sum16(h.Src[:]) + Sum16(h.Dst[:])
	} else {
		sum += Sum16(h.Src[12:]) + Sum16(h.Dst[12:])
	}
	switch {
	case Fold(sum+Sum16(segment)) == 0xffff:
		if h.Flags&SYN != 0 {
			return RightChecksum
		}
		return 0
	case h.Flags&RST == 0 || binary.BigEndian.Uint16(segment[16:]) == Fold(sum):
		return 0
	}
	return BadChecksum
}

// Fold adds up the 16-bit words of a sum, with the carries (RFC 1071).
func Fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// Sum16 adds up the 16-bit words of b, an odd last octet being padded with zero
// (RFC 1071): in 32-bit words, which Fold makes the same of. Packets are far too
// short for the sum to overflow.
func Sum16(b []byte) uint64 {
	var sum uint64
	for len(b) >= 8 {
		w := binary.BigEndian.Uint64(b)
		sum += w>>32 + w&0xffffffff
		b = b[8:]
	}
	if len(b) >= 4 {
		sum += uint64(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}
