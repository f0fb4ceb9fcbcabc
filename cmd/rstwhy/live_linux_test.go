package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rstwhy/rstwhy/internal/lab"
)

// settleWithin is how soon after a reset its explanation must be there.
const settleWithin = 5 * time.Second

// The core causes, provoked between two network namespaces and explained while
// they happen, by the program as users run it; then the summary on SIGINT.
func TestLive(t *testing.T) {
	needsLab(t)
	for recipe, cause := range map[string]string{
		"no-listener":               "no-listener",
		"handshake-abort":           "handshake-abort",
		"unread-data-on-close":      "unread-data-on-close",
		"data-after-close":          "data-after-close",
		"unread-data-on-close-ipv6": "unread-data-on-close",
	} {
		t.Run(recipe, func(t *testing.T) {
			r, ok := lab.Find(recipe)
			if !ok {
				t.Fatal("no such recipe")
			}
			p, err := lab.NewPair(r.Link)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()

			cmd := exec.Command("rstwhy", "-i", p.Client.Interface, "--format", "ndjson", "-o", t.TempDir()+"/live.md", "tcp")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			stderr := &waitFor{word: []byte("listening"), found: make(chan struct{})}
			cmd.Stderr = stderr
			if err := p.Client.Start(cmd); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			stderr.await(t)

			if err := r.Run(p); err != nil {
				t.Fatal(err)
			}
			lines := make(chan []byte)
			go func() {
				defer close(lines)
				s := bufio.NewScanner(out)
				s.Buffer(nil, 1<<20)
				for s.Scan() {
					lines <- bytes.Clone(s.Bytes())
				}
			}()
			deadline := time.After(settleWithin)
			for {
				var line []byte
				select {
				case line = <-lines:
				case <-deadline:
					t.Fatalf("nothing was explained within %v; stderr: %s", settleWithin, stderr)
				}
				var got struct {
					Type, Cause string
					Time        time.Time
				}
				if err := json.Unmarshal(line, &got); err != nil {
					t.Fatalf("%v in %q", err, line)
				}
				if got.Type != "incident" {
					continue
				}
				if late := time.Since(got.Time); late > settleWithin {
					t.Errorf("explained %v after the reset", late)
				}
				if got.Cause != cause {
					t.Errorf("cause %s, want %s", got.Cause, cause)
				}
				break
			}

			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			var last string
			for line := range lines {
				last = string(line)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("after SIGINT: %v; stderr: %s", err, stderr)
			}
			for _, word := range []string{`"type":"summary"`, `"received"`, `"dropped"`} {
				if !strings.Contains(last, word) {
					t.Errorf("the last line lacks %s: %s", word, last)
				}
			}
		})
	}
}

// needsLab skips a test where there can be no namespaces.
func needsLab(t *testing.T) {
	t.Helper()
	if err := lab.Missing(); err != nil {
		if os.Getenv("RSTWHY_LIVE") == "require" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED, NOTHING TESTED LIVE: ", err)
	}
}

// waitFor keeps what is written to it and says when a word has come.
type waitFor struct {
	word  []byte
	mu    sync.Mutex
	buf   bytes.Buffer
	found chan struct{}
	done  bool
}

func (w *waitFor) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Write(p)
	if !w.done && bytes.Contains(w.buf.Bytes(), w.word) {
		w.done = true
		close(w.found)
	}
	return len(p), nil
}

func (w *waitFor) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

func (w *waitFor) await(t *testing.T) {
	t.Helper()
	select {
	case <-w.found:
	case <-time.After(10 * time.Second):
		t.Fatal("rstwhy did not say that it is listening")
	}
}
