package annotate

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/anonymize"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/internal/synth"
)

// found adds to lines what is said of each RST, by its time and ends.
func found(lines *[]string) analyzer.Sink {
	return analyzer.IncidentFunc(func(i *analyzer.Incident) error {
		e := &i.Reset.Flow.Ends
		*lines = append(*lines, time.Unix(0, i.Reset.RST.Time).UTC().Format(time.RFC3339Nano)+" "+
			e[0].AddrPort().String()+" "+e[1].AddrPort().String()+" "+verdictOf(i))
		return nil
	})
}

// run explains files and writes them annotated.
func run(t *testing.T, paths []string, o Options) (said []string, out string) {
	t.Helper()
	said, out, err := try(t, paths, o)
	if err != nil {
		t.Fatal(err)
	}
	return said, out
}

// try is run for files that perhaps nobody can read.
func try(t *testing.T, paths []string, o Options) (said []string, out string, err error) {
	t.Helper()
	files, err := capture.Open(paths, capture.Config{Filter: o.Filter})
	if err != nil {
		return nil, "", err
	}
	o.Names = files.Names
	var b bytes.Buffer
	c := New(&b, o)
	sum, err := analyzer.Run(context.Background(), o.masked(files), analyzer.Config{}, found(&said), c)
	if err != nil {
		t.Fatal(err)
	}
	files.Close()
	if err := c.Close(sum); err != nil {
		t.Fatal(err)
	}
	out = filepath.Join(t.TempDir(), "annotated.pcapng")
	if err := os.WriteFile(out, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	slices.Sort(said)
	return said, out, nil
}

func again(t *testing.T, path string) (said []string) {
	t.Helper()
	files, err := capture.Open([]string{path}, capture.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	sum, err := analyzer.Run(context.Background(), files, analyzer.Config{}, found(&said))
	if err != nil {
		t.Fatal(err)
	}
	if len(sum.Damage) > 0 {
		t.Fatal(sum.Damage)
	}
	slices.Sort(said)
	return said
}

func scenario(t *testing.T, text string) string {
	t.Helper()
	s, err := synth.Parse("scenario", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.Write(&b, synth.Format{}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "scenario.pcap")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// everyCapture is the recordings of the lab, the scenarios, and the public captures where
// they are beside the project.
func everyCapture(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../testdata/pcaps/*/*.pcap*")
	if err != nil || len(paths) == 0 {
		t.Fatal("no recordings", err)
	}
	scenarios, err := filepath.Glob("../testdata/scenarios/*/*.txtar")
	if err != nil || len(scenarios) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, p := range scenarios {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, scenario(t, string(text)))
	}
	public, err := filepath.Glob("../../shared/pcaps/*.*cap*")
	if err != nil {
		t.Fatal(err)
	}
	if len(public) == 0 {
		t.Log("SKIPPED: there are no public captures in ../shared/pcaps")
	}
	return append(paths, public...)
}

// TestSameVerdicts writes every capture, as it is and anonymised, and explains what was
// written.
func TestSameVerdicts(t *testing.T) {
	mask, err := anonymize.New([]byte("0123456789abcdef0123456789ABCDEF"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		o    Options
	}{{"as it is", Options{}}, {"anonymised", Options{Mask: mask}}} {
		incidents, captures := 0, 0
		for _, path := range everyCapture(t) {
			said, out, err := try(t, []string{path}, test.o)
			if err != nil {
				continue // nobody can read it, and other tests say so
			}
			captures++
			incidents += len(said)
			if now := again(t, out); !slices.Equal(said, now) {
				t.Errorf("%s: %s:\n%s", test.name, path, difference(said, now))
			}
		}
		t.Logf("%s: %d incidents of %d captures", test.name, incidents, captures)
	}
}

// difference is what one of two sorted lists has alone, as much as can be read.
func difference(said, now []string) string {
	var out []string
	for _, l := range []struct {
		name      string
		of, other []string
	}{{"said", said, now}, {"now ", now, said}} {
		for _, s := range l.of {
			if !slices.Contains(l.other, s) && len(out) < 20 {
				out = append(out, l.name+" "+s)
			}
		}
	}
	return strings.Join(out, "\n")
}

// TestComments asks tshark where the comments are.
func TestComments(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("SKIPPED: tshark is missing, nobody else read the comments")
	}
	// One file of all of them, section after section, as to start tshark takes its time.
	type part struct {
		path string
		last int // frame of all
		said int
		read int // verdicts in comments
	}
	var parts []part
	all, err := os.Create(filepath.Join(t.TempDir(), "all.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	frames := 0
	paths, _ := filepath.Glob("../testdata/pcaps/*/*.pcap*")
	for _, path := range paths {
		said, out := run(t, []string{path}, Options{Version: "v1"})
		if len(said) == 0 {
			continue
		}
		if err := capture.EachFrame([]string{out}, "", 0, func(*capture.Raw) error { frames++; return nil }); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := all.Write(b); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part{path, frames, len(said), 0})
	}
	text, err := exec.Command(tshark, "-r", all.Name(), "-Y", "frame.comment", "-T", "fields", "-e", "frame.number", "-e", "tcp.flags.reset", "-e", "frame.comment").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.SplitN(line, "\t", 3)
		number, err := strconv.Atoi(fields[0])
		if err != nil || len(fields) < 3 {
			t.Fatalf("%q: %v", line, err)
		}
		k, _ := slices.BinarySearchFunc(parts, number, func(p part, n int) int { return p.last - n })
		of, rst, comment := &parts[k], fields[1], fields[2]
		isVerdict := strings.Contains(comment, ", likely: ") || strings.Contains(comment, ", possible: ") || strings.Contains(comment, ", certain: ")
		switch {
		case isVerdict && rst != "1" && rst != "True":
			t.Errorf("%s: a verdict stands on a packet that is no RST: %s", of.path, comment)
		case isVerdict:
			of.read += strings.Count(comment, "frames are numbered as in")
		case !strings.Contains(comment, "answers this") && !strings.Contains(comment, "one more RST"):
			t.Errorf("%s: comment %q", of.path, comment)
		}
	}
	for _, p := range parts {
		if p.read != p.said {
			t.Errorf("%s: %d verdicts in comments, %d were said", p.path, p.read, p.said)
		}
	}
}

const twoConnections = `Two clients of one server; the first is refused, the second is served.
-- packets --
A = 192.0.2.1:40000
B = 192.0.2.2:40000
S = 198.51.100.1:80
T = 198.51.100.1:81
+0      A > T  S  0:0(0) win 64240 <mss 1460,sackOK,TS,nop,wscale 7>
+.00008 T > A  R. 0:0(0) ack 1 win 0
+.5     B > S  S  0:0(0) win 64240 <mss 1460,sackOK,TS,nop,wscale 7>
+.00008 S > B  S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS,nop,wscale 7>
+.0002  B > S  .  1 ack 1
+60     B > S  P. 1:11(10) ack 1
`

// TestPacketsAreKept holds the packets against those of the capture that they are from,
// read by another reader.
func TestPacketsAreKept(t *testing.T) {
	path := scenario(t, twoConnections)
	for _, test := range []struct {
		context time.Duration
		want    []uint64
	}{
		{0, []uint64{1, 2}},
		{2 * time.Second, []uint64{1, 2, 3, 4, 5}},
		{2 * time.Minute, []uint64{1, 2, 3, 4, 5, 6}},
	} {
		_, out := run(t, []string{path}, Options{Context: test.context})
		f, err := os.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}
		whole := map[uint64]capture.Raw{}
		if err := capture.EachFrame([]string{path}, "", 0, func(r *capture.Raw) error {
			raw := *r
			raw.Data = slices.Clone(r.Data)
			whole[r.Ref.Frame()] = raw
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, number := range test.want {
			data, info, err := r.ReadPacketData()
			if err != nil {
				t.Fatal(test.context, number, err)
			}
			was := whole[number]
			if !bytes.Equal(data, was.Data) || info.Timestamp.UnixNano() != was.Time || info.Length != was.WireLen {
				t.Errorf("%s: frame %d is not what it was", test.context, number)
			}
		}
		if _, _, err := r.ReadPacketData(); err == nil {
			t.Errorf("%s: there are more packets than %d", test.context, len(test.want))
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if id := binary.LittleEndian.AppendUint64([]byte{5, 0, 8, 0}, test.want[len(test.want)-1]); !bytes.Contains(text, id) {
			t.Errorf("%s: the number of the last frame is not kept", test.context)
		}
	}
}

// TestInterfacesAreKept writes the packets of a capture of two interfaces, which count time
// in other units.
func TestInterfacesAreKept(t *testing.T) {
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, "a test", "")
	if err != nil {
		t.Fatal(err)
	}
	number := uint64(0)
	if err := capture.EachFrame([]string{scenario(t, twoConnections)}, "", 0, func(r *capture.Raw) error {
		number++
		name, digits := "eth7", uint8(6)
		if number%2 == 0 {
			name, digits = "wlan0", 9
		}
		n, err := w.Interface(name, r.LinkType, digits)
		if err != nil {
			return err
		}
		return w.Packet(n, r.Time+int64(number), r.Data, r.WireLen, number)
	}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "two.pcapng")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, out := run(t, []string{path}, Options{})
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		name   string
		digits int
		nanos  int64 // of the time, below a microsecond
	}{{"eth7", 6, 0}, {"wlan0", 9, 2}} {
		_, info, err := r.ReadPacketData()
		if err != nil {
			t.Fatal(err)
		}
		in, err := r.Interface(info.InterfaceIndex)
		if err != nil || in.Name != want.name || int(in.TimestampResolution) != want.digits || info.Timestamp.UnixNano()%1000 != want.nanos {
			t.Errorf("%+v at %d, %v, want %+v", in, info.Timestamp.UnixNano(), err, want)
		}
	}
}

// TestFilter writes nothing that the filter kept from being read.
func TestFilter(t *testing.T) {
	path := scenario(t, twoConnections)
	said, out := run(t, []string{path}, Options{Filter: "port 80"})
	if len(said) != 0 {
		t.Fatal(said)
	}
	if now := again(t, out); len(now) != 0 {
		t.Error(now)
	}
}

// TestCut cuts the first incident of every recording down to what its verdict needs.
func TestCut(t *testing.T) {
	paths, _ := filepath.Glob("../testdata/pcaps/*/*.pcap*")
	all, kept := uint64(0), uint64(0)
	for _, path := range paths {
		if filepath.Ext(path) == ".json" {
			continue
		}
		var b bytes.Buffer
		var said string
		got, err := Cut(&b, Options{Names: func() []string { return []string{path} }}, func(i *analyzer.Incident) bool {
			said = verdictOf(i)
			return true
		})
		if err == ErrNoIncident {
			continue
		}
		if err != nil {
			t.Fatal(path, err)
		}
		out := filepath.Join(t.TempDir(), "cut.pcapng")
		if err := os.WriteFile(out, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		now := again(t, out)
		if !slices.ContainsFunc(now, func(s string) bool { return strings.HasSuffix(s, " "+said) }) || !strings.HasPrefix(said, got.Rule.ID+" ") {
			t.Errorf("%s: said %s, now %s", path, said, now)
		}
		all, kept = all+got.Of, kept+got.Packets
	}
	t.Logf("%d of %d packets", kept, all)
}

// TestCutNeedsEach leaves one more packet out of what was cut: the verdict is another.
func TestCutNeedsEach(t *testing.T) {
	path := scenario(t, twoConnections)
	var b bytes.Buffer
	got, err := Cut(&b, Options{Names: func() []string { return []string{path} }}, func(*analyzer.Incident) bool { return true })
	if err != nil || got.Packets != 2 || got.Of != 6 || got.RST.Frame() != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Cut(&b, Options{Names: func() []string { return []string{path} }}, func(*analyzer.Incident) bool { return false }); err != ErrNoIncident {
		t.Errorf("error %v, want ErrNoIncident", err)
	}
}
