package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/anonymize"
)

// talk makes up frames of two hosts.
type talk struct {
	client, server netip.AddrPort
	sent           [2]uint32 // octets, by side
	file           *bytes.Buffer
	at             uint32 // microseconds
}

// say writes a frame of the client, or of the server.
func (c *talk) say(server bool, flags byte, options, payload string) {
	from, to, side := c.client, c.server, 0
	link := "\x00\x1b\x21\xaa\xbb\xcc\x00\x1b\x21\xdd\xee\xff"
	if server {
		from, to, side = c.server, c.client, 1
		link = "\x00\x1b\x21\xdd\xee\xff\x00\x1b\x21\xaa\xbb\xcc"
	}
	tcp := binary.BigEndian.AppendUint16(nil, from.Port())
	tcp = binary.BigEndian.AppendUint16(tcp, to.Port())
	tcp = binary.BigEndian.AppendUint32(tcp, 1000+c.sent[side])
	tcp = binary.BigEndian.AppendUint32(tcp, 1000+c.sent[1-side])
	tcp = append(tcp, byte(5+len(options)/4)<<4, flags, 0xfa, 0xf0, 0, 0, 0, 0)
	tcp = append(append(tcp, options...), payload...)
	var ip []byte
	if from.Addr().Is4() {
		n := 20 + len(tcp)
		ip = append([]byte("\x08\x00\x45\x00"), byte(n>>8), byte(n), 0, 7, 0x40, 0, 64, 6, 0, 0)
	} else {
		ip = append([]byte("\x86\xdd\x60\x00\x00\x00"), byte(len(tcp)>>8), byte(len(tcp)), 6, 64)
	}
	frame := append([]byte(link), ip...)
	frame = append(append(append(frame, from.Addr().AsSlice()...), to.Addr().AsSlice()...), tcp...)
	c.at += 1000
	head := binary.LittleEndian.AppendUint32(nil, 1_700_000_000)
	for _, v := range []uint32{c.at, uint32(len(frame)), uint32(len(frame))} {
		head = binary.LittleEndian.AppendUint32(head, v)
	}
	c.file.Write(append(head, frame...))
	c.sent[side] += uint32(len(payload))
	if flags&3 != 0 {
		c.sent[side]++
	}
}

// secrets are said in the capture of TestNothingGetsOut, or are the names of its files.
var secrets = []string{
	"acme", "hush", "user-dn",
	"203.0.113.77", "198.51.100.88", "2001:db8:5ec:7e7::77", "2001:db8:5ec:7e7::88", "2001:db8:5ec", "203.0.113.", "198.51.100.",
	"\xcb\x00\x71\x4d", "\xc6\x33\x64\x58", "\x4d\x71\x00\xcb", "\x58\x64\x33\xc6",
	"\x20\x01\x0d\xb8\x05\xec\x07\xe7", "cb00714d", "c6336458", "20010db8",
	"00:1b:21", "00-1b-21", "001b21", "\x1b\x21\xaa\xbb\xcc", "\x1b\x21\xdd\xee\xff",
}

func secretCapture() []byte {
	var b bytes.Buffer
	b.WriteString("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00")
	ends := func(a, s string) *talk {
		return &talk{client: netip.MustParseAddrPort(a), server: netip.MustParseAddrPort(s), file: &b}
	}
	// A request with a name, a path and a cookie, reset with a text.
	c := ends("203.0.113.77:40000", "198.51.100.88:80")
	c.say(false, 2, "\x02\x04\x05\xb4\x1c\x0a\x00\x50\xcb\x00\x71\x4d\x01\x01\x01\x01", "")
	c.say(true, 0x12, "\x02\x04\x05\xb4", "")
	c.say(false, 0x10, "", "")
	c.say(false, 0x18, "", "GET /hush/acme?x=203.0.113.77 HTTP/1.1\r\nHost: www.acme.example\r\nCookie: hush\r\n\r\n")
	c.say(true, 0x18, "", "HTTP/1.1 200 OK acme\r\nServer: acme\r\nContent-Length: 400\r\n\r\nhush")
	c.say(true, 0x14, "", "acme firewall at 203.0.113.77 says hush")
	// A server name in the clear.
	c = ends("[2001:db8:5ec:7e7::77]:40001", "[2001:db8:5ec:7e7::88]:443")
	c.say(false, 2, "\x02\x04\x05\xa0", "")
	c.say(true, 0x12, "\x02\x04\x05\xa0", "")
	c.say(false, 0x10, "", "")
	c.say(false, 0x18, "", "\x16\x03\x01\x00\x60\x01\x00\x00\x5c\x03\x03hushhushhushhushhushhushhushhush\x00\x00\x10www.acme.example")
	c.say(true, 0x18, "", "\x15\x03\x03\x00\x02\x02\x28")
	c.say(true, 0x14, "", "")
	// A directory's user, refused.
	c = ends("203.0.113.77:40002", "198.51.100.88:389")
	c.say(false, 2, "\x02\x04\x05\xb4", "")
	c.say(true, 0x12, "\x02\x04\x05\xb4", "")
	c.say(false, 0x18, "", "\x30\x20\x02\x01\x01\x60\x1b\x02\x01\x03\x04user-dn,dc=acme\x80\x04hush")
	c.say(true, 0x14, "", "")
	c = ends("203.0.113.77:40003", "198.51.100.88:81")
	c.say(false, 2, "\x02\x04\x05\xb4", "")
	c.say(true, 0x14, "", "")
	c = ends("203.0.113.77:40004", "198.51.100.88:82")
	for range 3 {
		c.say(false, 2, "\x02\x04\x05\xb4", "") // nobody answers
	}
	return b.Bytes()
}

// built is the program as users have it.
func built(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "rstwhy")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestNothingGetsOut writes everything that can be written of a capture full of secrets,
// and looks for them in it: as text and as octets, on standard output and in files.
func TestNothingGetsOut(t *testing.T) {
	program := built(t)
	dir := t.TempDir()
	capture := secretCapture()
	key := bytes.Repeat([]byte("key."), anonymize.KeyLen/4)
	for name, content := range map[string][]byte{
		"acme.pcap":        capture,
		"acme-broken.pcap": append(bytes.Clone(capture), "\x01\x02\x03"...), // whose damage is told
		"key":              key,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(codes string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code < 0 || !strings.Contains(codes, string(rune('0'+code))) {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return out
	}
	// That they are found at all where nothing is taken out.
	plain := run("0", "-v", "acme.pcap", "-o", "plain.json", "-w", "plain.pcapng", "--hosts", "/etc/hosts")
	for _, name := range []string{"plain.json", "plain.pcapng"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		plain = append(plain, b...)
		os.Remove(filepath.Join(dir, name))
	}
	for _, s := range []string{"acme", "hush", "user-dn", "203.0.113.77", "2001:db8:5ec:7e7::88", "\xcb\x00\x71\x4d", "\x1b\x21\xaa\xbb\xcc"} {
		if !bytes.Contains(plain, []byte(s)) {
			t.Fatalf("%q is not in the capture", s)
		}
	}

	outputs := map[string][]byte{}
	for _, format := range []string{"text", "json", "ndjson", "md", "html", "csv", "zeek"} {
		outputs[format] = run("4", "--anonymize=key", "-v", "--format", format, "acme.pcap", "acme-broken.pcap")
	}
	outputs["selected"] = run("4", "--anonymize=key", "--host", "203.0.113.77,2001:db8:5ec::/48", "-f", "host 203.0.113.77 or ip6", "acme.pcap", "acme-broken.pcap")
	run("4", "--anonymize=key", "acme.pcap", "acme-broken.pcap", "--bundle", "b.zip", "--context", "5")
	run("0", "cut", "--anonymize=key", "--frame", "6", "acme.pcap", "-o", "cut.pcapng")
	run("0", "--anonymize", "acme.pcap", "--bundle", "dir")
	bundle, err := zip.OpenReader(filepath.Join(dir, "b.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer bundle.Close()
	for _, f := range bundle.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if outputs[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, pattern := range []string{"dir/*", "cut.pcapng"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(names) == 0 {
			t.Fatal("there is no " + pattern)
		}
		for _, name := range names {
			if outputs[name], err = os.ReadFile(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, out := range outputs {
		if len(out) == 0 {
			t.Errorf("%s is empty", name)
		}
		for _, s := range append(secrets, string(key), string(key[:16])) {
			if at := bytes.Index(out, []byte(s)); at >= 0 {
				t.Errorf("%s: %q is in it: %q", name, s, out[max(0, at-60):min(len(out), at+60)])
			}
		}
	}

	// One host has one name in everything of the run, and in every run of the key.
	mask, err := anonymize.New(key)
	if err != nil {
		t.Fatal(err)
	}
	server := mask.Prefix(netip.MustParsePrefix("198.51.100.88/32")).Addr()
	raw := server.As4()
	for name, out := range outputs {
		if name == "selected" || strings.Contains(name, "dir/") || strings.HasSuffix(name, ".txt") || strings.HasSuffix(name, "SUMS") || strings.HasSuffix(name, "schema.json") {
			continue
		}
		want := []byte(server.String())
		if strings.HasSuffix(name, ".pcapng") {
			want = raw[:]
		}
		if !bytes.Contains(out, want) {
			t.Errorf("%s: 198.51.100.88 is not %s", name, server)
		}
	}
	if s := string(outputs["selected"]); !strings.Contains(s, "--host") || strings.Contains(s, "no reset") {
		t.Errorf("a host that was asked for by its own address is not found:\n%s", s)
	}
}
