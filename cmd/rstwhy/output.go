package main

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/report"
)

// outputs are the reports of a run: standard output first, then the files.
type outputs struct {
	list []*output
	mu   sync.Mutex // guards the temporary files: a signal may discard them
}

// output is one report. It is a sink, so that the failure of one report leaves
// the others whole.
type output struct {
	all    *outputs
	path   string // "" is standard output
	temp   string // the file until it is whole
	file   *os.File
	buf    *bufio.Writer
	sink   analyzer.Sink
	prompt bool   // each finding is seen at once
	before func() // called before anything is written; nil for nothing
	pager  *pager // nil for none
	queue  *queue // nil where who reads may keep the run waiting
	err    error  // why it failed
}

// newOutputs prepares standard output and a file for every path. The files do
// not appear before close.
func newOutputs(paths []string) (*outputs, error) {
	s := &outputs{}
	s.add(&output{file: os.Stdout})
	for _, path := range paths {
		o := &output{path: path}
		if err := o.create(); err != nil {
			s.discard()
			return nil, outputError(path, err)
		}
		s.add(o)
	}
	if len(paths) > 0 {
		// Without this a closed standard output ends the program at once, and
		// the files are lost. See close. What is ignored could not be reset.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
	return s, nil
}

// spare refuses reports that would replace one of the captures, by whatever name:
// a capture may be the only one there is.
func spare(captures, reports []string) error {
	for _, path := range reports {
		report, err := os.Stat(path)
		if err != nil {
			continue // there is nothing to be replaced
		}
		for _, name := range captures {
			info, err := os.Stat(name)
			if name == "-" {
				name = "standard input"
				info, err = os.Stdin.Stat()
			}
			if err == nil && os.SameFile(report, info) {
				return &replacesCapture{path, name}
			}
		}
	}
	return nil
}

func (s *outputs) add(o *output) {
	o.all = s
	o.buf = bufio.NewWriterSize(o, 64<<10)
	s.list = append(s.list, o)
}

func (s *outputs) stdout() *output { return s.list[0] }

func (s *outputs) sinks() []analyzer.Sink {
	sinks := make([]analyzer.Sink, len(s.list))
	for i, o := range s.list {
		sinks[i] = o
	}
	return sinks
}

// unhurried lets nobody who reads standard output keep the run waiting.
func (s *outputs) unhurried() {
	o := s.stdout()
	o.queue = newQueue(o)
	o.buf = bufio.NewWriterSize(o.queue, 64<<10)
}

// unwritten is how many reports of single resets were left out.
func (s *outputs) unwritten() uint64 {
	if q := s.stdout().queue; q != nil {
		return q.leftOut()
	}
	return 0
}

// status writes st where a format has a place for it, and reports whether one has.
func (s *outputs) status(st *report.Status) (written bool) {
	for _, o := range s.list {
		if to, ok := o.sink.(report.StatusSink); ok && o.err == nil {
			o.written(to.Status(st))
			written = true
		}
	}
	return written
}

// create makes the temporary file, in the directory where the report will be.
func (o *output) create() error {
	// What a symbolic link points to is replaced, not the link.
	if to, err := filepath.EvalSymlinks(o.path); err == nil {
		o.path = to
	}
	if info, err := os.Stat(o.path); err == nil && !info.Mode().IsRegular() {
		return errNotRegular
	}
	dir := filepath.Dir(o.path)
	if o.file = openUnnamed(dir); o.file != nil {
		return nil
	}
	return tempName(dir, func(temp string) error {
		file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			o.file, o.temp = file, temp
		}
		return err
	})
}

// tempName calls with with names in a directory until there is no file of the name.
func tempName(dir string, with func(string) error) error {
	for n := time.Now().UnixNano(); ; n++ {
		err := with(filepath.Join(dir, ".rstwhy-"+strconv.FormatInt(n, 36)))
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

// Write takes what the buffer holds.
func (o *output) Write(p []byte) (int, error) {
	if o.before != nil {
		o.before()
	}
	if o.pager != nil && o.pager.cmd == nil {
		if file := o.pager.start(); file != nil {
			o.file = file
		} else {
			o.pager = nil
		}
	}
	n, err := o.file.Write(p)
	if o.pager.left(err) {
		return len(p), nil
	}
	return n, err
}

// Incident passes i on.
func (o *output) Incident(i *analyzer.Incident) error {
	if o.err == nil {
		o.written(o.sink.Incident(i))
	}
	return o.all.failed()
}

// Note passes n on.
func (o *output) Note(n *flows.Note) error {
	if o.err == nil {
		o.written(o.sink.Note(n))
	}
	return o.all.failed()
}

func (o *output) written(err error) {
	if err == nil && o.prompt {
		err = o.buf.Flush()
	}
	if err != nil {
		o.err = outputError(o.path, err)
	}
}

// Close ends the report, and makes a file appear if it is whole.
func (o *output) Close(summary *analyzer.Summary) error {
	o.prompt = true // there is nothing to wait for any more
	if o.queue != nil {
		o.queue.wait()
	}
	if err := o.sink.Close(summary); o.err == nil {
		o.written(err)
	}
	if o.queue != nil {
		if err := o.queue.end(); o.err == nil && err != nil {
			o.err = outputError(o.path, err)
		}
	}
	if o.path != "" {
		if err := o.commit(); o.err == nil && err != nil {
			o.err = outputError(o.path, err)
		}
	}
	return o.err
}

func (o *output) commit() error {
	var err error
	if o.err == nil {
		// After a power failure too there is either the old file or the new one.
		err = o.file.Sync()
	}
	if o.temp == "" && o.err == nil && err == nil {
		// A file without a name gets one, and then that of the report, as a link
		// replaces nothing.
		err = tempName(filepath.Dir(o.path), func(temp string) error {
			err := linkUnnamed(o.file, temp)
			if err == nil {
				o.all.mu.Lock()
				o.temp = temp
				o.all.mu.Unlock()
			}
			return err
		})
	}
	if closed := o.file.Close(); err == nil {
		err = closed
	}
	o.all.mu.Lock()
	defer o.all.mu.Unlock()
	if o.err == nil && err == nil {
		err = os.Rename(o.temp, o.path)
	}
	if (o.err != nil || err != nil) && o.temp != "" {
		os.Remove(o.temp)
	}
	o.temp = ""
	return err
}

// failed returns an error once no report is left that could be written.
func (s *outputs) failed() error {
	for _, o := range s.list {
		if o.err == nil {
			return nil
		}
	}
	return s.list[0].err
}

// close ends every report: the files first, because a pager may keep standard
// output waiting.
func (s *outputs) close(summary *analyzer.Summary) error {
	var errs []error
	for _, o := range append(s.list[1:len(s.list):len(s.list)], s.list[0]) {
		if err := o.Close(summary); err != nil {
			errs = append(errs, err)
		}
	}
	s.stdout().pager.end()
	if errors.Is(s.stdout().err, syscall.EPIPE) {
		// Whoever read has seen enough: end as a filter does, by the signal.
		signal.Reset(syscall.SIGPIPE)
		os.Stdout.Write([]byte("\n"))
	}
	return errors.Join(errs...)
}

// discard removes what is not yet a report. It may be called at any time.
func (s *outputs) discard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.list {
		if o.temp != "" {
			os.Remove(o.temp)
		}
	}
}
