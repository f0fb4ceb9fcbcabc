package classify

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// ArgKind says how an Arg is written.
type ArgKind uint8

// The kinds of Arg.
const (
	ArgNumber   ArgKind = iota // a plain number
	ArgFrame                   // a packet.Where
	ArgDuration                // nanoseconds
	ArgBytes                   // a count of octets
	ArgEnd                     // a flows.Dir: that end's address and port
	ArgFlags                   // packet.Flags
)

// Arg is one value in a line of evidence.
type Arg struct {
	Kind ArgKind
	N    int64
}

// Evidence is one observation. It keeps a format and integers, and becomes text
// only when it is printed: most resets of a flood never are. Each {} in Format
// stands for the next of Args.
type Evidence struct {
	Format string
	Args   [4]Arg
}

// Namer writes what evidence refers to in the words of one report.
type Namer interface {
	Frame(packet.Where) string // "frame 7", or "frame 7 of b.pcap"
	End(flows.Dir) string      // "192.0.2.1:40000"
}

// Text writes e.
func (e *Evidence) Text(n Namer) string {
	var b strings.Builder
	rest := e.Format
	for i := 0; ; i++ {
		before, after, ok := strings.Cut(rest, "{}")
		b.WriteString(before)
		if !ok || i >= len(e.Args) {
			return b.String()
		}
		b.WriteString(e.Args[i].text(n))
		rest = after
	}
}

func (a Arg) text(n Namer) string {
	switch a.Kind {
	case ArgFrame:
		return n.Frame(packet.Where(a.N))
	case ArgDuration:
		return Duration(a.N)
	case ArgBytes:
		if a.N == 1 {
			return "1 byte"
		}
		return strconv.FormatInt(a.N, 10) + " bytes"
	case ArgEnd:
		return n.End(flows.Dir(a.N))
	case ArgFlags:
		return packet.Flags(a.N).String()
	}
	return strconv.FormatInt(a.N, 10)
}

// Frames lists the frames that e names.
func (e *Evidence) Frames() []packet.Where {
	var out []packet.Where
	for _, a := range e.Args {
		if a.Kind == ArgFrame && a.N != 0 {
			out = append(out, packet.Where(a.N))
		}
	}
	return out
}

// Duration writes nanoseconds for people: microsecond resolution below a
// second, and no more digits than tell something above it.
func Duration(ns int64) string {
	if ns < 0 {
		return "-" + Duration(-ns)
	}
	d := time.Duration(ns)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.3f ms", float64(ns)/1e6)
	case d < 2*time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

func frame(w packet.Where) Arg { return Arg{ArgFrame, int64(w)} }
func dur(ns int64) Arg         { return Arg{ArgDuration, ns} }
func octets(n uint64) Arg      { return Arg{ArgBytes, int64(n)} }
func number(n int) Arg         { return Arg{ArgNumber, int64(n)} }
func end(d flows.Dir) Arg      { return Arg{ArgEnd, int64(d)} }
func flags(f packet.Flags) Arg { return Arg{ArgFlags, int64(f)} }

// evidenceMax is how many lines of evidence a verdict holds.
const evidenceMax = 8

// Findings collects the evidence of one rule. The zero value is empty.
type Findings struct {
	list [evidenceMax]Evidence
	n    int
}

// Add appends a line; lines beyond the eighth are dropped.
func (f *Findings) Add(format string, args ...Arg) {
	if f.n == evidenceMax {
		return
	}
	e := &f.list[f.n]
	e.Format = format
	e.Args = [4]Arg{}
	copy(e.Args[:], args)
	f.n++
}

// All returns the lines.
func (f *Findings) All() []Evidence { return f.list[:f.n] }
