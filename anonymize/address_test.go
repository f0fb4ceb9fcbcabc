package anonymize

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/rstwhy/rstwhy/packet"
)

// published is the key of the sample trace that the authors of Crypto-PAn gave with it.
var published = []byte{
	21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
	216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
}

func mask(t testing.TB) *Mask {
	t.Helper()
	m, err := New(published)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *Mask) addr(a netip.Addr) netip.Addr {
	out := netip.AddrFrom16(m.mask(a.As16()))
	if a.Is4() {
		return out.Unmap()
	}
	return out
}

// TestPublishedVectors has addresses of the sample trace of Crypto-PAn, and for IPv6 those
// by which other implementations of it are tested.
func TestPublishedVectors(t *testing.T) {
	m := mask(t)
	for from, to := range map[string]string{
		"128.11.68.132":   "135.242.180.132",
		"129.118.74.4":    "134.136.186.123",
		"130.132.252.244": "133.68.164.234",
		"141.223.7.43":    "141.167.8.160",
		"141.233.145.108": "141.129.237.235",
		"152.163.225.39":  "151.140.114.167",
		"156.29.3.236":    "147.225.12.42",
		"165.247.96.84":   "162.9.99.234",
		"166.107.77.190":  "160.132.178.185",
		"192.102.249.13":  "252.138.62.131",
		"192.41.57.43":    "252.222.221.184",
		"::1":             "78ff:f001:9fc0:20df:8380:b1f1:704:ed",
		"::2":             "78ff:f001:9fc0:20df:8380:b1f1:704:ef",
		"::ffff":          "78ff:f001:9fc0:20df:8380:b1f1:704:f838",
		"2001:db8::1":     "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e",
		"2001:db8::2":     "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c",
	} {
		for range 2 { // the second time it is remembered
			if got := m.addr(netip.MustParseAddr(from)); got != netip.MustParseAddr(to) {
				t.Errorf("%s becomes %s, not %s", from, got, to)
			}
		}
	}
}

// common is how many leading bits a and b share.
func common(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	for k := 0; k < 16; k += 8 {
		if d := binary.BigEndian.Uint64(x[k:]) ^ binary.BigEndian.Uint64(y[k:]); d != 0 {
			return 8*k + bits.LeadingZeros64(d)
		}
	}
	return 128
}

// TestPrefixes holds what becomes of addresses against each other: as many bits in common
// as they had, and so none that become the same.
func TestPrefixes(t *testing.T) {
	m := mask(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var x, y [16]byte
		for k := range x {
			x[k] = byte(r.Uint32())
		}
		y = x
		if r.IntN(2) == 0 {
			copy(x[:], make([]byte, 10))
			x[10], x[11] = 0xff, 0xff // IPv4
			y = x
			y[12+r.IntN(4)] ^= byte(1 << r.IntN(8))
		} else {
			y[r.IntN(16)] ^= byte(1 << r.IntN(8))
		}
		a, b := netip.AddrFrom16(x), netip.AddrFrom16(y)
		if was, is := common(a, b), common(m.addr(a), m.addr(b)); was != is {
			t.Fatalf("%s and %s have %d bits in common, what they become %d", a, b, was, is)
		}
		p := netip.PrefixFrom(a.Unmap(), 13)
		if inside := p.Contains(b.Unmap()); m.Prefix(p).Contains(m.addr(b).Unmap()) != inside {
			t.Fatalf("%s in %s: %v, and otherwise when they are changed", b, p, inside)
		}
	}
}

func TestKey(t *testing.T) {
	if _, err := New(published[:31]); err == nil {
		t.Error("a key of 31 octets is taken")
	}
	other, err := New([]byte("0123456789abcdef0123456789ABCDEF"))
	if err != nil {
		t.Fatal(err)
	}
	if a := netip.MustParseAddr("192.0.2.1"); other.addr(a) == mask(t).addr(a) {
		t.Error("two keys make the same of an address")
	}
}

// TestMACs makes others of hardware addresses: none of a maker, none of a group.
func TestMACs(t *testing.T) {
	m := mask(t)
	seen := map[[6]byte]bool{}
	for k := range 1000 {
		a := []byte{0, 0x1b, 0x21, 0, byte(k >> 8), byte(k)}
		got := m.mac(a)
		if got[0]&3 != 2 || seen[got] || got != m.mac(a) {
			t.Fatalf("%x becomes %x", a, got)
		}
		seen[got] = true
	}
	if m.mac(make([]byte, 6)) != [6]byte{} {
		t.Error("loopback has no hardware address, and gets one")
	}
}

// TestForgets has more addresses than are remembered: each still becomes the same.
func TestForgets(t *testing.T) {
	m := mask(t)
	want := m.addr(netip.MustParseAddr("192.0.2.1"))
	for k := range uint32(cacheMost) {
		m.known[[16]byte(binary.BigEndian.AppendUint32(make([]byte, 12, 16), k))] = [16]byte{}
	}
	m.mask([16]byte{1})
	if len(m.known) > cacheMost || m.addr(netip.MustParseAddr("192.0.2.1")) != want {
		t.Error("an address becomes another once it was forgotten")
	}
	var h packet.Header
	h.Src = netip.MustParseAddr("192.0.2.1").As16()
	if m.Header(&h); netip.AddrFrom16(h.Src).Unmap() != want {
		t.Error("a header gets another address")
	}
}
