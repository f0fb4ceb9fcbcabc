package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/synth"
	"github.com/rstwhy/rstwhy/packet"
)

var update = flag.Bool("update", false, "write the golden files")

// scenario makes the capture files of a script: one, or several of so many
// frames.
func scenario(t testing.TB, name string, every int) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	script, err := synth.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	var buffers []*bytes.Buffer
	var paths []string
	dir := t.TempDir()
	err = script.WriteFiles(func(file int) (io.Writer, error) {
		buffers = append(buffers, new(bytes.Buffer))
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("%03d.pcap", file)))
		return buffers[file], nil
	}, synth.Format{Nano: true, SplitEvery: every})
	if err != nil {
		t.Fatal(err)
	}
	for k, b := range buffers {
		if err := os.WriteFile(paths[k], b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// render runs captures through the whole line into one format. names are what
// the report takes the files for.
func render(t testing.TB, format string, o Options, paths, names []string) (string, *analyzer.Summary) {
	t.Helper()
	f, ok := ByName(format)
	if !ok {
		t.Fatalf("no format %q", format)
	}
	src, err := capture.Open(paths, capture.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	o.Files = func() []string { return names }
	var b bytes.Buffer
	sink := f.New(&b, o)
	sum, err := analyzer.Run(context.Background(), src, analyzer.Config{}, sink)
	if err != nil {
		t.Fatal(err)
	}
	sum.Files, sum.Elapsed = names, 0
	if err := sink.Close(sum); err != nil {
		t.Fatal(err)
	}
	return b.String(), sum
}

func fixed() Options {
	return Options{
		Version: "v0.1.0",
		Command: []string{"rstwhy", "-o", "it's a ticket.md", "web.pcap"},
		Started: time.Date(2024, 5, 1, 9, 0, 0, 0, time.UTC),
		Digests: func() []string { return []string{strings.Repeat("0123456789abcdef", 4)} },
	}
}

func TestGolden(t *testing.T) {
	tests := []struct {
		golden, scenario, format string
		set                      func(*Options)
	}{
		{"mixed.txt", "mixed", "text", nil},
		{"mixed-wide.txt", "mixed", "text", func(o *Options) { o.Width = 130 }},
		{"mixed-verbose.txt", "mixed", "text", func(o *Options) { o.Verbose = true }},
		{"mixed-live.txt", "mixed", "text", func(o *Options) { o.Live = always }},
		{"mixed-colour.txt", "mixed", "text", func(o *Options) { o.Color = true }},
		{"mixed.json", "mixed", "json", nil},
		{"mixed.ndjson", "mixed", "ndjson", nil},
		{"mixed.md", "mixed", "md", nil},
		{"folded.txt", "folded", "text", nil},
		{"folded-verbose.txt", "folded", "text", func(o *Options) { o.Verbose = true }},
		{"folded-live.txt", "folded", "text", func(o *Options) { o.Live = always }},
		{"folded.ndjson", "folded", "ndjson", nil},
		{"folded.md", "folded", "md", nil},
		{"one.txt", "one", "text", nil},
		{"one.md", "one", "md", nil},
		{"servers.txt", "servers", "text", nil},
		{"servers-200.txt", "servers", "text", func(o *Options) { o.Width = 200 }},
		{"servers-summary.txt", "servers", "text", func(o *Options) { o.Summary = true }},
		{"harmless.txt", "harmless", "text", nil},
		{"alone.txt", "alone", "text", nil},
		{"quiet.txt", "quiet", "text", nil},
		{"quiet.json", "quiet", "json", nil},
		{"quiet.ndjson", "quiet", "ndjson", nil},
		{"quiet.md", "quiet", "md", nil},
	}
	for _, tt := range tests {
		t.Run(tt.golden, func(t *testing.T) {
			o := fixed()
			if tt.set != nil {
				tt.set(&o)
			}
			got, _ := render(t, tt.format, o, scenario(t, "testdata/"+tt.scenario+".txtar", 0), []string{"web.pcap"})
			path := filepath.Join("testdata", tt.golden)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got, `go test ./report -update` after looking at it:\n%s", diff)
			}
		})
	}
}

// TestGoldenStops is what is said of a capture that ends in the middle: because it is
// damaged, or because somebody interrupted the reading.
func TestGoldenStops(t *testing.T) {
	whole := scenario(t, "testdata/servers.txtar", 0)[0]
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.pcap")
	if err := os.WriteFile(cut, text[:len(text)/3+7], 0o600); err != nil {
		t.Fatal(err)
	}
	for golden, in := range map[string]struct {
		path string
		tell func(*analyzer.Summary)
	}{
		"damaged.txt":     {cut, func(*analyzer.Summary) {}},
		"interrupted.txt": {cut, func(s *analyzer.Summary) { s.Interrupted, s.Done, s.Total, s.Damage = true, 9, 100, nil }},
	} {
		t.Run(golden, func(t *testing.T) {
			src, err := capture.Open([]string{in.path}, capture.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			var b bytes.Buffer
			o := fixed()
			o.Files = func() []string { return []string{"web.pcap"} }
			sink := newText(&b, o)
			sum, err := analyzer.Run(context.Background(), src, analyzer.Config{}, sink)
			if err != nil {
				t.Fatal(err)
			}
			sum.Files, sum.Elapsed = []string{"web.pcap"}, 0
			for k, d := range sum.Damage {
				var bad *capture.FormatError
				if errors.As(d, &bad) {
					bad.File = "web.pcap"
					sum.Damage[k] = bad
				}
			}
			in.tell(sum)
			if err := sink.Close(sum); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", golden)
			if *update {
				if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Errorf("-want +got, `go test ./report -update` after looking at it:\n%s", diff)
			}
		})
	}
}

// inputs are all scenarios here and all captures of the lab, with names that
// are hard to fit and to print.
func inputs(t *testing.T) [][]string {
	t.Helper()
	out := [][]string{
		scenario(t, "testdata/mixed.txtar", 0),
		scenario(t, "testdata/mixed.txtar", 4),
		scenario(t, "testdata/folded.txtar", 0),
		scenario(t, "testdata/quiet.txtar", 0),
	}
	more, err := filepath.Glob("../testdata/scenarios/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(more) == 0 {
		t.Fatal("no scenarios")
	}
	for _, s := range more {
		out = append(out, scenario(t, s, 0))
	}
	lab, err := filepath.Glob("../testdata/pcaps/*/*.pcap*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range lab {
		out = append(out, []string{p})
	}
	return out
}

// evil are file names that an attacker, or a user, may have chosen.
var evil = []string{
	"<script>alert(1)</script>.pcap",
	"`` ` ``` tick.pcap",
	"`",
	"a|b\\|c.pcap",
	"esc\x1b[31m\x07.pcap",
	"new\nline\r# heading.pcap",
	"bidi\u202egpj.pcap",
	"bad\xff\xfeutf8.pcap",
	"[link](http://example.com) **bold** @everyone www.example.com.pcap",
	"漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字.pcap",
	strings.Repeat("long", 60) + ".pcap",
	" ",
	"",
	"&lt;b&gt;&#124; <!-- -->",
}

func evilNames(n int) []string {
	out := make([]string, n)
	for k := range out {
		out[k] = evil[k%len(evil)]
		if k >= len(evil) {
			out[k] = fmt.Sprintf("%s%d", out[k], k)
		}
	}
	return out
}

func TestTextFitsItsWidth(t *testing.T) {
	all := inputs(t)
	for _, cols := range []int{textMin, 80, 120} {
		for _, mode := range []string{"plain", "verbose", "live"} {
			o := fixed()
			o.Width, o.Verbose, o.Live = cols, mode == "verbose", func() bool { return mode == "live" }
			for _, paths := range all {
				got, _ := render(t, "text", o, paths, evilNames(len(paths)))
				for k, l := range strings.Split(got, "\n") {
					if width(l) > cols {
						t.Errorf("%d columns, %s, %s: line %d has %d: %q", cols, mode, paths[0], k+1, width(l), l)
					}
				}
			}
		}
	}
}

func TestTextIsPrintable(t *testing.T) {
	for _, every := range []int{0, 4} {
		paths := scenario(t, "testdata/mixed.txtar", every)
		names := evilNames(len(paths))
		for _, verbose := range []bool{false, true} {
			o := fixed()
			o.Verbose = verbose
			got, _ := render(t, "text", o, paths, names)
			for k, r := range got {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%q at octet %d: ...%q", r, k, got[max(0, k-40):k])
				}
			}
			if joined := strings.Join(strings.Fields(got), ""); !strings.Contains(joined, `\x1b[31m\x00\xff`) {
				t.Errorf("the payload of the RST is not shown:\n%s", got)
			}
		}
	}
}

// A story with a placeholder left, or a measure that was not taken, would be
// nonsense to read.
func TestStoriesAreFilled(t *testing.T) {
	for _, paths := range inputs(t) {
		got, _ := render(t, "ndjson", Options{Verbose: true}, paths, paths)
		for _, j := range decodeLines(t, got) {
			story, _ := j["story"].(string)
			if j["type"] == "incident" && (story == "" || strings.ContainsAny(story, "{}") || strings.Contains(story, "unknown")) {
				t.Errorf("%s: story %q", paths[0], story)
			}
		}
	}
}

func decodeLines(t *testing.T, s string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for l := range strings.Lines(s) {
		var j map[string]any
		if err := json.Unmarshal([]byte(l), &j); err != nil {
			t.Fatalf("%v in %s", err, l)
		}
		out = append(out, j)
	}
	return out
}

func TestNDJSON(t *testing.T) {
	for _, paths := range inputs(t) {
		got, sum := render(t, "ndjson", fixed(), paths, paths)
		seen := make(map[string]bool)
		first := make(map[float64]map[string]any)
		objects := decodeLines(t, got)
		for k, j := range objects {
			if j["like"] != nil {
				whole := first[j["like"].(float64)]
				if whole == nil || whole["cause"] != j["cause"] || whole["confidence"] != j["confidence"] {
					t.Errorf("%s: incident %v is said to be like %v, which is %v", paths[0], j["number"], j["like"], whole)
				}
			} else if j["type"] == "incident" {
				first[j["number"].(float64)] = j
			}
			if j["like"] == nil && j["schema"] != Schema {
				t.Fatalf("%s: schema %v", paths[0], j["schema"])
			}
			switch typ := j["type"]; {
			case (typ == "summary") != (k == len(objects)-1):
				t.Fatalf("%s: object %d of %d is a %v", paths[0], k+1, len(objects), typ)
			case typ != "incident":
				continue
			}
			if j["file"] == nil || j["harmless"] == nil {
				t.Errorf("%s: incident %d has no file, or may do harm for all that it says", paths[0], k+1)
			}
			for _, key := range []string{
				"frame", "frames", "time", "mechanism", "mechanisms", "family", "cause", "confidence", "also_fits", "origin", "effect", "harm",
				"sender", "receiver", "client", "server", "timing", "evidence", "story", "history", "rst", "flow", "community_id", "conn_state",
			} {
				if j[key] == nil && j["like"] == nil {
					t.Errorf("%s: incident %d has no %s", paths[0], k+1, key)
				}
			}
			files, _ := j["files"].([]any)
			frames := j["frames"].([]any)
			if j["like"] != nil && len(paths) > 1 {
				files = slices.Repeat([]any{j["file"]}, len(frames))
			}
			if (len(paths) > 1) != (len(files) == len(frames)) {
				t.Errorf("%s: %d frames, %d files", paths[0], len(frames), len(files))
			}
			for n, f := range frames {
				key := fmt.Sprint(f)
				if len(files) > 0 {
					key = fmt.Sprint(f, files[n])
				}
				if seen[key] {
					t.Errorf("%s: frame %s stands in two incidents", paths[0], key)
				}
				seen[key] = true
			}
			if frames[0] != j["frame"] {
				t.Errorf("%s: frame %v, frames %v", paths[0], j["frame"], frames)
			}
			if _, err := time.Parse(time.RFC3339Nano, j["time"].(string)); err != nil {
				t.Error(err)
			}
		}
		if len(seen) != int(sum.Flows.RSTs) {
			t.Errorf("%s: %d frames in incidents, %d RSTs", paths[0], len(seen), sum.Flows.RSTs)
		}

		// The document holds the same objects.
		doc, _ := render(t, "json", fixed(), paths, paths)
		var d struct {
			Schema                string
			Incidents, Unanswered []map[string]any
			Causes                []map[string]any
			Summary               map[string]any
		}
		if err := json.Unmarshal([]byte(doc), &d); err != nil {
			t.Fatalf("%s: %v", paths[0], err)
		}
		var want []map[string]any
		for _, typ := range []string{"incident", "unanswered", "cause"} {
			for _, j := range objects {
				if j["type"] == typ {
					want = append(want, j)
				}
			}
		}
		if diff := cmp.Diff(want, slices.Concat(d.Incidents, d.Unanswered, d.Causes)); diff != "" {
			t.Errorf("%s: -ndjson +json:\n%s", paths[0], diff)
		}
		// Its causes add up to all there is, and the groups of each to the cause.
		var all [2]float64
		for _, c := range d.Causes {
			var of [2]float64
			for _, g := range c["groups"].([]any) {
				for k, key := range []string{"resets", "incidents"} {
					of[k] += g.(map[string]any)[key].(float64)
				}
			}
			for k, key := range []string{"resets", "incidents"} {
				all[k] += c[key].(float64)
				if of[k] != c[key] {
					t.Errorf("%s: %s: %v %s, and %v in its groups", paths[0], c["cause"], c[key], key, of[k])
				}
			}
		}
		if all[0] != d.Summary["resets"] || all[1] != d.Summary["incidents"] {
			t.Errorf("%s: causes add up to %v resets and incidents of %v and %v", paths[0], all, d.Summary["resets"], d.Summary["incidents"])
		}
		if diff := cmp.Diff(objects[len(objects)-1], d.Summary); diff != "" {
			t.Errorf("%s: -ndjson +json:\n%s", paths[0], diff)
		}
	}
}

// A reader of the JSON needs no table of units: whatever has a fraction says
// seconds, what counts octets says bytes, and times sort as strings do.
func TestJSONNames(t *testing.T) {
	var walk func(t *testing.T, path string, v any)
	walk = func(t *testing.T, path string, v any) {
		name := path[strings.LastIndexByte(path, '.')+1:]
		switch v := v.(type) {
		case map[string]any:
			for key, of := range v {
				if !snakeCase.MatchString(key) {
					t.Errorf("%s.%s is not in snake case", path, key)
				}
				walk(t, path+"."+key, of)
			}
		case []any:
			for _, of := range v {
				walk(t, path, of)
			}
		case float64:
			if v != math.Trunc(v) && !strings.HasSuffix(name, "_seconds") {
				t.Errorf("%s is %v, and names no unit", path, v)
			}
		case string:
			if _, err := time.Parse(time.RFC3339, v); err == nil && len(v) != len("2006-01-02T15:04:05.000000000Z") {
				t.Errorf("%s is %q, not of the length of the others", path, v)
			}
		}
	}
	for _, paths := range inputs(t) {
		got, _ := render(t, "ndjson", fixed(), paths, paths)
		for _, j := range decodeLines(t, got) {
			walk(t, fmt.Sprint(j["type"]), j)
		}
	}
	sum, err := json.Marshal(new(encoder).summary(&analyzer.Summary{Skipped: [packet.NumSkips]uint64{1, 2, 3, 4, 5, 6, 7, 8}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range decodeLines(t, string(sum)) {
		walk(t, "summary", j)
		if n := len(j["skipped"].(map[string]any)); n != int(packet.NumSkips)-1 {
			t.Errorf("%d reasons to skip a frame, want %d: %s", n, packet.NumSkips-1, sum)
		}
	}
	for _, r := range classify.Rules() {
		b, err := json.Marshal(causeOf(r))
		if err != nil {
			t.Fatal(err)
		}
		walk(t, r.ID, decodeLines(t, string(b))[0])
	}
}

var snakeCase = regexp.MustCompile("^[a-z][a-z0-9]*(_[a-z0-9]+)*$")

func TestDocumentLeavesNotesOut(t *testing.T) {
	var b bytes.Buffer
	sink := newJSON(&b, Options{})
	for k := range notesMax + 3 {
		if err := sink.Note(&flows.Note{Frame: packet.FrameRef(k + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(&analyzer.Summary{Notes: notesMax + 3}); err != nil {
		t.Fatal(err)
	}
	var d struct {
		Unanswered []struct{}
		Summary    struct {
			Left int `json:"unanswered_left_out"`
		}
	}
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Unanswered) != notesMax || d.Summary.Left != 3 {
		t.Errorf("%d notes, %d left out", len(d.Unanswered), d.Summary.Left)
	}
}

// refusedStory is a sentence that needs no facts.
var refusedStory = classify.Evidence{Sentence: classify.ByID("mid-stream").Story(nil), Dir: flows.Server}

// incident makes a refused connection by hand.
func incident(rule *classify.Rule, n int, host [4]byte, port uint16) *analyzer.Incident {
	r := &flows.Reset{Dir: flows.Server}
	client := [16]byte{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 1}
	server := [16]byte{10: 0xff, 11: 0xff, 12: host[0], 13: host[1], 14: host[2], 15: host[3]}
	r.Flow.Ends = [2]flows.Endpoint{{Addr: client, Port: 40000}, {Addr: server, Port: port}}
	r.RST = packet.Header{
		Time: 1e18 + int64(n)*1000, Frame: uint64(n + 1), Src: server, Dst: client, SrcPort: port, DstPort: 40000,
		Flags: packet.RST | packet.ACK,
	}
	harm := classify.Harm{Kind: classify.HarmRefused}
	if rule.Family == classify.FamilyUnreadData {
		harm = classify.Harm{Kind: classify.HarmBytes, Lost: 10}
	}
	v := classify.Verdict{Rule: rule, Harm: harm, Mechanism: classify.Answer, Confidence: classify.Likely, Story: refusedStory}
	for m := range v.Timing.At {
		v.Timing.At[m] = -1
	}
	v.Timing.At[rule.Telling] = int64(n)
	return &analyzer.Incident{Number: uint64(n + 1), Reset: r, Verdict: v}
}

// floods are what a scan leaves: many ports, many hosts, both, and twice each.
var floods = []struct {
	name string
	at   func(k int) (host [4]byte, port uint16)
}{
	{"ports of a host", func(k int) ([4]byte, uint16) { return [4]byte{198, 51, 100, 1}, uint16(k%65535) + 1 }},
	{"a port of many hosts", func(k int) ([4]byte, uint16) { return [4]byte{10, byte(k >> 16), byte(k >> 8), byte(k)}, 22 }},
	{"ports of many hosts", func(k int) ([4]byte, uint16) {
		return [4]byte{10, byte(k >> 13), byte(k >> 5), 1}, uint16(k%32) + 1
	}},
	{"hosts twice", func(k int) ([4]byte, uint16) {
		return [4]byte{10, byte(k >> 17), byte(k >> 9), byte(k >> 1)}, 22
	}},
	{"one service", func(int) ([4]byte, uint16) { return [4]byte{198, 51, 100, 1}, 443 }},
}

func TestCollectorIsBounded(t *testing.T) {
	const many = 100_000
	rule := classify.ByID("no-listener")
	other := classify.ByID("unread-data-on-close")
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			began := time.Now()
			c := newCollector(nil)
			for k := range many {
				host, port := flood.at(k)
				c.incident(incident(rule, k, host, port))
				if k%1000 == 999 { // what must not drown
					c.incident(incident(other, k, [4]byte{203, 0, 113, 9}, 8443))
				}
				if len(c.groups) > groupsMax+8 {
					t.Fatalf("%d groups after %d incidents", len(c.groups), k)
				}
			}
			crowded := 0
			for _, n := range c.ports {
				if n >= portsMax {
					crowded++
				}
			}
			if crowded != c.crowded {
				t.Errorf("%d hosts have as many services as are held apart, counted were %d", crowded, c.crowded)
			}
			causes := c.document(new(analyzer.Summary), nil).Causes
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			var incidents, resets uint64
			for _, cause := range causes {
				for _, g := range cause.Servers {
					incidents += g.incidents
					resets += g.resets
					if len(g.frames) > framesMax || len(g.clients) > clientsMax || len(g.telling.kept) > samplesMax {
						t.Errorf("group %s holds %d frames, %d clients, %d samples", g.where(), len(g.frames), len(g.clients), len(g.telling.kept))
					}
				}
			}
			if want := uint64(many + many/1000); incidents != want || resets != want {
				t.Errorf("%d incidents and %d resets of %d", incidents, resets, want)
			}
			if first := causes[0]; first.Rule != other || first.Incidents != many/1000 || len(first.Servers) != 1 || first.Section != LookFirst {
				t.Errorf("first is %s with %d incidents in %d groups", first.Rule.ID, first.Incidents, len(first.Servers))
			}
		})
	}
}

// A service with a trouble of its own is not lost in a scan of its host.
func TestCollectorKeepsWhatRepeats(t *testing.T) {
	rule := classify.ByID("no-listener")
	c := newCollector(nil)
	for k := range 60_000 {
		c.incident(incident(rule, k, [4]byte{198, 51, 100, 1}, uint16(k+1)))
		if k%10 == 0 {
			c.incident(incident(rule, k, [4]byte{198, 51, 100, 1}, 443))
		}
	}
	groups := c.document(new(analyzer.Summary), nil).Causes[0].Servers
	if len(groups) > portsMax+1 || groups[0].where() != "198.51.100.1:*" {
		t.Fatalf("%d groups, the first %s", len(groups), groups[0].where())
	}
	k := slices.IndexFunc(groups, func(g *group) bool { return g.end.Port == 443 })
	if k < 0 || groups[k].incidents < 3000 {
		t.Errorf("port 443 is not held apart")
	}
}

func TestMedian(t *testing.T) {
	var s sample
	if s.median() >= 0 {
		t.Error("a median of nothing")
	}
	for k := range 10_001 {
		s.add(int64(k * 7919 % 10_001))
	}
	if s.min != 0 || s.max != 10_000 || s.n != 10_001 {
		t.Errorf("%d measures from %d to %d", s.n, s.min, s.max)
	}
	if m := s.median(); m < 3500 || m > 6500 {
		t.Errorf("median %d", m)
	}
	var few sample
	for _, v := range []int64{5, 1, 9} {
		few.add(v)
	}
	if few.median() != 5 {
		t.Errorf("median %d of 1, 5, 9", few.median())
	}
}

func always() bool { return true }

// TestFold writes a flood of resets live: some in full, and every other one in a count.
func TestFold(t *testing.T) {
	var b bytes.Buffer
	sink := newNDJSON(&b, Options{Live: always})
	rule := classify.ByID("unread-data-on-close")
	const flood, apart = 5000, 10 // over 50 s
	for k := range flood {
		i := incident(rule, 0, [4]byte{198, 51, 100, 9}, 80)
		i.Number = uint64(k + 1)
		i.Reset.RST.Time = 1e18 + int64(k)*10e6
		if k%apart == 0 { // another network, at 10 a second
			i.Reset.Flow.Ends[flows.Client].Addr[13]++
		}
		if err := sink.Incident(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.(StatusSink).Status(&Status{Time: 1e18 + 50e9, Packets: 1, Open: 2}); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(&analyzer.Summary{}); err != nil {
		t.Fatal(err)
	}
	var full, counted uint64
	kinds := map[string]uint64{}
	statuses := 0
	for d := json.NewDecoder(&b); d.More(); {
		var line struct {
			Type, Cause    string
			Incidents      uint64
			Resets, Like   uint64
			Client_network string
			Open           int `json:"open_connections"`
		}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		switch line.Type {
		case "incident":
			full++
		case "folded":
			counted += line.Incidents
			kinds[line.Client_network] += line.Incidents
			if line.Cause != rule.ID || line.Resets != line.Incidents || line.Like == 0 {
				t.Errorf("%+v", line)
			}
		case "status":
			statuses++
			if line.Open != 2 {
				t.Errorf("%+v", line)
			}
		}
	}
	if full+counted != flood || full != 2*5*foldAfter || len(kinds) != 2 || statuses != 1 {
		t.Errorf("%d in full and %d counted of %d, of the networks %v; %d statuses", full, counted, flood, kinds, statuses)
	}
}

// A flood of resets on an interface must not become a flood of text.
func TestLivePace(t *testing.T) {
	var b bytes.Buffer
	sink := newText(&b, Options{Live: always})
	rule := classify.ByID("no-listener")
	for k := range 100_000 { // a tenth of a second
		host, port := floods[1].at(k)
		if err := sink.Incident(incident(rule, k, host, port)); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(b.String(), "no-listener"); n != livePerSecond {
		t.Errorf("%d incidents written, want %d", n, livePerSecond)
	}
	b.Reset()
	late := incident(rule, 0, [4]byte{198, 51, 100, 9}, 80)
	for _, second := range []int64{100, 100, 100, 100, 100, 111} {
		late.Reset.RST.Time = 1e18 + second*1e9
		if err := sink.Incident(late); err != nil {
			t.Fatal(err)
		}
	}
	got := b.String()
	if n := strings.Count(got, "no-listener"); n != livePerService+1 {
		t.Errorf("%d of a service written, want %d and one later:\n%s", n, livePerService, got)
	}
	if !strings.Contains(got, "(2 more before it)") {
		t.Errorf("what was not shown is not counted:\n%s", got)
	}
}

func TestLiveCounters(t *testing.T) {
	var b bytes.Buffer
	err := newText(&b, Options{Live: always}).Close(&analyzer.Summary{
		Files: []string{"eth0"}, Live: &analyzer.Counters{Received: 1234, Dropped: 5}, Interrupted: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"received 1,234 packets", "dropped 5", "no packet was captured"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	for _, f := range formats {
		sink := f.New(broken{}, fixed())
		var err error
		for k := range 100 {
			err = errors.Join(err, sink.Incident(incident(classify.ByID("no-listener"), k, [4]byte{198, 51, 100, 1}, 80)))
		}
		if err = errors.Join(err, sink.Close(&analyzer.Summary{})); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func TestFormats(t *testing.T) {
	for path, want := range map[string]string{"a.txt": "text", "A.JSON": "json", "a.ndjson": "ndjson", "dir.md/a.md": "md", "a.pcap": "", "md": "", "a.log": "zeek", "a.Zeek": "zeek", "a.csv": "csv", "zeek": ""} {
		if f, ok := ByFile(path); f.Name != want || ok != (want != "") {
			t.Errorf("%s is %q", path, f.Name)
		}
	}
	for _, name := range Names() {
		if f, ok := ByName(name); !ok || f.Name != name {
			t.Errorf("no format %s", name)
		}
	}
}

func TestFileNames(t *testing.T) {
	for _, tt := range []struct{ all, want []string }{
		{[]string{"/x/a.pcap"}, nil},
		{[]string{"/x/a.pcap", "/x/b.pcap"}, []string{"a.pcap", "b.pcap"}},
		{[]string{"/x/1/a.pcap", "/x/2/a.pcap", "b.pcap"}, []string{"1/a.pcap", "2/a.pcap", "b.pcap"}},
		{[]string{"a.pcap", "/y/a.pcap"}, []string{"a.pcap", "y/a.pcap"}},
		{[]string{"a.pcap", "a.pcap"}, []string{"a.pcap", "a.pcap"}},
		{[]string{"\x1b", "b"}, []string{`\x1b`, "b"}},
	} {
		if diff := cmp.Diff(tt.want, fileNames(&Options{Files: func() []string { return tt.all }})); diff != "" {
			t.Errorf("%q: -want +got:\n%s", tt.all, diff)
		}
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{classify.Grouped(0), "0"},
		{classify.Grouped(999), "999"},
		{classify.Grouped(1234567), "1,234,567"},
		{count(1, "packet"), "1 packet"},
		{count(2000, "packet"), "2,000 packets"},
		{percent(0, 10), "0 %"},
		{percent(10, 10), "100 %"},
		{percent(1, 3), "33.3 %"},
		{percent(1, 100000), "less than 0.1 %"},
		{percent(99999, 100000), "more than 99.9 %"},
		{percent(0, 0), "0 %"},
		{span(4_000_000), "4.00 ms"},
		{span(23_466_735_000), "23.5 s"},
		{span(251e9), "4m11s"},
		{span(7384e9), "2h03m04s"},
		{span(50 * 3600e9), "2.1 days"},
		{(*naming)(nil).until(0, 5e9), "00:00:05.000000 UTC"},
		{(*naming)(nil).until(0, 86401e9), "1970-01-02 00:00:01.000000 UTC"},
		{millis(-80_000), "-0.080"},
		{millis(-999), "0.000"},
		{millis(161_925_000), "161.925"},
		{relative(5, 4), "1"},
		{relative(3, 4), "-1"},
		{relative(10, 0xfffffff0), "26"},
		{relative(3_000_000_000, 0), "3000000000"},
		{clean("tick`é漢"), "tick`é漢"},
		{clean("a\x1b[0m\n\xff\u202e"), `a\x1b[0m\n\xff\u202e`},
		{ShellLine([]string{"rstwhy", "a b", "it's", "\x1b'"}), `rstwhy 'a b' 'it'\''s' $'\x1b\''`},
		{shortenLeft("abcdefghij", 6), "...hij"},
		{shorten("abcdefghij", 6), "abc..."},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	for ns, want := range map[int64]string{0: "0", 80_000: "0.00008", 1_500_000_000: "1.5", -1: "-0.000000001", 161_925_123: "0.161925123"} {
		if b, _ := seconds(ns).MarshalJSON(); string(b) != want {
			t.Errorf("%d ns are %s s, want %s", ns, b, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		in   string
		cols int
		want []string
	}{
		{"", 10, []string{""}},
		{"one two three", 7, []string{"one two", "three"}},
		{"unread-data-on-close", 15, []string{"unread-data-on-", "close"}},
		{"[2001:db8::1]:443", 10, []string{"[2001:db8:", ":1]:443"}},
		{"xxxxxxxxxxxx", 5, []string{"xxxxx", "xxxxx", "xx"}},
		{"漢字漢字", 5, []string{"漢字", "漢字"}},
	} {
		if diff := cmp.Diff(tt.want, wrap(tt.in, tt.cols)); diff != "" {
			t.Errorf("%q at %d: -want +got:\n%s", tt.in, tt.cols, diff)
		}
	}
}

// BenchmarkCollector counts the refusals of a scan of many hosts.
func BenchmarkCollector(b *testing.B) {
	rule := classify.ByID("closed-port-scan")
	i := incident(rule, 0, [4]byte{}, 0)
	c := newCollector(nil)
	b.ReportAllocs()
	for k := 0; b.Loop(); k++ {
		server := &i.Reset.Flow.Ends[flows.Server]
		server.Addr[13], server.Addr[14], server.Addr[15] = byte(k>>16), byte(k>>8), byte(k)
		server.Port = uint16(k * 7)
		i.Reset.RST.Time += 250e3
		c.incident(i)
	}
}

// What arrived late is not taken for a capture whose time runs backwards.
func TestLate(t *testing.T) {
	s := &analyzer.Summary{Files: []string{"standard input"}, Late: 2, LateLargest: 2.1e9}
	s.Flows.Backwards, s.Flows.BackwardsLargest = 5, 2.1e9
	var b bytes.Buffer
	if err := newText(&b, Options{}).Close(s); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(got, "packets arrived late 2 times, by 2.10 s at most: ") || strings.Contains(got, "backwards") {
		t.Errorf("got %s", got)
	}
	s.Flows.BackwardsLargest = 2.2e9
	b.Reset()
	if err := newText(&b, Options{}).Close(s); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(got, "time runs backwards 5 times, by 2.20 s at most") {
		t.Errorf("got %s", got)
	}
}
