package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// streamGrace is how long a stream may still go on after a signal. A terminal
// sends Ctrl-C to the writer of the pipe as well, which has buffered packets to
// write before it ends.
const streamGrace = 500 * time.Millisecond

// interrupt ends a run when a signal asks for it: the first one ends the input,
// so that what was read is reported, the second one the program.
type interrupt struct {
	mu      sync.Mutex
	in      *input // nil until it is open
	outs    *outputs
	wasCut  bool
	signals chan os.Signal
}

func watchSignals(stream bool) *interrupt {
	i := &interrupt{signals: make(chan os.Signal, 2)}
	signal.Notify(i.signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(i.signals, syscall.SIGHUP)
	}
	go func() {
		s := <-i.signals
		if stream {
			select {
			case <-time.After(streamGrace):
			case s = <-i.signals:
				i.die(s)
			}
		}
		i.mu.Lock()
		in := i.in
		i.wasCut = in != nil
		i.mu.Unlock()
		if in == nil {
			i.die(s)
		}
		in.end()
		i.die(<-i.signals)
	}()
	counts := make(chan os.Signal, 1)
	signal.Notify(counts, syscall.SIGUSR1)
	go func() {
		for range counts {
			i.mu.Lock()
			if i.in != nil {
				i.in.tellCounts(os.Stderr)
			}
			i.mu.Unlock()
		}
	}()
	return i
}

// begun says what there is to end.
func (i *interrupt) begun(in *input, outs *outputs) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.in, i.outs = in, outs
}

// cut reports whether a signal ended the input before its own end.
func (i *interrupt) cut() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.wasCut
}

// die ends the program by the signal, which its parent can see.
func (i *interrupt) die(s os.Signal) {
	i.mu.Lock()
	if i.outs != nil {
		i.outs.discard()
	}
	signal.Reset(s)
	syscall.Kill(os.Getpid(), s.(syscall.Signal))
	select {}
}
