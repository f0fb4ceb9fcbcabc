// Command rstwhy-mcp answers assistants about captures, over the Model Context Protocol on
// standard input and output. rstwhy mcp runs it.
//
// It is a program of its own because the protocol's library brings HTTP and OAuth with it:
// rstwhy, which captures as root, has neither.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"

	"github.com/rstwhy/rstwhy/assistant"
)

// Exit codes, those of rstwhy.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	folders := os.Args[1:]
	if len(folders) == 0 {
		fmt.Fprintln(os.Stderr, "rstwhy-mcp: which captures may be read? name the folders that they are in")
		os.Exit(exitUsage)
	}
	version := "development version"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	s, err := assistant.New(version, folders)
	if err == nil {
		err = s.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rstwhy-mcp:", strconv.QuoteToGraphic(err.Error()))
		os.Exit(exitFailed)
	}
}
