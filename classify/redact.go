package classify

import (
	"bytes"

	"github.com/rstwhy/rstwhy/packet"
)

// Redact writes into out, zeroed and as long as payload, those octets of payload that a
// verdict may go by, and nothing else of it: methods, statuses and the framing of HTTP/1,
// the headers of TLS records and the alerts in the clear, goodbyes. Of a RST's own payload
// (rst) it keeps who made it, in a form that is known, and writes x for other letters.
//
// A verdict on what it wrote is the verdict on payload.
func Redact(out, payload []byte, rst bool) {
	switch {
	case len(payload) == 0:
	case rst:
		redactReason(out, payload)
	case packet.RedactHead(out, payload):
	case bytes.HasPrefix(payload, http2Preface):
		copy(out, http2Preface)
	case recordAt(payload).kind != 0:
		redactRecords(out, payload)
	default:
		copy(out, payload[:goodbyeLen(payload)])
	}
}

// redactRecords keeps the headers of the TLS records of a segment that begins with one.
func redactRecords(out, payload []byte) {
	for at := 0; at < len(payload); {
		r := recordAt(payload[at:])
		n := recordHeader
		switch {
		case r.kind == 0:
			return
		case r.kind == recordAlert && r.length == 2, r.kind == recordChangeCipher && r.length == 1:
			n += r.length
		}
		copy(out[at:], payload[at:min(at+n, len(payload))])
		at += recordHeader + r.length
	}
}

// goodbyeLen is how much at the start of b ends a session, or is the head of a message
// whose kind tells whether it has an answer.
func goodbyeLen(b []byte) int {
	for _, f := range farewells {
		if bytes.HasPrefix(b, f) {
			return len(f)
		}
	}
	for _, g := range goodbyes {
		if bytes.Equal(b, g) {
			return len(g)
		}
	}
	switch {
	case isUnbind(b), bytes.Equal(b, pingResponse):
		return len(b)
	case isCOTP(b):
		return 7
	case isControlFrame(b):
		return http2Header
	}
	return 0
}

// redactReason keeps what is known of a text that says why it was reset.
func redactReason(out, payload []byte) {
	if isDiagnostic(payload) {
		copy(out, payload[:4])
		return
	}
	for k, c := range payload {
		switch {
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z':
			out[k] = 'x'
		case c >= ' ' && c <= '~':
			out[k] = c
		}
	}
	if !isBigIP(payload) {
		return
	}
	copy(out, bigIPBegins)
	for _, said := range idleReasons {
		if at := bytes.Index(payload, said); at >= 0 {
			copy(out[at:], said)
		}
	}
}
