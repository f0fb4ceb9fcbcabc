package main

import (
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/rstwhy/rstwhy/analyzer"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// terminalWidth returns the columns of a report on f, 0 when nobody says. The
// variable comes first: it is how a report for a pager is given a width.
func terminalWidth(f *os.File) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if n, _, err := term.GetSize(int(f.Fd())); err == nil {
		return n
	}
	return 0
}

// wantsColor settles --color: https://no-color.org has the convention.
func wantsColor(when string, f *os.File) bool {
	if when != "auto" {
		return when == "always"
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(f)
}

// progressAfter is how long a run must take before it shows how far it is.
const progressAfter = time.Second

// progress shows how far the reading has come, in one line of a terminal that
// is always drawn over.
type progress struct {
	terminal *os.File // nil when it is none
	began    time.Time
	files    interface{ Progress() (done, total int64) } // nil for an interface

	frames, resets atomic.Uint64

	mu    sync.Mutex
	shown bool
	over  bool
}

func newProgress(f *os.File) *progress {
	p := &progress{began: time.Now()}
	if isTerminal(f) {
		p.terminal = f
	}
	return p
}

// tick is called with the counts so far, now and then.
func (p *progress) tick(at *analyzer.Progress) {
	frames, resets := at.Frames, at.RSTs
	p.frames.Store(frames)
	p.resets.Store(resets)
	elapsed := time.Since(p.began)
	if p.terminal == nil || p.files == nil || elapsed < progressAfter {
		return
	}
	done, total := p.files.Progress()
	line := []rune(progressLine(elapsed, done, total, frames, resets))
	if columns, _, err := term.GetSize(int(p.terminal.Fd())); err == nil && columns > 0 {
		line = line[:min(len(line), columns-1)] // a full line would scroll
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.over {
		io.WriteString(p.terminal, eraseLine+string(line))
		p.shown = true
	}
}

const eraseLine = "\r\x1b[K"

// clear takes the line away, for others to write.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		io.WriteString(p.terminal, eraseLine)
		p.shown = false
	}
}

// end takes the line away for good.
func (p *progress) end() {
	p.clear()
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
}
