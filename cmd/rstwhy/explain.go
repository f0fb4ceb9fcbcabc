package main

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/docs/schema"
	"github.com/rstwhy/rstwhy/report"
)

// page is a command that writes what is known of the causes.
type page struct{ format, color string }

func (p *page) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&p.format, "format", "text", useDocFormat())
	f.StringVar(&p.color, "color", "auto", useColor)
	f.BoolP("help", "h", false, useHelp)
	fixedChoice(cmd, "format", report.DocFormats)
	fixedChoice(cmd, "color", colors)
}

// write writes the page to standard output once it is whole.
func (p *page) write(page func(w io.Writer, o report.Options) error) error {
	switch {
	case !slices.Contains(report.DocFormats, p.format):
		return &usageError{badChoice("--format", p.format, report.DocFormats...)}
	case !slices.Contains(colors, p.color):
		return &usageError{badChoice("--color", p.color, colors...)}
	}
	var b bytes.Buffer
	o := report.Options{Width: terminalWidth(os.Stdout), Color: wantsColor(p.color, os.Stdout)}
	if err := page(&b, o); err != nil {
		return err
	}
	if _, err := io.Copy(os.Stdout, &b); err != nil {
		return stdoutError(err)
	}
	return nil
}

func causesCommand() *cobra.Command {
	var p page
	cmd := &cobra.Command{
		Use:   "causes [flags]",
		Short: "list the causes that rstwhy knows",
		Long:  aboutCauses,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{errCausesAlone}
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			return p.write(func(w io.Writer, o report.Options) error { return report.WriteCauses(w, p.format, o) })
		},
	}
	p.flags(cmd)
	return cmd
}

func explainCommand() *cobra.Command {
	var p page
	cmd := &cobra.Command{
		Use:   "explain [flags] CAUSE",
		Short: "say what a cause is, how it looks, and how to fix it",
		Long:  aboutExplain,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{errOneCause}
			}
			return nil
		},
		ValidArgsFunction: completeCause,
		RunE: func(_ *cobra.Command, args []string) error {
			rule := classify.ByID(args[0])
			if rule == nil {
				return &usageError{&unknownCause{args[0], nearest(args[0])}}
			}
			return p.write(func(w io.Writer, o report.Options) error { return report.WriteCause(w, p.format, rule, o) })
		},
	}
	p.flags(cmd)
	return cmd
}

// schemaCommand prints the schema of the JSON that rstwhy writes.
func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of --format json and ndjson",
		Long:  aboutSchema,
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{errSchemaAlone}
			}
			if _, err := os.Stdout.Write(schema.JSON); err != nil {
				return stdoutError(err)
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

// nearest returns the few causes whose names are most like name.
func nearest(name string) []string { return nearestOf(name, causeNames()) }

func causeNames() (out []string) {
	for _, r := range classify.Rules() {
		out = append(out, r.ID)
	}
	return out
}

// nearestOf returns the few of known that are most like name.
func nearestOf(name string, known []string) []string {
	type candidate struct {
		id   string
		away int
	}
	name = strings.ToLower(strings.NewReplacer("_", "-", " ", "-").Replace(name))
	if len(name) > 64 {
		name = name[:64] // what is so long is a mistake of another kind
	}
	var all []candidate
	for _, id := range known {
		away := distance(name, id)
		if len(name) >= 3 && strings.Contains(id, name) {
			away = 1
		}
		if away <= 2+len(name)/4 {
			all = append(all, candidate{id, away})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.away, b.away) })
	var out []string
	for _, c := range all {
		if len(out) < 3 && !slices.Contains(out, c.id) {
			out = append(out, c.id)
		}
	}
	return out
}

// distance is how many letters must be added, dropped or changed to get from a
// to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for k := range row {
		row[k] = k
	}
	for i := range len(a) {
		before := row[0] // of the row above, one to the left
		row[0] = i + 1
		for k := range len(b) {
			here := before
			if a[i] != b[k] {
				here++
			}
			before = row[k+1]
			row[k+1] = min(here, before+1, row[k]+1)
		}
	}
	return row[len(b)]
}
