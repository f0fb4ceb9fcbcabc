// Package anonymize takes out of headers and frames what tells who was there: addresses
// become others of which no one can tell the first without the key, and that have as
// many leading bits in common as they had; payload goes but for what a verdict reads.
// Ports, sizes, sequence numbers, IP IDs, hop limits and times stay as they are.
package anonymize

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"net/netip"

	"github.com/rstwhy/rstwhy/packet"
)

// KeyLen is the octets of a key.
const KeyLen = 32

// cacheMost is how many addresses are remembered: 32 MiB and a few.
const cacheMost = 1 << 19

// Mask changes addresses by one key: the same address becomes the same one in everything
// that a Mask changes. It is not safe for concurrent use.
type Mask struct {
	block cipher.Block
	pad   [aes.BlockSize]byte
	known map[[16]byte][16]byte
}

// New returns a Mask of a key of KeyLen octets: 16 of an AES key, and 16 that are
// encrypted to become the padding, as Crypto-PAn has it (Xu, Fan, Ammar, Moon,
// "Prefix-Preserving IP Address Anonymization", ICNP 2002). Another length is an error.
func New(key []byte) (*Mask, error) {
	if len(key) != KeyLen {
		return nil, fmt.Errorf("a key has %d octets, not %d", KeyLen, len(key))
	}
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil, err
	}
	m := &Mask{block: block, known: map[[16]byte][16]byte{}}
	block.Encrypt(m.pad[:], key[16:])
	return m, nil
}

// bits encrypts each bit of a by those before it (Crypto-PAn). For IPv6 the addresses of
// the paper are as long as its padding.
func (m *Mask) bits(a []byte) {
	var out [16]byte
	in := m.pad
	var got [aes.BlockSize]byte
	for k := range len(a) * 8 {
		m.block.Encrypt(got[:], in[:])
		bit := byte(0x80) >> (k % 8)
		if got[0]&0x80 != 0 {
			out[k/8] |= bit
		}
		in[k/8] = in[k/8]&^bit | a[k/8]&bit // one more bit of the address, the rest padding
	}
	for k := range a {
		a[k] ^= out[k]
	}
}

// mask is what a becomes, of which an IPv4-mapped address stays one.
func (m *Mask) mask(a [16]byte) [16]byte {
	if out, ok := m.known[a]; ok {
		return out
	}
	out := a
	if v4 := netip.AddrFrom16(a).Is4In6(); v4 {
		m.bits(out[12:])
	} else {
		m.bits(out[:])
	}
	if len(m.known) >= cacheMost {
		clear(m.known)
	}
	m.known[a] = out
	return out
}

// Prefix is the network that the addresses of p become.
func (m *Mask) Prefix(p netip.Prefix) netip.Prefix {
	a := p.Addr()
	out := netip.AddrFrom16(m.mask(a.As16()))
	if a.Is4() {
		out = out.Unmap()
	}
	return netip.PrefixFrom(out, p.Bits()).Masked()
}

// Header changes the addresses of h.
func (m *Mask) Header(h *packet.Header) { h.Src, h.Dst = m.mask(h.Src), m.mask(h.Dst) }

// mac is what a hardware address becomes: one of nobody's (locally administered, to one
// station). The all-zero address stays.
func (m *Mask) mac(a []byte) (out [6]byte) {
	if [6]byte(a) == out {
		return out
	}
	in := m.pad
	for k, b := range a[:6] {
		in[k] ^= b
	}
	in[15] ^= 0xff // apart from what addresses are encrypted with
	var got [aes.BlockSize]byte
	m.block.Encrypt(got[:], in[:])
	copy(out[:], got[:])
	out[0] = out[0]&^1 | 2
	return out
}
