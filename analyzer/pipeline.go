package analyzer

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime"
	"time"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/packet"
)

// liveLag is how far the clock of a silent source stays behind what it says, for
// frames that libpcap still holds.
const liveLag = int64(500 * time.Millisecond)

// lossNear is how far from a RST in time a lost packet may be one that its verdict went by:
// as long as what comes after a RST is watched.
const lossNear = int64(2 * time.Second)

// Run reads src to its end, or until ctx is done, and reports to sinks; their
// Close is left to the caller, who may have something to add to the summary.
// The summary is complete also when an error is returned: it covers what was
// read. The error is that of the source or of the first sink that failed.
//
// Run does not wait for a Read that is under way when ctx is done or a sink has
// failed: that ends by itself, or when src is closed, and is the last.
func Run(ctx context.Context, src Source, c Config, sinks ...Sink) (*Summary, error) {
	began := time.Now()
	r := &run{config: c, table: flows.NewTable(c.Table), memory: hosts.New(), sinks: sinks, summary: &Summary{}}
	err := r.read(ctx, src)
	if !r.failed {
		err = errors.Join(err, r.deliver(r.table.Flush()))
	}
	r.summary.Flows = r.table.Stats()
	r.summary.Timers = r.timers.clusters()
	r.repeats.endFile()
	r.summary.Repeats = r.repeats.found
	r.summary.Interrupted = ctx.Err() != nil
	r.summary.Elapsed = time.Since(began)
	return r.summary, err
}

type run struct {
	config   Config
	table    *flows.Table
	judge    classify.Judge
	judged   classify.Case // by the judge, one after the other
	memory   *hosts.Memory
	timers   timerMemory
	repeats  repeats
	incident Incident // which the sinks are shown, one after the other
	sinks    []Sink
	summary  *Summary
	passed   int64 // what the clock came to without a frame; 0 after one
	failed   bool  // a sink has failed: nothing more goes to any
}

// batches is how many there are: some being filled or full, and the others being
// followed or used up. They are given back a half of them at a time, so that
// nobody is woken for each.
const batches = 6

// filled is a batch and what came with it.
type filled struct {
	batch   *packet.Batch
	failure error
}

// read takes batch after batch from src. Reading and decoding is done in a
// goroutine of its own, and so on another core where there is one; everything
// else is done here, in the order of the capture.
func (r *run) read(ctx context.Context, src Source) error {
	size := r.config.Batch
	if size == 0 {
		size = 2048
	}
	empty, full, stop := make(chan *packet.Batch, batches), make(chan filled, batches), make(chan struct{})
	defer close(stop)
	for range batches {
		empty <- &packet.Batch{Headers: make([]packet.Header, 0, size)}
	}
	if runtime.GOMAXPROCS(0) > 1 {
		// What is followed is in the caches of this core: it is to stay here.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	go fill(src, empty, full, stop)
	var used []*packet.Batch
	next := time.Now()
	for ctx.Err() == nil {
		var f filled
		select {
		case f = <-full:
		case <-ctx.Done():
			return nil
		}
		if err := r.take(f.batch); err != nil {
			return err
		}
		switch failure := f.failure; {
		case failure == nil:
		case errors.Is(failure, io.EOF):
			return nil
		case damaged(failure):
			r.summary.Damage = append(r.summary.Damage, failure)
		default:
			return failure
		}
		if used = append(used, f.batch); len(used) == batches/2 {
			for _, b := range used {
				empty <- b
			}
			used = used[:0]
		}
		if tick := r.config.Tick; tick != nil && time.Since(next) >= 0 {
			next = time.Now().Add(100 * time.Millisecond)
			seen := r.table.Stats()
			tick(&Progress{r.summary.Frames, r.summary.Bytes, seen.RSTs, seen.Connections, seen.Evicted, r.table.Live()})
		}
	}
	return nil
}

// fill reads batch after batch until the source ends or stop is closed.
func fill(src Source, empty <-chan *packet.Batch, full chan<- filled, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case b := <-empty:
			failure := src.Read(b)
			full <- filled{b, failure} // which has room for all there are
			if failure != nil && !damaged(failure) {
				return
			}
		}
	}
}

func (r *run) take(b *packet.Batch) error {
	s := r.summary
	if b.Frames > 0 {
		if s.Frames == 0 {
			s.First, s.Last = b.First, b.Last
		}
		s.First, s.Last = min(s.First, b.First), max(s.Last, b.Last)
		if late := r.passed - b.First; late > 0 {
			s.Late++
			s.LateLargest = max(s.LateLargest, late)
		}
		r.passed = 0
	}
	s.Frames += b.Frames
	s.Bytes += b.Bytes
	for i, n := range b.Skipped {
		s.Skipped[i] += n
	}
	backwards := r.table.Stats().Backwards
	err := r.deliver(r.table.Add(b))
	r.repeats.take(b.Headers, r.table.Stats().Backwards > backwards)
	if err != nil || !r.config.Live {
		return err
	}
	now := b.Last - liveLag
	if b.Frames == 0 {
		r.passed = now
	}
	return r.deliver(r.table.Advance(now))
}

// deliver hands on what has become known, in its order.
func (r *run) deliver(pieces iter.Seq[*flows.Output]) error {
	for piece := range pieces {
		if err := r.known(piece); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) known(piece *flows.Output) error {
	for item := range piece.Items() {
		var err error
		switch {
		case item.Event != nil:
			r.memory.Observe(item.Event)
			if r.config.Observe != nil {
				r.config.Observe(item.Event)
			}
		case item.Reset != nil:
			err = r.settled(item.Reset)
			r.table.Release(item.Reset)
		case item.Note != nil:
			err = r.noted(item.Note)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settled judges reset and shows the sinks what has come of it.
func (r *run) settled(reset *flows.Reset) error {
	r.summary.Incidents++
	c := &r.judged
	c.Reset = reset
	r.memory.Around(reset, classify.Needs(reset), &c.Around)
	if w := r.config.Witness; w != nil {
		c.Kernel = w.Testimony(&reset.RST)
	}
	i := &r.incident
	i.Number, i.Reset, i.Kernel = r.summary.Incidents, reset, c.Kernel
	i.Verdict = r.judge.Verdict(c)
	if lossy := r.config.Lossy; lossy != nil {
		if i.Lossy = lossy(reset.RST.Time-lossNear, reset.RST.Time+lossNear); i.Lossy && i.Verdict.Confidence > classify.Possible {
			i.Verdict.Confidence--
		}
	}
	r.timers.observe(i)
	for _, s := range r.sinks {
		if err := s.Incident(i); err != nil {
			r.failed = true
			return err
		}
	}
	return nil
}

func (r *run) noted(n *flows.Note) error {
	r.summary.Notes++
	for _, s := range r.sinks {
		if err := s.Note(n); err != nil {
			r.failed = true
			return err
		}
	}
	return nil
}

// damaged reports whether the source can go on after err: the rest of one file
// was lost, not the rest of the input.
func damaged(err error) bool {
	var d interface{ Damaged() bool }
	return errors.As(err, &d) && d.Damaged()
}
