package report

import (
	"bufio"
	"encoding/json"
	"io"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
)

// lines is the format ndjson: an object a line, told apart by "type". Incidents
// and notes come as they settle, then the causes, those that matter most first, and the
// summary last.
type lines struct {
	encoder
	w      *bufio.Writer
	json   *json.Encoder
	folder folder // of a live report
}

func newNDJSON(w io.Writer, o Options) analyzer.Sink {
	l := &lines{encoder: newEncoder(o), w: bufio.NewWriter(w)}
	l.json = jsonEncoder(l.w)
	return l
}

func (l *lines) Incident(i *analyzer.Incident) error {
	if l.o.live() && !l.o.Summary && !l.o.Verbose {
		if err := l.fold(i.Reset.RST.Time, false); err != nil {
			return err
		}
		if !l.folder.takes(i) {
			l.causes.incident(i)
			return nil
		}
	}
	full, short := l.take(i)
	switch {
	case full != nil:
		return l.write(full)
	case short != nil:
		if _, err := l.w.Write(short); err != nil {
			return err
		}
		return l.flushLive()
	}
	return nil
}

func (l *lines) Note(n *flows.Note) error {
	if l.o.Summary {
		return nil
	}
	return l.write(l.note(n))
}

func (l *lines) Close(s *analyzer.Summary) error {
	if err := l.fold(s.Last, true); err != nil {
		return err
	}
	for _, c := range l.causes.document(s, nil).Causes {
		if err := l.write(l.cause(c)); err != nil {
			return err
		}
	}
	if err := l.write(l.summary(s)); err != nil {
		return err
	}
	return l.w.Flush()
}

func (l *lines) write(v any) error {
	if err := l.json.Encode(v); err != nil {
		return err
	}
	return l.flushLive()
}

// flushLive writes out what somebody waits for.
func (l *lines) flushLive() error {
	if l.o.live() {
		return l.w.Flush()
	}
	return nil
}
