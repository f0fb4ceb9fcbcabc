package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rstwhy/rstwhy/internal/synth"
)

// refused is a capture of a refused connection, and of one that comes so much
// later that the first has settled.
const refused = `A refused connection, then another.
-- packets --
+0      C > S  S  0:0(0) win 64240 <mss 1460>
+.00008 S > C  R. 0:0(0) ack 1 win 0
+10     C:40001 > S  S  0:0(0) win 64240 <mss 1460>
+.00008 S > C:40001  R. 0:0(0) ack 1 win 0
`

// lateSYN is where the last two records of refused begin: after the file
// header, and two records of a header and an Ethernet frame each.
const lateSYN = 24 + 16 + 58 + 16 + 54

// process is rstwhy with a pipe as its input.
type process struct {
	cmd            *exec.Cmd
	in             io.WriteCloser
	stdout, stderr written
}

// written is what a process has written so far.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *written) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *written) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command("rstwhy", args...)}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	return p
}

// until waits for ok, and calls it often.
func (p *process) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s\nstdout: %s\nstderr: %s", what, &p.stdout, &p.stderr)
		}
	}
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// files lists a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// writesIn reports whether the process has a file open in a directory, one without a name
// too.
func (p *process) writesIn(t *testing.T, dir string) bool {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, dir+"/") && !strings.Contains(to, ".pcap") {
			return true
		}
	}
	return false
}

func refusals(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	write(t, &b, refused)
	return b.Bytes()
}

// write writes the capture of a scenario.
func write(t *testing.T, w io.Writer, scenario string) {
	t.Helper()
	script, err := synth.Parse("scenario", []byte(scenario))
	if err != nil {
		t.Fatal(err)
	}
	if err := script.Write(w, synth.Format{}); err != nil {
		t.Fatal(err)
	}
}

// TestSignals ends a stream that has no end of its own: what settles is shown at
// once, SIGUSR1 tells the counts, and SIGINT and SIGTERM end it with a report.
func TestSignals(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			if s == syscall.SIGHUP && signal.Ignored(s) {
				t.Skip("SIGHUP is ignored here, as under nohup, and stays so")
			}
			p := start(t, "--format", "ndjson", "-")
			if _, err := p.in.Write(refusals(t)); err != nil {
				t.Fatal(err)
			}
			p.until(t, "the first reset", func() bool { return strings.Contains(p.stdout.String(), `"frames":[2]`) })
			p.until(t, "the counts", func() bool {
				p.signal(t, syscall.SIGUSR1)
				return strings.Contains(p.stderr.String(), "rstwhy: 4 packets, 2 resets\n")
			})
			p.signal(t, s)
			if err := p.cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, &p.stderr)
			}
			for _, want := range []string{`"frames":[4]`, `"interrupted":true`, `"packets":4`} {
				if !strings.Contains(p.stdout.String(), want) {
					t.Errorf("no %s in\n%s", want, &p.stdout)
				}
			}
		})
	}
}

// TestSignalReachesWriterToo has the writer of the pipe write out its buffer
// when Ctrl-C ends it, as tcpdump does: all of it is reported.
func TestSignalReachesWriterToo(t *testing.T) {
	t.Parallel()
	all, dir := refusals(t), t.TempDir()
	p := start(t, "--format", "ndjson", "-o", dir+"/r.txt", "-")
	if _, err := p.in.Write(all[:lateSYN]); err != nil {
		t.Fatal(err)
	}
	// Before it catches signals one would end it, and there is no earlier sign
	// of that than the report's own file.
	p.until(t, "the file of the report", func() bool { return p.writesIn(t, dir) })
	p.until(t, "the counts", func() bool {
		p.signal(t, syscall.SIGUSR1)
		return strings.Contains(p.stderr.String(), "rstwhy: 2 packets, 1 reset\n")
	})
	// It sleeps meanwhile, so that a slow machine cannot make the grace end first.
	p.signal(t, syscall.SIGSTOP)
	p.signal(t, syscall.SIGINT)
	if _, err := p.in.Write(all[lateSYN:]); err != nil {
		t.Fatal(err)
	}
	p.in.Close()
	p.signal(t, syscall.SIGCONT)
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &p.stderr)
	}
	if out := p.stdout.String(); !strings.Contains(out, `"packets":4`) || strings.Contains(out, `"interrupted":true`) {
		t.Errorf("not the report of a whole capture:\n%s", out)
	}
}

// TestStreamIsPrompt pipes in a capture that is being taken and goes silent: the
// reset is explained while the pipe is open, as on an interface.
func TestStreamIsPrompt(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "ndjson", "md"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var now bytes.Buffer
			write(t, &now, "A refused connection.\n-- packets --\nstart "+time.Now().UTC().Format(time.RFC3339Nano)+"\n"+
				"+0 C > S S 0:0(0) win 64240\n+.0001 S > C R. 0:0(0) ack 1 win 0\n")
			p := start(t, "--format", format, "-")
			if _, err := p.in.Write(now.Bytes()); err != nil {
				t.Fatal(err)
			}
			if format != "md" {
				p.until(t, "the reset", func() bool { return strings.Contains(p.stdout.String(), "no-listener") })
			}
			p.in.Close()
			if err := p.cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, &p.stderr)
			}
			if out := p.stdout.String(); strings.Contains(out, "arrived late") || !strings.Contains(out, "no-listener") {
				t.Errorf("not the report of a whole capture:\n%s", out)
			}
		})
	}
}

// TestSecondSignal has the report stuck in a pipe that nobody reads: the second
// signal ends the program, and leaves no half report behind. A script starts what
// it puts into the background with SIGINT ignored.
func TestSecondSignal(t *testing.T) {
	var in bytes.Buffer
	write(t, &in, "Many refused connections.\n-- packets --\nrepeat 1000 +10\n"+
		"+0 C:{1000+i} > S S 0:0(0) win 64240\n+.0001 S > C:{1000+i} R. 0:0(0) ack 1 win 0\nend\n")
	for _, test := range []struct {
		name, before string
		ended        func(syscall.WaitStatus) bool
	}{
		{"by the signal", "", func(s syscall.WaitStatus) bool { return s.Signaled() && s.Signal() == syscall.SIGINT }},
		{"ignored at the start", "trap '' INT; ", func(s syscall.WaitStatus) bool { return s.ExitStatus() == 130 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			stuck, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stuck.Close()
			cmd := exec.Command("sh", "-c", test.before+`exec rstwhy --format ndjson -o "$0/r.txt" -`, dir)
			cmd.Stdin, cmd.Stdout = bytes.NewReader(in.Bytes()), w
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			p := &process{cmd: cmd}
			t.Cleanup(func() { cmd.Process.Kill() })
			p.until(t, "the file of the report", func() bool { return p.writesIn(t, dir) })
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			p.until(t, "the end", func() bool {
				select {
				case err = <-done:
					return true
				default:
					cmd.Process.Signal(syscall.SIGINT) // two at once may be one, so it is sent again
					return false
				}
			})
			if s, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !test.ended(s) {
				t.Errorf("ended with %v", err)
			}
			if left := files(t, dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestKilled leaves nothing behind, and nothing that was there before is another.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/r.json", []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := start(t, "-o", dir+"/r.json", "-o", dir+"/r.md", "-")
	if _, err := p.in.Write(refusals(t)[:lateSYN]); err != nil {
		t.Fatal(err)
	}
	p.until(t, "the file of the report", func() bool { return p.writesIn(t, dir) })
	p.signal(t, syscall.SIGKILL)
	p.cmd.Wait()
	if left := files(t, dir); !slices.Equal(left, []string{"r.json"}) {
		t.Errorf("left behind: %v", left)
	}
	if b, err := os.ReadFile(dir + "/r.json"); string(b) != "before" {
		t.Errorf("the old report is %q, %v", b, err)
	}
}

// TestInterruptedFile ends the reading of a long file: the report says how much of it
// was read, and the exit code that it was not all.
func TestInterruptedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, err := os.Create(dir + "/long.pcap.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	// It takes seconds to read what takes little room.
	all := refusals(t)
	z.Write(all)
	block := bytes.Repeat(all[lateSYN:], 1<<13)
	for range 500 {
		z.Write(block)
	}
	if err := errors.Join(z.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	p := start(t, "-o", dir+"/r.json", dir+"/long.pcap.gz")
	p.until(t, "the file of the report", func() bool { return p.writesIn(t, dir) })
	p.until(t, "the counts", func() bool {
		p.signal(t, syscall.SIGUSR1)
		return strings.Contains(p.stderr.String(), " packets, ")
	})
	p.signal(t, syscall.SIGINT)
	var ended *exec.ExitError
	if err := p.cmd.Wait(); !errors.As(err, &ended) || ended.ExitCode() != exitInterrupted {
		t.Fatalf("%v\n%s", err, &p.stderr)
	}
	out := strings.Join(strings.Fields(p.stdout.String()), " ")
	if !regexp.MustCompile(`Interrupted after [0-9.]+ % of the input: what comes later is not in this report\.`).MatchString(out) {
		t.Errorf("the report does not say how much was read:\n%s", out)
	}
	report, err := os.ReadFile(dir + "/r.json")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`"interrupted":true,"read_bytes":[1-9][0-9]*,"input_bytes":[1-9]`).Match(report) {
		t.Error("nor does JSON")
	}
}
