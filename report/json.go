package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Schema is the version of the objects that the formats json and ndjson write.
// Fields may be added to a version; none changes its meaning. A number whose name
// says no unit is a count, or the number of a frame or port.
const Schema = "rstwhy/3"

// notesMax is how many unanswered connections a JSON document holds: they stand after the
// incidents and have to wait in memory for them. NDJSON has them all.
const notesMax = 1 << 16

// seconds are nanoseconds, written as exact decimal seconds.
type seconds int64

func (s seconds) MarshalJSON() ([]byte, error) {
	var b []byte
	if s < 0 {
		b = append(b, '-')
		s = -s
	}
	b = strconv.AppendInt(b, int64(s)/1e9, 10)
	frac := strconv.FormatInt(int64(s)%1e9+1e9, 10)[1:]
	if frac = strings.TrimRight(frac, "0"); frac != "" {
		b = append(append(b, '.'), frac...)
	}
	return b, nil
}

// encoder turns findings into objects.
type encoder struct {
	o     Options
	files []string // whole names
	short []string // as evidence names them
	asked bool

	kinds  kinds
	causes *collector
	line   []byte
	times  times
	quotes string // the name that quoted is in JSON
	quoted []byte
}

func newEncoder(o Options) encoder { return encoder{o: o, causes: newCollector(o.naming())} }

// take counts i, and returns it as it is to be written: in full, or the line of what is
// short.
func (e *encoder) take(i *analyzer.Incident) (full *incidentJSON, short []byte) {
	e.causes.incident(i)
	if e.o.Summary {
		return nil, nil
	}
	if !e.o.Verbose {
		if like := e.kinds.like(i); like != 0 {
			e.line = e.inShort(e.line[:0], i, like)
			return nil, e.line
		}
	}
	return e.incident(i), nil
}

func (e *encoder) names() []string {
	if !e.asked {
		e.asked = true
		if e.o.Files != nil {
			e.files = e.o.Files()
			if len(e.files) > 1 {
				e.short = fileNames(&e.o)
			}
		}
	}
	return e.files
}

func (e *encoder) file(w packet.FrameRef) string {
	if names := e.names(); w.File() < len(names) {
		return names[w.File()]
	}
	return ""
}

func (e *encoder) places(ws []packet.FrameRef) (frames []uint64, files []string) {
	for _, w := range ws {
		frames = append(frames, w.Frame())
		if len(e.names()) > 1 {
			files = append(files, e.file(w))
		}
	}
	return frames, files
}

func endOf(f *flows.Endpoint, d flows.Dir, guessed bool) endJSON {
	a := f.AddrPort()
	return endJSON{IP: a.Addr().String(), Port: a.Port(), Role: d.String(), Guessed: guessed}
}

// rfc3339 has nine digits after the point whatever they are, so that times are in
// order when they are sorted as strings. A time before 1678, or from 2262 on, which
// no int64 holds in nanoseconds, is "".
func rfc3339(ns int64) string { return string(new(times).rfc3339(nil, ns)) }

// times writes moments, of which most have their second in common with the one before.
type times struct {
	second int64
	prefix []byte // up to the point before the fraction; empty before the first
}

func (t *times) rfc3339(b []byte, ns int64) []byte {
	if !told(ns) {
		return b
	}
	second, fraction := ns/1e9, ns%1e9
	if fraction < 0 {
		second, fraction = second-1, fraction+1e9
	}
	if second != t.second || len(t.prefix) == 0 {
		t.second, t.prefix = second, time.Unix(second, 0).UTC().AppendFormat(t.prefix[:0], "2006-01-02T15:04:05.")
	}
	b = append(b, t.prefix...)
	for unit := int64(1e8); unit > 0; unit /= 10 {
		b = append(b, byte('0'+fraction/unit%10))
	}
	return append(b, 'Z')
}

// document is the format json: one object with the incidents, the connections that
// got no answer, and the summary.
type document struct {
	encoder
	w       *bufio.Writer
	json    *json.Encoder
	notes   []flows.Note
	left    uint64
	started bool
}

func newJSON(w io.Writer, o Options) analyzer.Sink {
	d := &document{encoder: newEncoder(o), w: bufio.NewWriter(w)}
	d.json = jsonEncoder(d.w)
	return d
}

// jsonEncoder writes < and & as they are: the output is no web page, and
// escaping makes evidence hard to read.
func jsonEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(&unseen{w})
	e.SetEscapeHTML(false)
	return e
}

// unseen writes JSON, and of its characters those that a terminal obeys or that change
// the direction of a text as \u escapes: JSON itself asks for fewer. They stand in strings
// alone.
type unseen struct{ w io.Writer }

func (u *unseen) Write(b []byte) (int, error) {
	if _, err := u.w.Write(escapeUnseen(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func escapeUnseen(b []byte) []byte {
	if bytes.IndexFunc(b, isUnseen) < 0 {
		return b
	}
	var out []byte
	for _, r := range string(b) {
		if isUnseen(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

func isUnseen(r rune) bool {
	return r >= 0x7f && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}

func (d *document) Incident(i *analyzer.Incident) error {
	full, short := d.take(i)
	if full == nil && short == nil {
		return nil
	}
	if !d.started {
		d.begin()
		d.w.WriteString("\n")
	} else {
		d.w.WriteString(",")
	}
	d.started = true
	if short != nil {
		_, err := d.w.Write(short)
		return err
	}
	return d.json.Encode(full)
}

func (d *document) begin() {
	d.w.WriteString(`{"schema":"` + Schema + `","incidents":[`)
}

func (d *document) Note(n *flows.Note) error {
	if d.o.Summary {
		return nil
	}
	if len(d.notes) == notesMax {
		d.left++
		return nil
	}
	d.notes = append(d.notes, *n)
	return nil
}

func (d *document) Close(s *analyzer.Summary) error {
	if !d.started {
		d.begin()
	}
	d.w.WriteString("],\n\"unanswered\":[")
	for k := range d.notes {
		if k > 0 {
			d.w.WriteString(",")
		}
		if err := d.json.Encode(d.note(&d.notes[k])); err != nil {
			return err
		}
	}
	d.w.WriteString("],\n\"causes\":[")
	doc := d.causes.document(s, nil)
	doc.first(d.o.Top)
	for k, c := range doc.Causes {
		if k > 0 {
			d.w.WriteString(",")
		}
		if err := d.json.Encode(d.cause(c)); err != nil {
			return err
		}
	}
	d.w.WriteString("],\n\"summary\":")
	sum := d.summary(s)
	sum.NotesLeft = d.left
	if err := d.json.Encode(sum); err != nil {
		return err
	}
	d.w.WriteString("}\n")
	return d.w.Flush()
}
