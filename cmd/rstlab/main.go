// Command rstlab makes captures whose causes are known: it provokes TCP resets
// with real programs in network namespaces and records them with the kernel's
// own reasons (testdata/pcaps), and it invents traffic of any size.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	root := &cobra.Command{
		Use:           "rstlab",
		Short:         "Make captures of TCP resets whose causes are known",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(recordCommands()...)
	root.AddCommand(synthCommand(), accuracyCommand(), benchCommand(), readCommand(), mutantsCommand())
	root.SetArgs(args)
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "rstlab:", err)
		return 1
	}
	return 0
}
