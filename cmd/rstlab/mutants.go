package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/internal/mutants"
)

// mayChange are the files whose mutants the tests are to notice: what is measured of a
// case, and every limit.
func mayChange(name string) bool {
	return strings.HasPrefix(name, "fact_") || name == "limits.go"
}

// suite is one test binary, and which of its tests.
type suite struct {
	dir, run string
	binary   string
}

// mutantPatience is how long the tests of one mutant may take.
const mutantPatience = 2 * time.Minute

// mutantsCommand is "rstlab mutants": does a change of what decides go unnoticed?
func mutantsCommand() *cobra.Command {
	var sample int
	var page string
	cmd := &cobra.Command{
		Use:   "mutants",
		Short: "change the measures and limits of verdicts one by one, and see whether the tests notice",
		Long: `Changes classify/fact_*.go and classify/limits.go in small ways, one at a time, and
runs the tests of classify and of the scenarios and recordings with each. It is run
from the root of the project.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := os.MkdirTemp("", "rstlab-mutants-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			suites := []suite{
				{dir: "analyzer", run: "^(TestScenarios|TestLabCaptures|TestOrigins|TestFieldReports|TestDemands|TestScenariosCutShort)$"},
				{dir: "classify", run: "."},
			}
			set, err := compile(cmd.ErrOrStderr(), dir, suites)
			if err != nil {
				return err
			}
			tried := set.Sample(sample)
			fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d mutants, %d constants left out\n", len(tried), len(set.Mutants), set.Skipped)
			alive, err := survivors(cmd.ErrOrStderr(), tried, suites)
			if err != nil {
				return err
			}
			var b strings.Builder
			if err := tell(&b, tried, alive, len(set.Mutants), set.Skipped); err != nil {
				return err
			}
			if page == "" {
				_, err = io.WriteString(cmd.OutOrStdout(), b.String())
				return err
			}
			return os.WriteFile(page, []byte(b.String()), 0o644)
		},
	}
	cmd.Flags().IntVar(&sample, "sample", 0, "try so many, evenly spread; 0 is all")
	cmd.Flags().StringVar(&page, "page", "", "write the result to a Markdown `file`")
	return cmd
}

// compile makes the test binaries. A limit that has to be a constant stays one: the
// compiler says which.
func compile(log io.Writer, dir string, suites []suite) (*mutants.Set, error) {
	constant := map[string]bool{}
	for range 40 {
		set, err := mutants.Of("classify", mayChange, constant)
		if err != nil {
			return nil, err
		}
		overlay, err := set.Overlay(dir)
		if err != nil {
			return nil, err
		}
		said, err := exec.Command("go", "build", "-gcflags=-e", "-overlay", overlay, "./classify").CombinedOutput()
		if err != nil {
			more := 0
			for _, m := range set.Mutants {
				if !strings.HasPrefix(m.Is, "2 * (") || constant[m.Func] {
					continue // no limit
				}
				if regexp.MustCompile(`\b` + m.Func + `\b`).Match(said) {
					constant[m.Func] = true
					more++
				}
			}
			if more == 0 {
				return nil, fmt.Errorf("the changed package does not compile: %s", said)
			}
			continue
		}
		for i := range suites {
			s := &suites[i]
			s.binary = filepath.Join(dir, s.dir+".test")
			if said, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", s.binary, "./"+s.dir).CombinedOutput(); err != nil {
				return nil, fmt.Errorf("%s: %s", s.dir, said)
			}
			if killed, err := s.notices(0); err != nil || killed {
				return nil, fmt.Errorf("the tests of %s fail without a change: %w", s.dir, errors.Join(err, errors.New("see go test")))
			}
		}
		return set, nil
	}
	return nil, errors.New("the changed package does not compile")
}

// notices reports whether the tests fail, or do not end, with a mutant.
func (s *suite) notices(id int) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), mutantPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.binary, "-test.run", s.run, "-test.failfast", "-test.short")
	cmd.Dir = s.dir
	// The conversations and captures of others are not everywhere at hand.
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", mutants.Variable, id), "RSTWHY_CASES=/nowhere", "RSTWHY_CORPUS=/nowhere", "RSTWHY_LIVE=")
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) || ctx.Err() != nil {
		return true, nil
	}
	return false, err
}

// survivors are those of all that no suite notices.
func survivors(log io.Writer, all []mutants.Mutant, suites []suite) ([]mutants.Mutant, error) {
	var (
		mu    sync.Mutex
		alive []mutants.Mutant
		fail  error
		done  int
		wait  sync.WaitGroup
	)
	next := make(chan mutants.Mutant)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for m := range next {
				killed := false
				var err error
				for i := range suites {
					if killed, err = suites[i].notices(m.ID); killed || err != nil {
						break
					}
				}
				mu.Lock()
				if fail = errors.Join(fail, err); !killed && err == nil {
					alive = append(alive, m)
				}
				if done++; done%50 == 0 {
					fmt.Fprintf(log, "%d of %d, %d unnoticed\n", done, len(all), len(alive))
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range all {
		next <- m
	}
	close(next)
	wait.Wait()
	slices.SortFunc(alive, func(a, b mutants.Mutant) int { return a.ID - b.ID })
	return alive, fail
}

// tell writes the page.
func tell(w io.Writer, tried, alive []mutants.Mutant, all, skipped int) error {
	reasons, err := reasonsOf("classify/testdata/mutants.tsv")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "# Changes that the tests do not notice\n\n`make mutants` changes `classify/fact_*.go` and `classify/limits.go`, one operator or limit at a time\n"+
		"(comparisons negated and moved by their border, `&&` for `||`, a `!` left out, `+` for `-`, limits\n"+
		"doubled and halved), and runs the tests of `classify`, the scenarios and the recordings with each.\n\n")
	fmt.Fprintf(w, "%d changes of %d, %d noticed: %.1f %%. %d constants cannot be changed so.\n\n", len(tried), all, len(tried)-len(alive), 100*float64(len(tried)-len(alive))/float64(max(1, len(tried))), skipped)
	fmt.Fprint(w, "| file | changes | noticed |\n|---|--:|--:|\n")
	var files []string
	n, left := map[string]int{}, map[string]int{}
	for _, m := range tried {
		if n[m.File]++; n[m.File] == 1 {
			files = append(files, m.File)
		}
	}
	for _, m := range alive {
		left[m.File]++
	}
	slices.Sort(files)
	for _, f := range files {
		fmt.Fprintf(w, "| %s | %d | %d |\n", f, n[f], n[f]-left[f])
	}
	if len(alive) > 0 {
		fmt.Fprint(w, "\nNot noticed, and why it does not matter where that is known:\n\n")
	}
	for _, m := range alive {
		reason := reasons[m.Key()]
		if reason == "" {
			reason = "not looked at"
		}
		fmt.Fprintf(w, "- `%s`, `%s`: ``%s`` as ``%s``: %s\n", m.File, m.Func, m.Was, m.Is, reason)
	}
	return nil
}

// reasonsOf reads why mutants that live do not matter, by mutants.Mutant.Key.
func reasonsOf(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if k := strings.LastIndexByte(line, '\t'); k > 0 {
			out[line[:k]] = strings.TrimSpace(line[k+1:])
		}
	}
	return out, nil
}
