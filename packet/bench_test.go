package packet

import (
	"encoding/binary"
	"testing"
)

// plainSegment is an Ethernet, IPv4 and TCP header with a timestamp option and
// 100 octets of payload: the common case.
func plainSegment() []byte {
	b := make([]byte, 14+20+32+100)
	b[12] = 0x08
	ip := b[14:]
	ip[0] = 0x45
	binary.BigEndian.PutUint16(ip[2:], 20+32+100)
	ip[8], ip[9] = 64, 6
	copy(ip[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	tcp := ip[20:]
	binary.BigEndian.PutUint16(tcp, 40000)
	binary.BigEndian.PutUint16(tcp[2:], 80)
	tcp[12], tcp[13] = 0x80, 0x18
	copy(tcp[20:], []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2})
	return b
}

func BenchmarkDecode(b *testing.B) {
	frame := plainSegment()
	var h Header
	b.ReportAllocs()
	for b.Loop() {
		if Decode(&h, LinkEthernet, frame, len(frame)) != Decoded {
			b.Fatal("not decoded")
		}
	}
}

func BenchmarkBatchAdd(b *testing.B) {
	frame := plainSegment()
	batch := Batch{Headers: make([]Header, 0, 1024)}
	b.ReportAllocs()
	for b.Loop() {
		if len(batch.Headers) == cap(batch.Headers) {
			batch.Reset()
		}
		batch.Add(1, 1, 0, LinkEthernet, frame, len(frame))
	}
}
