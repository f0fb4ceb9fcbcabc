package synth_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/rstwhy/rstwhy/internal/synth"
)

func parse(t testing.TB, text string) *synth.Script {
	t.Helper()
	s, err := synth.Parse("test.txtar", []byte("-- packets --\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func load(t testing.TB, name string) *synth.Script {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	s, err := synth.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decoded is one frame as gopacket reads it.
type decoded struct {
	src, dst string
	ip4      *layers.IPv4
	ip6      *layers.IPv6
	tcp      *layers.TCP
}

// decode reads a frame and checks its lengths and checksums.
func decode(t testing.TB, data []byte, first gopacket.Decoder) decoded {
	t.Helper()
	p := gopacket.NewPacket(data, first, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		t.Fatalf("gopacket: %v in %x", e.Error(), data)
	}
	var d decoded
	n := p.NetworkLayer()
	if n == nil {
		t.Fatalf("no IP in %x", data)
	}
	d.src, d.dst = n.NetworkFlow().Src().String(), n.NetworkFlow().Dst().String()
	header := n.LayerContents()
	var pseudo []byte
	segment := n.LayerPayload()
	switch ip := n.(type) {
	case *layers.IPv4:
		d.ip4 = ip
		if int(ip.Length) != len(header)+len(segment) || slowSum(header) != 0xffff {
			t.Errorf("IPv4 header length or checksum wrong: %x", header)
		}
		pseudo = append(pseudo, header[12:20]...)
	case *layers.IPv6:
		d.ip6 = ip
		if int(ip.Length) != len(segment) {
			t.Errorf("IPv6 payload length wrong: %x", header)
		}
		pseudo = append(pseudo, header[8:40]...)
	}
	pseudo = append(pseudo, 0, 6, byte(len(segment)>>8), byte(len(segment)))
	if slowSum(append(pseudo, segment...)) != 0xffff {
		t.Errorf("TCP checksum wrong: %x", segment)
	}
	d.tcp = p.Layer(layers.LayerTypeTCP).(*layers.TCP)
	return d
}

// slowSum is RFC 1071 as its text has it, two octets at a time.
func slowSum(b []byte) uint32 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
		sum = sum&0xffff + sum>>16
	}
	return sum
}

func decodeAll(t testing.TB, s *synth.Script) []decoded {
	t.Helper()
	var out []decoded
	for _, f := range s.Frames() {
		if f.WireLen != len(f.Data) {
			t.Errorf("WireLen %d of a whole frame of %d octets", f.WireLen, len(f.Data))
		}
		out = append(out, decode(t, f.Data, layers.LayerTypeEthernet))
	}
	return out
}

func options(tcp *layers.TCP) string {
	var words []string
	for _, o := range tcp.Options {
		words = append(words, fmt.Sprintf("%d:%x", o.OptionType, o.OptionData))
	}
	return strings.Join(words, " ")
}

func TestGoldenBytes(t *testing.T) {
	s := load(t, "no-listener.txtar")
	if s.Title != "A SYN meets a host with no listener." {
		t.Errorf("title %q", s.Title)
	}
	text, line, ok := s.Section("findings")
	if !ok || line != 6 || string(text) != "frame 2  no-listener  likely  Sr\n" {
		t.Errorf("findings: line %d, %q, %v", line, text, ok)
	}
	var b bytes.Buffer
	if err := s.Write(&b, synth.Format{}); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "no-listener.pcap.hex")
	got := hex.Dump(b.Bytes())
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("bytes differ (-want +got):\n%s", d)
	}

	p := decodeAll(t, s)
	syn, rst := p[0].tcp, p[1].tcp
	if !syn.SYN || syn.ACK || syn.Window != 64240 || syn.SrcPort != 40000 || syn.DstPort != 80 {
		t.Errorf("SYN: %+v", syn)
	}
	if got, want := options(syn), "2:05b4 4: 8:0000006400000000 1: 3:07"; got != want {
		t.Errorf("options of the SYN: %s, want %s", got, want)
	}
	if !rst.RST || !rst.ACK || rst.Seq != 0 || rst.Ack != syn.Seq+1 || rst.Window != 0 || len(rst.Options) != 0 {
		t.Errorf("RST: %+v", rst)
	}
	if p[1].ip4.Id != 0 || p[1].ip4.Flags != layers.IPv4DontFragment || p[1].ip4.TTL != 64 {
		t.Errorf("IP of the RST: %+v", p[1].ip4)
	}
}

func TestSequenceWrapsAndTimestampsFollow(t *testing.T) {
	p := decodeAll(t, load(t, "aborted-download.txtar"))
	if len(p) != 12 {
		t.Fatalf("%d frames, want 12", len(p))
	}
	isn := uint32(0xfffffa00) // wraps between 1449 and 2897
	c := p[0].tcp.Seq
	for i, want := range []struct{ seq, ack uint32 }{
		0: {c, 0}, 1: {isn, c + 1}, 2: {c + 1, isn + 1}, 3: {c + 1, isn + 1},
		4: {isn + 1, c + 22}, 5: {isn + 1449, c + 22}, 6: {c + 22, isn + 2897},
		7: {c + 22, isn + 2897}, 8: {isn + 2897, c + 22}, 9: {c + 22, 0},
		10: {isn + 4345, c + 22}, 11: {c + 22, 0},
	} {
		if p[i].tcp.Seq != want.seq || p[i].tcp.Ack != want.ack {
			t.Errorf("frame %d: seq %#x ack %#x, want %#x and %#x", i+1, p[i].tcp.Seq, p[i].tcp.Ack, want.seq, want.ack)
		}
	}
	// 3.22 ms after the SYN/ACK at 20 ms, a clock of 1 ms has advanced 43.
	stamp := func(i int) (val, ecr uint32) {
		for _, o := range p[i].tcp.Options {
			if o.OptionType == layers.TCPOptionKindTimestamps {
				return binary.BigEndian.Uint32(o.OptionData), binary.BigEndian.Uint32(o.OptionData[4:])
			}
		}
		t.Fatalf("frame %d has no timestamps", i+1)
		return 0, 0
	}
	first, _ := stamp(0)
	val, ecr := stamp(7)
	server, _ := stamp(5)
	if val != first+43 || ecr != server {
		t.Errorf("timestamps of the abort: %d after the first, ecr %d, want 43 and %d", val-first, ecr, server)
	}
	if n := len(p[9].tcp.Options) + len(p[11].tcp.Options); n != 0 {
		t.Errorf("a R has %d options", n)
	}
	if p[7].ip4.Id != p[6].ip4.Id+1 || p[9].ip4.Id != 0 || p[1].ip4.Id != 0 {
		t.Errorf("ids: abort %d after %d, reply %d, SYN/ACK %d", p[7].ip4.Id, p[6].ip4.Id, p[9].ip4.Id, p[1].ip4.Id)
	}
	if p[5].ip4.TTL != 57 || p[7].ip4.TTL != 64 {
		t.Errorf("TTLs %d and %d", p[5].ip4.TTL, p[7].ip4.TTL)
	}
	if got := string(p[3].tcp.Payload); got != "GET /big HTTP/1.1\r\n\r\n" {
		t.Errorf("payload %q", got)
	}
}

func TestWords(t *testing.T) {
	p := decodeAll(t, parse(t, `
M = 203.0.113.9    # a third host, without a port
+0 C > S SEW 0 isn 0xffffffff <mss 1460>
+0 S > C S.E 0 ack 1 isn 7 <mss 1400> tos 2
+0 C > S . 1 ack 1 drop
+0 C > S P. 1 ack 1 x"150303" nodf dup ttl 9
+0 S > C . 1 ack 4 <sack 10:20 30:40>
+0 S > C R seq=5 ack=0x77 reserved 15 id 99 win 8201
+0 C > S - -3:-1(2) <raw 1e048f03>
+0 C > M:443 FRPUWE. seq=9(1) ack=8 win 1 <mptcp-rst 3,fastclose,nop,eol>
+0 C > S S 0 isn 4711 <md5>
+0 S > C R. 0 ack 1 win 0
`))
	if len(p) != 10 {
		t.Fatalf("%d frames, want 10", len(p))
	}
	type row struct {
		seq, ack uint32
		opts     string
		n        int
	}
	var got []row
	for _, d := range p {
		got = append(got, row{d.tcp.Seq, d.tcp.Ack, options(d.tcp), len(d.tcp.Payload)})
	}
	want := []row{
		{0xffffffff, 0, "2:05b4", 0},
		{7, 0, "2:0578", 0},
		{0, 8, "", 3},
		{0, 8, "", 3},
		{8, 3, "5:00000009000000130000001d00000027 0:", 0},
		{5, 0x77, "", 0},
		{0xfffffffc, 0, "30:8f03", 2},
		{9, 8, "30:8003 30:70000000000000000000 1: 0:", 1},
		{4711, 0, "19:00000000000000000000000000000000 0:", 0},
		{0, 4712, "", 0},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(row{})); d != "" {
		t.Errorf("segments differ (-want +got):\n%s", d)
	}
	if !p[0].tcp.ECE || !p[0].tcp.CWR || p[1].ip4.TOS != 2 || p[2].ip4.Flags != 0 || p[2].ip4.TTL != 9 {
		t.Error("ECN, tos, nodf or ttl lost")
	}
	if p[5].ip4.Id != 99 || p[5].tcp.Window != 8201 || !p[5].tcp.NS {
		t.Error("id, win or reserved lost")
	}
	if p[7].dst != "203.0.113.9" || p[7].tcp.DstPort != 443 || !p[7].tcp.URG || !p[7].tcp.FIN {
		t.Error("endpoint or flags lost")
	}
	if p[3].ip4.Id != p[2].ip4.Id {
		t.Error("a dup is not the same packet")
	}
}

func TestISNsDifferAndAreFar(t *testing.T) {
	s := parse(t, "repeat 1000 +.001\n+0 C:{10000+i} > S S 0\n+.0015 S > C:{10000+i} R. 0 ack 1 win 0\nend\n")
	frames := s.Frames()
	if len(frames) != 2000 {
		t.Fatalf("%d frames, want 2000", len(frames))
	}
	seen := map[uint32]bool{}
	ports := map[layers.TCPPort]bool{}
	for i, d := range decodeAll(t, s) {
		if i > 0 && frames[i].Time < frames[i-1].Time {
			t.Fatalf("frame %d goes back in time", i+1)
		}
		if d.tcp.SYN {
			seen[d.tcp.Seq], ports[d.tcp.SrcPort] = true, true
			if d.tcp.Seq < 1<<28 || d.tcp.Seq > 0xf0000000 {
				t.Errorf("ISN %#x is near zero or the wrap", d.tcp.Seq)
			}
		}
	}
	if len(seen) < 1000 || len(ports) != 1000 || !ports[10999] {
		t.Errorf("%d ISNs and %d ports in 1000 connections", len(seen), len(ports))
	}
	if got := frames[1999].Time - frames[0].Time; got != 999e6+1.5e6 {
		t.Errorf("the last run ends after %d ns", got)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"+0 C > S S", "x:3: a segment reads"},
		{"\n+x C > S S 0", `x:4: "+x" is no time`},
		{"+0 C > X S 0", "no endpoint named X"},
		{"+0 C > S Q 0", "is not a set of flags"},
		{"+0 C > S SS 0", "flag S twice"},
		{"+0 C > S S 0:1(0)", "0 and 0 octets make 0"},
		{"+0 C > S P. 1", "the ACK flag needs an ack number"},
		{"+0 C > S R. 1 ack 1", "R. need a window"},
		{`+0 C > S P. 1:3(2) ack 1 "abc"`, "says 2 octets of payload, the text has 3"},
		{`+0 C > S P. 1 ack 1 "abc`, "without a closing quotation mark"},
		{"+0 C > S S 0 <mss 1460", "without a closing >"},
		{"+0 C > S S 0 <mss>", `option "mss" is not in the notation`},
		{"+0 C > S S 0 <md5,md5,md5>", "octets of options, a header holds 40"},
		{"+0 C > S S 0 win 65536", "win: 65536 is not between 0 and 65535"},
		{"+0 C > S S 0 win 1 win 2", "win twice"},
		{"+0 C > S S 0 ttl", "ttl without a number"},
		{"+0 C > S S 0 bogus", `"bogus" is not a word`},
		{"+0 C > S S 1:99999(99998)", "do not fit an IP packet"},
		{"+0 C > S . 1 ack 1 isn 3", "isn on a segment without SYN"},
		{"+0 C > C S 0", "sends to itself"},
		{"S = 2001:db8::1\n+0 C > S S 0", "x:4: S was declared without a port"},
		{"S = [2001:db8::1]:80\n+0 C > S S 0", "different IP versions"},
		{"S = example.com", "neither an address nor address:port"},
		{"ttl Q 3", "no endpoint named Q"},
		{"repeat 2 +0\n+0 C > S S 0", "x:3: repeat without end"},
		{"repeat 2 +0\n+0 C:{j} > S S 0\nend", "x:4: {j} is neither"},
		{"repeat 9 +0\n+0 C:{65530+i} > S S 0\nend", "x:4: C:65536: port 65536 is not between"},
		{"repeat 2 +0\nrepeat 2 +0\nend\nend", "x:4: a repeat block inside another"},
		{"end", "end without repeat"},
		{"+0 C > S S 0\nstart 2024-05-01T08:00:00Z", "x:4: start after the first segment"},
		{"+4294967295 C > S S 0", "time after 2106"},
	} {
		_, err := synth.Parse("x", []byte("Title.\n-- packets --\n"+c.text+"\n"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := synth.Parse("x", []byte("no section\n")); err == nil {
		t.Error("no section packets, no error")
	}
}

// readBack reads a capture with pcapgo.
func readBack(t testing.TB, b []byte, ng bool) (frames []synth.Frame) {
	t.Helper()
	var src interface {
		ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	}
	var err error
	if ng {
		src, err = pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.DefaultNgReaderOptions)
	} else {
		src, err = pcapgo.NewReader(bytes.NewReader(b))
	}
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, ci, err := src.ReadPacketData()
		if err == io.EOF {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, synth.Frame{Time: ci.Timestamp.UnixNano(), Data: data, WireLen: ci.Length})
	}
}

func write(t testing.TB, s *synth.Script, f synth.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFormatsCarryTheSameSegments(t *testing.T) {
	s := load(t, "aborted-download.txtar")
	want := s.Frames()
	header := map[synth.Link]int{synth.Ethernet: 14, synth.SLL: 16, synth.SLL2: 20, synth.Raw: 0, synth.Null: 4}
	for link, skip := range header {
		for i := range 8 {
			f := synth.Format{Link: link, Nano: i&1 != 0, PcapNG: i&2 != 0, BigEndian: i&4 != 0}
			got := readBack(t, write(t, s, f), f.PcapNG)
			if len(got) != len(want) {
				t.Fatalf("%+v: %d frames, want %d", f, len(got), len(want))
			}
			for n := range got {
				at := want[n].Time
				if !f.Nano {
					at -= at % 1000
				}
				if got[n].Time != at || !bytes.Equal(got[n].Data[skip:], want[n].Data[14:]) || got[n].WireLen != want[n].WireLen-14+skip {
					t.Fatalf("%+v: frame %d differs", f, n+1)
				}
			}
		}
	}
}

func TestLinkHeaders(t *testing.T) {
	s := load(t, "no-listener.txtar")
	for _, c := range []struct {
		format synth.Format
		linkAt int
		link   string
		prefix string
	}{
		{synth.Format{Link: synth.SLL}, 20, "71000000", "000400010006"},
		{synth.Format{Link: synth.SLL2}, 20, "14010000", "08000000000000020001040602"},
		{synth.Format{Link: synth.SLL2, PcapNG: true}, 36, "14010000", "0800000000000002000104"},
		{synth.Format{Link: synth.Raw}, 20, "65000000", "4500"},
		{synth.Format{Link: synth.Null}, 20, "00000000", "02000000"},
		{synth.Format{Link: synth.Null, BigEndian: true}, 20, "00000000", "00000002"},
		{synth.Format{Link: synth.Null, IPv6: true}, 20, "00000000", "1e000000"},
		{synth.Format{VLAN: []uint16{7}}, 20, "01000000", "0200c6336401" + "0200c0000201" + "810000070800"},
		{synth.Format{VLAN: []uint16{7, 8}, IPv6: true}, 20, "01000000", "0220c6336401" + "0220c0000201" + "88a800078100000886dd"},
	} {
		b := write(t, s, c.format)
		if got := hex.EncodeToString(b[c.linkAt : c.linkAt+4]); got != c.link {
			t.Errorf("%+v: link type %s, want %s", c.format, got, c.link)
		}
		got := hex.EncodeToString(readBack(t, b, c.format.PcapNG)[0].Data)
		if !strings.HasPrefix(got, c.prefix) {
			t.Errorf("%+v: frame begins %s, want %s", c.format, got[:len(c.prefix)], c.prefix)
		}
	}
	if err := s.Write(io.Discard, synth.Format{Link: synth.Raw, VLAN: []uint16{1}}); err == nil {
		t.Error("a VLAN tag on raw IP was accepted")
	}
}

func TestTransformations(t *testing.T) {
	s := load(t, "aborted-download.txtar")
	frames := func(f synth.Format) []decoded {
		var out []decoded
		for _, fr := range readBack(t, write(t, s, f), f.PcapNG) {
			out = append(out, decode(t, fr.Data, layers.LayerTypeEthernet))
		}
		return out
	}
	plain := frames(synth.Format{})
	mirror := frames(synth.Format{Mirror: true})
	six := frames(synth.Format{IPv6: true, VLAN: []uint16{3}})
	for i, p := range plain {
		if m := mirror[i]; m.src != p.dst || m.dst != p.src || m.tcp.SrcPort != p.tcp.SrcPort || m.tcp.Seq != p.tcp.Seq {
			t.Errorf("frame %d is not mirrored", i+1)
		}
		v := six[i]
		if v.ip6 == nil || v.ip6.HopLimit != p.ip4.TTL || v.ip6.FlowLabel == 0 || v.tcp.Seq != p.tcp.Seq || !bytes.Equal(v.tcp.Payload, p.tcp.Payload) {
			t.Errorf("frame %d is not the same over IPv6", i+1)
		}
	}
	if six[0].src != "2001:db8:64::c000:201" {
		t.Errorf("IPv6 source %s", six[0].src)
	}
	if n := len(frames(synth.Format{OneWay: "C"})); n != 7 {
		t.Errorf("C sent %d frames, want 7", n)
	}
	if d := frames(synth.Format{DropHandshake: true}); len(d) != 9 || !d[0].tcp.PSH {
		t.Errorf("without the handshake %d frames are left, want 9", len(d))
	}
	cut := readBack(t, write(t, s, synth.Format{Snaplen: 60, PcapNG: true}), true)
	if f := cut[4]; len(f.Data) != 60 || f.WireLen != 14+20+32+1448 {
		t.Errorf("cut to %d of %d octets", len(f.Data), f.WireLen)
	}
	var files []*bytes.Buffer
	err := s.WriteFiles(func(n int) (io.Writer, error) {
		if n != len(files) {
			t.Errorf("file %d after %d files", n, len(files))
		}
		files = append(files, &bytes.Buffer{})
		return files[n], nil
	}, synth.Format{SplitEvery: 5})
	if err != nil {
		t.Fatal(err)
	}
	var counts []int
	for _, f := range files {
		counts = append(counts, len(readBack(t, f.Bytes(), false)))
	}
	if d := cmp.Diff([]int{5, 5, 2}, counts); d != "" {
		t.Errorf("frames a file (-want +got):\n%s", d)
	}
}

// tshark runs Wireshark's dissector over a capture and returns what it objects
// to: malformed frames and wrong checksums.
func tshark(t testing.TB, capture []byte) string {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	file := filepath.Join(t.TempDir(), "capture.pcap")
	if err := os.WriteFile(file, capture, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tshark", "-n", "-r", file,
		"-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
		"-Y", "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0 || tcp.option.len.invalid || !tcp").CombinedOutput()
	if err != nil {
		t.Fatalf("tshark: %v: %s", err, out)
	}
	var objections []string
	for _, l := range strings.Split(string(out), "\n") {
		if l != "" && !strings.HasPrefix(l, "Running as user") {
			objections = append(objections, l)
		}
	}
	return strings.Join(objections, "\n")
}

func TestTsharkAcceptsScenarios(t *testing.T) {
	s := load(t, "aborted-download.txtar")
	for _, f := range []synth.Format{{}, {Link: synth.SLL2, IPv6: true, Nano: true}, {PcapNG: true, BigEndian: true, VLAN: []uint16{5, 6}}} {
		if got := tshark(t, write(t, s, f)); got != "" {
			t.Errorf("%+v: tshark objects:\n%s", f, got)
		}
	}
	// The check itself must be able to fail.
	bad := parse(t, "+0 C > S S 0 badsum\n")
	if got := tshark(t, write(t, bad, synth.Format{})); got == "" {
		t.Error("tshark did not see a wrong checksum")
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"no-listener.txtar", "aborted-download.txtar"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("-- packets --\nrepeat 3 +.1\n+0 C:{1+i} > S - -1(3) <sack 1:2,TS val 1 ecr 2> x\"00\" dup\nend\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte("repeat")) && len(text) > 200 {
			return // long repeats are allowed and slow
		}
		s, err := synth.Parse("fuzz", text)
		if err != nil {
			return
		}
		if err := s.Write(io.Discard, synth.Format{PcapNG: true, IPv6: true}); err != nil {
			t.Fatal(err)
		}
	})
}
