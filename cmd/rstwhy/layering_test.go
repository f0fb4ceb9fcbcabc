package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rstwhy/rstwhy/"

// mayImport says which packages of this module each of them may import, tests
// apart. Imports go one way: from where frames come in to where reports go out.
var mayImport = map[string][]string{
	"internal/arena": {},
	"packet":         {"internal/arena"},
	"capture":        {"packet"},
	"flows":          {"internal/arena", "packet"},
	"hosts":          {"internal/arena", "flows", "packet"},
	"classify":       {"flows", "hosts", "packet"},
	"analyzer":       {"classify", "flows", "hosts", "packet"},
	"report":         {"analyzer", "classify", "flows", "hosts", "packet"},
	"kernel":         {"classify", "packet"}, // it testifies into the case
	"internal/synth": {"packet"},
	"internal/lab":   {"kernel", "packet"},
	"cmd/rstwhy":     {"analyzer", "capture", "classify", "flows", "hosts", "kernel", "packet", "report"},
	"cmd/rstlab":     {"analyzer", "capture", "classify", "flows", "hosts", "kernel", "internal/lab", "packet", "report", "internal/synth"},
}

// homes says which packages of this module may import a package of others, by
// the longest prefix of its path. One library has one home, where what it gets
// wrong can be put right.
var homes = map[string][]string{
	"github.com/google/gopacket":        {"capture", "internal/lab"}, // lab makes up segments with layers
	"github.com/google/gopacket/pcap":   {"capture"},
	"github.com/google/gopacket/pcapgo": {},                        // the oracle of tests
	"github.com/klauspost/compress":     {"capture", "cmd/rstlab"}, // to read, and to write
	"github.com/olekukonko/tablewriter": {"report"},
	"github.com/mattn/go-runewidth":     {"report"},
	"github.com/spf13/cobra":            {"cmd/rstwhy", "cmd/rstlab"},
	"github.com/cilium/ebpf":            {"kernel"},
	"github.com/vishvananda":            {"internal/lab"},
	"golang.org/x/sys":                  {"kernel", "internal/lab"},
	"golang.org/x/term":                 {"cmd/rstwhy"},
	"github.com/rogpeppe/go-internal":   {},
	"github.com/google/go-cmp":          {},
	"github.com/yuin/goldmark":          {},
}

// TestLayering holds every import of every package against the two tables.
func TestLayering(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Standard,Module,DepOnly", "-deps", module+"...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	type pkg struct {
		ImportPath string
		Imports    []string
		Standard   bool
		Module     *struct{ Main bool }
	}
	var ours []pkg
	standard := map[string]bool{"C": true, "unsafe": true}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		standard[p.ImportPath] = standard[p.ImportPath] || p.Standard
		if p.Module != nil && p.Module.Main {
			ours = append(ours, p)
		}
	}
	if len(ours) < len(mayImport) {
		t.Errorf("go list knows %d packages, the table %d", len(ours), len(mayImport))
	}
	for _, p := range ours {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := mayImport[name]
		if !ok {
			t.Errorf("package %s has no line in the table of who may import what", name)
			continue
		}
		for _, path := range p.Imports {
			switch {
			case standard[path]:
			case strings.HasPrefix(path, module):
				if of := strings.TrimPrefix(path, module); !slices.Contains(allowed, of) {
					t.Errorf("package %s imports %s", name, of)
				}
			default:
				if at, known := home(path); !known {
					t.Errorf("package %s imports %s, which has no line in the table of homes", name, path)
				} else if !slices.Contains(at, name) {
					t.Errorf("package %s imports %s, whose home is %v", name, path, at)
				}
			}
		}
	}
}

// home finds the longest prefix of path among the homes.
func home(path string) ([]string, bool) {
	for p := path; p != ""; {
		if at, ok := homes[p]; ok {
			return at, true
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return nil, false
}
