// Package report writes what analyzer found: one analyzer.Sink a format, one
// file each. Everything that came from the wire is escaped for the format it
// goes into.
//
// words.go puts a finding into words, collect.go groups findings in bounded
// memory, ladder.go draws the packets around a reset; the formats share them.
package report

import (
	"io"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
)

// Options of a report. The zero value works.
type Options struct {
	Width int  // columns of the terminal; 0 means 80, and less than 64 means 64
	Color bool // ANSI colours
	// Verbose makes the text report show every incident in full as it settles,
	// before the summary, and a ticket also what is harmless.
	Verbose bool
	// Summary leaves the incidents out of the formats that have them beside totals.
	Summary bool
	// Top is how many causes are shown, those that matter most; 0 means all. Formats
	// that are written before all is known show all.
	Top int
	// Live makes the text report say each incident in a few lines as it settles,
	// at a rate that a person can follow, and the rest at the end: as long as it
	// returns true. Nil means never.
	Live    func() bool
	Version string
	Command []string // the command line, for the record
	Started time.Time
	// Zone is of the times in text and md; nil means UTC. The other formats write UTC
	// always.
	Zone *time.Location
	// Names are of the addresses that have one.
	Names HostNames
	// Digests returns the SHA-256 of each file of the summary in hex, "" where
	// there is none (an interface, a stream). Nil means that none is wanted. It
	// is called when the report is closed.
	Digests func() []string
	// Files returns the names of the input files by packet.Header.File. Nil
	// means one input, whose name frames need not carry.
	Files func() []string
}

func (o *Options) live() bool { return o.Live != nil && o.Live() }

// Format is one way to write a report.
type Format struct {
	Name string // for --format
	Ext  string // of a file name, with the dot
	New  func(w io.Writer, o Options) analyzer.Sink
}

// formats is the table of what can be written.
var formats = []Format{
	{"text", ".txt", newText},
	{"json", ".json", newJSON},
	{"ndjson", ".ndjson", newNDJSON},
	{"md", ".md", newMarkdown},
	{"html", ".html", newHTML},
	{"csv", ".csv", newCSV},
	{"zeek", ".log", newZeek},
}

// ByName returns the format of that name.
func ByName(name string) (Format, bool) {
	for _, f := range formats {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// ByFile returns the format that a file's extension stands for: its own, or its name.
func ByFile(path string) (Format, bool) {
	path = strings.ToLower(path)
	for _, f := range formats {
		if strings.HasSuffix(path, f.Ext) || strings.HasSuffix(path, "."+f.Name) {
			return f, true
		}
	}
	return Format{}, false
}

// Names lists the formats, for usage messages.
func Names() []string {
	var out []string
	for _, f := range formats {
		out = append(out, f.Name)
	}
	return out
}
