package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rstwhy/rstwhy/internal/lab"
)

// TestLiveSave saves the packets of a live run: of a new kind of incident, of all that is
// kept at SIGUSR2, and of what was explained at the end. The same is said of each.
func TestLiveSave(t *testing.T) {
	needsLab(t)
	r, ok := lab.Find("unread-data-on-close")
	if !ok {
		t.Fatal("no such recipe")
	}
	p, err := lab.NewPair(r.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dir := t.TempDir()
	cmd := exec.Command("rstwhy", "-i", p.Server.Interface, "--save", dir, "-w", dir+"/all.pcapng", "--format", "ndjson", "tcp")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := &waitFor{word: []byte("listening"), found: make(chan struct{})}
	cmd.Stderr = stderr
	if err := p.Server.Start(cmd); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	stderr.await(t)
	if err := r.Run(p); err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(out); s.Scan(); {
		if !strings.Contains(s.Text(), `"type":"incident"`) {
			continue
		}
		cmd.Process.Signal(syscall.SIGUSR2)
		for range 100 {
			if strings.Contains(stderr.String(), "-all.pcapng") {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		cmd.Process.Signal(syscall.SIGINT)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr)
	}
	names, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 3 {
		t.Errorf("there are %q, want what was explained, what was new, and all; stderr: %s", names, stderr)
	}
	for _, name := range names {
		text, err := exec.Command("rstwhy", "--format", "ndjson", name).Output()
		if err != nil || !strings.Contains(string(text), `"cause":"unread-data-on-close"`) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// TestMakeRoom removes the oldest captures that were saved, and nothing else.
func TestMakeRoom(t *testing.T) {
	dir := t.TempDir()
	make := func(name string, size int64) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	make("own.pcapng", 1)
	make("rstwhy-notes.txt", 1)
	for n := range savedMost + 5 {
		make(fmt.Sprintf("rstwhy-20261127T%06d.000-no-listener.pcapng", n), 1)
	}
	s := &saver{dir: dir}
	if err := s.makeRoom(); err != nil {
		t.Fatal(err)
	}
	left := files(t, dir)
	if len(left) != savedMost+2 || !slices.Contains(left, "own.pcapng") || !slices.Contains(left, "rstwhy-notes.txt") ||
		left[1] != "rstwhy-20261127T000005.000-no-listener.pcapng" {
		t.Errorf("%d files, the first %q", len(left), left[:3])
	}
	make("rstwhy-20261127T999999.000-no-listener.pcapng", savedOctets)
	if err := s.makeRoom(); err != nil {
		t.Fatal(err)
	}
	if left := files(t, dir); len(left) != 3 {
		t.Errorf("what is larger than all has room beside %d", len(left)-3)
	}
}
