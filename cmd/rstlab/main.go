//go:build linux

// Command rstlab provokes TCP resets with real programs in network namespaces,
// and records captures of them with the kernel's own reasons beside them. It
// makes the files in testdata/pcaps.
package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/lab"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	cmd := command()
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "rstlab:", err)
		return 1
	}
	return 0
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "rstlab",
		Short:         "Provoke TCP resets with real programs and record them with the kernel's reasons",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	var out string
	root.PersistentFlags().StringVarP(&out, "out", "o", "testdata/pcaps", "directory of the captures")
	root.AddCommand(
		&cobra.Command{
			Use:   "list",
			Short: "List the recipes",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				for _, r := range lab.Recipes() {
					fmt.Fprintf(w, "%s\t%s\n", r.Name, r.About)
				}
				return w.Flush()
			},
		},
		&cobra.Command{
			Use:   "run NAME...",
			Short: "Record some recipes",
			Args:  cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, names []string) error {
				var recipes []lab.Recipe
				for _, name := range names {
					r, ok := lab.Find(name)
					if !ok {
						return fmt.Errorf("no recipe is called %q; rstlab list names them", name)
					}
					recipes = append(recipes, r)
				}
				return record(cmd, recipes, out)
			},
		},
		&cobra.Command{
			Use:   "all",
			Short: "Record every recipe",
			Args:  cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return record(cmd, lab.Recipes(), out)
			},
		},
	)
	return root
}

// record records the recipes one after the other, and goes on past one that
// fails.
func record(cmd *cobra.Command, recipes []lab.Recipe, out string) error {
	if err := lab.Missing(); err != nil {
		return err
	}
	bad := 0
	for _, r := range recipes {
		start := time.Now()
		err := lab.Record(r, out)
		if err != nil {
			bad++
			fmt.Fprintln(cmd.ErrOrStderr(), "rstlab:", err)
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%-32s %4.1f s\n", r.Name, time.Since(start).Seconds())
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d recipes failed", bad, len(recipes))
	}
	return nil
}
