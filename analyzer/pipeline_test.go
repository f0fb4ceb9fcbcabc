package analyzer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/synth"
	"github.com/rstwhy/rstwhy/packet"
)

// teller writes all that it is shown, in the order in which it is shown it.
type teller struct{ bytes.Buffer }

func (w *teller) Incident(i *analyzer.Incident) error {
	n := plainNamer{i.Reset}
	fmt.Fprint(w, i.Number, i.Frames(), i.Verdict.Rule.ID, i.Verdict.Confidence, i.Verdict.Harm, i.Verdict.Timing)
	for k := range i.Verdict.Evidence {
		fmt.Fprint(w, i.Verdict.Evidence[k].Text(n))
	}
	fmt.Fprintln(w)
	return nil
}

func (w *teller) Note(n *flows.Note) error {
	_, err := fmt.Fprintln(w, *n)
	return err
}

func (w *teller) Close(*analyzer.Summary) error { return nil }

// The same capture gives the same report, whatever the size of a batch and
// however many cores there are, also when connections are forgotten for want of
// memory.
func TestDeterministic(t *testing.T) {
	for name, memory := range map[string]int64{"wide": flows.LeastMemory, "scan": 0, "web": 0} {
		p, _ := synth.ProfileNamed(name)
		p.Seed, p.Size, p.Packets, p.Connections = 3, 0, 60_000, 0
		if memory != 0 {
			p.Packets, p.Connections = 0, 30_000 // too many at a time
		}
		var file bytes.Buffer
		if _, err := synth.Generate(&file, p); err != nil {
			t.Fatal(err)
		}
		var want string
		var stats flows.Stats
		for _, way := range []struct{ batch, cores int }{{1024, 2}, {1024, 1}, {100, 2}, {1, 2}} {
			before := runtime.GOMAXPROCS(way.cores)
			src, err := capture.Open([]string{"-"}, capture.Config{Stdin: bytes.NewReader(file.Bytes())})
			if err != nil {
				t.Fatal(err)
			}
			var w teller
			sum, err := analyzer.Run(context.Background(), src, analyzer.Config{Batch: way.batch, Table: flows.Config{MaxMemory: memory}}, &w)
			src.Close()
			runtime.GOMAXPROCS(before)
			if err != nil {
				t.Fatal(err)
			}
			if want == "" {
				want, stats = w.String(), sum.Flows
				if memory != 0 && stats.Evicted == 0 || sum.Incidents == 0 {
					t.Errorf("%s: %d connections evicted, %d incidents: too few to tell anything", name, stats.Evicted, sum.Incidents)
				}
			}
			if w.String() != want || sum.Flows != stats {
				t.Errorf("%s in batches of %d on %d cores: another report, %+v and not %+v", name, way.batch, way.cores, sum.Flows, stats)
			}
		}
	}
}

// steps is a source that does one thing after the other.
type steps struct {
	todo  []func(*packet.Batch) error
	reads chan struct{} // receives one for each Read that has begun
}

func (s *steps) Read(b *packet.Batch) error {
	s.reads <- struct{}{}
	b.Reset()
	next := s.todo[0]
	s.todo = s.todo[1:]
	return next(b)
}

// rst is a batch of one RST of a connection of its own.
func rst(frame uint64) func(*packet.Batch) error {
	return func(b *packet.Batch) error {
		b.Headers = append(b.Headers, packet.Header{Time: int64(frame) * 1e9, Frame: frame, Flags: packet.RST, SrcPort: uint16(frame), DstPort: 80})
		b.Frames = 1
		return nil
	}
}

type damage struct{ error }

func (damage) Damaged() bool { return true }

func newSteps(todo ...func(*packet.Batch) error) *steps {
	return &steps{todo: todo, reads: make(chan struct{}, 100)}
}

// What is damaged is noted and passed over, and what came with an error counts.
func TestDamageIsPassedOver(t *testing.T) {
	broken := damage{errors.New("broken")}
	src := newSteps(rst(1), func(b *packet.Batch) error { rst(2)(b); return broken }, rst(3), func(b *packet.Batch) error { rst(4)(b); return io.EOF })
	var w teller
	sum, err := analyzer.Run(context.Background(), src, analyzer.Config{}, &w)
	if err != nil || sum.Incidents != 4 || len(sum.Damage) != 1 || sum.Damage[0] != broken {
		t.Errorf("%d incidents, damage %v, error %v", sum.Incidents, sum.Damage, err)
	}
	src = newSteps(rst(1), func(b *packet.Batch) error { rst(2)(b); return io.ErrUnexpectedEOF })
	sum, err = analyzer.Run(context.Background(), src, analyzer.Config{}, &w)
	if !errors.Is(err, io.ErrUnexpectedEOF) || sum.Incidents != 2 {
		t.Errorf("%d incidents, error %v", sum.Incidents, err)
	}
}

// fullDisk is a sink that takes no more than one incident.
type fullDisk struct {
	teller
	taken int
}

var errFull = errors.New("disk full")

func (f *fullDisk) Incident(i *analyzer.Incident) error {
	if f.taken++; f.taken > 1 {
		return errFull
	}
	return f.teller.Incident(i)
}

// When a sink fails, or the context ends, the run does not wait for a source that
// has nothing to say; and once that returns, nothing is left of the run.
func TestRunDoesNotWaitForItsSource(t *testing.T) {
	for name, test := range map[string]struct {
		sink analyzer.Sink
		want error
	}{
		"sink":    {&fullDisk{}, errFull},
		"context": {&teller{}, nil},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		release := make(chan struct{})
		src := newSteps(rst(1), rst(5), rst(9), func(b *packet.Batch) error { <-release; return io.EOF })
		before := runtime.NumGoroutine()
		if test.want == nil {
			src.todo[2] = func(b *packet.Batch) error { rst(9)(b); cancel(); return nil }
		}
		ended := make(chan error, 1)
		go func() {
			_, err := analyzer.Run(ctx, src, analyzer.Config{}, test.sink)
			ended <- err
		}()
		select {
		case err := <-ended:
			if !errors.Is(err, test.want) {
				t.Errorf("%s: error %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the run waits", name)
		}
		close(release)
		cancel()
		for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d goroutines, %d before", name, runtime.NumGoroutine(), before)
			}
		}
	}
}

// A live source that is silent says how far the time has come, and what is due
// settles. What comes from before that time is late, and is counted.
func TestSilence(t *testing.T) {
	silent := func(until int64) func(*packet.Batch) error {
		return func(b *packet.Batch) error { b.First, b.Last = until, until; return nil }
	}
	dated := func(frame uint64, at int64) func(*packet.Batch) error {
		return func(b *packet.Batch) error {
			rst(frame)(b)
			b.Headers[0].Time, b.First, b.Last = at, at, at
			return nil
		}
	}
	for name, test := range map[string]struct {
		live   bool
		second int64 // time of the second RST
		late   int64
	}{
		"in time":                   {true, 13e9, 0},
		"within what is waited for": {true, 12.6e9, 0},
		"late":                      {true, 11e9, 1.5e9},
		"a file":                    {false, 11e9, 0},
	} {
		settled := make(first, 1)
		src := newSteps(dated(1, 10e9), silent(12.4e9), silent(13e9), func(b *packet.Batch) error {
			if test.live {
				select {
				case <-settled:
				case <-time.After(10 * time.Second):
					t.Errorf("%s: nothing settles", name)
				}
			} else if len(settled) > 0 {
				t.Errorf("%s: settled before its time", name)
			}
			return dated(2, test.second)(b)
		}, func(*packet.Batch) error { return io.EOF })
		sum, err := analyzer.Run(context.Background(), src, analyzer.Config{Live: test.live}, settled)
		if err != nil || sum.Incidents != 2 {
			t.Fatalf("%s: %d incidents, error %v", name, sum.Incidents, err)
		}
		if late := sum.Late > 0; late != (test.late > 0) || sum.LateLargest != test.late {
			t.Errorf("%s: late %d times, by %v", name, sum.Late, time.Duration(sum.LateLargest))
		}
	}
}

// first is a sink that tells of the first incident.
type first chan struct{}

func (f first) Incident(i *analyzer.Incident) error {
	if i.Number == 1 {
		f <- struct{}{}
	}
	return nil
}

func (first) Note(*flows.Note) error { return nil }

func (first) Close(*analyzer.Summary) error { return nil }

// TestLossy loses packets about the time of a RST: what is said of it is less sure.
func TestLossy(t *testing.T) {
	judged := func(lossy func(from, to int64) bool) (out analyzer.Incident) {
		files, err := capture.Open([]string{"../testdata/pcaps/unread-data-on-close/client.pcap"}, capture.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		if _, err := analyzer.Run(t.Context(), files, analyzer.Config{Lossy: lossy}, analyzer.IncidentFunc(func(i *analyzer.Incident) error {
			out = *i.Clone()
			return nil
		})); err != nil {
			t.Fatal(err)
		}
		return out
	}
	was := judged(nil)
	var from, to int64
	is := judged(func(a, b int64) bool { from, to = a, b; return true })
	if was.Lossy || !is.Lossy || was.Verdict.Confidence != classify.Likely || is.Verdict.Confidence != classify.Possible {
		t.Errorf("%s before, %s where packets were lost", was.Verdict.Confidence, is.Verdict.Confidence)
	}
	if at := is.Reset.RST.Time; from >= at || to <= at {
		t.Errorf("asked from %d to %d about a RST at %d", from, to, at)
	}
	if calm := judged(func(int64, int64) bool { return false }); calm.Lossy || calm.Verdict.Confidence != classify.Likely {
		t.Errorf("%s where nothing was lost", calm.Verdict.Confidence)
	}
}
