package packet

import "encoding/binary"

// IP protocol numbers, and the IPv6 extension headers among them.
const (
	protoHopByHop = 0
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoESP      = 50
	protoAH       = 51
	protoDestOpts = 60
	protoMobility = 135
	protoHIP      = 139
	protoShim6    = 140
)

// maxExtensions bounds the extension headers of one packet. RFC 8200, 4.1
// names eight, each at most once but one.
const maxExtensions = 10

var mappedPrefix = [12]byte{10: 0xff, 11: 0xff}

// ipv4 decodes b as an IPv4 packet (RFC 791) and what it carries.
func (d *decoder) ipv4(h *Header, b []byte) Skip {
	if len(b) < 20 {
		return d.short()
	}
	hlen := int(b[0]&0x0f) * 4
	if b[0]>>4 != 4 || hlen < 20 {
		return Malformed
	}
	d.depth++
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		// A host that leaves segmentation to its network card (TSO) hands the
		// capture a packet without a length.
		total = len(b) + d.missing
		h.Marks |= LengthGuessed
	}
	if total < hlen {
		return Malformed
	}
	h.TOS = b[1]
	h.IPID = binary.BigEndian.Uint16(b[4:])
	frag := binary.BigEndian.Uint16(b[6:])
	if frag&0x4000 != 0 {
		h.Marks |= DF
	}
	h.TTL = b[8]
	proto := b[9]
	*(*[12]byte)(h.Src[:]) = mappedPrefix
	*(*[4]byte)(h.Src[12:]) = [4]byte(b[12:])
	*(*[12]byte)(h.Dst[:]) = mappedPrefix
	*(*[4]byte)(h.Dst[12:]) = [4]byte(b[16:])

	b = d.trim(h, b, total)
	if len(b) < hlen {
		return d.short()
	}
	if frag&0x3fff != 0 { // more fragments, or an offset
		d.noSum = true
		if frag&0x1fff != 0 {
			return laterFragment(proto)
		}
	}
	if proto == protoTCP {
		return d.tcp(h, b[hlen:], total-hlen)
	}
	return d.transport(h, proto, b[hlen:], total-hlen)
}

// ipv6 decodes b as an IPv6 packet (RFC 8200) and what it carries.
func (d *decoder) ipv6(h *Header, b []byte) Skip {
	if len(b) < 40 {
		return d.short()
	}
	first := binary.BigEndian.Uint32(b)
	if first>>28 != 6 {
		return Malformed
	}
	d.depth++
	length := int(binary.BigEndian.Uint16(b[4:]))
	proto := b[6]
	if length == 0 && (proto == protoTCP || proto == protoHopByHop) {
		// A packet of more than 64 KiB: a jumbogram (RFC 2675), or a segment
		// before the network card cuts it up (Linux BIG TCP).
		length = len(b) - 40 + d.missing
		h.Marks |= LengthGuessed
	}
	h.Marks |= IPv6
	h.TOS = uint8(first >> 20)
	h.FlowLabel = first & 0xfffff
	h.TTL = b[7]
	h.Src = [16]byte(b[8:])
	h.Dst = [16]byte(b[24:])

	b = d.trim(h, b[40:], length)
	if proto == protoTCP {
		return d.tcp(h, b, length)
	}
	return d.transport(h, proto, b, length)
}

// trim cuts b, a packet of length octets by its own header, to that length:
// what follows is padding of the link layer. A packet longer than its frame
// was cut by a tool that did not say so.
func (d *decoder) trim(h *Header, b []byte, length int) []byte {
	if length <= len(b) {
		d.missing = 0
		return b[:length]
	}
	if length > len(b)+d.missing {
		h.Marks |= Cut
	}
	d.missing = length - len(b)
	return b
}

// transport decodes the payload of an IP packet, of length octets by the IP
// header, of which b was captured. It walks the IPv6 extension headers; of
// these, IPv4 has the authentication header.
func (d *decoder) transport(h *Header, proto uint8, b []byte, length int) Skip {
	for range maxExtensions {
		var n int
		switch proto {
		case protoTCP:
			return d.tcp(h, b, length)
		case protoUDP:
			return d.udp(h, b)
		case protoIPv4, protoIPv6, protoGRE:
			return d.tunnel(h, proto, b)
		case protoESP:
			return EncryptedPayload
		case protoHopByHop, protoRouting, protoDestOpts, protoMobility, protoHIP, protoShim6:
			if h.Marks&IPv6 == 0 {
				return NotTCP
			}
			if len(b) < 8 {
				return d.short()
			}
			if proto == protoRouting && b[3] != 0 {
				// The pseudo-header has the last address of the route.
				d.noSum = true
			}
			n = int(b[1])*8 + 8
		case protoAH:
			if len(b) < 8 {
				return d.short()
			}
			n = int(b[1])*4 + 8
		case protoFragment:
			if h.Marks&IPv6 == 0 {
				return NotTCP
			}
			if len(b) < 8 {
				return d.short()
			}
			if field := binary.BigEndian.Uint16(b[2:]); field&0xfff9 != 0 {
				d.noSum = true
				if field&0xfff8 != 0 {
					return laterFragment(b[0])
				}
			}
			n = 8
		default:
			return NotTCP
		}
		if n > length {
			return Malformed
		}
		if n > len(b) {
			return d.short()
		}
		proto, b, length = b[0], b[n:], length-n
	}
	return Malformed
}

// laterFragment says what is lost with a fragment that does not begin a packet.
func laterFragment(proto uint8) Skip {
	switch proto {
	case protoTCP, protoIPv4, protoIPv6, protoGRE:
		return Fragment
	case protoESP:
		return EncryptedPayload
	}
	return NotTCP
}
