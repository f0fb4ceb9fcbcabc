package main

import (
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// What README.md tells a reader to type runs, apart from what needs another host,
// root or jq.
func TestReadmeExamples(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, use, _ := strings.Cut(string(text), "\n## Use\n")
	use, _, _ = strings.Cut(use, "\n- ")
	capture, err := os.ReadFile("../../testdata/pcaps/unread-data-on-close/client.pcap")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"web.pcap", "web-1.pcap.gz"} { // told by content, not by name
		if err := os.WriteFile(filepath.Join(dir, name), capture, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for line := range strings.Lines(use) {
		line = strings.TrimSpace(line)
		line = strings.TrimSuffix(line, " |") // what follows reads what it writes
		if !strings.HasPrefix(line, "rstwhy ") {
			continue
		}
		n++
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || len(out) == 0 {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
	if n < 4 {
		t.Errorf("only %d examples were found and run", n)
	}
}

// Links between the pages of the project lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^):#]+)(#[^)]*)?\)`)
	pages := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		pages++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 4 {
		t.Errorf("only %d pages were found", pages)
	}
}
