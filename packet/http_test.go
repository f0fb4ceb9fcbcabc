package packet

import (
	"encoding/binary"
	"strings"
	"testing"
)

// ofPayload decodes a segment with that payload, of which missing octets more
// were on the wire.
func ofPayload(t testing.TB, payload string, missing int) *Header {
	t.Helper()
	frame := append([]byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2}, make([]byte, 20)...)
	frame[20+12], frame[20+13] = 5<<4, byte(PSH|ACK)
	frame = append(frame, payload...)
	binary.BigEndian.PutUint16(frame[2:], uint16(len(frame)+missing))
	h := new(Header)
	if skip := Decode(h, LinkRaw, frame, len(frame)+missing); skip != Decoded {
		t.Fatal(skip)
	}
	return h
}

// Where an HTTP/1 message ends is known from its head (RFC 9112, 6.3).
func TestMessage(t *testing.T) {
	long := "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Filler: y\r\n", 800)
	for _, test := range []struct {
		payload string
		missing int
		want    Message
		end     uint32
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, MessageHead | MessageLength, 40},
		{"HTTP/1.1 200 OK\r\ncontent-length:\t70000 \r\nServer: x\r\n\r\nthe first of them", 0, MessageHead | MessageLength, 70054},
		{"HTTP/1.0 200 OK\nContent-Length: 2\n\nok", 0, MessageHead | MessageLength, 37},
		{"HTTP/1.1 204 No Content\r\n\r\n", 0, MessageHead | MessageLength | MessageHeadAlone, 27},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: 900\r\n\r\n", 0, MessageHead | MessageLength | MessageHeadAlone, 50},
		{"HTTP/1.1 100 Continue\r\n\r\n", 0, MessageHead | MessageLength | MessageHeadAlone, 25},
		{"HTTP/1.1 101 Switching Protocols\r\n\r\n", 0, MessageHead | MessageLength | MessageHeadAlone, 36},
		{"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", 0, MessageHead | MessageUntilClose | MessageHeadAlone, 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, MessageHead | MessageLength | MessageHeadAlone, 38},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n5\r\nabcde\r\n", 0, MessageHead | MessageChunked, 0},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n", 0, MessageHead | MessageChunked | MessageLastChunk, 0},
		{"5\r\nabcde\r\n0\r\n\r\n", 0, MessageLastChunk, 0},
		{"0\r\n\r\n", 0, MessageLastChunk, 0},
		{"10\r\n\r\n", 0, 0, 0},
		{"5\r\nabcde\r\n0\r\n\r\n", 7, 0, 0}, // nobody knows how it ends
		{"HTTP/1.1 200 OK\r\nContent-Le", 0, MessageHead, 0},
		{"HTTP/1.1 200 OK\r\nContent-Le", 100, MessageHead | MessageCut, 0},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 100, MessageHead | MessageChunked | MessageHeadAlone | MessageCut, 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", 1000, MessageHead | MessageLength | MessageHeadAlone, 5041},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 0, MessageHead, 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nabcdef", 0, MessageHead, 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", 0, MessageHead, 0},
		{"HTTP/1.1 200 OK\r\nContent-Length: 4000000000\r\n\r\n", 0, MessageHead | MessageHeadAlone, 0},
		{"HTTP/1.1 200 OK\r\nContent-Lengthy: 5\r\n\r\nab", 0, MessageHead | MessageUntilClose, 0},
		{long, 0, MessageHead, 0},
		{"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", 0, MessageHead | MessageLength, 44},
		{"PUT /a HTTP/1.1\r\nHost: b\r\n\r\n", 0, MessageHead | MessageLength | MessageHeadAlone, 28},
		{"PATCH /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 0, MessageHead | MessageChunked | MessageHeadAlone, 0},
		{"GET /some/page HTTP/1.1\r\n\r\n", 0, 0, 0},
		{"POST it to somebody else\r\n\r\n", 0, 0, 0},
		{"HTTP/2 is another thing", 0, 0, 0},
		{"HTTP/1.1", 0, 0, 0},
	} {
		h := ofPayload(t, test.payload, test.missing)
		if h.Message != test.want || h.Message.Has(MessageLength) && h.MessageLen != test.end {
			t.Errorf("%.70q: %06b ends at %d, want %06b and %d", test.payload, h.Message, h.MessageLen, test.want, test.end)
		}
	}
}

func BenchmarkHead(b *testing.B) {
	payload := []byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 25 Nov 2025 10:11:12 GMT\r\nContent-Type: text/html; charset=utf-8\r\n" +
		"Cache-Control: max-age=0\r\nVary: Accept-Encoding\r\nContent-Length: 5120\r\nConnection: keep-alive\r\n\r\n")
	h := Header{Len: uint32(len(payload))}
	for b.Loop() {
		h.Message = 0
		h.head(payload)
	}
}
