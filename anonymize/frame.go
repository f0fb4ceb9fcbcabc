package anonymize

import (
	"encoding/binary"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/packet"
)

// The LINKTYPE_ values of frames that are written.
const (
	linkEthernet = 1
	linkSLL2     = 276
)

// Frame makes a frame of another that tells a verdict as much: one Ethernet or cooked
// header, of a tunnel no more than that there was one and which, IP and TCP, and of
// options and payload what a verdict reads, the rest of their length zero. Checksums are
// computed; one that was wrong is wrong again, and one of a SYN that was not filled in is
// not.
//
// It returns the frame, appended to buf, its length on the wire and its link type. The
// frame must be one of which Segment returns Decoded, which h and segment come from.
func (m *Mask) Frame(buf []byte, h *packet.Header, segment, frame []byte, link packet.Link) (out []byte, wireLen int, linkType uint32) {
	masked := *h
	m.Header(&masked)
	h = &masked
	hlen := int(segment[12]>>4) * 4
	whole := hlen + int(h.Len) // on the wire
	if hlen > len(segment) {
		hlen = len(segment)
		if h.Len == 0 {
			whole = hlen // the header may claim more than there was
		}
	}

	inner := etherOf(h)
	start := len(buf)
	buf, linkType = m.link(buf, h, frame, link, inner)
	if h.Zone != 0 {
		buf = outer(buf, h, whole)
	}
	buf = network(buf, h, whole)
	at := len(buf)
	buf = append(buf, make([]byte, len(segment))...)
	tcp := buf[at:]
	copy(tcp, segment[:20])
	redactOptions(tcp[20:hlen], segment[20:hlen])
	classify.Redact(tcp[hlen:], segment[hlen:], h.Flags&packet.RST != 0)
	sum(tcp, h, whole)
	wireLen = at - start + whole
	if h.Marks.Has(packet.Cut) && len(segment) >= whole {
		wireLen++ // of the padding
	}
	return buf, wireLen, linkType
}

const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

func etherOf(h *packet.Header) uint16 {
	if h.Marks.Has(packet.IPv6) {
		return etherIPv6
	}
	return etherIPv4
}

// link appends a link header: a cooked one where the frame had one that told whether the
// capturing host sent it, else Ethernet.
func (m *Mask) link(buf []byte, h *packet.Header, frame []byte, link packet.Link, proto uint16) ([]byte, uint32) {
	if h.Zone != 0 {
		proto = etherIPv4
	}
	if h.Marks&(packet.Incoming|packet.Outgoing) != 0 {
		direction := byte(0) // PACKET_HOST
		if h.Marks.Has(packet.Outgoing) {
			direction = 4
		}
		first := proto
		if h.VLAN != 0 {
			first = 0x8100
		}
		buf = binary.BigEndian.AppendUint16(buf, first)
		buf = append(buf, 0, 0, 0, 0, 0, 0, 0, 1, direction, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		if h.VLAN != 0 {
			buf = binary.BigEndian.AppendUint16(buf, h.VLAN)
			buf = binary.BigEndian.AppendUint16(buf, proto)
		}
		return buf, linkSLL2
	}
	var macs [12]byte
	if link == packet.LinkEthernet && len(frame) >= 12 {
		to, from := m.mac(frame), m.mac(frame[6:])
		copy(macs[:], to[:])
		copy(macs[6:], from[:])
	}
	buf = append(buf, macs[:]...)
	if h.VLAN != 0 {
		buf = binary.BigEndian.AppendUint16(buf, 0x8100)
		buf = binary.BigEndian.AppendUint16(buf, h.VLAN)
	}
	return binary.BigEndian.AppendUint16(buf, proto), linkEthernet
}

// outer appends the headers of a tunnel, GRE with the zone as its key (RFC 2890): what
// ran in different ones stays apart.
func outer(buf []byte, h *packet.Header, whole int) []byte {
	n := 20 + 8 + whole + 20
	if h.Marks.Has(packet.IPv6) {
		n += 20
	}
	if n > 1<<16-1 {
		n = 0 // of a length that the frame tells
	}
	at := len(buf)
	buf = append(buf, 0x45, 0)
	buf = binary.BigEndian.AppendUint16(buf, uint16(n))
	buf = append(buf, 0, 0, 0, 0, 64, 47, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint16(buf[at+10:], ^packet.Fold(packet.Sum16(buf[at:])))
	buf = binary.BigEndian.AppendUint16(buf, 0x2000)
	buf = binary.BigEndian.AppendUint16(buf, etherOf(h))
	return binary.BigEndian.AppendUint32(buf, h.Zone)
}

// network appends the IP header before a segment of that length.
func network(buf []byte, h *packet.Header, whole int) []byte {
	at := len(buf)
	if h.Marks.Has(packet.IPv6) {
		length := whole
		if h.Marks.Has(packet.LengthGuessed) || length > 1<<16-1 {
			length = 0
		}
		buf = binary.BigEndian.AppendUint32(buf, 6<<28|uint32(h.TOS)<<20|h.FlowLabel)
		buf = binary.BigEndian.AppendUint16(buf, uint16(length))
		buf = append(buf, 6, h.TTL)
		return append(append(buf, h.Src[:]...), h.Dst[:]...)
	}
	length := 20 + whole
	if h.Marks.Has(packet.LengthGuessed) || length > 1<<16-1 {
		length = 0
	}
	buf = append(buf, 0x45, h.TOS)
	buf = binary.BigEndian.AppendUint16(buf, uint16(length))
	buf = binary.BigEndian.AppendUint16(buf, h.IPID)
	var fragment uint16
	if h.Marks.Has(packet.DF) {
		fragment = 0x4000
	}
	buf = binary.BigEndian.AppendUint16(buf, fragment)
	buf = append(buf, h.TTL, 6, 0, 0)
	buf = append(append(buf, h.Src[12:]...), h.Dst[12:]...)
	binary.BigEndian.PutUint16(buf[at+10:], ^packet.Fold(packet.Sum16(buf[at:])))
	return buf
}

// redactOptions keeps of the list of TCP options their kinds and lengths, and what those
// say that a header is read for; what others say may be addresses or keys.
func redactOptions(out, b []byte) {
	for len(b) > 0 {
		if b[0] <= 1 { // end, no operation
			out[0] = b[0]
			if b[0] == 0 {
				return
			}
			out, b = out[1:], b[1:]
			continue
		}
		copy(out, b[:min(2, len(b))])
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return
		}
		n := int(b[1])
		switch b[0] {
		case 2, 3, 4, 5, 8: // MSS, window scale, SACK permitted, SACK, timestamps
			copy(out, b[:n])
		case 30: // MPTCP: the subtype, and the reason of a MP_TCPRST (RFC 8684, 3.6)
			if n >= 3 {
				out[2] = b[2] & 0xf0
				if b[2]>>4 == 8 {
					copy(out[2:], b[2:n])
				}
			}
		}
		out, b = out[n:], b[n:]
	}
}

// sum writes the checksum of a segment of which whole octets were on the wire.
func sum(tcp []byte, h *packet.Header, whole int) {
	tcp[16], tcp[17] = 0, 0
	pseudo := uint64(6) + uint64(whole)
	if h.Marks.Has(packet.IPv6) {
		pseudo += packet.Sum16(h.Src[:]) + packet.Sum16(h.Dst[:])
	} else {
		pseudo += packet.Sum16(h.Src[12:]) + packet.Sum16(h.Dst[12:])
	}
	value := ^packet.Fold(pseudo + packet.Sum16(tcp))
	switch {
	case h.Marks.Has(packet.BadChecksum):
		// Neither right nor what a host leaves to its network card.
		if value ^= 0x5555; value == packet.Fold(pseudo) {
			value ^= 0x0ff0
		}
	case h.Flags&packet.SYN != 0 && !h.Marks.Has(packet.RightChecksum):
		if packet.Fold(pseudo) != value || h.Flags&packet.RST != 0 {
			value = packet.Fold(pseudo)
		} else {
			value ^= 0x5555 // what is not filled in would be right by chance
		}
	}
	binary.BigEndian.PutUint16(tcp[16:], value)
}
