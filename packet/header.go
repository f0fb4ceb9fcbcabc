package packet

import (
	"math"
	"net/netip"
)

// Flags are the twelve low bits of the 13th and 14th octet of the TCP header:
// the eight flags of RFC 9293, 3.1, and above them the reserved bits, of which
// the lowest is AE (formerly NS).
type Flags uint16

// The control bits of a TCP header.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE

	// Reserved covers AE and the three bits above it, which no conforming
	// sender sets on a RST.
	Reserved Flags = 0xf00
)

// Has reports whether every bit of want is set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// String writes f the way packetdrill and tcpdump do: S, F, R, P and a dot for
// ACK, then W, E, U for CWR, ECE and URG. No flag at all is "none".
func (f Flags) String() string {
	var b [12]byte
	n := 0
	for _, l := range [...]struct {
		bit  Flags
		name byte
	}{{SYN, 'S'}, {FIN, 'F'}, {RST, 'R'}, {PSH, 'P'}, {CWR, 'W'}, {ECE, 'E'}, {URG, 'U'}, {ACK, '.'}} {
		if f&l.bit != 0 {
			b[n] = l.name
			n++
		}
	}
	if n == 0 {
		return "none"
	}
	return string(b[:n])
}

// Options is the set of TCP options that a header carried.
type Options uint16

// The TCP options that tell something about a reset.
const (
	OptMSS        Options = 1 << iota // kind 2
	OptScale                          // kind 3, RFC 7323
	OptSACKPerm                       // kind 4, RFC 2018
	OptSACK                           // kind 5
	OptTimestamps                     // kind 8, RFC 7323
	OptMD5                            // kind 19, RFC 2385
	OptAO                             // kind 29, RFC 5925
	OptMPTCP                          // kind 30, RFC 8684
	OptFastOpen                       // kind 34, RFC 7413
	OptFastClose                      // kind 30, subtype 7: MP_FASTCLOSE
	OptTCPRST                         // kind 30, subtype 8: MP_TCPRST; the reason is in Header.MPReason
	OptOther                          // any other kind except end-of-list and no-operation
	OptBroken                         // the option list is malformed or cut by the snapshot length
)

// Has reports whether every option of want was there.
func (o Options) Has(want Options) bool { return o&want == want }

// Marks are facts on the frame around the TCP header.
type Marks uint16

// The marks of a frame.
const (
	IPv6 Marks = 1 << iota
	// DF is the Don't Fragment bit. It is never set on IPv6.
	DF
	// Cut says that the capture holds less of the frame than was on the wire.
	Cut
	// LengthGuessed says that the IP total length was zero (segmentation
	// offload) and Len comes from the frame's length on the wire.
	LengthGuessed
	// Tunnelled says that the segment was found inside another IP packet.
	Tunnelled
	// Outgoing and Incoming come from the packet type of a cooked header
	// (LINUX_SLL, LINUX_SLL2): sent by the capturing host, or to it.
	Outgoing
	Incoming
	// BadChecksum says that the TCP checksum was wrong. It is only computed for
	// RSTs that are whole in the capture. A checksum that is not filled in yet, as
	// a host that offloads them shows on what it sends, is not wrong where it has
	// the usual form, the sum of the pseudo-header.
	BadChecksum
	// RightChecksum says that the TCP checksum of a SYN or SYN/ACK that is whole in the
	// capture was right. Of other segments it is not computed.
	RightChecksum
)

// Has reports whether every mark of want is set.
func (m Marks) Has(want Marks) bool { return m&want == want }

// MaxTime bounds the times that can be told from others, in nanoseconds since
// the Unix epoch: one that lies farther from it on either side, beyond what an
// int64 holds, was given as one of the second after MaxTime or -MaxTime.
const MaxTime = (math.MaxInt64/1_000_000_000 - 1) * 1_000_000_000

// PeekLen is how many octets of payload a Header keeps.
const PeekLen = 16

// Header is what rstwhy keeps of one TCP segment. It holds no pointers, so that
// the garbage collector never looks into a batch of them, and nothing in it
// refers to the captured bytes.
type Header struct {
	Time  int64  // nanoseconds since the Unix epoch, by the capture's clock
	Frame uint64 // number of the frame in its file, from 1, counting every frame

	Src, Dst         [16]byte // IPv4 addresses are IPv4-mapped (RFC 4291, 2.5.5.2)
	SrcPort, DstPort uint16

	Seq, Ack Seq    // Ack is kept as sent, also when the ACK flag is off
	Len      uint32 // octets of payload, from the IP header and never from the captured length

	TSVal, TSEcr uint32 // valid with OptTimestamps
	SACKRight    Seq    // right edge of the highest SACK block, valid with OptSACK
	FlowLabel    uint32 // IPv6 flow label, 20 bits

	Flags    Flags
	Window   uint16 // as sent, not scaled
	Options  Options
	Marks    Marks
	MSS      uint16 // valid with OptMSS
	IPID     uint16 // IPv4 identification
	VLAN     uint16 // outermost VLAN id, 0 when untagged
	PeekN    uint8  // octets of Peek that are valid
	Message  Message
	File     uint32 // index of the input file, from 0; less than MaxFiles
	Zone     uint32 // distinguishes connections that ran inside a tunnel; 0 outside
	TTL      uint8  // time to live or hop limit
	TOS      uint8  // DSCP and ECN, or the IPv6 traffic class
	Scale    uint8  // window scale shift, valid with OptScale
	MPReason uint8  // reason of MP_TCPRST, valid with OptTCPRST

	Peek       [PeekLen]byte // first octets of the payload
	MessageLen uint32        // octets from the start of the payload to the end of the message, valid with MessageLength
}

// SeqLen is the room the segment takes in sequence space: its payload, and one
// each for SYN and FIN (RFC 9293, 3.4).
func (h *Header) SeqLen() uint32 {
	n := h.Len
	if h.Flags&SYN != 0 {
		n++
	}
	if h.Flags&FIN != 0 {
		n++
	}
	return n
}

// End is the sequence number just after the segment.
func (h *Header) End() Seq { return h.Seq.Add(h.SeqLen()) }

// Source is the address and port the segment came from.
func (h *Header) Source() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(h.Src).Unmap(), h.SrcPort)
}

// Destination is the address and port the segment went to.
func (h *Header) Destination() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(h.Dst).Unmap(), h.DstPort)
}

// FrameRef names a frame: its number, and which of the input files it is in. The
// file stands in the high 24 bits, so that frames of one run compare in order.
// The zero value names no frame.
type FrameRef uint64

// frameBits are the bits of a FrameRef that number the frame.
const frameBits = 40

// MaxFiles is how many files a FrameRef can tell apart.
const MaxFiles = 1 << (64 - frameBits)

// Frame is the number of the frame in its file, from 1; at most 2^40-1.
func (r FrameRef) Frame() uint64 { return uint64(r) & (1<<frameBits - 1) }

// File is the index of the input file, from 0.
func (r FrameRef) File() int { return int(r >> frameBits) }

// Ref returns the place of the segment in the input. Of a frame number beyond
// 2^40-1, which takes days of a live capture at a million frames a second, the
// lower bits are left.
func (h *Header) Ref() FrameRef {
	return FrameRef(uint64(h.File)<<frameBits | h.Frame&(1<<frameBits-1))
}
