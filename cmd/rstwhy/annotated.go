package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/annotate"
	"github.com/rstwhy/rstwhy/report"
)

// captureExt is the extension of the one kind of capture that is written.
const captureExt = ".pcapng"

func isCapture(path string) bool { return strings.HasSuffix(strings.ToLower(path), captureExt) }

// captures reports whether a capture is to be written.
func (o *options) captures() bool { return slices.ContainsFunc(o.outputs, isCapture) }

// annotated is the format of an output that is a capture.
func (o *options) annotated() report.Format {
	return report.Format{Name: "pcapng", Ext: captureExt, New: func(w io.Writer, r report.Options) analyzer.Sink {
		return annotate.New(w, o.annotating(r.Files))
	}}
}

// annotating is how captures are written; shown are the names of the input.
func (o *options) annotating(shown func() []string) annotate.Options {
	out := annotate.Options{
		Version: version(), Names: o.paths, Shown: shown, Mask: o.mask, Filter: o.filter, Count: o.count,
		Context: time.Duration(o.context * float64(time.Second)),
	}
	if o.recorder != nil {
		out.Frames = o.recorder.Each
	}
	return out
}

func notCapture(path string) error {
	return fmt.Errorf("-w %s: packets are written as pcapng, so the name must end in %s; a report is written by -o", path, captureExt)
}

var (
	errWriteStream  = errors.New("packets are read again before they are written, which a pipe cannot do: save the capture to a file first")
	errContextAlone = errors.New("--context says what else -w writes: give both")
	errContext      = errors.New("--context: the number of seconds cannot be negative")
)
