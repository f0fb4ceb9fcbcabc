package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
)

// pager shows what is written to a terminal a screen at a time, as git does: with
// $PAGER, or with less, which ends by itself when all of it fits on the screen.
type pager struct {
	words string // for the shell
	cmd   *exec.Cmd
	pipe  *os.File
}

// wantsPager returns the pager for a report that goes to the terminal at its end, nil
// for none.
func (o *options) wantsPager() *pager {
	words, set := os.LookupEnv("PAGER")
	if !set {
		words = "less"
	}
	words = strings.TrimSpace(words)
	if o.noPager || o.iface != "" || words == "" || words == "cat" || os.Getenv("TERM") == "dumb" || !isTerminal(os.Stdout) {
		return nil
	}
	return &pager{words: words}
}

// start returns where to write, or nil when the pager cannot be had.
func (p *pager) start() *os.File {
	if _, err := exec.LookPath(strings.Fields(p.words)[0]); err != nil {
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	defer r.Close()
	cmd := exec.Command("sh", "-c", p.words)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r, os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	if _, set := os.LookupEnv("LESS"); !set {
		// Quit when all fits, show colours, leave the report on the screen.
		cmd.Env = append(cmd.Env, "LESS=FRX")
	}
	if cmd.Start() != nil {
		w.Close()
		return nil
	}
	p.cmd, p.pipe = cmd, w
	return w
}

// end waits until the reader has seen enough. Ctrl-C is the pager's from here on.
func (p *pager) end() {
	if p == nil || p.cmd == nil {
		return
	}
	signal.Ignore(syscall.SIGINT)
	p.pipe.Close()
	p.cmd.Wait() // how a pager ends says nothing of the report
}

// left reports whether err is that somebody left the pager before the end.
func (p *pager) left(err error) bool {
	return p != nil && p.cmd != nil && errors.Is(err, syscall.EPIPE)
}
