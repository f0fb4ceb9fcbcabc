package packet

import (
	"bytes"
	"encoding/binary"
)

// Message is what a payload shows of HTTP/1 messages (RFC 9112). The body of
// one is not looked at.
type Message uint8

// The parts of a message.
const (
	// MessageHead says that the payload begins with a response's status line, or
	// with the request line of a method that carries a body.
	MessageHead Message = 1 << iota
	// MessageLength says that the head is whole and tells where the message
	// ends: MessageLen octets from the start of the payload.
	MessageLength
	// MessageChunked says that the head is whole and the body comes in chunks.
	MessageChunked
	// MessageUntilClose says that the head is whole and the body goes on until
	// the connection is closed (RFC 9112, 6.3).
	MessageUntilClose
	// MessageHeadAlone says that the payload ends where the head does. That is all
	// there is of the response to a HEAD request, whatever length it names.
	MessageHeadAlone
	// MessageCut says that the capture holds too little of the payload to tell where
	// the message ends.
	MessageCut
	// MessageLastChunk says that the payload ends with a last chunk without
	// trailers. It is looked for in whole segments with PSH.
	MessageLastChunk
	// MessageClose says that the head is whole, and that its sender closes the
	// connection after the message (Connection: close; RFC 9112, 9.6).
	MessageClose
)

// Has reports whether everything in want was seen.
func (m Message) Has(want Message) bool { return m&want == want }

// headMax is how much of a payload is searched for the end of a head: what
// servers take at most, Apache and nginx by default.
const headMax = 8 << 10

// The first four octets of what begins a message, as beginsMessage reads them.
const (
	beginsHTTP  = 'H' | 'T'<<8 | 'T'<<16 | 'P'<<24
	beginsPOST  = 'P' | 'O'<<8 | 'S'<<16 | 'T'<<24
	beginsPUT   = 'P' | 'U'<<8 | 'T'<<16 | ' '<<24
	beginsPATCH = 'P' | 'A'<<8 | 'T'<<16 | 'C'<<24
)

// beginsMessage reports whether b, of four octets or more, looks like the start
// of a message that head can read.
func beginsMessage(b []byte) bool {
	switch binary.LittleEndian.Uint32(b) {
	case beginsHTTP, beginsPOST, beginsPUT, beginsPATCH:
		return true
	}
	return false
}

// head reads the head of an HTTP/1 message at the start of b, which has PeekLen
// octets or more. A head that does not end within b, or contradicts itself, is a
// MessageHead alone.
func (h *Header) head(b []byte) {
	request := b[0] != 'H'
	code := int64(0)
	if !request {
		if !bytes.HasPrefix(b, []byte("HTTP/1.")) || b[8] != ' ' {
			return
		}
		if code = number(b[9:12]); code < 0 {
			return
		}
	}
	short := uint32(len(b)) < h.Len
	rest := b[:min(len(b), headMax)]
	eol := bytes.IndexByte(rest, '\n')
	if eol < 0 {
		if !request {
			h.Message |= MessageHead
			h.cutMessage(short)
		}
		return
	}
	if request && !bytes.Contains(rest[:eol], []byte(" HTTP/1.")) {
		return
	}
	h.Message |= MessageHead
	length, chunked, at := int64(-1), false, eol+1
	closes := Message(0)
	for {
		eol = bytes.IndexByte(rest[at:], '\n')
		if eol < 0 {
			h.cutMessage(short) // else the head goes on in the next segment
			return
		}
		line := rest[at : at+eol]
		at += eol + 1
		if len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		if len(line) == 0 {
			break
		}
		switch line[0] | 0x20 {
		case 'c':
			if value, ok := field(line, "connection"); ok && bytes.EqualFold(value, []byte("close")) {
				closes = MessageClose
			}
			value, ok := field(line, "content-length")
			if !ok {
				continue
			}
			n := number(value)
			if n < 0 || length >= 0 && n != length {
				return // RFC 9112, 6.3: nobody knows where it ends
			}
			length = n
		case 't':
			if value, ok := field(line, "transfer-encoding"); ok {
				chunked = len(value) >= 7 && bytes.EqualFold(value[len(value)-7:], []byte("chunked"))
				if !chunked {
					return
				}
			}
		}
	}
	h.Message |= closes
	if at == len(b) {
		h.Message |= MessageHeadAlone
	}
	switch whole := int64(at) + max(length, 0); {
	case code >= 100 && code < 200, code == 204, code == 304:
		h.Message |= MessageLength // RFC 9112, 6.3: never a body
		h.MessageLen = uint32(at)
	case chunked:
		h.Message |= MessageChunked
		h.cutMessage(short)
	case length < 0 && !request:
		h.Message |= MessageUntilClose
	case whole < 1<<31: // what sequence numbers can compare
		h.Message |= MessageLength
		h.MessageLen = uint32(whole)
	}
}

func (h *Header) cutMessage(short bool) {
	if short {
		h.Message |= MessageCut
	}
}

// field returns the value of the field of that name, in lower case, if line has
// it.
func field(line []byte, name string) ([]byte, bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.Trim(line[len(name)+1:], " \t"), true
}

// number is the decimal number that b is, or -1. What has more than twelve
// digits is none that a message has.
func number(b []byte) int64 {
	if len(b) == 0 || len(b) > 12 {
		return -1
	}
	var n int64
	for _, d := range b {
		if d < '0' || d > '9' {
			return -1
		}
		n = n*10 + int64(d-'0')
	}
	return n
}

// endsBlank reports whether b ends with an empty line.
func endsBlank(b []byte) bool {
	return len(b) >= 5 && binary.LittleEndian.Uint32(b[len(b)-4:]) == '\r'|'\n'<<8|'\r'<<16|'\n'<<24
}

// endsChunks reports whether b, which ends with an empty line, ends with a last
// chunk (RFC 9112, 7.1).
func endsChunks(b []byte) bool {
	n := len(b) - 5
	return b[n] == '0' && (n == 0 || b[n-1] == '\n')
}
