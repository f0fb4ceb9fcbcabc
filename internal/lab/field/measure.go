package field

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// verdict is what rstwhy says of one RST.
type verdict struct {
	cause, confidence, mechanism string
	also                         []string
	follows                      bool // not the first RST of its incident
}

func (v *verdict) set() []string { return append([]string{v.cause}, v.also...) }

func (v *verdict) hits(right []string) bool {
	return slices.ContainsFunc(v.set(), func(c string) bool { return slices.Contains(right, c) })
}

// judge runs the program rstwhy over a capture and returns what it says, by
// frame. Any build of it will do that writes ndjson.
func judge(rstwhy, path string) (map[int]verdict, error) {
	var out, said bytes.Buffer
	cmd := exec.Command(rstwhy, "--format", "ndjson", path)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		// 4 is "damaged": what could be read was judged.
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 4 {
			return nil, fmt.Errorf("field: %s: %w: %s", path, err, strings.TrimSpace(said.String()))
		}
	}
	all := map[int]verdict{}
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var line struct {
			Type, Cause, Confidence, Mechanism string
			Frames                             []int
			Also                               []struct{ Cause string } `json:"also_fits"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("field: %s: what rstwhy wrote: %w", path, err)
		}
		if line.Type != "incident" {
			continue
		}
		v := verdict{cause: line.Cause, confidence: line.Confidence, mechanism: line.Mechanism}
		for _, a := range line.Also {
			v.also = append(v.also, a.Cause)
		}
		for k, n := range line.Frames {
			v.follows = k > 0
			all[n] = v
		}
	}
	return all, lines.Err()
}

// Tally counts RSTs with one thing in common.
type Tally struct {
	N            int // RSTs, the first of each connection in its capture
	First        int // the verdict is right
	InSet        int // the verdict or what also fits is right
	Set          int // causes named, summed
	Certain      int // the verdict is certain
	WrongCertain int // the verdict is certain, and not right
	Likely       int // the verdict is likely
	WrongLikely  int // the verdict is likely, and nothing in the set is right
	Unclassified int
	Missed       int // no incident has the RST
	Mechanism    int // the mechanism is the true one; a forger's RST is not counted here, nor in the next
	WrongMech    int
}

func (t *Tally) add(r *Reset, v verdict, found bool, right []string) {
	t.N++
	if !found {
		t.Missed++
		return
	}
	t.Set += len(v.set())
	first, in := slices.Contains(right, v.cause), v.hits(right)
	count := func(n *int, when bool) {
		if when {
			*n++
		}
	}
	count(&t.First, first)
	count(&t.InSet, in)
	count(&t.Certain, v.confidence == "certain")
	count(&t.WrongCertain, v.confidence == "certain" && !first)
	count(&t.Likely, v.confidence == "likely")
	count(&t.WrongLikely, v.confidence == "likely" && !in)
	count(&t.Unclassified, v.cause == "unclassified")
	if m := r.Mechanism(); m != "" && !v.follows {
		count(&t.Mechanism, v.mechanism == m)
		count(&t.WrongMech, v.mechanism != m && (v.mechanism == "answer" || v.mechanism == "abort"))
	}
}

// Wrong is an answer of which nothing is right.
type Wrong struct {
	File       string
	Frame      int
	Talk       int
	Kind       string
	Truth      string // the mechanism, in words
	Right      []string
	Verdict    string
	Confidence string
}

// Score is how rstwhy did.
type Score struct {
	Captures, Failed, Unknown int
	All, Later                Tally // Later: RSTs after the first of a connection
	By                        map[string]map[string]*Tally
	Wrong                     []Wrong
	WrongLater                []Wrong
}

// dimensions are the tables of a score, in their order.
var dimensions = []string{"seed", "cause", "stack", "made by", "path", "captured at", "capture's fault", "kind"}

// Measure judges every capture of dir with the program rstwhy and holds the
// verdicts against the truth. What is in a folder of dir named by a number is of
// that seed.
func Measure(dir, rstwhy string) (*Score, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.pcap"))
	if err != nil {
		return nil, err
	}
	of, err := filepath.Glob(filepath.Join(dir, "[0-9]*", "*.pcap"))
	if err != nil {
		return nil, err
	}
	paths = append(paths, of...)
	if len(paths) == 0 {
		return nil, fmt.Errorf("field: %s: no captures", dir)
	}
	s := &Score{By: map[string]map[string]*Tally{}}
	for _, path := range paths {
		rec, err := readRecord(path)
		if err != nil {
			return nil, err
		}
		verdicts, err := judge(rstwhy, path)
		if err != nil {
			return nil, err
		}
		file, err := filepath.Rel(dir, path)
		if err != nil {
			return nil, err
		}
		s.take(file, rec, verdicts)
	}
	return s, nil
}

func readRecord(pcap string) (*Record, error) {
	path := strings.TrimSuffix(pcap, ".pcap") + ".json"
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rec := new(Record)
	if err := json.Unmarshal(b, rec); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rec, nil
}

func (s *Score) take(file string, rec *Record, verdicts map[int]verdict) {
	s.Captures++
	s.Failed += len(rec.Failed)
	s.Unknown += len(rec.Unknown)
	for i := range rec.Resets {
		r := &rec.Resets[i]
		right := Right(&r.Facts, r.View)
		v, found := verdicts[r.Frame]
		if !r.View.First {
			// One that is put under an earlier one is not answered for itself.
			if found && v.follows {
				v.cause, v.also = "follow-up", nil
				right = append(right, "follow-up")
			}
			s.Later.add(r, v, found, right)
			if !found || !v.hits(right) {
				s.WrongLater = append(s.WrongLater, wrong(file, r, v, right))
			}
			continue
		}
		s.All.add(r, v, found, right)
		seed, _ := filepath.Split(file)
		for i, value := range []string{strings.Trim(seed, "/"), r.Cause(), r.stack(), r.maker(), rec.Path.Name(), rec.Vantage.At, rec.Vantage.Fault, r.Kind} {
			d := dimensions[i]
			if value == "" {
				continue
			}
			if s.By[d] == nil {
				s.By[d] = map[string]*Tally{}
			}
			if s.By[d][value] == nil {
				s.By[d][value] = &Tally{}
			}
			s.By[d][value].add(r, v, found, right)
		}
		if !found || !v.hits(right) || v.confidence == "certain" && !slices.Contains(right, v.cause) {
			s.Wrong = append(s.Wrong, wrong(file, r, v, right))
		}
	}
}

func wrong(file string, r *Reset, v verdict, right []string) Wrong {
	return Wrong{file, r.Frame, r.Talk, r.Kind, r.truth(), right, strings.Join(v.set(), " | "), v.confidence}
}

// maker is who made the RST, in the words of the table.
func (f *Facts) maker() string {
	switch {
	case f.By != Kernel:
		return string(f.By)
	case f.Active:
		return "kernel, abort"
	}
	return "kernel, answer"
}

// truth is what is known of the RST on one line.
func (f *Facts) truth() string {
	var w []string
	say := func(when bool, format string, args ...any) {
		if when {
			w = append(w, fmt.Sprintf(format, args...))
		}
	}
	say(true, "%s, %s", f.Role, f.maker())
	say(f.Reason != "", "%s", f.Reason)
	say(f.Trigger != "", "to %s", f.Trigger)
	say(f.Unread > 0, "%d unread", f.Unread)
	say(f.Linger, "linger 0")
	say(f.SenderFIN, "after its FIN")
	say(f.PeerFIN, "after the peer's FIN")
	say(f.Later, "later")
	return strings.Join(w, ", ")
}

func (t *Tally) row() string {
	pct := func(n, of int) string {
		if of == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
	}
	mean := 0.0
	if n := t.N - t.Missed; n > 0 {
		mean = float64(t.Set) / float64(n)
	}
	return fmt.Sprintf("%d | %s | %s | %.2f | %d of %d | %d of %d | %d | %d | %d", t.N, pct(t.First, t.N), pct(t.InSet, t.N), mean,
		t.WrongCertain, t.Certain, t.WrongLikely, t.Likely, t.Unclassified, t.Missed, t.WrongMech)
}

const columns = " | RSTs | right | in the set | mean set | wrong certain | wrong likely | unclassified | missed | wrong mechanism |\n"

// mean is how often the verdict is right, and how often something in the set is,
// with each value of a dimension weighing the same: a scan has dozens of RSTs.
func (s *Score) mean(dimension string) (first, in float64) {
	values := s.By[dimension]
	for _, t := range values {
		first += float64(t.First) / float64(t.N)
		in += float64(t.InSet) / float64(t.N)
	}
	n := float64(max(1, len(values)))
	return first / n, in / n
}

// Markdown writes the score as tables.
func (s *Score) Markdown(w io.Writer) {
	rule := "|---|" + strings.Repeat("--:|", strings.Count(columns, "|")-1) + "\n"
	fmt.Fprint(w, "|"+columns)
	fmt.Fprint(w, rule)
	fmt.Fprintf(w, "| the first RST of a connection | %s |\n| later ones | %s |\n", s.All.row(), s.Later.row())
	first, in := s.mean("cause")
	fmt.Fprintf(w, "\nMean over the %d causes: right %.1f %%, in the set %.1f %%; ", len(s.By["cause"]), 100*first, 100*in)
	first, in = s.mean("kind")
	fmt.Fprintf(w, "over the %d kinds of conversations: right %.1f %%, in the set %.1f %%.\n", len(s.By["kind"]), 100*first, 100*in)
	fmt.Fprintf(w, "%d captures, %d RSTs of which the truth is not known.\n", s.Captures, s.Unknown)
	for _, d := range dimensions {
		if len(s.By[d]) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n| %s%s%s", d, columns, rule)
		var names []string
		for name := range s.By[d] {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(w, "| %s | %s |\n", name, s.By[d][name].row())
		}
	}
}

// List writes the wrong answers, a line each.
func (s *Score) List(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, list := range []struct {
		name string
		all  []Wrong
	}{{"first", s.Wrong}, {"later", s.WrongLater}} {
		for _, x := range list.all {
			fmt.Fprintf(tw, "%s\t%s\tframe %d\ttalk %d %s\t%s\tright: %s\tsaid: %s\t%s\n", list.name, x.File, x.Frame, x.Talk, x.Kind,
				x.Truth, strings.Join(x.Right, " "), x.Verdict, x.Confidence)
		}
	}
	tw.Flush()
}

// stack is whose TCP it was.
func (f *Facts) stack() string {
	if f.By != Kernel {
		return "none: " + string(f.By)
	}
	return f.Stack
}
