package packet

import (
	"bytes"
	"testing"
)

// TestRedactHead holds what is decoded of a head, and of what is left of it.
func TestRedactHead(t *testing.T) {
	for _, test := range []struct{ payload, want string }{
		{"GET /a?b HTTP/1.1\r\nHost: a\r\n\r\n", "GET xxxx HTTP/1.1\r\nxxxxxxx\r\n\r\n"},
		{"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n", "HTTP/1.1 204xxxxxxxxxxx\r\nxxxxxxxxx\r\n\r\n"},
		{"POST / HTTP/1.1\r\nContent-Length: 12\r\nX: y\r\n\r\nsecret body", "POST x HTTP/1.1\r\nContent-Length: 12\r\nxxxx\r\n\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"POST / HTTP/1.1\r\nContent-Length: a2\r\n\r\n", "POST x HTTP/1.1\r\nContent-Length:xxx\r\n\r\n"},
		{"HTTP/1.1 200 OK\r\nConnection: upgrade, close\r\n\r\n", "HTTP/1.1 200xxx\r\nConnection:xxxxxxxxxxxxxxx\r\n\r\n"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip,chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "HTTP/1.1 200xxx\r\nTransfer-Encoding: xxxxxchunked\r\n\r\n\x00\x00\x00\x00\x00\n0\r\n\r\n"},
		{"HTTP/1.1 2o0 OK\r\nDate: now\r\n\r\n", "HTTP/1.1 xxxxxx\r\nxxxxxxxxx\r\n\r\n"},
		{"PUT  HTTP/1.1\r\nA", "PUT  HTTP/1.1\r\nx"},
		{"secret, and not a head at all", ""},
		{"GET", ""},
		{"", ""},
	} {
		out := make([]byte, len(test.payload))
		if head := RedactHead(out, []byte(test.payload)); head != (test.want != "") {
			t.Errorf("%q is a head: %v", test.payload, head)
		}
		if test.want == "" {
			test.want = string(make([]byte, len(test.payload)))
		}
		if string(out) != test.want {
			t.Errorf("%q\nbecomes %q\nnot     %q", test.payload, out, test.want)
		}
		was, is := ofPayload(t, test.payload, 0), ofPayload(t, string(out), 0)
		was.Peek, is.Peek = [PeekLen]byte{}, [PeekLen]byte{}
		if *was != *is {
			t.Errorf("%q is read as %+v, what is left of it as %+v", test.payload, *was, *is)
		}
		if bytes.Contains(out, []byte("secret")) {
			t.Errorf("%q", out)
		}
	}
}
