package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// packageOf is the Debian package of a program that recipes run.
func packageOf(program string) string {
	switch program {
	case "nginx":
		return "nginx-light"
	case "node":
		return "nodejs"
	case "ip", "ss":
		return "iproute2"
	}
	return program
}

// Program is a real program that runs on one host.
type Program struct {
	e    *Env
	cmd  *exec.Cmd
	out  bytes.Buffer // what it said; complete once it has ended
	done chan error
}

// Start runs a program in the foreground on a host. It is ended with the
// recipe, if it has not ended by then.
func (e *Env) Start(role Role, name string, args ...string) *Program {
	p := &Program{e: e, done: make(chan error, 1)}
	// timeout(1) makes a process group, and ends it also when this process is
	// killed and cannot.
	p.cmd = exec.Command("timeout", append([]string{lifetime, name}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.WaitDelay = time.Second
	check(e.host(role).Start(p.cmd), "starting %s", name)
	go func() { p.done <- p.cmd.Wait() }()
	e.pair.open = append(e.pair.open, p)
	return p
}

// Wait waits for the end of a program that ends by itself, and returns how it
// ended: 0, or another exit status.
func (p *Program) Wait() int {
	select {
	case err := <-p.done:
		p.done <- nil // for Close
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		check(err, "%v", p.cmd.Args)
		return 0
	case <-time.After(time.Until(p.e.deadline)):
		check(os.ErrDeadlineExceeded, "waiting for %v", p.cmd.Args)
		return -1
	}
}

// Kill ends the program with SIGTERM, which is to be one it does not handle.
func (p *Program) Kill() {
	check(p.Close(), "ending %v", p.cmd.Args)
}

// Close ends the program if it still runs.
func (p *Program) Close() error {
	select {
	case <-p.done:
		p.done <- nil
		return nil
	default:
	}
	p.cmd.Process.Signal(syscall.SIGTERM) // timeout(1) passes it on
	select {
	case <-p.done:
	case <-time.After(2 * time.Second):
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
	p.done <- nil
	return nil
}

// dir is a directory for the programs' files, removed with the Pair.
func (e *Env) dir() string {
	if e.files == "" {
		dir, err := os.MkdirTemp("", "rstlab-*")
		check(err, "making a directory")
		e.files = dir
		e.pair.close = append(e.pair.close, func() error { return os.RemoveAll(dir) })
	}
	return e.files
}

// File writes a file for a program and returns its path.
func (e *Env) File(name, content string) string {
	path := filepath.Join(e.dir(), name)
	check(os.WriteFile(path, []byte(content), 0o600), "writing %s", name)
	return path
}

// Serve starts a program on a host and waits until it listens on a port.
func (e *Env) Serve(role Role, port uint16, name string, args ...string) *Program {
	p := e.Start(role, name, args...)
	local := fmt.Sprintf(":%04X ", port)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		var sockets []byte
		check(e.host(role).Do(func() error {
			for _, f := range []string{"tcp", "tcp6"} {
				b, err := os.ReadFile("/proc/thread-self/net/" + f)
				if err != nil {
					return err
				}
				sockets = append(sockets, b...)
			}
			return nil
		}), "waiting for %s", name)
		for line := range strings.Lines(string(sockets)) {
			if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[1]+" ", local) && f[3] == "0A" {
				return p
			}
		}
		select {
		case err := <-p.done:
			p.done <- nil
			check(fmt.Errorf("it ended: %v: %s", err, p.out.String()), "waiting for %s", name)
		default:
		}
		if time.Now().After(deadline) {
			check(os.ErrDeadlineExceeded, "waiting for %s to listen", name)
		}
	}
}
