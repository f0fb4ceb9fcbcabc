package packet

import "bytes"

// redacted stands for each octet of a head that is left out.
const redacted = 'x'

// RedactHead writes into out, which is as long as payload, what Decode reads of an HTTP/1
// message in payload: its method and version or its status, the lengths of its lines, the
// fields that say where it ends, and a last chunk. Of all else of the head it writes x,
// and it leaves alone what follows the head. It returns false for what is no head.
func RedactHead(out, payload []byte) bool {
	if len(payload) >= 5 && endsBlank(payload) && endsChunks(payload) {
		n := len(payload) - min(len(payload), 6)
		copy(out[n:], payload[n:])
	}
	at := headStart(payload)
	if at == 0 {
		return false
	}
	copy(out, payload[:at])
	b := payload[:min(len(payload), headMax)]
	for line := 0; at < len(b); line++ {
		end := len(b)
		if n := bytes.IndexByte(b[at:], '\n'); n >= 0 {
			end = at + n
		}
		text := bytes.TrimSuffix(b[at:end], []byte("\r"))
		redactLine(out[at:], text, line == 0)
		if line == 0 { // which may be no more than a method and a version
			if n := bytes.LastIndex(b[:at+len(text)], []byte(" HTTP/1.")); n >= 0 {
				copy(out[n:], b[n:min(n+9, at+len(text))])
			}
		}
		copy(out[at+len(text):], b[at+len(text):min(end+1, len(b))])
		if at = end + 1; line > 0 && len(text) == 0 {
			break
		}
	}
	return true
}

// headStart is how much of a payload is the method of a request, or the version of a
// response and the space behind it; 0 where it begins no HTTP/1 message.
func headStart(b []byte) int {
	if bytes.HasPrefix(b, []byte("HTTP/1.")) && len(b) >= 12 && b[8] == ' ' {
		return 9
	}
	for _, m := range [...]string{"GET ", "HEAD ", "POST ", "PUT ", "PATCH ", "DELETE ", "OPTIONS ", "CONNECT "} {
		if len(b) >= len(m) && string(b[:len(m)]) == m {
			return len(m)
		}
	}
	if len(b) >= PeekLen && beginsMessage(b) {
		return 4 // as much as is looked at
	}
	return 0
}

// redactLine writes what is kept of a line of a head; first says that it is the rest of
// its request or status line.
func redactLine(out, line []byte, first bool) {
	for k := range line {
		out[k] = redacted
	}
	if first {
		if len(line) >= 3 && number(line[:3]) >= 0 {
			copy(out, line[:3]) // the status
		}
		return
	}
	for _, f := range [...]struct {
		name string
		says func(value []byte) []byte // what is kept, a part of value
	}{
		{"content-length", func(v []byte) []byte {
			if number(v) < 0 {
				return nil
			}
			return v
		}},
		{"connection", func(v []byte) []byte {
			if !bytes.EqualFold(v, []byte("close")) {
				return nil
			}
			return v
		}},
		{"transfer-encoding", func(v []byte) []byte { return suffixFold(v, "chunked") }},
	} {
		value, ok := field(line, f.name)
		if !ok {
			continue
		}
		copy(out, line[:len(f.name)+1])
		if kept := f.says(value); len(kept) > 0 {
			at := len(line) - len(bytes.TrimLeft(line[len(f.name)+1:], " \t")) // where value begins
			at += len(value) - len(kept)
			copy(out[at:], kept)
			for k := len(f.name) + 1; k < len(line); k++ {
				if line[k] == ' ' || line[k] == '\t' {
					out[k] = line[k]
				}
			}
		}
	}
}

// suffixFold is the end of b when it is word in any case, else nothing.
func suffixFold(b []byte, word string) []byte {
	if len(b) >= len(word) && bytes.EqualFold(b[len(b)-len(word):], []byte(word)) {
		return b[len(b)-len(word):]
	}
	return nil
}
