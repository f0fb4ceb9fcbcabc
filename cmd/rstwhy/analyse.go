package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/kernel"
	"github.com/rstwhy/rstwhy/packet"
	"github.com/rstwhy/rstwhy/report"
)

// analyse reads the input, as one capture or file by file.
func (o *options) analyse(args []string) (code int, err error) {
	if o.iface == "" {
		if args, err = expand(args); err != nil {
			return exitFailed, err
		}
		if err := spare(args, o.outputs); err != nil {
			return exitUsage, &usageError{err}
		}
	}
	if o.hosts != "" {
		if o.names, err = readHosts(o.hosts); err != nil {
			return exitFailed, err
		}
	}
	if o.anonymize != "" {
		if o.mask, err = newMask(o.anonymize); err != nil {
			return exitFailed, err
		}
		o.maskHosts()
	}
	interrupt := watchSignals(o.iface == "" && slices.ContainsFunc(args, isStream))
	switch {
	case o.each:
		return o.eachOf(args, interrupt)
	case o.bundle != "":
		return o.bundleOf(args, interrupt)
	}
	return o.capture(args, interrupt)
}

// bundleOf reads the input and writes everything for one ticket.
func (o *options) bundleOf(args []string, interrupt *interrupt) (int, error) {
	b, err := newBundle(o.bundle)
	if err != nil {
		return exitFailed, err
	}
	interrupt.holds(b)
	o.outputs = append(o.outputs, b.outputs(o.iface != "" || !slices.ContainsFunc(args, isStream))...)
	tally := report.NewTally()
	code, err := o.capture(args, interrupt, tally)
	if err != nil {
		b.discard()
		return code, err
	}
	if err := b.finish(tally.Headline(), o, time.Now()); err != nil {
		return exitFailed, err
	}
	return code, nil
}

// eachOf reads every file by itself, and says at the end what was in each. A file that
// cannot be read does not keep it from the others.
func (o *options) eachOf(args []string, interrupt *interrupt) (code int, err error) {
	o.noPager = true // one for each file would be in the way
	var rows []report.FileRow
	for _, path := range args {
		tally := report.NewTally()
		one, err := o.capture([]string{path}, interrupt, tally)
		row := report.FileRow{Name: path, Words: tally.Headline()}
		if err != nil {
			explain(os.Stderr, err)
			row.Words = "not read: " + strings.TrimPrefix(err.Error(), path+": ")
		}
		rows = append(rows, row)
		code = worse(code, one)
		if interrupt.cut() {
			break
		}
		if o.format == "text" && err == nil {
			os.Stdout.WriteString("\n")
		}
	}
	if o.format == "text" {
		err = report.WriteFileRows(os.Stdout, rows, terminalWidth(os.Stdout))
	}
	return code, err
}

// worse returns the exit code of two runs: a failure above all, then what was looked for.
func worse(a, b int) int {
	for _, code := range []int{exitFailed, exitFound, exitInterrupted, exitDamaged} {
		if a == code || b == code {
			return code
		}
	}
	return max(a, b)
}

// readHosts reads the names of --hosts.
func readHosts(path string) (report.HostNames, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := report.ReadHostNames(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return names, nil
}

// capture reads one input to its end, or until a signal ends it, and writes the
// reports. What is found goes to the further sinks too.
func (o *options) capture(args []string, interrupt *interrupt, further ...analyzer.Sink) (int, error) {
	formats, err := o.formats()
	if err != nil {
		return exitUsage, &usageError{err}
	}
	in := &input{live: o.iface != "", progress: newProgress(os.Stderr)}
	if !in.live {
		in.stream = slices.ContainsFunc(args, isStream)
	}
	// The sum of a short capture is enough to try addresses until it fits.
	if !in.live && o.mask == nil && slices.ContainsFunc(formats, func(f report.Format) bool { return f.Name == "md" || f.Name == "html" }) {
		in.sums = newDigests(args, os.Stdin)
	}
	if in.live && (o.captures() || o.save != "") {
		o.recorder = capture.NewRecorder(recordMax)
	}
	// Before the first packet: of one that came earlier the kernel could say nothing.
	if err := o.ask(in); err != nil {
		return exitFailed, err
	}
	if err := o.open(in, args); err != nil {
		return exitFailed, err
	}
	if in.live {
		if err := o.relinquish(); err != nil {
			in.Close()
			return exitFailed, err
		}
	}
	served, err := o.serve()
	if err != nil {
		in.Close()
		return exitFailed, err
	}
	if served != nil {
		further = append(further, served)
	}
	o.paths = in.source.Names
	if o.mask != nil {
		in.masked = newMasked(in.source, o.mask)
		in.source = in.masked
	}
	if o.save != "" {
		saved, err := newSaver(o.save, o.recorder, o.annotating(in.Names))
		if err != nil {
			in.Close()
			return exitFailed, err
		}
		further = append(further, saved)
	}
	outs, err := newOutputs(o.outputs)
	if err != nil {
		in.Close()
		return exitFailed, err
	}
	interrupt.begun(in, outs)
	if in.live {
		outs.unhurried()
	}
	outs.stdout().prompt = in.live || in.stream
	outs.stdout().before = in.progress.clear
	if formats[0].Name == "text" && !in.stream {
		if outs.stdout().pager = o.wantsPager(); outs.stdout().pager != nil {
			outs.stdout().before = in.progress.end // it would draw into the pager's screen
		}
	}
	for i, out := range outs.list {
		options := report.Options{
			Version: version(),
			Command: o.commandLine(),
			Started: time.Now(),
			Files:   in.Names,
			Verbose: o.verbose,
			Summary: o.choose.summary,
			Top:     o.choose.top,
			Zone:    o.zone,
			Names:   o.names,
		}
		if out.path == "" {
			options.Width = terminalWidth(os.Stdout)
			options.Color = wantsColor(o.color, os.Stdout)
			options.Live = in.current
		}
		if in.sums != nil {
			options.Digests = func() []string { return in.sums.of(in.Names()) }
		}
		out.sink = formats[i].New(out.buf, options)
	}

	chosen := &report.Chosen{Selection: o.selects, To: outs.sinks()}
	for _, c := range o.fails {
		chosen.To = append(chosen.To, c)
	}
	chosen.To = append(chosen.To, further...)
	watch := newWatch(in, outs, served)
	config := analyzer.Config{
		Table: flows.Config{MaxMemory: int64(o.memory)},
		Live:  in.live || in.stream,
		Tick:  watch.tick,
	}
	if in.live {
		config.Lossy = watch.lossy
	}
	if in.kernel != nil {
		config.Witness = in.kernel
	}
	if served != nil {
		config.Observe = served.Observe
	}
	summary, err := analyzer.Run(context.Background(), in, config, chosen)
	in.progress.end()
	if in.files != nil {
		summary.Done, summary.Total = in.files.Progress()
		summary.Held = in.files.Held()
		summary.Apart = in.files.Apart()
	}
	in.Close()
	summary.Files = in.Names()
	summary.Filter = o.filter
	chosen.Tell(summary)
	if summary.Live = in.counters(); summary.Live != nil {
		summary.Live.Unwritten = outs.unwritten()
		if in.kernel != nil {
			summary.Live.Kernel.Unseen = uint64(len(in.kernel.Unpaired()))
		}
	}
	damages := slices.Clone(summary.Damage)
	if in.masked != nil {
		in.masked.tell(summary)
	}
	// Only a signal ends an interface: nothing is missing then.
	summary.Interrupted = interrupt.cut() && !in.live
	if failed := outs.failed(); failed != nil {
		err = nil // every report has failed, and says so below
	} else if err == nil {
		err = unread(summary)
	}
	if err != nil && summary.Frames == summary.Skipped[packet.UnknownLink] {
		outs.discard()
		return exitFailed, err
	}
	failed := outs.close(summary)
	for _, s := range further {
		failed = errors.Join(failed, s.Close(summary))
	}
	for _, damage := range damages {
		explain(os.Stderr, damage)
	}
	if err == nil {
		err = failed
	} else if failed != nil {
		explain(os.Stderr, failed)
	}
	switch {
	case err != nil:
		return exitFailed, err
	case o.found():
		return exitFound, nil
	case len(summary.Damage) > 0:
		return exitDamaged, nil
	case summary.Interrupted && !in.stream: // what is read as it is captured ends so
		return exitInterrupted, nil
	}
	return exitAnalysed, nil
}

// found reports whether one of the conditions of --fail-on holds, and says which do.
func (o *options) found() bool {
	found := false
	for _, c := range o.fails {
		if s := c.Holds(); s != "" {
			found = true
			tell(os.Stderr, s)
		}
	}
	return found
}

// unread is the reason why nothing of the input could be analysed, where that is
// link layers that rstwhy does not read.
func unread(s *analyzer.Summary) error {
	if len(s.Damage) == 0 || s.Frames > s.Skipped[packet.UnknownLink] {
		return nil
	}
	for _, damage := range s.Damage {
		var link *capture.LinkTypeError
		if !errors.As(damage, &link) {
			return nil
		}
	}
	return errors.Join(s.Damage...)
}

// formats finds the format of each report: of standard output, then of each
// file.
func (o *options) formats() ([]report.Format, error) {
	f, ok := report.ByName(o.format)
	if !ok {
		return nil, badChoice("--format", o.format, report.Names()...)
	}
	formats := []report.Format{f}
	for i, path := range o.outputs {
		if isCapture(path) {
			f = o.annotated()
		} else if f, ok = report.ByFile(path); !ok {
			return nil, noFormat(path)
		}
		if slices.Contains(o.outputs[:i], path) {
			return nil, sameOutput(path)
		}
		formats = append(formats, f)
	}
	return formats, nil
}

func (o *options) open(in *input, args []string) (err error) {
	if in.live {
		if len(args) > 0 {
			o.filter = strings.Join(args, " ")
		}
		in.capture, err = capture.OpenLive(o.iface, capture.LiveConfig{
			Filter:      o.filter,
			Snaplen:     o.snaplen,
			Promiscuous: !o.noPromi,
			Count:       o.count,
			Buffer:      int(o.buffer),
			Gone:        tellGone,
			Record:      o.recorder,
		})
		if err != nil {
			return err
		}
		in.source = in.capture
		if o.lasts > 0 {
			time.AfterFunc(o.lasts, in.end)
		}
		tellListening(os.Stderr, o.iface, o.filter)
		return nil
	}
	config := capture.Config{Filter: o.filter, Libpcap: o.reader == "libpcap", Count: o.count}
	if slices.Contains(args, "-") {
		if isTerminal(os.Stdin) {
			return &usageError{errStdinTerminal}
		}
		if in.sums != nil {
			config.Stdin = in.sums.stdin
		}
	}
	files, err := capture.Open(args, config)
	if err != nil {
		return err
	}
	in.source, in.files, in.progress.files = files, files, files
	return nil
}

// isStream reports whether path is read as it is written: its end may be a
// long time away.
func isStream(path string) bool {
	info, err := os.Stat(path)
	if path == "-" {
		info, err = os.Stdin.Stat()
	}
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// source is what both kinds of capture have.
type source interface {
	analyzer.Source
	Names() []string
	Close() error
}

// input is the source of a run, which a signal may end.
type input struct {
	source
	capture  *capture.Live  // nil for files
	files    *capture.Files // nil for an interface
	live     bool
	stream   bool
	progress *progress
	sums     *digests         // nil when none are wanted
	masked   *masked          // nil without --anonymize
	kernel   *kernel.Listener // nil when it is not asked
	ended    atomic.Bool
}

// Read returns io.EOF once the input was ended, wherever it is.
func (in *input) Read(b *packet.Batch) error {
	if in.ended.Load() {
		b.Reset()
		return io.EOF
	}
	return in.source.Read(b)
}

// end makes the next Read, or one that waits, the last. Of an interface what has
// come until now is read before.
func (in *input) end() {
	if in.capture != nil {
		in.capture.Stop()
		return
	}
	in.ended.Store(true)
	if in.sums != nil {
		in.sums.giveUp()
	}
	in.Close()
}

// current reports whether what is read now is being captured now.
func (in *input) current() bool { return in.live || in.files.Live() }

func (in *input) counters() *analyzer.Counters {
	if in.capture == nil {
		return nil
	}
	s, err := in.capture.Stats()
	if err != nil {
		explain(os.Stderr, err)
		return nil
	}
	c := &analyzer.Counters{Received: s.Received, Dropped: s.Dropped, DroppedByInterface: s.IfDropped}
	if in.kernel != nil {
		sent, lost, _ := in.kernel.Heard() // of the error watch tells
		c.Kernel = &analyzer.KernelCounters{Sent: sent, Lost: lost}
	}
	return c
}
