// Package annotate writes the packets of explained connections as a capture of their own,
// in pcapng: with a comment on each RST and on what it answers, which Wireshark shows.
//
// It reads the files a second time, when all is known. What was said must also be said of
// the new capture: where a verdict goes by other connections, these are written too.
package annotate

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/anonymize"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// incidentsMax is of how many incidents the packets are written. A scan has millions.
const incidentsMax = 50_000

// Options of an annotated capture.
type Options struct {
	Version string
	// Names are the files to read again, in their order; they must be regular.
	Names func() []string
	// Frames reads again what is kept of a live capture, in place of files; nil for files.
	Frames func(func(*capture.Raw) error) error
	// Alone writes the packets of the connections and no others, whatever the verdicts go
	// by.
	Alone bool
	// Filter and Count are those of the run.
	Filter string
	Count  uint64
	// Shown are what the files are called in what is written; nil means Names.
	Shown func() []string
	// Mask changes the addresses, and takes out the payload, of what is written; nil means
	// that it is written as it was. The incidents must have passed it.
	Mask *anonymize.Mask
	// Context adds what the same hosts sent and got so long before and after each RST.
	Context time.Duration
}

// tuple is both ends of a connection, the smaller first.
type tuple [2]flows.Endpoint

func tupleOf(a, b flows.Endpoint) tuple {
	if compare(a, b) > 0 {
		return tuple{b, a}
	}
	return tuple{a, b}
}

func compare(a, b flows.Endpoint) int {
	return cmp.Or(slices.Compare(a.Addr[:], b.Addr[:]), cmp.Compare(a.Port, b.Port))
}

func ends(h *packet.Header) (a, b flows.Endpoint) {
	return flows.Endpoint{Addr: h.Src, Port: h.SrcPort}, flows.Endpoint{Addr: h.Dst, Port: h.DstPort}
}

// said is what is known of one incident.
type said struct {
	ref     packet.FrameRef
	verdict string
	at      int64
	ends    [2]flows.Endpoint
}

// Capture is a sink that writes an annotated capture when it is closed.
type Capture struct {
	w         io.Writer
	o         Options
	comments  map[packet.FrameRef][]string
	said      []said
	incidents uint64
	causes    map[string]uint64
	frame     []byte // the latest that was masked
	gone      int    // incidents whose RST a live capture does not keep any more
}

// New returns one that writes to w.
func New(w io.Writer, o Options) *Capture {
	return &Capture{w: w, o: o, comments: map[packet.FrameRef][]string{}, causes: map[string]uint64{}}
}

// namer names frames and ends for comments.
type namer struct{ i *analyzer.Incident }

func (n namer) Frame(w packet.FrameRef) string {
	if w == 0 {
		return "a frame that was not captured"
	}
	return fmt.Sprintf("frame %d", w.Frame())
}

func (n namer) End(d flows.Dir) string {
	if n.i.Reset.Flow.RolesGuessed {
		return n.i.Reset.Flow.Ends[d].AddrPort().String()
	}
	return "the " + d.String()
}

// evidenceMost is how much of the evidence a comment has.
const evidenceMost = 4

// Incident notes what is to be said of i.
func (c *Capture) Incident(i *analyzer.Incident) error {
	c.incidents++
	v := &i.Verdict
	c.causes[v.Rule.ID]++
	if len(c.said) == incidentsMax {
		return nil
	}
	n := namer{i}
	words := []string{fmt.Sprintf("rstwhy: %s, %s: %s", v.Rule.ID, v.Confidence, v.Rule.Title)}
	for k := range v.Evidence[:min(len(v.Evidence), evidenceMost)] {
		words = append(words, v.Evidence[k].Text(n))
	}
	var also []string
	for _, a := range v.AlsoFits {
		also = append(also, a.Rule.ID)
	}
	if len(also) > 0 {
		words = append(words, "could also be: "+strings.Join(also, ", "))
	}
	words = append(words, "frames are numbered as in the capture that this was made from")
	rst := i.Reset.RST.Ref()
	c.comments[rst] = append(c.comments[rst], strings.Join(words, "\n"))
	for k := range i.Reset.FollowUps {
		w := i.Reset.FollowUps[k].RST.Frame
		c.comments[w] = append(c.comments[w], fmt.Sprintf("rstwhy: one more RST of the incident of %s (%s)", n.Frame(rst), v.Rule.ID))
	}
	if w := v.Trigger.Frame; w != 0 {
		c.comments[w] = append(c.comments[w], fmt.Sprintf("rstwhy: the RST in %s answers this (%s)", n.Frame(rst), v.Rule.ID))
	}
	c.said = append(c.said, said{rst, verdictOf(i), i.Reset.RST.Time, i.Reset.Flow.Ends})
	return nil
}

// verdictOf is what must be said again of the new capture.
func verdictOf(i *analyzer.Incident) string {
	ids := []string{i.Verdict.Rule.ID, i.Verdict.Confidence.String()}
	for _, a := range i.Verdict.AlsoFits {
		ids = append(ids, a.Rule.ID)
	}
	return strings.Join(ids, " ")
}

// Note does nothing: connections that were not reset are not written.
func (c *Capture) Note(*flows.Note) error { return nil }

// choice is which packets are written.
type choice struct {
	tuples  map[tuple]bool
	servers map[flows.Endpoint]bool // all of these
	hosts   map[[16]byte]bool       // and of these
	times   map[[16]byte][]int64    // what these sent and got around the times
	all     bool
}

func (ch *choice) wants(h *packet.Header, context int64) bool {
	if ch.all {
		return true
	}
	a, b := ends(h)
	if ch.tuples[tupleOf(a, b)] || ch.servers[a] || ch.servers[b] || ch.hosts[a.Addr] || ch.hosts[b.Addr] {
		return true
	}
	return context > 0 && (near(ch.times[a.Addr], h.Time, context) || near(ch.times[b.Addr], h.Time, context))
}

func near(times []int64, at, context int64) bool {
	k, _ := slices.BinarySearch(times, at-context)
	return k < len(times) && times[k] <= at+context
}

// Close reads the files again and writes the capture.
func (c *Capture) Close(*analyzer.Summary) error {
	ch, err := c.choose()
	if err != nil {
		return err
	}
	if err := c.missing(); err != nil {
		return err
	}
	buf := bufio.NewWriter(c.w)
	w, err := c.begin(buf, c.summary())
	if err != nil {
		return err
	}
	if err := c.each(ch, w.packet); err != nil {
		return err
	}
	return buf.Flush()
}

// missing counts the incidents whose RST is not kept any more.
func (c *Capture) missing() error {
	if c.o.Frames == nil {
		return nil // files keep all
	}
	kept := map[packet.FrameRef]bool{}
	for k := range c.said {
		kept[c.said[k].ref] = false
	}
	if err := c.o.Frames(func(r *capture.Raw) error {
		if _, ok := kept[r.Ref]; ok {
			kept[r.Ref] = true
		}
		return nil
	}); err != nil {
		return err
	}
	c.gone = 0
	for _, ok := range kept {
		if !ok {
			c.gone++
		}
	}
	return nil
}

// choose finds the packets of which the same is said as of all.
func (c *Capture) choose() (*choice, error) {
	ch := &choice{tuples: map[tuple]bool{}, servers: map[flows.Endpoint]bool{}, hosts: map[[16]byte]bool{}, times: map[[16]byte][]int64{}}
	for k := range c.said {
		s := &c.said[k]
		ch.tuples[tupleOf(s.ends[0], s.ends[1])] = true
		if c.o.Context > 0 {
			for _, e := range s.ends {
				ch.times[e.Addr] = append(ch.times[e.Addr], s.at)
			}
		}
	}
	for _, t := range ch.times {
		slices.Sort(t)
	}
	if c.o.Alone {
		return ch, nil
	}
	// Each round adds what the verdicts that came out otherwise may go by.
	for round := 0; round < 3; round++ {
		odd, err := c.differing(ch)
		if err != nil || len(odd) == 0 {
			return ch, err
		}
		for _, s := range odd {
			switch round {
			case 0:
				ch.servers[s.ends[flows.Server]] = true
				ch.hosts[s.ends[flows.Client].Addr] = true
			case 1:
				ch.hosts[s.ends[flows.Server].Addr] = true
			default:
				ch.all = true
			}
		}
	}
	return ch, nil
}

// each reads the files again and calls with for the packets of ch.
func (c *Capture) each(ch *choice, with func(*capture.Raw) error) error {
	frames := c.o.Frames
	if frames == nil {
		frames = func(with func(*capture.Raw) error) error {
			return capture.EachFrame(c.o.Names(), c.o.Filter, c.o.Count, with)
		}
	}
	return frames(func(r *capture.Raw) error {
		if !r.TCP {
			return nil
		}
		if m := c.o.Mask; m != nil {
			link, _ := packet.LinkFromType(r.LinkType)
			plain := r.Header
			m.Header(&r.Header)
			if !ch.wants(&r.Header, int64(c.o.Context)) {
				return nil
			}
			c.frame, r.WireLen, r.LinkType = m.Frame(c.frame[:0], &plain, r.Segment, r.Data, link)
			r.Data = c.frame
		} else if !ch.wants(&r.Header, int64(c.o.Context)) {
			return nil
		}
		return with(r)
	})
}

// differing judges the packets of ch alone, and returns the incidents of which something
// else is said than before.
func (c *Capture) differing(ch *choice) ([]*said, error) {
	again := map[packet.FrameRef]string{}
	var from analyzer.Source
	if c.o.Frames == nil {
		files, err := capture.Open(c.o.Names(), capture.Config{Filter: c.o.Filter, Count: c.o.Count})
		if err != nil {
			return nil, err
		}
		defer files.Close()
		from = &source{c.o.masked(files), ch, int64(c.o.Context)}
	} else {
		kept := &some{}
		if err := c.each(ch, kept.add); err != nil {
			return nil, err
		}
		from = kept
	}
	if _, err := analyzer.Run(context.Background(), from, analyzer.Config{}, verdicts(again)); err != nil {
		return nil, err
	}
	var odd []*said
	for k := range c.said {
		if s := &c.said[k]; again[s.ref] != s.verdict {
			odd = append(odd, s)
		}
	}
	return odd, nil
}

// verdicts is a sink that keeps what is said of each RST in of.
func verdicts(of map[packet.FrameRef]string) analyzer.Sink {
	return analyzer.IncidentFunc(func(i *analyzer.Incident) error {
		of[i.Reset.RST.Ref()] = verdictOf(i)
		return nil
	})
}

// masked is what the mask makes of files.
func (o *Options) masked(files analyzer.Source) analyzer.Source {
	if o.Mask == nil {
		return files
	}
	return &anonymize.Source{From: files, Mask: o.Mask}
}

// source leaves of the files what is chosen.
type source struct {
	files   analyzer.Source
	ch      *choice
	context int64
}

func (s *source) Read(b *packet.Batch) error {
	err := s.files.Read(b)
	kept, notes := b.Headers[:0], b.Notes[:0]
	next := 0
	for k := range b.Headers {
		h := &b.Headers[k]
		wanted := s.ch.wants(h, s.context)
		for ; next < len(b.Notes) && b.Notes[next].Header <= k; next++ {
			if wanted && b.Notes[next].Header == k {
				n := b.Notes[next]
				n.Header = len(kept)
				notes = append(notes, n)
			}
		}
		if wanted {
			kept = append(kept, *h)
		}
	}
	b.Headers, b.Notes = kept, notes
	return err
}

const saysMasked = "addresses are not those of the capture, payload and options are zero but for what a verdict reads, checksums are computed anew"

// summary is the comment on the whole capture.
func (c *Capture) summary() string {
	s := fmt.Sprintf("rstwhy: the packets of %d connections that were reset", len(c.said))
	if len(c.said) == 1 {
		s = "rstwhy: the packets of a connection that was reset"
	}
	if n := uint64(len(c.said)); c.incidents > n {
		s += fmt.Sprintf(", the first of %d", c.incidents)
	}
	ids := make([]string, 0, len(c.causes))
	for id := range c.causes {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(c.causes[b], c.causes[a]), cmp.Compare(a, b)) })
	for _, id := range ids {
		s += fmt.Sprintf("\n%s: %d", id, c.causes[id])
	}
	if c.gone > 0 {
		s += fmt.Sprintf("\nthe packets of %d of them are not kept any more, or not all", c.gone)
	}
	return s
}

// Everything writes all packets that there are, without comments.
func Everything(w io.Writer, o Options) error {
	c := New(w, o)
	buf := bufio.NewWriter(w)
	p, err := c.begin(buf, "rstwhy: all packets that were kept")
	if err != nil {
		return err
	}
	if err := c.each(&choice{all: true}, p.packet); err != nil {
		return err
	}
	return buf.Flush()
}

// packetWriter writes packets with their comments.
type packetWriter struct {
	c     *Capture
	w     *capture.Writer
	names []string
}

func (c *Capture) begin(w io.Writer, comment string) (*packetWriter, error) {
	if c.o.Mask != nil {
		comment += "\n" + saysMasked
	}
	app := "rstwhy"
	if c.o.Version != "" {
		app += " " + c.o.Version
	}
	out, err := capture.NewWriter(w, app, comment)
	shown := c.o.Names
	if c.o.Shown != nil {
		shown = c.o.Shown
	}
	return &packetWriter{c, out, shown()}, err
}

func (p *packetWriter) packet(r *capture.Raw) error {
	name := r.Interface
	if name == "" || p.c.o.Mask != nil {
		name = p.names[r.Ref.File()]
	}
	iface, err := p.w.Interface(name, r.LinkType, r.Digits)
	if err != nil {
		return err
	}
	return p.w.Packet(iface, r.Time, r.Data, r.WireLen, r.Ref.Frame(), p.c.comments[r.Ref]...)
}
