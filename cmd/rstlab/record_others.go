//go:build !linux

package main

import "github.com/spf13/cobra"

// recordCommands is empty: recipes need Linux.
func recordCommands() []*cobra.Command { return nil }
