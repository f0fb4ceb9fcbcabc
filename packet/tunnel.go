package packet

import "encoding/binary"

// UDP ports of the tunnels that are followed.
const (
	portTeredo     = 3544 // RFC 4380
	portVXLAN      = 4789 // RFC 7348
	portVXLANLinux = 8472 // the default of Linux and flannel
)

// enter prepares for a packet inside another one. The zone is named by the
// kind of the tunnel and its identifier, and by the tunnels around it: the
// same in both directions. Outer addresses are left out, since either end of
// a tunnel may answer from another address.
func (d *decoder) enter(h *Header, kind uint8, id uint32) {
	h.Marks = h.Marks&(Cut|Outgoing|Incoming) | Tunnelled
	h.FlowLabel, h.IPID = 0, 0
	d.noSum = false
	z := (h.Zone^id)*0x9e3779b1 + uint32(kind)
	z ^= z >> 15
	h.Zone = max(z, 1)
}

// tunnel decodes IP in IP (RFC 2003), 6in4 (RFC 4213) and GRE.
func (d *decoder) tunnel(h *Header, proto uint8, b []byte) Skip {
	if d.depth >= maxDepth {
		return NotTCP
	}
	switch proto {
	case protoIPv4:
		d.enter(h, protoIPv4, 0)
		return d.ipv4(h, b)
	case protoIPv6:
		d.enter(h, protoIPv6, 0)
		return d.ipv6(h, b)
	}
	return d.gre(h, b)
}

// gre decodes GRE of version 0 (RFC 2784, 2890) and 1 (RFC 2637).
func (d *decoder) gre(h *Header, b []byte) Skip {
	if len(b) < 4 {
		return d.short()
	}
	flags, proto := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	const (
		checksum = 0x8000
		routing  = 0x4000
		key      = 0x2000
		sequence = 0x1000
		ack      = 0x0080 // version 1
		version  = 0x0007
	)
	if flags&version > 1 || flags&routing != 0 {
		return NotTCP
	}
	n := 4
	if flags&checksum != 0 {
		n += 4
	}
	var id uint32
	if flags&key != 0 {
		if len(b) < n+4 {
			return d.short()
		}
		// In version 1 the key holds the call of one direction.
		if flags&version == 0 {
			id = binary.BigEndian.Uint32(b[n:])
		}
		n += 4
	}
	if flags&sequence != 0 {
		n += 4
	}
	if flags&version == 1 && flags&ack != 0 {
		n += 4
	}
	switch proto {
	case etherBridge:
		id >>= 8 // NVGRE, RFC 7637: the low octet is the flow
	case etherERSPAN:
		// Type I has neither a sequence number nor a header of its own.
		if flags&sequence != 0 {
			n += 8
		}
		proto = etherBridge
	case etherERSPN3:
		n += 12
		if len(b) >= n && b[n-1]&1 != 0 { // platform specific subheader
			n += 8
		}
		proto = etherBridge
	}
	if len(b) < n {
		return d.short()
	}
	d.enter(h, protoGRE, id)
	return d.network(h, proto, b[n:])
}

// udp decodes the tunnels over UDP, of which only the ports give a hint.
func (d *decoder) udp(h *Header, b []byte) Skip {
	if len(b) < 16 || d.depth >= maxDepth {
		return NotTCP
	}
	src, dst := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	b = b[8:]
	switch {
	case dst == portVXLAN || dst == portVXLANLinux:
		// The flag says that the identifier is valid; all else is reserved.
		if b[0] != 0x08 || b[7] != 0 {
			return NotTCP
		}
		d.enter(h, protoUDP, binary.BigEndian.Uint32(b[4:])>>8)
		return d.ethernet(h, b[8:])
	case dst == portTeredo || src == portTeredo:
		if b[0] == 0 && b[1] == 1 { // authentication, RFC 4380, 5.1.1
			n := 4 + int(b[2]) + int(b[3]) + 9
			if len(b) < n+1 {
				return NotTCP
			}
			b = b[n:]
		}
		if len(b) >= 8 && b[0] == 0 && b[1] == 0 { // origin
			b = b[8:]
		}
		if len(b) == 0 || b[0]>>4 != 6 {
			return NotTCP
		}
		d.enter(h, protoUDP, 1<<24) // beyond any VXLAN identifier
		return d.ipv6(h, b)
	}
	return NotTCP
}
