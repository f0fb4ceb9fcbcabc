package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/annotate"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

const (
	// recordMax is the room for the latest packets of a live run, in octets.
	recordMax = 64 << 20
	// A folder has so many saved captures, of so many octets together, and no more; the
	// oldest make room.
	savedMost   = 100
	savedOctets = 256 << 20
	savedPrefix = "rstwhy-"
	// saveEvery is how often at most one is written for a new kind of incident, and
	// sameKind after how long a kind is new again.
	saveEvery = time.Second
	sameKind  = time.Hour
	kindsMost = 1024 // that are remembered
)

// saver is a flight recorder: a sink that writes the packets of each new kind of incident.
type saver struct {
	dir      string
	recorder *capture.Recorder
	options  annotate.Options

	kinds map[savedKind]time.Time // when it was saved last
	last  time.Time
	mu    sync.Mutex // one capture is written at a time
}

// savedKind is what incidents have in common of which one is saved.
type savedKind struct {
	rule   *classify.Rule
	server flows.Endpoint
	from   flows.Dir
}

// newSaver saves into a folder, which must be there, from what the recorder keeps. At
// SIGUSR2 it saves everything that is kept.
func newSaver(dir string, r *capture.Recorder, o annotate.Options) (*saver, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("--save %s: not a directory", dir)
	}
	s := &saver{dir: dir, recorder: r, options: o, kinds: map[savedKind]time.Time{}}
	s.options.Frames, s.options.Alone = r.Each, true
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR2)
	go func() {
		for range asked {
			if err := s.everything(); err != nil {
				explain(os.Stderr, err)
			}
		}
	}()
	return s, nil
}

// Incident saves the packets of the first of a kind.
func (s *saver) Incident(i *analyzer.Incident) error {
	k, now := savedKind{i.Verdict.Rule, i.Server(), i.Reset.Dir}, time.Now()
	if at, ok := s.kinds[k]; ok && now.Sub(at) < sameKind || now.Sub(s.last) < saveEvery {
		return nil
	}
	if len(s.kinds) >= kindsMost {
		clear(s.kinds)
	}
	s.kinds[k], s.last = now, now
	name := fmt.Sprintf("%s%s-%s.pcapng", savedPrefix, now.UTC().Format("20060102T150405.000"), i.Verdict.Rule.ID)
	err := s.write(name, func(w *bufio.Writer) error {
		c := annotate.New(w, s.options)
		if err := c.Incident(i); err != nil {
			return err
		}
		return c.Close(nil)
	})
	if err != nil {
		explain(os.Stderr, err) // the run goes on
	}
	return nil
}

// Note does nothing.
func (s *saver) Note(*flows.Note) error { return nil }

// Close does nothing.
func (s *saver) Close(*analyzer.Summary) error { return nil }

// everything saves all packets that are kept.
func (s *saver) everything() error {
	name := savedPrefix + time.Now().UTC().Format("20060102T150405.000") + "-all.pcapng"
	err := s.write(name, func(w *bufio.Writer) error {
		return annotate.Everything(w, s.options)
	})
	if err == nil {
		tell(os.Stderr, "saved "+filepath.Join(s.dir, name))
	}
	return err
}

// write makes a file of that name, whole or not at all, and room for it.
func (s *saver) write(name string, with func(*bufio.Writer) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := filepath.Join(s.dir, name)
	outs := &outputs{}
	o := &output{path: path}
	if err := o.create(); err != nil {
		return outputError(path, err)
	}
	outs.add(o)
	err := with(o.buf)
	if err == nil {
		err = o.buf.Flush()
	}
	if o.err = err; err != nil {
		return errors.Join(outputError(path, err), o.commit())
	}
	if err := o.commit(); err != nil {
		return outputError(path, err)
	}
	return s.makeRoom()
}

// makeRoom removes the oldest captures that were saved, of this run or of earlier ones.
func (s *saver) makeRoom() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var infos []os.FileInfo
	octets := int64(0)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), savedPrefix) || !isCapture(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil {
			infos = append(infos, info)
			octets += info.Size()
		}
	}
	// Their names begin with their times.
	slices.SortFunc(infos, func(a, b os.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	for n := len(infos); n > 1 && (n > savedMost || octets > savedOctets); n-- {
		if err := os.Remove(filepath.Join(s.dir, infos[0].Name())); err != nil {
			return err
		}
		octets -= infos[0].Size()
		infos = infos[1:]
	}
	return nil
}
