package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/report"
)

// comparison are the flags of the command diff.
type comparison struct {
	format, color, filter string
	failOn                string
}

func diffCommand() *cobra.Command {
	var c comparison
	cmd := &cobra.Command{
		Use:               "diff [flags] BEFORE AFTER",
		Short:             "compare two captures: which causes came, went, grew and shrank",
		Long:              aboutDiff,
		ValidArgsFunction: completeFile,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) != 2:
			return &usageError{errTwoCaptures}
		case !slices.Contains(report.DiffFormats, c.format):
			return &usageError{badChoice("--format", c.format, report.DiffFormats...)}
		case !slices.Contains(colors, c.color):
			return &usageError{badChoice("--color", c.color, colors...)}
		case c.failOn != "" && c.failOn != "grew":
			return &usageError{badChoice("--fail-on", c.failOn, "grew")}
		}
		return c.run(args)
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.format, "format", "text", useDiffFormat())
	f.StringVarP(&c.filter, "filter", "f", "", useFilter)
	f.StringVar(&c.failOn, "fail-on", "", useDiffFailOn)
	f.StringVar(&c.color, "color", "auto", useColor)
	f.BoolP("help", "h", false, useHelp)
	cmd.SetFlagErrorFunc(flagError)
	fixedChoice(cmd, "format", report.DiffFormats)
	fixedChoice(cmd, "color", colors)
	fixedChoice(cmd, "fail-on", []string{"grew"})
	return cmd
}

func (c *comparison) run(args []string) error {
	var tallies [2]*report.Tally
	damaged := false
	for k, path := range args {
		t := report.NewTally()
		summary, err := c.read(path, t)
		if err != nil {
			return err
		}
		for _, d := range summary.Damage {
			explain(os.Stderr, d)
			damaged = true
		}
		tallies[k] = t
	}
	d := report.Compare(tallies[0], tallies[1])
	var b bytes.Buffer
	o := report.Options{Width: terminalWidth(os.Stdout), Color: wantsColor(c.color, os.Stdout)}
	if err := report.WriteDiff(&b, c.format, d, o); err != nil {
		return err
	}
	if _, err := io.Copy(os.Stdout, &b); err != nil {
		return stdoutError(err)
	}
	switch {
	case c.failOn != "" && d.Worse():
		return exitCode(exitFound)
	case damaged:
		return exitCode(exitDamaged)
	}
	return nil
}

// read counts what is in a file, or in the captures of a directory.
func (c *comparison) read(path string, t *report.Tally) (*analyzer.Summary, error) {
	paths, err := expand([]string{path})
	if err != nil {
		return nil, err
	}
	files, err := capture.Open(paths, capture.Config{Filter: c.filter})
	if err != nil {
		return nil, err
	}
	defer files.Close()
	summary, err := analyzer.Run(context.Background(), files, analyzer.Config{}, t)
	if err != nil {
		return nil, err
	}
	summary.Files = files.Names()
	if err := unread(summary); err != nil {
		return nil, err
	}
	return summary, t.Close(summary)
}

// exitCode is the error of a command that has done what it should and ends with a code
// of its own.
type exitCode int

func (e exitCode) Error() string { return "" }

var errTwoCaptures = errors.New("diff takes two captures, or two directories of them: before and after")
