package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/internal/synth"
)

// benchCommand is "rstlab bench": rstwhy beside the programs that people use
// today, on generated captures, in turn.
func benchCommand() *cobra.Command {
	var (
		dir, out, program string
		runs, slowRuns    int
		scale             float64
		slow              bool
	)
	cmd := &cobra.Command{
		Use:   "bench [web|small|scan|wide|pcapng|gz|zst|growth]...",
		Short: "measure rstwhy beside tcpdump, tcptrace and tshark",
		Long: `Writes generated captures into a directory and runs rstwhy and what people use
today over them, in turn, several times each. It prints CPU seconds (user and
system), wall clock seconds, packets a second and peak memory, as medians, and
the ratios of the medians. Programs that are not installed are left out.

growth is web again, of one, two, four and eight times its size.`,
		ValidArgs: benchNames(),
		Args:      cobra.OnlyValidArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = benchNames()
			}
			if runs < 1 || scale <= 0 {
				return fmt.Errorf("--runs and --scale must be above 0")
			}
			b := &bench{dir: dir, kept: dir != "", program: program, runs: runs, slowRuns: slowRuns, scale: scale, slow: slow, progress: cmd.ErrOrStderr()}
			if b.dir == "" {
				tmp, err := os.MkdirTemp("", "rstwhy-bench-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(tmp)
				b.dir = tmp
			}
			text, err := b.run(args)
			if err != nil {
				return err
			}
			if out == "-" {
				_, err = io.WriteString(cmd.OutOrStdout(), text)
				return err
			}
			return os.WriteFile(out, []byte(text), 0o644)
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "`directory` for the captures, kept afterwards; a temporary one otherwise")
	f.StringVarP(&out, "out", "o", "-", "Markdown `file` to write, - for standard output")
	f.StringVar(&program, "rstwhy", "bin/rstwhy", "the `program` to measure")
	f.IntVar(&runs, "runs", 5, "`number` of runs of each program")
	f.IntVar(&slowRuns, "slow-runs", 1, "`number` of runs of tshark and tcptrace")
	f.Float64Var(&scale, "scale", 1, "`factor` on the size of every capture")
	f.BoolVar(&slow, "slow", true, "also run tshark and tcptrace")
	return cmd
}

// input is one capture to measure on.
type input struct {
	name    string
	profile string
	pcapng  bool
	pack    string   // gz or zst
	slow    bool     // tshark and tcptrace too
	filter  bool     // tcpdump's filter
	unpack  []string // what only decompresses
}

var inputs = []input{
	{name: "web", profile: "web", filter: true, slow: true},
	{name: "small", profile: "small", filter: true},
	{name: "scan", profile: "scan", filter: true},
	{name: "wide", profile: "wide", filter: true},
	{name: "pcapng", profile: "web", pcapng: true, filter: true},
	{name: "gz", profile: "web", pack: "gz", unpack: []string{"zcat"}},
	{name: "zst", profile: "web", pack: "zst", unpack: []string{"zstdcat"}},
}

func benchNames() []string {
	var names []string
	for _, i := range inputs {
		names = append(names, i.name)
	}
	return append(names, growthName)
}

// growthName is the measurement of one capture at several sizes.
const growthName = "growth"

var growthFactors = []float64{1, 2, 4, 8}

type bench struct {
	dir, program   string
	kept           bool // the captures are to stay
	runs, slowRuns int
	scale          float64
	slow           bool
	progress       io.Writer
}

// peer is one program in a comparison.
type peer struct {
	name string
	args []string
	runs int
	env  []string // beside what there is
}

// cost is what one run took.
type cost struct {
	cpu, wall float64 // seconds
	rss       int64   // octets, at the peak
}

func (b *bench) run(names []string) (string, error) {
	if _, err := exec.LookPath(b.program); err != nil {
		return "", fmt.Errorf("%s: build it first: make build", b.program)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s; medians, CPU is user and system\n", machine())
	for _, in := range inputs {
		if !slices.Contains(names, in.name) {
			continue
		}
		path, packets, err := b.prepare(in, b.scale)
		if err != nil {
			return "", err
		}
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		peers := b.peers(in, path)
		costs, err := b.measure(in.name, peers)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "\n### %s: %d packets, %d MB\n\n", in.name, packets, info.Size()/1e6)
		table(&text, peers, costs, packets)
	}
	if slices.Contains(names, growthName) {
		if err := b.growth(&text); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// measure runs the peers in turn, every second time the other way round: memory
// that the program before has just given back is cheaper to get.
func (b *bench) measure(name string, peers []peer) ([][]cost, error) {
	costs := make([][]cost, len(peers))
	for run := -1; run < b.runs; run++ { // the first one warms the page cache
		for i := range peers {
			if run%2 != 0 {
				i = len(peers) - 1 - i
			}
			p := peers[i]
			if run >= p.runs || run < 0 && i > 0 {
				continue
			}
			fmt.Fprintf(b.progress, "%s: %s, run %d of %d\n", name, p.name, run+1, p.runs)
			c, err := measure(p)
			if err != nil {
				return nil, err
			}
			if run >= 0 {
				costs[i] = append(costs[i], c)
			}
		}
	}
	return costs, nil
}

// growth measures rstwhy on one kind of traffic at several sizes: twice the
// file is to take twice the time, and the same memory.
func (b *bench) growth(w io.Writer) error {
	web := inputs[0]
	fmt.Fprintf(w, "\n### %s: %s, longer and longer\n\n", growthName, web.name)
	fmt.Fprintln(w, "| size | packets | CPU s | wall s | peak memory | CPU a packet / that of the first |")
	fmt.Fprintln(w, "|--:|--:|--:|--:|--:|--:|")
	var first float64
	for _, factor := range growthFactors {
		path, packets, err := b.prepare(web, b.scale*factor)
		if err != nil {
			return err
		}
		costs, err := b.measure(growthName, []peer{{name: fmt.Sprintf("rstwhy on %g times the file", factor), args: b.self(path), runs: b.runs}})
		if err != nil {
			return err
		}
		c := median(costs[0])
		each := c.cpu / float64(packets)
		if first == 0 {
			first = each
		}
		fmt.Fprintf(w, "| %g x | %d | %.2f | %.2f | %d MB | %.3g |\n", factor, packets, c.cpu, c.wall, c.rss/1e6, each/first)
		if !b.kept {
			os.Remove(path)
		}
	}
	return nil
}

func (b *bench) self(path string) []string { return []string{b.program, "--format", "text", path} }

func table(w io.Writer, peers []peer, costs [][]cost, packets int64) {
	fmt.Fprintln(w, "| program | CPU s | wall s | packets/s | peak memory | CPU of rstwhy / its | wall of rstwhy / its |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|--:|--:|")
	own := median(costs[0])
	for i, p := range peers {
		c := median(costs[i])
		ratios := "| |"
		if i > 0 {
			ratios = fmt.Sprintf("%.3g | %.3g |", own.cpu/c.cpu, own.wall/c.wall)
		}
		fmt.Fprintf(w, "| %s | %.2f | %.2f | %.3g M | %d MB | %s\n", p.name, c.cpu, c.wall, float64(packets)/c.wall/1e6, c.rss/1e6, ratios)
	}
}

func median(costs []cost) cost {
	middle := func(of func(cost) float64) float64 {
		v := make([]float64, len(costs))
		for i, c := range costs {
			v[i] = of(c)
		}
		slices.Sort(v)
		return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	}
	return cost{
		cpu:  middle(func(c cost) float64 { return c.cpu }),
		wall: middle(func(c cost) float64 { return c.wall }),
		rss:  int64(middle(func(c cost) float64 { return float64(c.rss) })),
	}
}

// prepare returns the path of a capture, written now if it is not there yet,
// and how many packets it has.
func (b *bench) prepare(in input, scale float64) (string, int64, error) {
	p, _ := synth.ProfileNamed(in.profile)
	p.Seed, p.PcapNG = 1, in.pcapng
	scaled := func(n int64) int64 { return int64(float64(n) * scale) }
	p.Size, p.Packets, p.Connections = scaled(p.Size), scaled(p.Packets), scaled(p.Connections)
	ext := ".pcap"
	if in.pcapng {
		ext = ".pcapng"
	}
	if in.pack != "" {
		ext += "." + in.pack
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return "", 0, err
	}
	path := filepath.Join(b.dir, fmt.Sprintf("%s-%g%s", in.profile, scale, ext))
	if _, err := os.Stat(path); err == nil {
		sum, err := synth.Generate(io.Discard, p)
		return path, sum.Packets, err
	}
	fmt.Fprintf(b.progress, "writing %s\n", path)
	f, err := os.Create(path)
	if err != nil {
		return "", 0, err
	}
	var w io.WriteCloser = f
	switch in.pack {
	case "gz":
		w, err = gzip.NewWriterLevel(f, gzip.BestSpeed)
	case "zst":
		w, err = zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest))
	}
	if err != nil {
		return "", 0, err
	}
	sum, err := synth.Generate(w, p)
	if in.pack != "" {
		err = errors.Join(err, w.Close())
	}
	return path, sum.Packets, errors.Join(err, f.Close())
}

func (b *bench) peers(in input, path string) []peer {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	all := []peer{
		{name: "rstwhy", args: b.self(path), runs: b.runs},
		{name: "rstwhy on one core", args: b.self(path), runs: b.runs, env: []string{"GOMAXPROCS=1"}},
	}
	if in.filter {
		all = append(all, peer{name: "tcpdump, RST filter", args: []string{"tcpdump", "-r", path, "tcp[tcpflags] & tcp-rst != 0", "-w", "/dev/null"}, runs: b.runs})
	}
	if in.unpack != nil {
		all = append(all, peer{name: in.unpack[0], args: append(slices.Clone(in.unpack), path), runs: b.runs})
	}
	all = append(all,
		peer{name: "plain read in Go", args: []string{self, "read", path}, runs: b.runs},
		peer{name: "cat", args: []string{"cat", path}, runs: b.runs})
	if in.slow && b.slow {
		all = append(all,
			peer{name: "tcptrace", args: []string{"tcptrace", "-n", path}, runs: b.slowRuns},
			peer{name: "tshark, RST filter", args: []string{"tshark", "-n", "-r", path, "-Y", "tcp.flags.reset==1"}, runs: b.slowRuns})
	}
	return slices.DeleteFunc(all, func(p peer) bool {
		_, err := exec.LookPath(p.args[0])
		if err != nil {
			fmt.Fprintf(b.progress, "%s is not installed: left out\n", p.args[0])
		}
		return err != nil
	})
}

// measure runs p with its output thrown away.
func measure(p peer) (cost, error) {
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return cost{}, err
	}
	defer null.Close()
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = null, &stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	stop, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watchMemory(cmd.Process.Pid, stop) }()
	err = cmd.Wait()
	wall := time.Since(began).Seconds()
	close(stop)
	rss := <-peak
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w: %s", strings.Join(p.args, " "), err, stderr.String())
	}
	s := cmd.ProcessState
	return cost{cpu: (s.UserTime() + s.SystemTime()).Seconds(), wall: wall, rss: rss}, nil
}

// watchMemory returns the peak resident set of a process, in octets, as it was
// at most 5 ms before its end, or 0 where there is no /proc. The maximum that
// wait4 reports will not do: a child begins with that of the program that
// started it.
func watchMemory(pid int, stop <-chan struct{}) int64 {
	var peak int64
	path := fmt.Sprintf("/proc/%d/status", pid)
	for {
		status, _ := os.ReadFile(path)
		for line := range strings.Lines(string(status)) {
			var kilobytes int64
			if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); n == 1 {
				peak = max(peak, kilobytes<<10)
			}
		}
		select {
		case <-stop:
			return peak
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// readCommand is "rstlab read": it reads a file from end to end and does
// nothing with it, the least that any program in Go can take.
func readCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "read FILE",
		Short:  "read a file and do nothing with it",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			buf := make([]byte, 1<<20)
			for {
				if _, err := f.Read(buf); err == io.EOF {
					return nil
				} else if err != nil {
					return err
				}
			}
		},
	}
}

var versionNumber = regexp.MustCompile(`\d+\.\d+\.\d+`)

// machine says in a line what the figures were measured on and with.
func machine() string {
	model := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	parts := []string{fmt.Sprintf("%s, %d CPUs, %s", model, runtime.NumCPU(), runtime.Version())}
	for _, name := range []string{"tcpdump", "tcptrace", "tshark"} {
		// Each says it in its own way, and tcptrace knows no such flag.
		out, _ := exec.Command(name, "--version").CombinedOutput()
		if v := versionNumber.FindString(string(out)); v != "" {
			parts = append(parts, name+" "+v)
		}
	}
	return strings.Join(parts, ", ")
}
