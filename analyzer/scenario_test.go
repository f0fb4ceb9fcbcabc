package analyzer_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/synth"
	"github.com/rstwhy/rstwhy/packet"
)

var update = flag.Bool("update", false, "write what was found into the scenarios and golden files")

// lister writes findings the way scenarios expect them, a line each:
//
//	frame 2,5  no-listener  likely  Sr  also firewall-reject
//	note unanswered-syn 3 tries 198.51.100.1:80
type lister struct {
	lines  []string
	causes []string         // without what a changed capture may change: history and confidence
	sure   []string         // of each incident, the confidence
	sets   [][]string       // of each incident, the cause and what also fits
	signs  []classify.Signs // of each incident
	said   []string         // every sentence of each incident, after its first frame
}

func (l *lister) Incident(i *analyzer.Incident) error {
	var frames []string
	for _, w := range i.Frames() {
		frames = append(frames, fmt.Sprint(w.Frame()))
	}
	v := &i.Verdict
	line := fmt.Sprintf("frame %s  %s  %s  %s", strings.Join(frames, ","), v.Rule.ID, v.Confidence, i.Reset.Flow.History()+rstLetter(i))
	set := []string{v.Rule.ID}
	for n, a := range v.AlsoFits {
		if n == 0 {
			line += "  also"
		}
		line += " " + a.Rule.ID
		set = append(set, a.Rule.ID)
	}
	l.sets = append(l.sets, set)
	l.signs = append(l.signs, v.Origin.Signs)
	n := plainNamer{i.Reset}
	by, effect, harm := v.Outcome(i.Reset.Dir)
	for _, list := range [][]classify.Evidence{{v.Story, by, effect, harm}, v.Evidence, v.Origin.Proofs, v.Origin.Hints} {
		for k := range list {
			l.said = append(l.said, fmt.Sprintf("frame %s  %s", frames[0], list[k].Text(n)))
		}
	}
	l.lines = append(l.lines, line)
	l.causes = append(l.causes, v.Rule.ID)
	l.sure = append(l.sure, v.Confidence.String())
	return nil
}

func rstLetter(i *analyzer.Incident) string {
	if i.Reset.Dir == flows.Client {
		return "R"
	}
	return "r"
}

func (l *lister) Note(n *flows.Note) error {
	kind := map[flows.NoteKind]string{flows.UnansweredSYN: "unanswered-syn", flows.RepeatedSYNACK: "accept-queue-full", flows.UnansweredReuse: "unanswered-port-reuse", flows.RepeatedToSilent: "accept-queue-full-or-deferred"}[n.Kind]
	l.lines = append(l.lines, fmt.Sprintf("note %s  %d tries  %v", kind, n.Tries, n.Ends[flows.Server].AddrPort()))
	return nil
}

func (l *lister) Close(*analyzer.Summary) error { return nil }

// scenario is one file under testdata/scenarios.
type scenario struct {
	path   string
	script *synth.Script
}

func scenarios(t testing.TB) []scenario {
	t.Helper()
	paths, err := filepath.Glob("../testdata/scenarios/*/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	var out []scenario
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		s, err := synth.Parse(p, text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, scenario{p, s})
	}
	return out
}

func (s scenario) name() string {
	return filepath.Base(filepath.Dir(s.path)) + "/" + strings.TrimSuffix(filepath.Base(s.path), ".txtar")
}

// find runs a capture through the whole line: one file as a stream, several from
// the disk.
func find(t testing.TB, batch int, files ...[]byte) *lister {
	t.Helper()
	paths, config := []string{"-"}, capture.Config{}
	if len(files) == 1 {
		config.Stdin = bytes.NewReader(files[0])
	} else {
		dir := t.TempDir()
		paths = nil
		for i, b := range files {
			p := filepath.Join(dir, fmt.Sprintf("%03d.pcap", i))
			if err := os.WriteFile(p, b, 0o600); err != nil {
				t.Fatal(err)
			}
			paths = append(paths, p)
		}
	}
	src, err := capture.Open(paths, config)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var l lister
	sum, err := analyzer.Run(context.Background(), src, analyzer.Config{Batch: batch}, &l)
	if err != nil {
		t.Fatal(err)
	}
	if len(sum.Damage) > 0 {
		t.Fatalf("damage: %v", sum.Damage)
	}
	return &l
}

func render(t testing.TB, s *synth.Script, f synth.Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var spaces = regexp.MustCompile(`[ \t]+`)

func fields(line string) string { return spaces.ReplaceAllString(strings.TrimSpace(line), " ") }

func TestScenarios(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(s.name(), func(t *testing.T) {
			text, _, ok := s.script.Section("findings")
			if !ok && !*update {
				t.Fatal("no section findings")
			}
			var want []string
			for line := range strings.Lines(string(text)) {
				line, _, _ = strings.Cut(line, "#")
				if line = fields(line); line != "" {
					want = append(want, line)
				}
			}
			file := render(t, s.script, synth.Format{})
			checkSaid(t, s, find(t, 0, file))
			for _, batch := range []int{1024, 1, 3} {
				got := find(t, batch, file).lines
				if *update {
					rewrite(t, s.path, got)
					return
				}
				var norm []string
				for _, l := range got {
					norm = append(norm, fields(l))
				}
				if d := cmp.Diff(want, norm); d != "" {
					t.Errorf("batches of %d (-want +got):\n%s", batch, d)
				}
			}
		})
	}
}

// checkSaid holds the section evidence of a scenario against what is said: each
// of its lines, a frame and a sentence, is said of the incident that begins with
// that frame. A line that begins with "not" is never said.
func checkSaid(t *testing.T, s scenario, l *lister) {
	t.Helper()
	text, _, _ := s.script.Section("evidence")
	var said []string
	for _, line := range l.said {
		said = append(said, fields(line))
	}
	for line := range strings.Lines(string(text)) {
		line = fields(line)
		if line == "" {
			continue
		}
		sentence, never := strings.CutPrefix(line, "not ")
		if slices.Contains(said, sentence) == never {
			t.Errorf("evidence: %q\nwhat is said:\n%s", line, strings.Join(said, "\n"))
		}
	}
}

func rewrite(t *testing.T, path string, lines []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), "-- findings --\n")
	out := head + "-- findings --\n" + strings.Join(lines, "\n") + "\n"
	if i := strings.Index("\n"+rest, "\n-- "); i >= 0 {
		out += rest[i:] // the sections after it
	}
	if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The same conversation, captured in another way, has the same causes.
func TestScenariosSeenDifferently(t *testing.T) {
	ways := map[string]synth.Format{
		"nanoseconds": {Nano: true},
		"big endian":  {BigEndian: true},
		"pcapng":      {PcapNG: true},
		"vlan":        {VLAN: []uint16{7}},
		"qinq":        {VLAN: []uint16{7, 9}},
		"sll":         {Link: synth.SLL},
		"sll2":        {Link: synth.SLL2},
		"raw":         {Link: synth.Raw},
		"null":        {Link: synth.Null},
		"mirrored":    {Mirror: true},
		"short":       {Snaplen: 96},
	}
	for _, s := range scenarios(t) {
		t.Run(s.name(), func(t *testing.T) {
			plain := find(t, 0, render(t, s.script, synth.Format{}))
			for name, f := range ways {
				if got := find(t, 0, render(t, s.script, f)); !slices.Equal(got.causes, plain.causes) || !slices.Equal(got.sure, plain.sure) {
					t.Errorf("%s: %v %v, plain: %v %v", name, got.causes, got.sure, plain.causes, plain.sure)
				}
			}
			var parts [][]byte
			var last *bytes.Buffer
			err := s.script.WriteFiles(func(int) (w io.Writer, err error) {
				if last != nil {
					parts = append(parts, last.Bytes())
				}
				last = new(bytes.Buffer)
				return last, nil
			}, synth.Format{SplitEvery: 2})
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, last.Bytes())
			if got := find(t, 0, parts...); !slices.Equal(got.causes, plain.causes) || !slices.Equal(got.sure, plain.sure) {
				t.Errorf("split: %v %v, plain: %v %v", got.causes, got.sure, plain.causes, plain.sure)
			}
		})
	}
}

// A capture that lacks the handshake or one direction is never a reason to be
// certain, and every RST that is left still belongs to one incident.
func TestScenariosWithLessToSee(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(s.name(), func(t *testing.T) {
			for name, f := range map[string]synth.Format{
				"no handshake": {DropHandshake: true},
				"client only":  {OneWay: "C"},
				"server only":  {OneWay: "S"},
			} {
				file := render(t, s.script, f)
				got := find(t, 0, file)
				if i := slices.Index(got.sure, "certain"); i >= 0 {
					t.Errorf("%s: certain of %s", name, got.lines[i])
				}
				if have, want := countFrames(got), countRSTs(t, file); have != want {
					t.Errorf("%s: %d RSTs in incidents, %d in the capture", name, have, want)
				}
			}
		})
	}
}

func countFrames(l *lister) int {
	n := 0
	for _, line := range l.lines {
		if rest, ok := strings.CutPrefix(line, "frame "); ok {
			list, _, _ := strings.Cut(rest, " ")
			n += 1 + strings.Count(list, ",")
		}
	}
	return n
}

func countRSTs(t testing.TB, file []byte) int {
	t.Helper()
	src, err := capture.Open([]string{"-"}, capture.Config{Stdin: bytes.NewReader(file)})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	n := 0
	var b packet.Batch
	for {
		err := src.Read(&b)
		for i := range b.Headers {
			if b.Headers[i].Flags&packet.RST != 0 {
				n++
			}
		}
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
