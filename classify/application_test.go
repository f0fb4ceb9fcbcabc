package classify

import (
	"testing"

	"github.com/rstwhy/rstwhy/packet"
)

func peek(s string) (p [packet.PeekLen]byte, n uint8) {
	n = uint8(copy(p[:], s))
	return p, n
}

func TestTLSRecord(t *testing.T) {
	tests := []struct {
		in    string
		want  record
		alert bool
		fatal bool
	}{
		{"\x15\x03\x03\x00\x02\x02\x30", record{0x15, 2, [2]byte{2, 48}}, true, true},
		{"\x15\x03\x01\x00\x02\x01\x00", record{0x15, 2, [2]byte{1, 0}}, true, false},
		{"\x15\x03\x03\x00\x1a\x00\x01", record{0x15, 26, [2]byte{0, 1}}, true, false},
		{"\x17\x03\x03\x00\x13\xaa\xbb", record{0x17, 19, [2]byte{0xaa, 0xbb}}, true, false},
		{"\x17\x03\x03\x01\x00\xaa\xbb", record{0x17, 256, [2]byte{0xaa, 0xbb}}, false, false},
		{"\x14\x03\x03\x00\x01\x01\x15\x03\x03\x00\x02\x02\x2a", record{0x15, 2, [2]byte{2, 42}}, true, true},
		{"\x14\x03\x03\x00\x01\x01", record{0x14, 1, [2]byte{1, 0}}, false, false},
		{"GET / HTTP/1.1", record{}, false, false},
		{"\x16\x03", record{}, false, false},
		{"", record{}, false, false},
	}
	for _, test := range tests {
		p, n := peek(test.in)
		if got := tlsRecord(&p, n); got != test.want || got.isAlert() != test.alert || got.fatal() != test.fatal {
			t.Errorf("%q: %+v, alert %v, fatal %v", test.in, got, got.isAlert(), got.fatal())
		}
	}
}

func TestHTTPWords(t *testing.T) {
	for in, want := range map[string]struct {
		request, upload bool
		status          int
	}{
		"GET /index.html ":  {true, false, 0},
		"POST /upload HTT":  {true, true, 0},
		"PATCH /a HTTP/1.":  {true, true, 0},
		"DELETE /a HTTP/1":  {true, false, 0},
		"HTTP/1.1 413 Con":  {false, false, 413},
		"HTTP/1.0 200 OK\r": {false, false, 200},
		"HTTP/1.1 4x3 Con":  {false, false, 0},
		"HTTP/1.1 41":       {false, false, 0},
		"GETTING":           {false, false, 0},
		"":                  {false, false, 0},
	} {
		p, n := peek(in)
		if isRequest(&p, n) != want.request || isUpload(&p, n) != want.upload || status(&p, n) != want.status {
			t.Errorf("%q: request %v, upload %v, status %d", in, isRequest(&p, n), isUpload(&p, n), status(&p, n))
		}
	}
}
