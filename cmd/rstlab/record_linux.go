package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/internal/lab"
)

// recordCommands list and record the recipes of package lab.
func recordCommands() []*cobra.Command {
	list := &cobra.Command{
		Use:   "list",
		Short: "List the recipes that provoke resets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, r := range lab.Recipes() {
				fmt.Fprintf(w, "%s\t%s\n", r.Name, r.About)
			}
			return w.Flush()
		},
	}
	var out string
	some := &cobra.Command{
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
	}
	all := &cobra.Command{
		Use:   "all",
		Short: "Record every recipe",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return record(cmd, lab.Recipes(), out)
		},
	}
	for _, cmd := range []*cobra.Command{some, all} {
		cmd.Flags().StringVarP(&out, "out", "o", "testdata/pcaps", "`directory` of the captures")
	}
	return []*cobra.Command{list, some, all, fieldCommand()}
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
		if err := lab.Record(r, out); err != nil {
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
