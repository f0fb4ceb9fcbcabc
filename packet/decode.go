package packet

import (
	"encoding/binary"

	"github.com/rstwhy/rstwhy/internal/arena"
)

// maxDepth bounds how many IP headers are followed into each other. Overlays
// on overlays reach three; more is a frame made to waste time.
const maxDepth = 4

// decoder is what the layers of one frame hand down to each other.
type decoder struct {
	missing int    // octets that were on the wire behind the captured ones
	depth   int    // IP headers entered so far
	noSum   bool   // the TCP checksum cannot be verified from this frame alone
	segment []byte // captured octets of the TCP segment, once it is decoded
}

// Decode reads one captured frame of wireLen octets on the wire, of which
// frame is what was captured, into h. It writes every field of h except Time,
// Frame and File, which are the caller's. When the result is not Decoded, the
// fields have no meaning. Decode keeps no reference to frame and does not
// allocate.
//
// The segment is the innermost one: tunnels are followed, to a bounded depth.
// A RST whose option list is broken is decoded and carries OptBroken. A TCP
// header that claims fewer than 20 octets, or of which fewer than 20 were
// captured, is not decoded.
func Decode(h *Header, link Link, frame []byte, wireLen int) Skip {
	var d decoder
	return d.frame(h, link, frame, wireLen)
}

// Segment decodes as Decode does, and returns of the frame the octets of the TCP
// segment that were captured: its header, and behind it its payload.
func Segment(h *Header, link Link, frame []byte, wireLen int) ([]byte, Skip) {
	var d decoder
	skip := d.frame(h, link, frame, wireLen)
	return d.segment, skip
}

// payload is what was captured of the payload of a segment.
func (d *decoder) payload() []byte {
	return d.segment[min(int(d.segment[12]>>4)*4, len(d.segment)):]
}

func (d *decoder) frame(h *Header, link Link, frame []byte, wireLen int) Skip {
	*h = Header{Time: h.Time, Frame: h.Frame, File: h.File}
	if wireLen > len(frame) {
		d.missing = wireLen - len(frame)
		h.Marks = Cut
	}
	// Nearly every frame of nearly every capture takes this way.
	if link == LinkEthernet && len(frame) >= 14 && frame[12] == 0x08 && frame[13] == 0x00 {
		return d.ipv4(h, frame[14:])
	}
	if link == 0 || int(link) >= len(links) {
		return UnknownLink
	}
	proto, rest, skip := links[link].strip(h, frame)
	if skip == CutShort {
		return d.short()
	}
	if skip != Decoded {
		return skip
	}
	return d.network(h, proto, rest)
}

// short is the reason for a header that ends early: the snapshot length, or
// else the frame itself.
func (d *decoder) short() Skip {
	if d.missing > 0 {
		return CutShort
	}
	return Malformed
}

// writeAhead is how many headers ahead of the one that is written another is
// fetched.
const writeAhead = 32

// headerLines are the cache lines that a Header takes.
const headerLines = 2

// Add decodes a frame into the next free header of b and counts it. The header
// takes the time (nanoseconds since the Unix epoch), the number of the frame
// and the index of its file as given. The caller sees to it that b.Headers has
// room: Add does not grow it. The payload of a RST becomes a note.
func (b *Batch) Add(time int64, number uint64, file uint32, link Link, frame []byte, wireLen int) Skip {
	if b.Frames == 0 {
		b.First, b.Last = time, time
	} else if time > b.Last {
		b.Last = time
	}
	b.Frames++
	b.Bytes += uint64(wireLen)

	n := len(b.Headers)
	slots := b.Headers[:n+1]
	h := &slots[n]
	if all := slots[:cap(slots)]; n+writeAhead < len(all) {
		// Who read the batch last may have done so on another core.
		arena.PrefetchWrite(&all[n+writeAhead], headerLines)
	}
	h.Time, h.Frame, h.File = time, number, file
	var d decoder
	if skip := d.frame(h, link, frame, wireLen); skip != Decoded {
		b.Skipped[skip]++
		return skip
	}
	b.Headers = slots
	if h.Flags&RST != 0 {
		if payload := d.payload(); len(payload) > 0 {
			note := Note{Header: n}
			note.N = copy(note.Text[:], payload)
			b.Notes = append(b.Notes, note)
		}
	}
	return Decoded
}

// The protocols above the link layer, by their EtherType.
const (
	etherIPv4   = 0x0800
	etherVLAN   = 0x8100 // IEEE 802.1Q
	etherQinQ   = 0x88a8 // IEEE 802.1ad
	etherQinQ1  = 0x9100 // before 802.1ad
	etherQinQ2  = 0x9200
	etherIPv6   = 0x86dd
	etherMPLS   = 0x8847 // RFC 5332
	etherMPLSM  = 0x8848
	etherPPPoE  = 0x8864 // RFC 2516, session stage
	etherPPP    = 0x880b // in GRE version 1 (RFC 2637)
	etherBridge = 0x6558 // an Ethernet frame (RFC 7637, RFC 1701)
	etherERSPAN = 0x88be // mirrored frames, types I and II
	etherERSPN3 = 0x22eb // type III
	etherCMD    = 0x8909 // Cisco MetaData, the security tag of TrustSec

	// etherMax8023 is the largest value that is a length and not an EtherType
	// (IEEE 802.3, 3.2.6).
	etherMax8023 = 1500
)

// maxTags bounds the VLAN tags, and likewise the MPLS labels, of one frame.
const maxTags = 8

// network decodes what follows a link header. The octets b begin just after
// the EtherType.
func (d *decoder) network(h *Header, proto uint16, b []byte) Skip {
	for range maxTags {
		switch proto {
		case etherIPv4:
			return d.ipv4(h, b)
		case etherIPv6:
			return d.ipv6(h, b)
		case etherVLAN, etherQinQ, etherQinQ1, etherQinQ2:
			if len(b) < 4 {
				return d.short()
			}
			if h.VLAN == 0 && d.depth == 0 {
				h.VLAN = binary.BigEndian.Uint16(b) & 0xfff
			}
			proto, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case etherPPPoE:
			if len(b) < 7 {
				return d.short()
			}
			return d.ppp(h, b[6:])
		case etherPPP:
			return d.ppp(h, b)
		case etherCMD:
			// Version, length, option and tag: with both EtherTypes, 8 octets.
			if len(b) < 8 {
				return d.short()
			}
			proto, b = binary.BigEndian.Uint16(b[6:]), b[8:]
		case etherMPLS, etherMPLSM:
			return d.mpls(h, b)
		case etherBridge:
			return d.ethernet(h, b)
		default:
			if proto > etherMax8023 {
				return NotIP
			}
			var skip Skip
			if proto, b, skip = llc(b); skip == CutShort {
				return d.short()
			} else if skip != Decoded {
				return skip
			}
		}
	}
	return Malformed
}

func (d *decoder) ethernet(h *Header, b []byte) Skip {
	proto, rest, skip := stripEthernet(h, b)
	if skip != Decoded {
		return d.short()
	}
	return d.network(h, proto, rest)
}

// llc strips an IEEE 802.2 header: SNAP with an EtherType (RFC 1042), or the
// service access point of IP.
func llc(b []byte) (uint16, []byte, Skip) {
	if len(b) < 3 {
		return 0, nil, CutShort
	}
	switch {
	case b[0] == 0xaa && b[1] == 0xaa && b[2] == 3:
		if len(b) < 8 {
			return 0, nil, CutShort
		}
		// 0000f8 is the bridge tunnel encapsulation of IEEE 802.1H.
		if b[3] != 0 || b[4] != 0 || b[5] != 0 && b[5] != 0xf8 {
			return 0, nil, NotIP
		}
		proto := binary.BigEndian.Uint16(b[6:])
		if proto <= etherMax8023 {
			return 0, nil, NotIP
		}
		return proto, b[8:], Decoded
	case b[0] == 6 && b[1] == 6 && b[2] == 3:
		return etherIPv4, b[3:], Decoded
	}
	return 0, nil, NotIP
}

// ppp strips a PPP header (RFC 1661), also with the address and control field
// left off or the protocol field compressed.
func (d *decoder) ppp(h *Header, b []byte) Skip {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 3 {
		b = b[2:]
	}
	if len(b) < 2 {
		return d.short()
	}
	proto, n := binary.BigEndian.Uint16(b), 2
	if b[0]&1 != 0 {
		proto, n = uint16(b[0]), 1
	}
	switch proto {
	case 0x0021:
		return d.ipv4(h, b[n:])
	case 0x0057:
		return d.ipv6(h, b[n:])
	case 0x0281, 0x0283:
		return d.mpls(h, b[n:])
	}
	return NotIP
}

// mpls strips a label stack (RFC 3032). The stack does not say what follows,
// so the first nibble has to: 4 and 6 are IP, 0 is the control word of a
// pseudowire (RFC 4385), which nearly always carries Ethernet. Labels differ
// by direction and name no zone.
func (d *decoder) mpls(h *Header, b []byte) Skip {
	for range maxTags {
		if len(b) < 5 {
			return d.short()
		}
		bottom := b[2]&1 != 0
		b = b[4:]
		if !bottom {
			continue
		}
		switch b[0] >> 4 {
		case 4:
			return d.ipv4(h, b)
		case 6:
			return d.ipv6(h, b)
		case 0:
			if len(b) < 4 {
				return d.short()
			}
			return d.ethernet(h, b[4:])
		}
		return NotIP
	}
	return Malformed
}
