package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

// hostile is what nobody means well with: markup, table cells, escapes of a terminal, text
// that runs the other way, octets that are no text.
const hostile = "<script>window.hit=1</script><img src=x onerror=hit()>|--|`x`\x1b[2J\x1b]0;hit\x07\u202e\u2066\u200f&amp;\"'\\{{7*7}}=cmd()\t\r\n# hit\n- hit\x00\xff\xc2\x9b31m"

func hostileCapture() []byte {
	var b bytes.Buffer
	b.WriteString("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00")
	long := strings.Repeat(hostile, 65_000/len(hostile))
	for k, said := range []struct{ request, answer, reason string }{
		{"GET /" + hostile + " HTTP/1.1\r\nHost: " + hostile + "\r\n\r\n", "HTTP/1.1 200 " + hostile, hostile},
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + hostile, "\x15\x03\x03\x00\x02\x02\x28", "BIG-IP: " + hostile},
		{long, long, long},
		{hostile, "", ""},
	} {
		c := &talk{client: netip.MustParseAddrPort("192.0.2.1:40000"), server: netip.MustParseAddrPort("192.0.2.2:80"), file: &b}
		c.client = netip.AddrPortFrom(c.client.Addr(), uint16(40000+k))
		c.say(false, 2, "\x02\x04\x05\xb4", "")
		c.say(true, 0x12, "\x02\x04\x05\xb4", "")
		c.say(false, 0x18, "", said.request)
		c.say(true, 0x18, "", said.answer)
		c.say(true, 0x14, "", said.reason)
	}
	return b.Bytes()
}

// TestHostileStrings has strings that harm those who print them in payloads and in the
// name of the file, and looks at everything that is written.
func TestHostileStrings(t *testing.T) {
	program := built(t)
	dir := t.TempDir()
	file := strings.NewReplacer("/", "_", "\x00", "").Replace(hostile) + ".pcap"
	if err := os.WriteFile(filepath.Join(dir, file), append(hostileCapture(), 1, 2, 3), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (out, errs []byte) {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, _ = cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != 4 {
			t.Fatalf("%q: exit code %d\n%s%s", args, code, out, &stderr)
		}
		return out, stderr.Bytes()
	}
	outputs := map[string][]byte{}
	for _, format := range []string{"text", "json", "ndjson", "md", "html", "csv", "zeek"} {
		var errs []byte
		outputs[format], errs = run("-v", "--format", format, "./"+file)
		outputs[format+" stderr"] = errs
	}
	outputs["text in colour"], _ = run("--color", "always", "./"+file)
	run("./"+file, "-w", "out.pcapng")
	for name, out := range outputs {
		colour := strings.Contains(name, "colour")
		for _, r := range string(out) {
			if r == '\n' || r == '\t' || colour && r == '\x1b' {
				continue
			}
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%s: %U is in it", name, r)
				break
			}
		}
		if bytes.Contains(out, []byte("\x1b[2J")) || bytes.Contains(out, []byte("\x1b]")) {
			t.Errorf("%s: an escape that is not ours", name)
		}
		// A line that begins as none of ours can.
		for _, line := range strings.Split(string(out), "\n") {
			if s := strings.TrimSpace(line); strings.HasPrefix(s, "# hit") || strings.HasPrefix(s, "- hit") {
				t.Errorf("%s: a line of the payload's own: %q", name, line)
			}
		}
	}
	var page bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := md.Convert(outputs["md"], &page); err != nil {
		t.Fatal(err)
	}
	outputs["md as a page"] = page.Bytes()
	for _, name := range []string{"md as a page", "html"} {
		for _, s := range []string{"<script>window", "<img src=x"} {
			if at := bytes.Index(outputs[name], []byte(s)); at >= 0 {
				t.Errorf("%s: %s stands there as markup", name, s)
			}
		}
	}
	for _, name := range []string{"json", "ndjson"} {
		objects := 0
		for d := json.NewDecoder(bytes.NewReader(outputs[name])); d.More(); objects++ {
			var v any
			if err := d.Decode(&v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if objects == 0 {
			t.Errorf("%s: nothing", name)
		}
	}
	if rows, err := csv.NewReader(bytes.NewReader(outputs["csv"])).ReadAll(); err != nil || len(rows) != 5 {
		t.Errorf("csv: %d rows, %v", len(rows), err)
	}
	columns := -1
	for _, line := range strings.Split(strings.TrimSpace(string(outputs["zeek"])), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if n := strings.Count(line, "\t"); columns >= 0 && n != columns {
			t.Errorf("zeek: %d columns, then %d", columns, n)
		} else {
			columns = n
		}
	}
	if columns < 0 {
		t.Error("zeek: nothing")
	}
	cmd := exec.Command(program, "out.pcapng")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("4 resets")) {
		t.Errorf("what was written: %v\n%s", err, out)
	}
}
