package main

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the output in README.md anew")

// The output that the README shows is that of the program.
func TestReadmeOutput(t *testing.T) {
	const (
		begin   = "<!-- output: written by go test ./cmd/rstwhy -run Readme -update -->\n"
		end     = "<!-- end of output -->"
		path    = "../../README.md"
		example = "testdata/pcaps/unread-data-on-close/client.pcap"
	)
	cmd := exec.Command("rstwhy", example)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "COLUMNS=80")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "\n```console\n$ rstwhy " + example + "\n" + string(out) + "```\n\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("README.md has no %q ... %q", begin, end)
	}
	if have == want {
		return
	}
	if !*update {
		t.Fatalf("README.md shows another output than the program; run go test ./cmd/rstwhy -run Readme -update\n%s", want)
	}
	if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
