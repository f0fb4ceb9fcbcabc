package annotate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/flows"
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
	Verdict string          // cause, confidence, and what else fits
	RST     packet.FrameRef // of the incident
	Packets uint64          // that were written
	Of      uint64          // that were read
}

// Cut writes the smallest capture of which the same is said of the first incident that
// pick picks: that from which no packet can be left out, in the order in which it was
// tried. Where too many are needed for that, it writes more than the smallest.
func Cut(w io.Writer, o Options, pick func(*analyzer.Incident) bool) (Result, error) {
	p := &picker{pick: pick, c: New(nil, o)}
	files, err := capture.Open(o.Names(), capture.Config{Filter: o.Filter, Count: o.Count})
	if err != nil {
		return Result{}, err
	}
	defer files.Close()
	o.Names = files.Names // in their order
	p.c.o = o
	sum, err := analyzer.Run(context.Background(), files, analyzer.Config{}, p)
	if err != nil {
		return Result{}, err
	}
	if len(p.c.said) == 0 {
		return Result{}, ErrNoIncident
	}
	said := &p.c.said[0]
	out := Result{Verdict: said.verdict, RST: said.ref, Of: sum.Frames}
	ch, err := p.c.choose()
	if err != nil {
		return out, err
	}
	var raws []capture.Raw
	if err := p.c.each(ch, func(r *capture.Raw) error {
		raw := *r
		raw.Data = slices.Clone(r.Data)
		raws = append(raws, raw)
		return nil
	}); err != nil {
		return out, err
	}
	raws = smallest(raws, said)
	out.Packets = uint64(len(raws))
	buf := bufio.NewWriter(w)
	n, err := p.c.begin(buf)
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

// picker keeps the first incident that is picked.
type picker struct {
	pick func(*analyzer.Incident) bool
	c    *Capture
}

func (p *picker) Incident(i *analyzer.Incident) error {
	if len(p.c.said) > 0 || !p.pick(i) {
		return nil
	}
	return p.c.Incident(i)
}
func (p *picker) Note(*flows.Note) error        { return nil }
func (p *picker) Close(*analyzer.Summary) error { return nil }

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
	v := &verdicts{of: map[packet.FrameRef]string{}}
	if _, err := analyzer.Run(context.Background(), &some{raws: raws}, analyzer.Config{}, v); err != nil {
		return ""
	}
	return v.of[rst]
}

// some is a source of packets that are held.
type some struct{ raws []capture.Raw }

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

// packetWriter writes packets with their comments.
type packetWriter struct {
	c     *Capture
	w     *capture.Writer
	names []string
}

func (c *Capture) begin(w io.Writer) (*packetWriter, error) {
	app := "rstwhy"
	if c.o.Version != "" {
		app += " " + c.o.Version
	}
	out, err := capture.NewWriter(w, app, c.summary())
	return &packetWriter{c, out, c.o.Names()}, err
}

func (p *packetWriter) packet(r *capture.Raw) error {
	name := fmt.Sprintf("file %d", r.Ref.File()+1)
	if r.Ref.File() < len(p.names) {
		name = p.names[r.Ref.File()]
	}
	iface, err := p.w.Interface(name, r.LinkType)
	if err != nil {
		return err
	}
	return p.w.Packet(iface, r.Time, r.Data, r.WireLen, r.Ref.Frame(), p.c.comments[r.Ref]...)
}
