package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra/doc"
)

// manDir has the pages that packages install.
const manDir = "../../docs/man"

// pages makes a page for each command that people see.
func pages(t *testing.T) map[string][]byte {
	t.Helper()
	root := new(options).command(nil)
	root.DisableAutoGenTag = true
	root.InitDefaultCompletionCmd()
	root.Example = strings.TrimPrefix(examples, "Examples:\n")
	// What help says at its end is a section here.
	codes := strings.TrimPrefix(exitCodes, "Exit codes:\n")
	root.Long += "\n\n# EXIT STATUS\n\n```\n" + codes + "\n```\n"
	// A page says when its program changed; the same source makes the same page.
	date := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	header := &doc.GenManHeader{Title: "RSTWHY", Section: "1", Date: &date, Source: "rstwhy", Manual: "User Commands"}
	if err := doc.GenManTree(root, header, dir); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		// The scripts of shells explain themselves.
		if strings.HasPrefix(e.Name(), "rstwhy-completion") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = b
	}
	return out
}

// The manual is that of the flags: go test ./cmd/rstwhy -run Man -update writes it.
func TestManPages(t *testing.T) {
	made := pages(t)
	if _, ok := made["rstwhy.1"]; !ok || len(made) < 4 {
		t.Fatalf("%d pages", len(made))
	}
	update := flag.Lookup("update").Value.String() == "true"
	kept, err := filepath.Glob(manDir + "/*.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range kept {
		if made[filepath.Base(path)] == nil && !update {
			t.Errorf("%s is of no command", path)
		}
	}
	for name, want := range made {
		path := filepath.Join(manDir, name)
		if update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the flags give: go test ./cmd/rstwhy -run Man -update", path)
		}
	}
	for _, must := range []string{"EXIT STATUS", "fail-on", "min-confidence", "rstwhy -i eth0 tcp port 443"} {
		if !bytes.Contains(bytes.ReplaceAll(made["rstwhy.1"], []byte(`\-`), []byte("-")), []byte(must)) {
			t.Errorf("rstwhy.1 says nothing of %s", must)
		}
	}
}
