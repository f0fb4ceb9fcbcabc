package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/internal/lab/field"
)

const (
	fieldStart = "<!-- field: written by make field -->\n"
	fieldEnd   = "<!-- end of field -->"
)

// fieldCommand is "rstlab field": conversations that the rules were not written
// for, judged and measured.
func fieldCommand() *cobra.Command {
	var (
		seeds              []uint
		count              int
		out, again, rstwhy string
		only               []string
		list               bool
		cut                int
		page, netstack     string
	)
	cmd := &cobra.Command{
		Use:   "field",
		Short: "measure a build of rstwhy on random conversations between real programs",
		Long: `Plans conversations by the seed, has them between network namespaces, dozens at
once over paths with delay, loss and disorder, captures them in good and in bad
ways, and holds what rstwhy says of each RST against the kernel's own word and
the script. --again judges the captures of an earlier run.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, what := again, "The captures of an earlier run"
			if dir == "" {
				if err := field.Missing(); err != nil {
					return err
				}
				if dir = out; dir == "" {
					tmp, err := os.MkdirTemp("", "rstlab-field-")
					if err != nil {
						return err
					}
					defer os.RemoveAll(tmp)
					dir = tmp
				}
				what = fmt.Sprintf("%d conversations of each of the seeds %v", count, seeds)
				if len(seeds) == 1 {
					what = fmt.Sprintf("%d conversations of seed %d", count, seeds[0])
				}
				for _, seed := range seeds {
					to := dir
					if len(seeds) > 1 {
						to = filepath.Join(dir, strconv.FormatUint(uint64(seed), 10))
						if err := os.MkdirAll(to, 0o777); err != nil {
							return err
						}
					}
					plan, err := field.NewPlan(uint64(seed), count, only, netstack)
					if err != nil {
						return err
					}
					fmt.Fprintf(cmd.ErrOrStderr(), "%d conversations of seed %d, in %d worlds\n", count, seed, len(plan.Worlds))
					if err := field.Run(plan, to, cmd.ErrOrStderr()); err != nil {
						return err
					}
				}
			}
			if rstwhy == "" {
				return errors.New("which rstwhy? --rstwhy names its program")
			}
			score, err := field.Measure(dir, rstwhy)
			if err != nil {
				return err
			}
			if page == "" {
				score.Markdown(cmd.OutOrStdout())
			} else {
				var text strings.Builder
				fmt.Fprintf(&text, "\n%s, %s.\n\n", what, time.Now().Format("2 January 2006"))
				score.Markdown(&text)
				text.WriteString("\n")
				if err := writeBetween(page, fieldStart, fieldEnd, text.String()); err != nil {
					return err
				}
			}
			if list {
				fmt.Fprintln(cmd.OutOrStdout())
				score.List(cmd.OutOrStdout())
			}
			if cut == 0 || again == "" && out == "" {
				return nil
			}
			made, err := field.Cut(score, dir, rstwhy, cut)
			for _, path := range made {
				fmt.Fprintln(cmd.ErrOrStderr(), "cut down:", path)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.UintSliceVar(&seeds, "seed", []uint{1}, "what the plan follows from; of several, each has so many conversations, and a folder of its own")
	f.IntVar(&count, "count", 200, "conversations")
	f.StringVarP(&out, "out", "o", "", "`directory` for the captures and the truth; without it they are not kept")
	f.StringVar(&again, "again", "", "judge the captures of this `directory`, and make none")
	f.StringVar(&rstwhy, "rstwhy", "bin/rstwhy", "the `program` that is measured")
	f.StringSliceVar(&only, "kinds", nil, "only these kinds of conversations")
	f.BoolVar(&list, "list", false, "list what was wrong")
	f.IntVar(&cut, "cut", 0, "cut as many `wrong` answers down to small captures, in the directory wrong below that of the others")
	f.StringVar(&page, "page", "", "write the tables between the markers of a Markdown `file`")
	f.StringVar(&netstack, "netstack", "", "the `program` of the module internal/lab/field/netstack: servers with gVisor's stack take part")
	cmd.MarkFlagsMutuallyExclusive("out", "again")
	return cmd
}
