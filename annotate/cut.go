package annotate

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/packet"
)

const (
	// cutMost is of how many packets it is tried which can be left out, and cutTries how
	// often at most. Own.
	cutMost  = 20_000
	cutTries = 2_000
)

// ErrNoIncident is that no incident is the one asked for.
var ErrNoIncident = errors.New("there is no such incident")

// Result is what Cut has written.
type Result struct {
	Rule        *classify.Rule
	Confidence  classify.Confidence
	AlsoFits    []*classify.Rule
	RST         packet.FrameRef // of the incident
	Packets, Of uint64          // that were written, and that were read
}

// Cut writes the smallest capture of which the same is said of the first incident that
// pick picks: that from which no packet can be left out, in the order in which it was
// tried. Where too many are needed for that, it writes more than the smallest.
func Cut(w io.Writer, o Options, pick func(*analyzer.Incident) bool) (Result, error) {
	c := New(nil, o)
	files, err := capture.Open(o.Names(), capture.Config{Filter: o.Filter, Count: o.Count})
	if err != nil {
		return Result{}, err
	}
	defer files.Close()
	c.o.Names = files.Names // in their order
	var out Result
	sum, err := analyzer.Run(context.Background(), c.o.masked(files), analyzer.Config{}, analyzer.IncidentFunc(func(i *analyzer.Incident) error {
		if len(c.said) > 0 || !pick(i) {
			return nil
		}
		out = Result{Rule: i.Verdict.Rule, Confidence: i.Verdict.Confidence, RST: i.Reset.RST.Ref()}
		for _, a := range i.Verdict.AlsoFits {
			out.AlsoFits = append(out.AlsoFits, a.Rule)
		}
		return c.Incident(i)
	}))
	if err != nil {
		return Result{}, err
	}
	if len(c.said) == 0 {
		return Result{}, ErrNoIncident
	}
	said := &c.said[0]
	out.Of = sum.Frames
	ch, err := c.choose()
	if err != nil {
		return out, err
	}
	var kept some
	if err := c.each(ch, kept.add); err != nil {
		return out, err
	}
	raws := smallest(kept.raws, said)
	out.Packets = uint64(len(raws))
	buf := bufio.NewWriter(w)
	n, err := c.begin(buf, c.summary())
	if err != nil {
		return out, err
	}
	for k := range raws {
		if err := n.packet(&raws[k]); err != nil {
			return out, err
		}
	}
	return out, buf.Flush()
}

// smallest leaves out of raws what the verdict can do without: halves first, then
// smaller and smaller parts, each packet at last.
func smallest(raws []capture.Raw, said *said) []capture.Raw {
	if len(raws) > cutMost {
		return raws
	}
	tries := 0
	for size := (len(raws) + 1) / 2; size > 0 && tries < cutTries; size /= 2 {
		for again := true; again && tries < cutTries; {
			again = false
			for at := 0; at < len(raws) && tries < cutTries; {
				to := min(at+size, len(raws))
				less := slices.Concat(raws[:at], raws[to:])
				if tries++; len(less) > 0 && judged(less, said.ref) == said.verdict {
					raws, again = less, size == 1
				} else {
					at = to
				}
			}
		}
	}
	return raws
}

// judged is what is said of the RST when there are these packets alone.
func judged(raws []capture.Raw, rst packet.FrameRef) string {
	of := map[packet.FrameRef]string{}
	if _, err := analyzer.Run(context.Background(), &some{raws: raws}, analyzer.Config{}, verdicts(of)); err != nil {
		return ""
	}
	return of[rst]
}

// some is a source of packets that are held.
type some struct{ raws []capture.Raw }

// add holds r, which may be gone afterwards.
func (s *some) add(r *capture.Raw) error {
	raw := *r
	raw.Data = slices.Clone(r.Data)
	s.raws = append(s.raws, raw)
	return nil
}

func (s *some) Read(b *packet.Batch) error {
	b.Reset()
	if len(s.raws) == 0 {
		return io.EOF
	}
	n := min(len(s.raws), 1024)
	if cap(b.Headers) < n {
		b.Headers = make([]packet.Header, 0, n)
	}
	for k := range s.raws[:n] {
		r := &s.raws[k]
		link, _ := packet.LinkFromType(r.LinkType)
		b.Add(r.Time, r.Ref.Frame(), uint32(r.Ref.File()), link, r.Data, r.WireLen)
	}
	s.raws = s.raws[n:]
	return nil
}
