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

// dieGrace is how long a signal may take to end the program that sent it itself.
const dieGrace = 100 * time.Millisecond

// interrupt ends a run when a signal asks for it: the first one ends the input,
// so that what was read is reported, the second one the program.
type interrupt struct {
	mu      sync.Mutex
	in      *input // nil until it is open
	outs    *outputs
	bundle  *bundle // nil without one
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
			in := i.in
			i.mu.Unlock()
			if in != nil { // which may wait for whoever reads the errors
				in.tellCounts(os.Stderr)
			}
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

// holds says which bundle is not to be left half.
func (i *interrupt) holds(b *bundle) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.bundle = b
}

// cut reports whether a signal ended the input before its own end.
func (i *interrupt) cut() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.wasCut
}

// die ends the program by the signal, which its parent can see; where the signal
// does nothing, by the exit code that a shell makes of it. It does nothing to who
// was started with it ignored, as by a script's &, nor to the first process of a
// container.
func (i *interrupt) die(s os.Signal) {
	i.mu.Lock()
	if i.outs != nil {
		i.outs.discard()
	}
	if i.bundle != nil {
		i.bundle.discard()
	}
	signal.Reset(s)
	n := s.(syscall.Signal)
	syscall.Kill(os.Getpid(), n)
	time.Sleep(dieGrace)
	os.Exit(128 + int(n))
}
