package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/annotate"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/packet"
)

// cutting are the flags of the command of that name.
type cutting struct {
	incident string
	frame    uint64
	filter   string
	output   string
	key      string // as options.anonymize
}

func cutCommand() *cobra.Command {
	var c cutting
	cmd := &cobra.Command{
		Use:               "cut [flags] FILE...",
		Short:             "write the smallest capture that still gives the verdict of one reset",
		Long:              aboutCut,
		ValidArgsFunction: completeFile,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return &usageError{errNothing}
		case slices.ContainsFunc(args, isStream):
			return &usageError{errWriteStream}
		case cmd.Flags().Changed("incident") == cmd.Flags().Changed("frame"):
			return &usageError{errCutWhich}
		case c.output == "":
			return &usageError{errCutOutput}
		case !isCapture(c.output):
			return &usageError{notCapture(c.output)}
		}
		args, err := expand(args)
		if err != nil {
			return err
		}
		if err := spare(args, []string{c.output}); err != nil {
			return &usageError{err}
		}
		return c.run(args)
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.incident, "incident", "", useIncident)
	f.Uint64Var(&c.frame, "frame", 0, useFrame)
	f.StringVarP(&c.filter, "filter", "f", "", useFilter)
	f.StringVarP(&c.output, "output", "o", "", useCutOutput)
	maskFlag(cmd, &c.key)
	f.BoolP("help", "h", false, useHelp)
	cmd.SetFlagErrorFunc(flagError)
	return cmd
}

// picks reports whether i is the incident asked for.
func (c *cutting) picks(i *analyzer.Incident) bool {
	if c.frame != 0 {
		return slices.ContainsFunc(i.Frames(), func(w packet.FrameRef) bool { return w.Frame() == c.frame })
	}
	if n, err := strconv.ParseUint(c.incident, 10, 64); err == nil && len(c.incident) < idLeast {
		return i.Number == n
	}
	return len(c.incident) >= idLeast && strings.HasPrefix(i.ID(), c.incident)
}

// idLeast is how much of an ID is enough to name an incident.
const idLeast = 8

func (c *cutting) run(args []string) error {
	options := annotate.Options{Version: version(), Names: func() []string { return args }, Filter: c.filter}
	if c.key != "" {
		var err error
		if options.Mask, err = newMask(c.key); err != nil {
			return err
		}
		options.Shown = func() []string { return numbered(len(args)) }
	}
	outs := &outputs{}
	o := &output{path: c.output}
	if err := o.create(); err != nil {
		return outputError(c.output, err)
	}
	outs.add(o)
	got, err := annotate.Cut(o.buf, options, c.picks)
	if err != nil {
		outs.discard()
		if errors.Is(err, annotate.ErrNoIncident) {
			return c.none()
		}
		return err
	}
	if err := o.buf.Flush(); err != nil {
		o.err = err
	}
	if err := o.commit(); err != nil || o.err != nil {
		return outputError(c.output, errors.Join(o.err, err))
	}
	_, err = fmt.Fprintf(os.Stdout, "%s: %s of %s packets: %s\n", printable(c.output), classify.Grouped(got.Packets), classify.Grouped(got.Of), verdictWords(&got))
	if err != nil {
		return stdoutError(err)
	}
	return nil
}

// verdictWords says a verdict in a line.
func verdictWords(r *annotate.Result) string {
	words := r.Rule.ID + ", " + r.Confidence.String()
	for k, a := range r.AlsoFits {
		if k == 0 {
			words += "; could also be " + a.ID
		} else {
			words += ", " + a.ID
		}
	}
	return words
}

func (c *cutting) none() error {
	if c.frame != 0 {
		return fmt.Errorf("--frame %d: no incident has a RST in this frame; rstwhy -v names those that there are", c.frame)
	}
	return fmt.Errorf("--incident %s: no incident has this number or ID; rstwhy --format ndjson names those that there are", c.incident)
}

var (
	errCutWhich  = errors.New("which reset? give --frame with the frame of its RST, or --incident with its number or ID in JSON")
	errCutOutput = errors.New("where to? give -o FILE, whose name ends in .pcapng")
)
