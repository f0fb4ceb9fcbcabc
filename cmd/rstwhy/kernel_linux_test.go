package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rstwhy/rstwhy/internal/lab"
)

// TestLiveKernel asks the kernel of the server, or of the client, why it sent its resets.
func TestLiveKernel(t *testing.T) {
	needsLab(t)
	type said struct {
		Word, Reason, Process string
		Unread                int  `json:"unread_bytes"`
		Linger                bool `json:"linger_0"`
		Exiting               bool
		Signal                int
	}
	for _, test := range []struct {
		recipe, cause string
		client        bool // it is the client's kernel that is asked
		want          func(said) bool
	}{
		{"unread-data-on-close", "unread-data-on-close", false, func(k said) bool {
			return k.Reason == "TCP_ABORT_ON_CLOSE" && k.Unread == 5000-4096 && k.Process != ""
		}},
		{"unread-data-on-close-ipv6", "unread-data-on-close", false, func(k said) bool { return k.Unread == 5000-4096 }},
		{"linger-zero", "deliberate-abort", true, func(k said) bool {
			return k.Reason == "TCP_STATE" && k.Linger && k.Unread == 0
		}},
		{"admin-kill", "deliberate-abort", false, func(k said) bool { return k.Process == "ss" && !k.Linger }},
		{"kill-unread-data", "unread-data-on-close", false, func(k said) bool {
			return k.Exiting && k.Signal == int(syscall.SIGKILL) && k.Unread == 900
		}},
		{"data-after-close", "data-after-close", false, func(k said) bool { return k.Word == "spoke" && k.Process == "" }},
		{"reject-input", "firewall-reject", false, func(k said) bool { return k.Word == "silent" }},
	} {
		t.Run(test.recipe, func(t *testing.T) {
			r, ok := lab.Find(test.recipe)
			if !ok {
				t.Fatal("no such recipe")
			}
			p, err := lab.NewPair(r.Link)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			host := p.Server
			if test.client {
				host = p.Client
			}
			cmd := exec.Command("rstwhy", "-i", host.Interface, "--kernel", "require", "--format", "ndjson", "tcp")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			stderr := &waitFor{word: []byte("listening"), found: make(chan struct{})}
			cmd.Stderr = stderr
			if err := host.Start(cmd); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			stderr.await(t)
			if err := r.Run(p); err != nil {
				t.Fatal(err)
			}
			late := time.AfterFunc(settleWithin, func() { cmd.Process.Signal(syscall.SIGINT) })
			defer late.Stop()
			found := false
			var lines []string
			for s := bufio.NewScanner(out); s.Scan(); {
				lines = append(lines, s.Text())
				var got struct {
					Type, Cause string
					Kernel      said
				}
				if err := json.Unmarshal(s.Bytes(), &got); err != nil {
					t.Fatal(err)
				}
				if got.Type == "incident" && got.Cause == test.cause && test.want(got.Kernel) && !found {
					found = true
					isNobody(t, cmd.Process.Pid)
					cmd.Process.Signal(syscall.SIGINT)
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, stderr)
			}
			if !found {
				t.Errorf("nothing was found of which the kernel says what it should:\n%s", strings.Join(lines, "\n"))
			}
			if last := lines[len(lines)-1]; !strings.Contains(last, `"kernel":{"sent":`) || !strings.Contains(last, `"lost":0`) {
				t.Errorf("the summary does not count what the kernel told: %s", last)
			}
		})
	}
}

// isNobody looks whether a process that root has started gave up root's rights.
func isNobody(t *testing.T, pid int) {
	t.Helper()
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("\nUid:\t%s\t%[1]s\t%[1]s\t%[1]s\n", nobody.Uid), fmt.Sprintf("\nGid:\t%s\t%[1]s\t%[1]s\t%[1]s\n", nobody.Gid),
		"\nCapEff:\t0000000000000000\n", "\nCapPrm:\t0000000000000000\n",
	} {
		if !strings.Contains(string(status), want) {
			t.Errorf("it has more rights than nobody: no %q in\n%s", want, status)
		}
	}
}

// TestLiveDuration ends by itself, with a report.
func TestLiveDuration(t *testing.T) {
	needsLab(t)
	dir := t.TempDir()
	began := time.Now()
	out, err := exec.Command("rstwhy", "-i", "lo", "--duration", "700ms", "-B", "1M", "-o", dir+"/r.md", "tcp port 1").CombinedOutput()
	if took := time.Since(began); err != nil || took < 700*time.Millisecond || took > 10*time.Second {
		t.Errorf("%v after %s\n%s", err, took, out)
	}
	if _, err := os.Stat(dir + "/r.md"); err != nil {
		t.Error(err)
	}
}
