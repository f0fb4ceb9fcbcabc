// Command rstwhy says for every TCP reset in a capture, or on an interface, why
// it was sent.
//
// main.go has the flags and the run; words.go every word that goes to the
// terminal outside of the reports; output.go where reports go; interrupt.go the
// signals; complete.go what a shell completes.
package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/anonymize"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/report"
)

// Exit codes.
const (
	exitAnalysed    = 0
	exitFailed      = 1
	exitUsage       = 2
	exitFound       = 3 // what --fail-on names was found
	exitDamaged     = 4 // the input was damaged or cut short; what could be read was analysed
	exitInterrupted = 5 // a signal ended the run before the end of the input
)

func main() { os.Exit(run(os.Args[1:])) }

// run is main without the exit.
func run(args []string) int {
	code := exitAnalysed
	var o options
	cmd := o.command(func(args []string) (err error) {
		code, err = o.run(args)
		return err
	})
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		if own := exitCode(0); errors.As(err, &own) {
			return int(own)
		}
		explain(os.Stderr, err)
		var usage *usageError
		var filter *capture.FilterError
		if errors.As(err, &usage) || errors.As(err, &filter) {
			return exitUsage
		}
		return exitFailed
	}
	return code
}

// options are the flags.
type options struct {
	ifaces []string
	iface  string // the one of ifaces
	buffer bufferSize
	lasts  time.Duration // of a live run; 0 for no end
	user   string        // that a live run becomes
	save   string        // the folder of a flight recorder
	// recorder keeps the latest packets of a live run that writes some; nil otherwise.
	recorder *capture.Recorder
	listen   []string // the address to serve on, twice for one that others reach
	// webConfig is the configuration file of Prometheus exporters.
	webConfig string
	list      bool
	filter    string
	format    string
	outputs   []string
	writes    []string
	bundle    string
	context   float64
	verbose   bool
	reader    string
	kernel    string
	color     string
	count     uint64
	snaplen   int
	reads     []string
	noPager   bool
	each      bool
	tz        string
	zone      *time.Location // nil for UTC
	hosts     string
	// anonymize is the file of the key, or randomKey; "" leaves all as it is.
	anonymize string
	names     report.HostNames
	mask      *anonymize.Mask // nil without --anonymize
	paths     func() []string // the files that are read, once they are open
	selects   report.Selection
	fails     []*report.Condition
	noPromi   bool
	memory    memorySize
	choose    selection
}

// What some flags may be.
var (
	colors  = []string{"auto", "always", "never"}
	readers = []string{"direct", "libpcap"}
)

// usageError is a mistake in the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func (o *options) command(run func([]string) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:           useLine,
		Short:         "say of each TCP reset why it was sent",
		Long:          about,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,

		ValidArgsFunction: completeFile,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		args = append(o.reads, args...)
		if len(o.ifaces) > 0 {
			o.iface = o.ifaces[0]
		}
		o.outputs = append(o.outputs, o.writes...)
		if err := o.check(cmd, args); err != nil {
			return &usageError{err}
		}
		return run(args)
	}
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetHelpTemplate(helpTemplate)
	cmd.SetVersionTemplate(versionTemplate)
	cmd.SetHelpCommand(helpCommand())
	cmd.AddCommand(causesCommand(), explainCommand(), diffCommand(), cutCommand(), mcpCommand(), schemaCommand(), versionCommand())
	for _, c := range cmd.Commands() {
		c.DisableFlagsInUseLine = true
	}

	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&o.ifaces, "interface", "i", nil, useInterface)
	f.BoolVarP(&o.list, "list-interfaces", "D", false, useList)
	f.StringVarP(&o.filter, "filter", "f", "", useFilter)
	f.StringArrayVarP(&o.reads, "read", "r", nil, useRead)
	f.Uint64VarP(&o.count, "count", "c", 0, useCount)
	f.IntVarP(&o.snaplen, "snapshot-length", "s", 0, useSnaplen)
	o.buffer = capture.DefaultBuffer
	f.VarP(&o.buffer, "buffer-size", "B", useBuffer)
	f.DurationVar(&o.lasts, "duration", 0, useDuration)
	f.StringVarP(&o.user, "relinquish-privileges", "Z", "", useUser)
	f.StringVar(&o.save, "save", "", useSave)
	f.StringArrayVar(&o.listen, "web.listen-address", nil, useListen)
	f.StringVar(&o.webConfig, "web.config.file", "", useWebConfig)
	f.BoolVarP(&o.noPromi, "no-promiscuous-mode", "p", false, useNoPromiscuous)
	f.StringVar(&o.kernel, "kernel", kernelAuto, useKernel)
	f.StringVar(&o.format, "format", "text", useFormat())
	f.StringArrayVarP(&o.outputs, "output", "o", nil, useOutput())
	f.StringArrayVarP(&o.writes, "write", "w", nil, useWrite)
	f.StringVar(&o.bundle, "bundle", "", useBundle)
	f.Float64Var(&o.context, "context", 0, useContext)
	f.BoolVarP(&o.verbose, "verbose", "v", false, useVerbose)
	f.StringVar(&o.color, "color", "auto", useColor)
	f.BoolVar(&o.noPager, "no-pager", false, useNoPager)
	f.BoolVar(&o.each, "each", false, useEach)
	f.StringVar(&o.tz, "tz", "utc", useZone)
	f.StringVar(&o.hosts, "hosts", "", useHosts)
	maskFlag(cmd, &o.anonymize)
	f.StringVar(&o.reader, "reader", "direct", useReader)
	o.choose.flags(cmd)
	o.memory = flows.DefaultMemory
	f.Var(&o.memory, "max-memory", useMaxMemory)
	f.CountP("numeric", "n", useNumeric)
	if err := f.MarkHidden("numeric"); err != nil {
		panic(err) // no such flag
	}
	f.Bool("version", false, useVersion)
	f.BoolP("help", "h", false, useHelp)
	completeFlag(cmd, "interface", completeInterface)
	fixedChoice(cmd, "format", report.Names())
	fixedChoice(cmd, "color", colors)
	fixedChoice(cmd, "kernel", kernels)
	fixedChoice(cmd, "tz", []string{"utc", "local"})
	fixedChoice(cmd, "reader", readers)
	return cmd
}

// check refuses flags that would have no effect or contradict each other.
func (o *options) check(cmd *cobra.Command, args []string) error {
	given := cmd.Flags().Changed
	switch {
	case o.list && len(args) > 0:
		return errListAlone
	case o.list:
		return nil
	case !slices.Contains(colors, o.color):
		return badChoice("--color", o.color, colors...)
	case !slices.Contains(kernels, o.kernel):
		return badChoice("--kernel", o.kernel, kernels...)
	case !slices.Contains(readers, o.reader):
		return badChoice("--reader", o.reader, readers...)
	case given("count") && o.count == 0:
		return errNoCount
	}
	zone, err := zoneOf(o.tz)
	if err != nil {
		return err
	}
	o.zone, o.choose.zone = zone, zone
	switch {
	case given("anonymize") && o.hosts != "":
		return errMaskHosts
	case given("anonymize") && o.each:
		return errMaskEach
	case given("anonymize") && o.kernel == kernelRequire:
		return errKernelMask
	}
	for _, path := range o.writes {
		if !isCapture(path) {
			return notCapture(path)
		}
	}
	if err := o.choice(given); err != nil {
		return err
	}
	if err := o.checkServe(); err != nil {
		return err
	}
	if given("interface") {
		switch {
		case len(o.ifaces) > 1:
			return errInterfaces
		case given("duration") && o.lasts <= 0:
			return errLasts
		case given("reader"):
			return errReaderLive
		case given("read"):
			return errReadLive
		case o.each:
			return errEachLive
		case existing(args) != "":
			return fileAndInterface(existing(args))
		case given("filter") && len(args) > 0:
			return errTwoFilters
		case o.snaplen < 0:
			return errSnaplen
		}
		return nil
	}
	switch {
	case given("snapshot-length"):
		return onlyLive("-s")
	case given("no-promiscuous-mode"):
		return onlyLive("-p")
	case given("buffer-size"):
		return onlyLive("-B")
	case given("duration"):
		return onlyLive("--duration")
	case given("relinquish-privileges"):
		return onlyLive("-Z")
	case given("save"):
		return onlyLive("--save")
	case len(o.listen) > 0:
		return onlyLive("--web.listen-address")
	case given("kernel"):
		return errKernelFiles
	case len(args) == 0:
		return errNothing
	case o.captures() && slices.ContainsFunc(args, isStream):
		return errWriteStream
	case o.each && o.bundle != "":
		return errEachBundle
	case given("context") && !o.captures() && o.bundle == "":
		return errContextAlone
	case o.context < 0:
		return errContext
	case o.each && (len(o.outputs) > 0 || o.format != "text" && o.format != "ndjson"):
		return errEachFormat
	}
	return nil
}

// choice reads the flags that choose among what was found.
func (o *options) choice(given func(string) bool) (err error) {
	if o.selects, err = o.choose.read(given); err != nil {
		return err
	}
	if o.fails, err = o.choose.conditions(); err != nil {
		return err
	}
	switch {
	case o.choose.summary && o.verbose:
		return errSummaryFull
	case o.choose.top > 0 && o.verbose && o.format == "text":
		return errTopVerbose
	}
	formats, err := o.formats()
	if err != nil {
		return err
	}
	for _, f := range formats {
		rows := f.Name == "csv" || f.Name == "zeek"
		switch {
		case o.choose.summary && rows:
			return errSummaryRows
		case o.choose.top > 0 && (rows || f.Name == "ndjson" || f.Name == "json" && !o.choose.summary):
			return errTopStream
		}
	}
	return nil
}

// run does what the checked flags say. An error has not been printed.
func (o *options) run(args []string) (int, error) {
	if o.list {
		var list bytes.Buffer
		if err := listInterfaces(&list); err != nil {
			return exitFailed, err
		}
		if _, err := io.Copy(os.Stdout, &list); err != nil {
			return exitFailed, stdoutError(err)
		}
		return exitAnalysed, nil
	}
	return o.analyse(args)
}
