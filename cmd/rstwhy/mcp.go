package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/assistant"
)

func mcpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mcp FOLDER...",
		Short: "answer assistants over the Model Context Protocol",
		Long:  aboutMCP,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{errNoFolder}
			}
			s, err := assistant.New(version(), args)
			if err != nil {
				return err
			}
			return s.Run(context.Background())
		},
	}
	cmd.Flags().BoolP("help", "h", false, useHelp)
	cmd.SetFlagErrorFunc(flagError)
	return cmd
}

var errNoFolder = errors.New("which captures may be read? name the folders that they are in")
