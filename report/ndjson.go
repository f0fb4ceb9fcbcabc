package report

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
)

// lines is the format ndjson: an object a line, told apart by "type". Incidents
// and notes come as they settle, the summary last.
type lines struct {
	encoder
	w    *bufio.Writer
	json *json.Encoder
}

func newNDJSON(w io.Writer, o Options) analyzer.Sink {
	l := &lines{encoder: encoder{o: o}, w: bufio.NewWriter(w)}
	l.json = jsonEncoder(l.w)
	return l
}

func (l *lines) Incident(i *analyzer.Incident) error {
	if l.o.Summary {
		return nil
	}
	return l.write(l.incident(i))
}

func (l *lines) Note(n *flows.Note) error {
	if l.o.Summary {
		return nil
	}
	return l.write(l.note(n))
}

func (l *lines) Close(s *analyzer.Summary) error {
	if err := l.write(l.summary(s)); err != nil {
		return err
	}
	return l.w.Flush()
}

func (l *lines) write(v any) error {
	if err := l.json.Encode(v); err != nil {
		return err
	}
	if l.o.live() {
		return l.w.Flush()
	}
	return nil
}
