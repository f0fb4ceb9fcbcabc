package anonymize

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/packet"
)

// eachFrame calls with for the frames of a classic capture file, little-endian.
func eachFrame(t testing.TB, path string, with func(link packet.Link, frame []byte, wireLen int)) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 24 || binary.LittleEndian.Uint16(b) != 0xc3d4 && binary.LittleEndian.Uint16(b) != 0x3c4d {
		return
	}
	link, _ := packet.LinkFromType(binary.LittleEndian.Uint32(b[20:]))
	for b = b[24:]; len(b) >= 16; {
		n, wire := int(binary.LittleEndian.Uint32(b[8:])), int(binary.LittleEndian.Uint32(b[12:]))
		with(link, b[16:16+n], wire)
		b = b[16+n:]
	}
}

// hold makes another frame of one, and holds what is decoded of both against each other.
func hold(t testing.TB, m *Mask, link packet.Link, frame []byte, wireLen int) bool {
	var was, is packet.Header
	segment, skip := packet.Segment(&was, link, frame, wireLen)
	if skip != packet.Decoded {
		return false
	}
	out, wire, linkType := m.Frame(nil, &was, segment, frame, link)
	to, ok := packet.LinkFromType(linkType)
	if !ok || wire < len(out) {
		t.Fatalf("link type %d, %d of %d octets", linkType, len(out), wire)
	}
	if skip := packet.Decode(&is, to, out, wire); skip != packet.Decoded {
		t.Fatalf("%x becomes %x: %s", frame, out, skip)
	}
	want := was
	m.Header(&want)
	// What is not read for a verdict, and how the tunnel was named.
	want.Peek, is.Peek = [packet.PeekLen]byte{}, [packet.PeekLen]byte{}
	if want.Flags.Has(packet.RST) {
		// By chance what is not filled in may be right.
		want.Marks, is.Marks = want.Marks&^packet.RightChecksum, is.Marks&^packet.RightChecksum
		want.Message, is.Message, want.MessageLen, is.MessageLen = 0, 0, 0, 0
	}
	if want.Zone != 0 && is.Zone != 0 {
		want.Zone, is.Zone = 1, 1
	}
	if want != is {
		t.Fatalf("%x\nbecomes %x:\n%+v\nnot    %+v", frame, out, is, want)
	}
	return true
}

// TestFrames makes others of all frames of the recordings.
func TestFrames(t *testing.T) {
	m := mask(t)
	paths, err := filepath.Glob("../testdata/pcaps/*/*.pcap")
	if err != nil || len(paths) == 0 {
		t.Fatal("no recordings", err)
	}
	frames := 0
	for _, path := range paths {
		eachFrame(t, path, func(link packet.Link, frame []byte, wireLen int) {
			if hold(t, m, link, frame, wireLen) {
				frames++
			}
		})
	}
	if frames < 1000 {
		t.Errorf("%d frames", frames)
	}
}

// FuzzFrame makes others of frames of any octets.
func FuzzFrame(f *testing.F) {
	m := mask(f)
	paths, _ := filepath.Glob("../testdata/pcaps/*/*.pcap")
	for _, path := range paths {
		n := 0
		eachFrame(f, path, func(link packet.Link, frame []byte, wireLen int) {
			if n++; n <= 6 {
				f.Add(uint8(link), frame, uint16(wireLen-len(frame)))
			}
		})
	}
	f.Fuzz(func(t *testing.T, link uint8, frame []byte, more uint16) {
		hold(t, m, packet.Link(link), frame, len(frame)+int(more))
	})
}

// ethernet is a frame of a client that says payload, with options.
func ethernet(flags byte, options, payload string) []byte {
	b := []byte("\x00\x1b\x21\xaa\xbb\xcc\x00\x1b\x21\xdd\xee\xff\x08\x00")
	n := 40 + len(options) + len(payload)
	b = append(b, 0x45, 0, byte(n>>8), byte(n), 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 77, 198, 51, 100, 88)
	b = append(b, 0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, byte(5+len(options)/4)<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	return append(append(b, options...), payload...)
}

// TestSecrets says things that must not get out, and looks for them.
func TestSecrets(t *testing.T) {
	m := mask(t)
	for _, test := range []struct {
		name             string
		flags            byte
		options, payload string
		secrets, kept    []string
	}{
		{"request", 0x18, "", "GET /secret?token=hush HTTP/1.1\r\nHost: acme.example\r\nCookie: sid=hush\r\n\r\n",
			[]string{"secret", "hush", "acme", "Host", "Cookie"}, []string{"GET ", " HTTP/1.1\r\n", "\r\n\r\n"}},
		{"response", 0x18, "", "HTTP/1.1 503 Because acme\r\nContent-Length: 17\r\nServer: acme\r\nConnection: close\r\n\r\nthe acme is down.",
			[]string{"acme", "Because", "down", "Server"}, []string{"HTTP/1.1 503", "Content-Length: 17\r\n", "Connection: close\r\n"}},
		{"length that is none", 0x18, "", "HTTP/1.1 200 OK\r\nContent-Length: acme\r\n\r\n", []string{"acme"}, []string{"Content-Length:"}},
		{"upload", 0x18, "", "POST /acme HTTP/1.1\r\nTransfer-Encoding: acme, chunked\r\n\r\n4\r\nacme\r\n0\r\n\r\n",
			[]string{"acme"}, []string{"POST ", "chunked\r\n", "\n0\r\n\r\n"}},
		{"client hello", 0x18, "", "\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x03randomrandom\x00\x00acme.example",
			[]string{"acme", "random"}, []string{"\x16\x03\x01\x00\x20"}},
		{"alert", 0x18, "", "\x15\x03\x03\x00\x02\x02\x30", nil, []string{"\x15\x03\x03\x00\x02\x02\x30"}},
		{"mail", 0x18, "", "QUIT acme\r\n", []string{"acme"}, []string{"QUIT"}},
		{"name in a startup", 0x18, "", "\x00\x00\x00\x1c\x00\x03\x00\x00user\x00acme\x00\x00", []string{"acme", "user"}, nil},
		{"text in a RST", 0x14, "", "BIG-IP: [0x2409a8d:2222] acme Flow expired (sweeper)",
			[]string{"acme", "2409a8d", "sweeper"}, []string{"BIG-IP:", "Flow expired"}},
		{"address in an option", 0x18, "\x1c\x0a\x00\x50\xc0\x00\x02\x4d\x01\x01", "", []string{"\xc0\x00\x02\x4d"}, []string{"\x1c\x0a"}},
		{"MPTCP key", 0x02, "\x1e\x0c\x01\x81acmeacme", "", []string{"acme"}, []string{"\x1e\x0c\x00"}},
		{"cookie of fast open", 0x02, "\x22\x0aacmeacme\x01\x01", "", []string{"acme"}, []string{"\x22\x0a"}},
	} {
		frame := ethernet(test.flags, test.options, test.payload)
		var h packet.Header
		segment, skip := packet.Segment(&h, packet.LinkEthernet, frame, len(frame))
		if skip != packet.Decoded {
			t.Fatal(test.name, skip)
		}
		out, _, _ := m.Frame(nil, &h, segment, frame, packet.LinkEthernet)
		for _, s := range append(test.secrets, "\xc0\x00\x02\x4d", "\xc6\x33\x64\x58", "\x1b\x21\xaa", "\x1b\x21\xdd") {
			if strings.Contains(string(out), s) {
				t.Errorf("%s: %q is still there: %q", test.name, s, out)
			}
		}
		for _, s := range test.kept {
			if !strings.Contains(string(out), s) {
				t.Errorf("%s: %q has gone: %q", test.name, s, out)
			}
		}
		hold(t, m, packet.LinkEthernet, frame, len(frame))
	}
}
