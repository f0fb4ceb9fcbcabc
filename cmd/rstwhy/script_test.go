package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rstwhy/rstwhy/internal/synth"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rstwhy": main})
}

// TestScripts runs the real program over testdata/script. Beside testscript's
// own commands, and the condition pty (pseudo-terminals can be had), there are:
//
//	status CODE rstwhy ARG...        run it and compare the exit code
//	pcap [-ng] [-nano] [-split N] OUT PACKETS
//	                                 make a capture of a conversation in package
//	                                 synth's notation; with -split N, files of N
//	                                 frames each, and OUT has a %d
//	pack gzip|zstd IN OUT            compress
//	cut FILE N                       keep the first N octets
//	patch FILE OFFSET HEX            overwrite octets
//	incidents FILE                   keep the incidents of the NDJSON that came
//	                                 last; the summary has names and times of the run
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// What the user's own environment says must not change the reports.
			for _, name := range []string{"COLUMNS", "NO_COLOR", "TERM"} {
				env.Setenv(name, "")
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "pty":
				f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
				if err != nil {
					return false, nil
				}
				return true, f.Close()
			case "bash-completion":
				_, err := os.Stat("/usr/share/bash-completion/bash_completion")
				return err == nil, nil
			}
			return false, fmt.Errorf("no condition %s", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status,
			"pcap":   makePcap,
			"pack":   pack,
			"cut":    cut,
			"patch":  patch,

			"incidents": incidents,
		},
	})
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) < 2, "status CODE COMMAND ARG...")
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

func makePcap(ts *testscript.TestScript, neg bool, args []string) {
	var format synth.Format
	flags := flag.NewFlagSet("pcap", flag.ContinueOnError)
	flags.BoolVar(&format.PcapNG, "ng", false, "")
	flags.BoolVar(&format.Nano, "nano", false, "")
	flags.IntVar(&format.SplitEvery, "split", 0, "")
	ts.Check(flags.Parse(args))
	usage(ts, neg || flags.NArg() != 2, "pcap [-ng] [-nano] [-split N] OUT PACKETS")
	out, packets := flags.Arg(0), flags.Arg(1)
	// A script is an archive too, so the scenario in it has no sections.
	script, err := synth.Parse(packets, []byte("A conversation.\n-- packets --\n"+ts.ReadFile(packets)))
	ts.Check(err)
	var files []*os.File
	ts.Check(script.WriteFiles(func(n int) (io.Writer, error) {
		name := out
		if format.SplitEvery > 0 {
			name = fmt.Sprintf(out, n)
		}
		f, err := os.Create(ts.MkAbs(name))
		files = append(files, f)
		return f, err
	}, format))
	for _, f := range files {
		ts.Check(f.Close())
	}
}

func pack(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 3, "pack gzip|zstd IN OUT")
	var b bytes.Buffer
	var w io.WriteCloser
	switch args[0] {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "zstd":
		var err error
		w, err = zstd.NewWriter(&b)
		ts.Check(err)
	default:
		ts.Fatalf("unknown compression %q", args[0])
	}
	_, err := io.WriteString(w, ts.ReadFile(args[1]))
	ts.Check(err)
	ts.Check(w.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b.Bytes(), 0o666))
}

func cut(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 2, "cut FILE N")
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

func patch(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 3, "patch FILE OFFSET HEX")
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	b, err := hex.DecodeString(args[2])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	defer f.Close()
	_, err = f.WriteAt(b, offset)
	ts.Check(err)
}

// fileField is what may differ between incidents that are alike.
var fileField = regexp.MustCompile(`"file":"[^"]*",`)

func incidents(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg || len(args) != 1, "incidents FILE")
	var out strings.Builder
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if strings.HasPrefix(line, `{"type":"incident"`) {
			out.WriteString(fileField.ReplaceAllString(line, ""))
		}
	}
	if out.Len() == 0 {
		ts.Fatalf("no incidents")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out.String()), 0o666))
}

func usage(ts *testscript.TestScript, wrong bool, line string) {
	if wrong {
		ts.Fatalf("usage: %s", line)
	}
}
