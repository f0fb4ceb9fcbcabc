package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
)

// completeFile leaves the completion of a capture to the shell, except where
// commands begin with what was typed: a shell that is offered these looks no
// further, so the files are offered beside them.
func completeFile(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if cmd.Flags().Changed("interface") { // the words of a filter follow
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	isNext := func(c *cobra.Command) bool { return c.IsAvailableCommand() && strings.HasPrefix(c.Name(), typed) }
	if len(args) > 0 || cmd.Flags().NFlag() > 0 || !slices.ContainsFunc(cmd.Commands(), isNext) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var out []cobra.Completion
	entries, _ := os.ReadDir(".") // a directory that cannot be read has nothing to offer
	for _, e := range entries {
		name := e.Name()
		// A tab would begin a description.
		if !strings.HasPrefix(name, typed) || strings.HasPrefix(name, ".") || printable(name) != name {
			continue
		}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			name += "/"
		}
		out = append(out, name)
	}
	return out, cobra.ShellCompDirectiveDefault
}

// completeInterface offers the interfaces to a shell.
func completeInterface(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	list, _ := capture.Interfaces() // none are offered when they cannot be listed
	for _, in := range list {
		if strings.HasPrefix(in.Name, typed) && printable(in.Name) == in.Name {
			out = append(out, in.Name)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeCause offers the causes to a shell, with their titles.
func completeCause(_ *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if len(args) == 0 {
		for _, r := range classify.Rules() {
			if strings.HasPrefix(r.ID, typed) {
				out = append(out, cobra.CompletionWithDesc(r.ID, r.Title))
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeCauses offers the causes as values of a flag.
func completeCauses(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completeCause(cmd, nil, typed)
}

// fixedChoice offers the values of a flag to a shell.
func fixedChoice(cmd *cobra.Command, flag string, values []string) {
	completeFlag(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeFlag completes the value of a flag by f.
func completeFlag(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // no such flag
	}
}
