package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/lab"
)

const (
	matrixStart = "<!-- matrix: written by make accuracy -->\n"
	matrixEnd   = "<!-- end of matrix -->"
)

// accuracyCommand is "rstlab accuracy": the verdicts on every recorded capture
// against the truth beside it.
func accuracyCommand() *cobra.Command {
	var dir, out string
	cmd := &cobra.Command{
		Use:   "accuracy",
		Short: "compare the verdicts on the recorded captures with the truth",
		Long: `Runs rstwhy over every capture of the lab and writes the confusion matrix into
a Markdown file, between two markers: rows are the truth that the recipe and the
kernel tell, columns the verdicts.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := measureAccuracy(dir)
			if err != nil {
				return err
			}
			if out == "-" {
				_, err := io.WriteString(cmd.OutOrStdout(), a.markdown())
				return err
			}
			return a.writeInto(out)
		},
	}
	cmd.Flags().StringVar(&dir, "captures", "testdata/pcaps", "`directory` of the recorded captures")
	cmd.Flags().StringVarP(&out, "out", "o", "docs/accuracy.md", "Markdown `file` with the markers, - for standard output")
	return cmd
}

// tally counts resets with one thing in common.
type tally struct {
	resets, first, among int // first: the verdict is the truth; among: it is it or also fits
	set                  int // sizes of verdict and also-fits, summed
	wrongCertain         int
}

func (t *tally) add(o tally) {
	t.resets += o.resets
	t.first += o.first
	t.among += o.among
	t.set += o.set
	t.wrongCertain += o.wrongCertain
}

// mean is how many causes a verdict and its also-fits name.
func (t *tally) mean() float64 { return float64(t.set) / float64(max(1, t.resets)) }

// accuracy is how verdicts stand against the truth.
type accuracy struct {
	captures  int
	incidents tally // the first RST of each incident only
	byCause   map[string]*tally
	confusion map[[2]string]int // truth, verdict: families
	verdicts  map[[2]string]int // truth, verdict: causes
	wrong     []string          // a line for each reset whose truth is not in the set
}

// judged is what rstwhy says of one RST.
type judged struct {
	cause      string
	set        []string
	confidence classify.Confidence
	follows    bool // not the first RST of its incident
}

// collector is a sink that keeps what is said of each RST.
type collector map[uint64]judged

func (c collector) Incident(i *analyzer.Incident) error {
	v := &i.Verdict
	j := judged{cause: v.Rule.ID, set: []string{v.Rule.ID}, confidence: v.Confidence}
	for _, a := range v.AlsoFits {
		j.set = append(j.set, a.Rule.ID)
	}
	for k, w := range i.Frames() {
		j.follows = k > 0
		c[w.Frame()] = j
	}
	return nil
}

func (collector) Note(*flows.Note) error        { return nil }
func (collector) Close(*analyzer.Summary) error { return nil }

func measureAccuracy(dir string) (*accuracy, error) {
	truths, err := filepath.Glob(filepath.Join(dir, "*", "*.truth.json"))
	if err != nil {
		return nil, err
	}
	if len(truths) == 0 {
		return nil, fmt.Errorf("%s: no recorded captures", dir)
	}
	a := &accuracy{byCause: map[string]*tally{}, confusion: map[[2]string]int{}, verdicts: map[[2]string]int{}}
	for _, path := range truths {
		truth, err := lab.ReadTruth(path)
		if err != nil {
			return nil, err
		}
		base := strings.TrimSuffix(path, ".truth.json")
		src, err := capture.Open([]string{base + ".pcap"}, capture.Config{})
		if err != nil {
			return nil, err
		}
		found := collector{}
		_, err = analyzer.Run(context.Background(), src, analyzer.Config{}, found)
		src.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", base, err)
		}
		a.captures++
		for _, r := range truth.Resets {
			j, ok := found[r.Frame]
			if !ok {
				return nil, fmt.Errorf("%s.pcap: frame %d stands in no incident", base, r.Frame)
			}
			a.add(fmt.Sprintf("%s/%s frame %d", truth.Recipe, truth.Vantage, r.Frame), string(r.Cause), j)
		}
	}
	return a, nil
}

func (a *accuracy) add(where, truth string, j judged) {
	if j.follows {
		// One incident says one thing of all its RSTs: the first one has the
		// cause, and the others have it too or follow from it.
		if truth != j.cause {
			j.cause = string(lab.FollowUp)
		}
		j.set, j.confidence = []string{j.cause}, classify.Likely
	}
	t := tally{resets: 1, set: len(j.set)}
	if j.cause == truth {
		t.first = 1
	} else if j.confidence == classify.Certain {
		t.wrongCertain = 1
	}
	if slices.Contains(j.set, truth) {
		t.among = 1
	} else {
		a.wrong = append(a.wrong, fmt.Sprintf("%s: truth %s, found %s", where, truth, strings.Join(j.set, ", ")))
	}
	if a.byCause[truth] == nil {
		a.byCause[truth] = &tally{}
	}
	a.byCause[truth].add(t)
	if !j.follows {
		a.incidents.add(t)
	}
	a.verdicts[[2]string{truth, j.cause}]++
	a.confusion[[2]string{familyOf(truth), familyOf(j.cause)}]++
}

func familyOf(cause string) string {
	if r := classify.ByID(cause); r != nil {
		return string(r.Family)
	}
	return "(no rule)"
}

// separable reports whether packets can tell the cause from every other: its
// rule names none that it may be confused with.
func separable(cause string) bool {
	r := classify.ByID(cause)
	return r != nil && len(r.Confused) == 0
}

// total sums the tallies of the causes that keep says yes to.
func (a *accuracy) total(keep func(cause string) bool) tally {
	var sum tally
	for cause, t := range a.byCause {
		if keep(cause) {
			sum.add(*t)
		}
	}
	return sum
}

func all(string) bool { return true }

func (a *accuracy) markdown() string {
	var b strings.Builder
	sum, sep := a.total(all), a.total(separable)
	fmt.Fprintf(&b, "\n%d captures, %d resets, %d causes.\n\n", a.captures, sum.resets, len(a.byCause))
	fmt.Fprintf(&b, "- The verdict is the truth for %s of all resets, and for %s of those with a cause\n  that packets can tell from every other.\n", percent(sum.first, sum.resets), percent(sep.first, sep.resets))
	fmt.Fprintf(&b, "- The truth is the verdict or among *also fits* for %s.\n", percent(sum.among, sum.resets))
	fmt.Fprintf(&b, "- Verdict and *also fits* together name %.2f causes on average.\n", sum.mean())
	fmt.Fprintf(&b, "- Counted by incident (%d), each with its first RST only: verdict right %s, truth in the set %s, mean set %.2f.\n",
		a.incidents.resets, percent(a.incidents.first, a.incidents.resets), percent(a.incidents.among, a.incidents.resets), a.incidents.mean())
	fmt.Fprintf(&b, "- Wrong and `certain`: %d.\n", sum.wrongCertain)

	families := map[string]*tally{}
	for cause, t := range a.byCause {
		f := familyOf(cause)
		if families[f] == nil {
			families[f] = &tally{}
		}
		families[f].add(*t)
	}
	b.WriteString("\n### By family\n\n| family | resets | verdict right | truth in the set | mean set | wrong `certain` |\n|---|--:|--:|--:|--:|--:|\n")
	for _, f := range slices.Sorted(maps.Keys(families)) {
		t := families[f]
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %.2f | %d |\n", f, t.resets, percent(t.first, t.resets), percent(t.among, t.resets), t.mean(), t.wrongCertain)
	}

	columns := map[string]bool{}
	for k := range a.confusion {
		columns[k[1]] = true
	}
	names := slices.Sorted(maps.Keys(columns))
	b.WriteString("\n### Families: truth in rows, verdict in columns\n\n| |")
	for _, c := range names {
		fmt.Fprintf(&b, " %s |", c)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(names)) + "\n")
	for _, f := range slices.Sorted(maps.Keys(families)) {
		fmt.Fprintf(&b, "| %s |", f)
		for _, c := range names {
			if n := a.confusion[[2]string{f, c}]; n > 0 {
				fmt.Fprintf(&b, " %d |", n)
			} else {
				b.WriteString(" |")
			}
		}
		b.WriteString("\n")
	}

	b.WriteString("\n### Causes: truth, and the verdicts it got\n\n| truth | resets | verdicts |\n|---|--:|---|\n")
	for _, cause := range slices.Sorted(maps.Keys(a.byCause)) {
		var got []string
		for k, n := range a.verdicts {
			if k[0] == cause {
				got = append(got, fmt.Sprintf("%s %d", k[1], n))
			}
		}
		slices.Sort(got)
		fmt.Fprintf(&b, "| %s | %d | %s |\n", cause, a.byCause[cause].resets, strings.Join(got, ", "))
	}
	if len(a.wrong) > 0 {
		b.WriteString("\n### Truth not in the set\n\n")
		for _, w := range a.wrong {
			fmt.Fprintf(&b, "- %s\n", w)
		}
	}
	b.WriteString("\n")
	return b.String()
}

func percent(n, of int) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(max(1, of))) }

// writeInto replaces what stands between the markers of the file at path.
func (a *accuracy) writeInto(path string) error {
	return writeBetween(path, matrixStart, matrixEnd, a.markdown())
}

// writeBetween replaces what stands between two markers of the file at path.
func writeBetween(path, start, end, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), start)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no markers %q and %q", path, strings.TrimSpace(start), end)
	}
	return os.WriteFile(path, []byte(before+start+text+end+after), 0o644)
}
