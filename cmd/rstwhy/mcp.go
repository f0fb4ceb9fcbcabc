package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
)

// mcpProgram answers assistants. It is a program of its own, so that what captures as root
// has no HTTP in it.
const mcpProgram = "rstwhy-mcp"

func mcpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mcp FOLDER...",
		Short: "answer assistants over the Model Context Protocol",
		Long:  aboutMCP,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{errNoFolder}
			}
			return runMCP(args)
		},
	}
	cmd.Flags().BoolP("help", "h", false, useHelp)
	cmd.SetFlagErrorFunc(flagError)
	return cmd
}

func runMCP(args []string) error {
	path := mcpProgram
	if own, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(own), mcpProgram); isExecutable(beside) {
			path = beside
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exitCode(max(exit.ExitCode(), exitFailed))
	case errors.Is(err, exec.ErrNotFound):
		return errNoMCP
	}
	return err
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

var (
	errNoFolder = errors.New("which captures may be read? name the folders that they are in")
	errNoMCP    = errors.New(mcpProgram + " is missing: it stands beside rstwhy, or in one of the folders of $PATH; make build makes both")
)
