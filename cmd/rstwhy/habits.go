package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rstwhy/rstwhy/capture"
)

// What hands that know tcpdump and tshark type.

// flagError says in other words than the library's what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		e := &unknownFlag{dashed(name), nil}
		if len(name) > 1 {
			var known []string
			cmd.Flags().VisitAll(func(f *pflag.Flag) {
				if !f.Hidden {
					known = append(known, f.Name)
				}
			})
			for _, near := range nearestOf(name, known) {
				e.near = append(e.near, "--"+near)
			}
		}
		return &usageError{e}
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		kind := "a number is"
		if f.Value.Type() == "bool" {
			kind = "true or false is"
		}
		if f.Value.Type() == "uint64" || f.Value.Type() == "int" {
			return &usageError{fmt.Errorf("--%s %s: %s needed", f.Name, invalid.GetValue(), kind)}
		}
	}
	return &usageError{err}
}

func dashed(name string) string {
	if len(name) > 1 {
		return "--" + name
	}
	return "-" + name
}

// unknownFlag is a flag that there is not, and those that may be meant.
type unknownFlag struct {
	name string
	near []string
}

func (e *unknownFlag) Error() string { return "there is no flag " + e.name }

// flagHints say what does here what flags of tcpdump and tshark do.
var flagHints = map[string]string{
	"-V": "-v shows every reset in full, with the packets around it",
	"-Y": "a filter in the syntax of tcpdump is -f; --cause, --host and --since choose among what was found",
	"-T": "--format has text, json, ndjson, md, csv and zeek",
	"-e": "--format csv has a column for each field",
	"-t": "--tz local writes times in the zone of this host",
}

func (e *unknownFlag) hint() string {
	switch h := flagHints[e.name]; {
	case h != "":
		return h
	case len(e.near) > 0:
		return "did you mean " + choices(e.near) + "?"
	}
	return "rstwhy --help lists the flags"
}

// displayFilter is how Wireshark's display filters look.
var displayFilter = regexp.MustCompile(`\b[a-z][a-z0-9_]*\.[a-z0-9_.]+\s*(==|!=|>=|<=|>|<|contains|matches|eq|ne)\s*\S|^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$`)

func filterMistake(e *capture.FilterError) string {
	if displayFilter.MatchString(e.Expression) {
		return "this looks like a display filter of Wireshark; -f takes a filter of tcpdump, such as 'host 192.0.2.7 and tcp port 443'"
	}
	return "the syntax is that of tcpdump: man pcap-filter"
}

// missingFile says what a file that does not exist may have been meant as, "" when it is
// like nothing else.
func missingFile(err error) string {
	var open *capture.OpenError
	if !errors.As(err, &open) || !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if strings.Contains(open.File, " ") {
		return "a filter for files is -f, before or after their names"
	}
	for _, c := range new(options).command(nil).Commands() {
		if away := distance(open.File, c.Name()); c.IsAvailableCommand() && away > 0 && away <= 2 {
			return "did you mean rstwhy " + c.Name() + "?"
		}
	}
	return ""
}

// expand puts in the place of each directory the captures that it holds, by name.
func expand(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if arg == "-" || err != nil || !info.IsDir() {
			out = append(out, arg)
			continue
		}
		entries, err := os.ReadDir(arg)
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range entries {
			if isCaptureName(e.Name()) && !e.IsDir() {
				out = append(out, filepath.Join(arg, e.Name()))
				found = true
			}
		}
		if !found {
			return nil, fmt.Errorf("%s: a directory without captures: no name in it ends in .pcap, .pcapng or .cap, or in one of these and .gz or .zst", arg)
		}
	}
	return out, nil
}

func isCaptureName(name string) bool {
	name = strings.ToLower(name)
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	switch filepath.Ext(name) {
	case ".pcap", ".pcapng", ".cap":
		return true
	}
	return false
}

// existing returns the first of args that is a file, "" when none is.
func existing(args []string) string {
	for _, arg := range args {
		if info, err := os.Stat(arg); err == nil && info.Mode().IsRegular() {
			return arg
		}
	}
	return ""
}

// helpCommand is what people type who do not know --help.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "help [COMMAND]",
		Short:  "print the help, of a command too",
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				var known []string
				for _, c := range cmd.Root().Commands() {
					known = append(known, c.Name())
				}
				return &usageError{&unknownWord{"command", strings.Join(args, " "), nearestOf(strings.Join(args, " "), known)}}
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "version",
		Short:  "print the version",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := fmt.Fprintln(os.Stdout, "rstwhy", version()); err != nil {
				return stdoutError(err)
			}
			return nil
		},
	}
}
