package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/report"
	"github.com/rstwhy/rstwhy/web"
)

const (
	lookEvery   = time.Second // for drops
	warnEvery   = time.Minute // of them, at most
	statusEvery = time.Minute
)

// watch says of a live run how it is doing: what was lost, at once but not too often, and
// a status now and then.
type watch struct {
	in   *input
	outs *outputs
	web  *web.Server // nil without one

	looked, warned, status time.Time
	dropped, unwritten     uint64 // that were said
	deaf                   bool   // it was said that the kernel is not heard any more
	seen                   uint64 // drops that losses know of
	losses                 []span // when packets were dropped, the latest last
}

// span is from one time to another, in nanoseconds since the Unix epoch.
type span struct{ from, to int64 }

// lossesMost is how many spans are kept: of incidents that settle two seconds later.
const lossesMost = 64

// lost notes that packets were dropped since it was last looked.
func (w *watch) lost(from, to time.Time) {
	s := span{from.UnixNano(), to.UnixNano()}
	if n := len(w.losses); n > 0 && w.losses[n-1].to >= s.from {
		w.losses[n-1].to = s.to
		return
	}
	if len(w.losses) == lossesMost {
		w.losses = append(w.losses[:0], w.losses[1:]...)
	}
	w.losses = append(w.losses, s)
}

// lossy reports whether packets were dropped between two times.
func (w *watch) lossy(from, to int64) bool {
	for _, s := range w.losses {
		if s.from <= to && s.to >= from {
			return true
		}
	}
	return false
}

func newWatch(in *input, outs *outputs, to *web.Server) *watch {
	now := time.Now()
	return &watch{in: in, outs: outs, web: to, looked: now, status: now}
}

func (w *watch) tick(p *analyzer.Progress) {
	w.in.progress.tick(p)
	now := time.Now()
	if !w.in.live || now.Sub(w.looked) < lookEvery {
		return
	}
	since := w.looked
	w.looked = now
	c := w.in.counters()
	if c == nil {
		return
	}
	if k := w.in.kernel; k != nil && !w.deaf {
		if _, _, err := k.Heard(); err != nil {
			w.deaf = true
			tell(os.Stderr, "the kernel is not heard any more: "+err.Error()+"; verdicts go by the packets alone")
		}
	}
	dropped, unwritten := c.Dropped+c.DroppedByInterface, w.outs.unwritten()
	if dropped > w.seen {
		w.seen = dropped
		w.lost(since, now)
	}
	if w.web != nil {
		w.web.Set(web.State{Progress: *p, Counters: *c, Unwritten: unwritten})
	}
	if (dropped > w.dropped || unwritten > w.unwritten) && now.Sub(w.warned) >= warnEvery {
		w.warned = now
		if n := dropped - w.dropped; n > 0 {
			tell(os.Stderr, plural(n, "packet")+" dropped, for they came faster than they were read: the capture has holes there")
		}
		if n := unwritten - w.unwritten; n > 0 {
			tell(os.Stderr, "nobody reads the output: "+plural(n, "report")+" of single resets left out")
		}
		w.dropped, w.unwritten = dropped, unwritten
	}
	if now.Sub(w.status) < statusEvery {
		return
	}
	w.status = now
	s := &report.Status{
		Time: now.UnixNano(), Packets: p.Frames, Dropped: dropped, Resets: p.RSTs, Open: p.Open, Memory: memoryNow(), Unwritten: unwritten,
	}
	if !w.outs.status(s) {
		tell(os.Stderr, statusLine(s))
	}
}

func statusLine(s *report.Status) string {
	line := fmt.Sprintf("%s: %s, %s dropped, %s", time.Unix(0, s.Time).UTC().Format("15:04:05 UTC"),
		counts(s.Packets, s.Resets), classify.Grouped(s.Dropped), plural(uint64(s.Open), "open connection"))
	if s.Memory > 0 {
		line += fmt.Sprintf(", %d MiB of memory", s.Memory>>20)
	}
	return line
}

// memoryNow is what the process takes of memory, where Linux says so, in octets.
func memoryNow() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(string(fields[1]), 10, 64)
	return pages * uint64(os.Getpagesize())
}
