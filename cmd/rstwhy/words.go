package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/report"
)

// The help, apart from the table of flags.
const (
	useLine = `rstwhy [flags] FILE...
  rstwhy [flags] -i INTERFACE [FILTER]
  rstwhy causes
  rstwhy explain CAUSE
  rstwhy diff BEFORE AFTER
  rstwhy cut --frame N -o CUT.pcapng FILE...
  rstwhy mcp FOLDER...
  rstwhy schema`

	about = `rstwhy reads packet captures, or an interface, and says for every TCP reset why
it was sent.

FILE is a pcap or pcapng capture, plain or compressed with gzip or zstd; - is
standard input, and a directory stands for the captures in it. Several files are
read as one capture, in the order of their first packets.

causes lists the causes that it knows; explain says what one is, how it looks,
how to make sure and how to fix it. diff compares two captures. cut writes the
packets that one verdict needs. schema prints the JSON Schema of the output. mcp
answers assistants.
completion writes a script by which a shell completes their names.`

	aboutCauses = `causes lists the causes that rstwhy knows, by family. With --format json it
writes everything that is known of each.`

	aboutCut = `cut writes, as pcapng, the fewest packets of which rstwhy still says the same of one
reset: what to attach to "your verdict is wrong". Look at what is in them before
you give them away: without --anonymize addresses and payload are as they were.`

	aboutDiff = `diff compares two captures, such as one from before a change and one from after
it. Incidents are held against the connections in each capture, as a busier hour
has more of everything, and it is said which differences can be chance.`

	aboutMCP = `mcp answers assistants on standard input and output, over the Model Context Protocol:
what is in a capture, which resets there are, what a cause is, what the packets of a
reset were. It writes nothing, and reads only files below the folders that are given.`

	aboutSchema = `schema prints the JSON Schema (2020-12) of what --format json and --format ndjson
write.`

	aboutExplain = `explain says what a cause is, how it looks on the wire, how to make sure on the
host, how to fix it, and what it is confused with.`

	examples = `Examples:
  rstwhy web.pcap
  rstwhy -f 'host 192.0.2.7 and port 443' -o ticket.md web-*.pcap.gz
  ssh web1 tcpdump -U -w - tcp | rstwhy -
  rstwhy -i eth0 tcp port 443
  rstwhy explain keep-alive-race`

	exitCodes = `Exit codes:
  0  analysed
  1  failed
  2  wrong usage
  3  what --fail-on names was found
  4  the input was damaged or cut short, or one of several files has a link
     type that is not read; what could be read was analysed
  5  a signal ended it before the end of a file; what was read until then was
     analysed`

	helpTemplate = `{{.Long | trimTrailingWhitespaces}}

Usage:
  {{if .HasParent}}{{.CommandPath}}{{slice .Use (len .Name)}}{{else}}{{.Use}}{{end}}
{{if and .HasParent .HasAvailableSubCommands}}
Commands:{{range .Commands}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}
{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}
{{end}}{{if not .HasParent}}
` + examples + "\n\n" + exitCodes + "\n{{end}}"

	versionTemplate = "rstwhy {{.Version}}\n"
)

// What the flags do. The word in backquotes is the value.
const (
	useInterface     = "capture on the `INTERFACE`, until Ctrl-C; the words that follow are a filter"
	useList          = "list the interfaces"
	useFilter        = "look only at packets that match the `FILTER`, in the syntax of tcpdump"
	useCount         = "stop after `N` packets"
	useSnaplen       = "with -i: keep `N` bytes of each packet; by default, what rstwhy needs"
	useNoPromiscuous = "with -i: do not put the interface into promiscuous mode"
	useKernel        = "with -i: ask the kernel of this host why it sent a reset, `WHETHER` that is possible: auto, require (else it is an error) or off"
	useBuffer        = "with -i: let packets that are not read yet take `SIZE` of the kernel's memory, 64K or more"
	useDuration      = "with -i: stop after `TIME`, such as 90s, 10m or 12h"
	useUser          = "with -i: once the interface is open, go on as `USER`, without root's rights; by default, when run as root, as the owner of the folder that -o writes to, or nobody"
	useSave          = "with -i: keep the latest packets in memory, and write those of each new kind of incident into the `FOLDER`, and all of them at SIGUSR2"
	useListen        = "with -i: serve a page of what is found, and /metrics for Prometheus, on `ADDRESS:PORT` of this host"
	useWebConfig     = "TLS and passwords for --web.listen-address, from a `FILE` in the form of the Prometheus exporters"
	useVerbose       = "show every reset, not only the first of each group"
	useColor         = "colour the report `WHEN`: auto, always or never"
	useMaxMemory     = "let open connections take `SIZE` of memory, 16M or more; beyond it the idlest are forgotten"
	useCause         = "show only resets of this `CAUSE`; may be repeated, or a list with commas, as the next three"
	useFamily        = "show only resets of causes of this `FAMILY`"
	useHost          = "show only connections with this `HOST` at either end: an address, or a network such as 192.0.2.0/24"
	usePort          = "show only connections with this `PORT` at either end: a number, or a range such as 8000-8099"
	useSince         = "show only resets at this `TIME` or later: 2026-11-22T09:27:26Z, '2026-11-22 09:27'"
	useUntil         = "show only resets at this `TIME` or earlier"
	useMinConfidence = "show only verdicts that are at least so `SURE`: possible, likely or certain"
	useHarmful       = "show only resets that cost data, or a connection that somebody wanted"
	useSummary       = "totals alone: no incidents"
	useTop           = "show the first `N` causes, by what was lost to them"
	useFailOn        = "end with exit code 3 if this `CONDITION` holds: any, harm, likely, certain, a cause or a family, each also with >N for more than N incidents; with commas, one of them"
	useRead          = "read the `FILE`, as if it stood at the end; may be repeated"
	useNumeric       = "addresses are never looked up: this is for hands that type it"
	useNoPager       = "write to a terminal without $PAGER (less -FRX)"
	useWrite         = "write the packets of the explained connections, of an interface those of the last 64 MiB, to the `FILE`, whose name ends in .pcapng, with comments that Wireshark shows; the same as -o"
	useBundle        = "write everything for one ticket into the new directory or .zip file `BUNDLE`: report as Markdown, page and JSON, packets, schema, sums"
	useContext       = "with -w: write also what the same hosts sent and got in so many `SECONDS` before and after each reset"
	useDiffFailOn    = "end with exit code 3 if a cause grew or appeared, and not by chance: grew"
	useIncident      = "the `INCIDENT`: its number in JSON, or the first 8 letters of its ID or more"
	useFrame         = "the incident that has a RST in frame `N`"
	useCutOutput     = "write to `FILE`, whose name ends in .pcapng"
	useEach          = "read each file by itself, and list at the end what was in which"
	useZone          = "write times in the time zone `ZONE`: utc, local, or a name such as Europe/Berlin; it is also that of --since and --until. JSON, csv and zeek are always UTC"
	useHosts         = "write addresses with their names from the `FILE`, in the form of /etc/hosts"
	useAnonymize     = "write other addresses, of which those of a network still are of one, and no names, payload or MAC addresses; with =`KEYFILE` the same ones in every run, a key that is not there being made"
	useReader        = "read files through `READER`: direct, or libpcap, which is slower"
	useVersion       = "print the version"
	useHelp          = "print this help"
)

func useFormat() string {
	return "write to standard output as `FORMAT`: " + choices(report.Names())
}

func useDocFormat() string {
	return "write as `FORMAT`: " + choices(report.DocFormats)
}

func useDiffFormat() string {
	return "write as `FORMAT`: " + choices(report.DiffFormats)
}

func useOutput() string {
	return "also write a report to `FILE`, in the format of its extension; may be repeated"
}

// Mistakes in the command line.
var (
	errNothing       = errors.New("which capture? name a file, - for standard input, or an interface with -i")
	errListAlone     = errors.New("-D takes no arguments")
	errTwoFilters    = errors.New("give the filter once: with -f, or as the last words")
	errReaderLive    = errors.New("--reader is for files, an interface is always read through libpcap")
	errReadLive      = errors.New("-r is for files, -i for an interface: give one of them")
	errSnaplen       = errors.New("-s: the number of bytes cannot be negative")
	errNoCount       = errors.New("-c: the number of packets must be at least 1")
	errCausesAlone   = errors.New("causes takes no arguments; a file of that name is ./causes")
	errSchemaAlone   = errors.New("schema takes no arguments; a file of that name is ./schema")
	errOneCause      = errors.New("explain takes one cause; a file of that name is ./explain")
	errStdinTerminal = errors.New("standard input is a terminal: send a capture through a pipe")
)

// errNotRegular is why a report cannot be written to a device or a directory.
var errNotRegular = errors.New("not a regular file")

// unknownCause is a cause that there is not, and those that may be meant.
type unknownCause struct {
	name string
	near []string
}

func (e *unknownCause) Error() string { return fmt.Sprintf("no cause is called %q", e.name) }

func fileAndInterface(file string) error {
	return fmt.Errorf("%s is a file, and -i listens on an interface: give one of them", file)
}

func onlyLive(flag string) error { return fmt.Errorf("%s needs an interface: -i", flag) }

func badChoice(flag, value string, known ...string) error {
	return fmt.Errorf("%s: %q is not one of %s", flag, value, choices(known))
}

func noFormat(path string) error {
	known := []string{captureExt}
	for _, name := range report.Names() {
		if f, ok := report.ByName(name); ok {
			known = append(known, f.Ext)
		}
	}
	return fmt.Errorf("-o %s: the name must end in %s", path, choices(known))
}

func sameOutput(path string) error { return fmt.Errorf("-o %s: given twice", path) }

// replacesCapture is a report that would take the place of a capture that is read.
type replacesCapture struct{ path, capture string }

func (e *replacesCapture) Error() string {
	if e.path == e.capture {
		return fmt.Sprintf("-o %s: the report would replace the capture of that name", e.path)
	}
	return fmt.Sprintf("-o %s: the report would replace the capture, %s is the same file", e.path, e.capture)
}

func choices(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// outputError says which report could not be written. The standard library
// names the temporary file, which nobody asked for.
func outputError(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		err = l.Err
	}
	if path == "" {
		path = "standard output"
	}
	return fmt.Errorf("%s: %w", path, err)
}

func stdoutError(err error) error { return outputError("", err) }

// explain writes err in a line, and below it what to do about it, where there is
// something to say.
func explain(w io.Writer, err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range several.Unwrap() {
			explain(w, err)
		}
		return
	}
	fmt.Fprintf(w, "rstwhy: %s\n", printable(err.Error()))
	if h := hint(err); h != "" {
		fmt.Fprintf(w, "rstwhy: hint: %s\n", printable(h))
	}
}

// tell writes s in a line.
func tell(w io.Writer, s string) { fmt.Fprintf(w, "rstwhy: %s\n", printable(s)) }

func hint(err error) string {
	var (
		usage *usageError
		iface *capture.InterfaceError
		bad   *capture.FilterError
		cause *unknownCause
		word  *unknownWord
		flag  *unknownFlag
		taken *replacesCapture

		missing = missingFile(err)
	)
	switch {
	case errors.As(err, &taken):
		return "" // it says what is wrong, and no flag helps
	case errors.As(err, &cause) && len(cause.near) > 0:
		return "did you mean " + choices(cause.near) + "?"
	case errors.As(err, &flag):
		return flag.hint()
	case missing != "":
		return missing
	case errors.As(err, &word) && len(word.near) > 0:
		return "did you mean " + choices(word.near) + "?"
	case errors.As(err, &cause):
		return "rstwhy causes lists them"
	case errors.As(err, &bad):
		return filterMistake(bad)
	case errors.As(err, &usage):
		return "rstwhy --help lists the flags"
	case errors.As(err, &iface) && errors.Is(err, fs.ErrPermission):
		program, err := os.Executable()
		if err != nil {
			program = "rstwhy"
		}
		return "run it as root, or once as root: setcap cap_net_raw+ep " + program
	case errors.Is(err, capture.ErrNoInterface):
		return "rstwhy -D lists the interfaces"
	case errors.Is(err, capture.ErrEmpty):
		return "tcpdump writes in blocks: end it with Ctrl-C, or run it with -U"
	case errors.Is(err, capture.ErrGitLFS):
		return ""
	case errors.Is(err, capture.ErrNotCapture):
		return "rstwhy reads what tcpdump -w, dumpcap and Wireshark write: pcap or pcapng, also gzip or zstd"
	}
	return ""
}

// printable makes s safe for a terminal: names of files and the words of
// libraries may hold anything.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func tellListening(w io.Writer, name, filter string) {
	if filter != "" {
		filter = ", filter " + filter
	}
	fmt.Fprintf(w, "rstwhy: listening on %s%s; Ctrl-C ends\n", printable(name), printable(filter))
}

// tellCounts answers SIGUSR1.
func (in *input) tellCounts(w io.Writer) {
	in.progress.clear()
	line := "rstwhy: " + counts(in.progress.frames.Load(), in.progress.resets.Load())
	if c := in.counters(); c != nil {
		line += fmt.Sprintf("; received %s, dropped %s by the kernel, %s by the interface",
			classify.Grouped(c.Received), classify.Grouped(c.Dropped), classify.Grouped(c.DroppedByInterface))
	}
	fmt.Fprintln(w, line)
}

func counts(frames, resets uint64) string {
	return plural(frames, "packet") + ", " + plural(resets, "reset")
}

func plural(n uint64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return classify.Grouped(n) + " " + noun
}

// progressLine says how far the reading has come. total is 0 when nobody knows.
func progressLine(elapsed time.Duration, done, total int64, frames, resets uint64) string {
	if total <= 0 {
		return "rstwhy: " + counts(frames, resets)
	}
	done = min(done, total)
	line := fmt.Sprintf("rstwhy: %d %% of %s, %s", int64(float64(done)/float64(total)*100), size(total), counts(frames, resets))
	if done > 0 {
		left := time.Duration(float64(elapsed) * float64(total-done) / float64(done))
		line += ", " + remaining(left) + " left"
	}
	return line
}

func remaining(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", (d+time.Second-1)/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", (d+time.Minute-1)/time.Minute)
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

func size(n int64) string {
	units := []string{"kB", "MB", "GB", "TB"}
	f, unit := float64(n)/1000, 0
	for f >= 1000 && unit < len(units)-1 {
		f, unit = f/1000, unit+1
	}
	return fmt.Sprintf("%.1f %s", f, units[unit])
}

func listInterfaces(w io.Writer) error {
	list, err := capture.Interfaces()
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("there is no interface to capture on")
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, in := range list {
		state := "down"
		if in.Up {
			state = "up"
		}
		if in.Loopback {
			state += ", loopback"
		}
		words := []string{state}
		for _, a := range in.Addresses {
			words = append(words, a.String())
		}
		if in.Description != "" {
			words = append(words, in.Description)
		}
		fmt.Fprintf(tab, "%s\t%s\n", printable(in.Name), printable(strings.Join(words, ", ")))
	}
	return tab.Flush()
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "of unknown version"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "development version"
	}
	return v
}
