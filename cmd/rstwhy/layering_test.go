package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
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
	"report":         {"analyzer", "classify", "flows", "packet"},
	"assistant":      {"analyzer", "capture", "classify", "report"},
	"anonymize":      {"classify", "packet"},
	"annotate":       {"analyzer", "anonymize", "capture", "classify", "flows", "packet"},
	"kernel":         {"classify", "packet"}, // it testifies into the case
	"web":            {"analyzer", "flows"},
	"internal/audit": {"packet"},
	"internal/synth": {"packet"},
	"internal/lab":   {"kernel", "packet"},
	// It measures what the others are and knows none but the kernel's words.
	"internal/lab/field": {"kernel"},
	"docs/schema":        {},
	"cmd/rstwhy-mcp":     {"assistant"},
	"cmd/rstwhy":         {"analyzer", "annotate", "anonymize", "capture", "classify", "docs/schema", "flows", "kernel", "packet", "report", "web"},
	"cmd/rstlab":         {"analyzer", "capture", "classify", "flows", "internal/lab", "internal/lab/field", "internal/mutants", "internal/synth"},
	"internal/mutants":   {},
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
	"github.com/spf13/pflag":            {"cmd/rstwhy"}, // the errors of its flags
	"github.com/cilium/ebpf":            {"kernel"},
	"github.com/vishvananda":            {"internal/lab", "internal/lab/field"},
	"golang.org/x/sys":                  {"cmd/rstwhy", "kernel", "internal/lab", "internal/lab/field"},
	"golang.org/x/term":                 {"cmd/rstwhy"},
	"github.com/rogpeppe/go-internal":   {},
	"github.com/google/go-cmp":          {},
	"github.com/yuin/goldmark":          {},
	"github.com/chromedp":               {},
	"github.com/prometheus":             {"web"},
	"github.com/modelcontextprotocol":   {"assistant"},
	"github.com/invopop/jsonschema":     {}, // makes docs/schema in a test
	"github.com/santhosh-tekuri":        {}, // and holds the output to it
}

// mayBeUnsafe says which packages of this module may import unsafe, tests apart.
var mayBeUnsafe = []string{
	"internal/arena", // memory that is not Go's
	"internal/lab/field",
	"internal/lab", // two system calls that golang.org/x/sys does not have; no part of rstwhy
}

// TestLayering holds every import of every package against the tables, and the
// tables against what is imported: what nobody uses is not permitted.
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
	standard := map[string]bool{"C": true}
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
		t.Errorf("go list knows %d packages, the table mayImport %d: a package has gone, take out its line", len(ours), len(mayImport))
	}
	used := map[arrow]bool{}
	for _, p := range ours {
		name := strings.TrimPrefix(p.ImportPath, module)
		allowed, ok := mayImport[name]
		if !ok {
			t.Errorf("package %s has no line in the table mayImport", name)
			continue
		}
		for _, path := range p.Imports {
			switch {
			case path == "unsafe":
				used[arrow{name, path}] = true
				if !slices.Contains(mayBeUnsafe, name) {
					t.Errorf("package %s imports unsafe, which is for %v alone (mayBeUnsafe)", name, mayBeUnsafe)
				}
			case standard[path]:
			case strings.HasPrefix(path, module):
				of := strings.TrimPrefix(path, module)
				used[arrow{name, of}] = true
				if !slices.Contains(allowed, of) {
					t.Errorf("package %s imports %s, and may import %v alone (mayImport)", name, of, allowed)
				}
			default:
				library := home(path)
				used[arrow{name, library}] = true
				if library == "" {
					t.Errorf("package %s imports %s, which has no line in the table homes", name, path)
				} else if at := homes[library]; !slices.Contains(at, name) {
					t.Errorf("package %s imports %s, whose home is %v (homes)", name, path, at)
				}
			}
		}
	}
	if runtime.GOOS != "linux" {
		return // what is only used there looks unused
	}
	for _, a := range permitted() {
		if !used[a] {
			t.Errorf("package %s may import %s, and does not: take that out of the table", a.from, a.to)
		}
	}
}

// arrow is an import: of a package of this module, of a library in the table of
// homes, or of unsafe.
type arrow struct{ from, to string }

// permitted lists every arrow of the tables.
func permitted() (list []arrow) {
	for from, all := range mayImport {
		for _, to := range all {
			list = append(list, arrow{from, to})
		}
	}
	for library, at := range homes {
		for _, from := range at {
			list = append(list, arrow{from, library})
		}
	}
	for _, from := range mayBeUnsafe {
		list = append(list, arrow{from, "unsafe"})
	}
	return list
}

// home finds the longest prefix of path among the homes, "" when there is none.
func home(path string) string {
	for p := path; p != ""; {
		if _, ok := homes[p]; ok {
			return p
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return ""
}

// The map of the code has a room for each package, each file a place in its room,
// and what it names is there.
func TestArchitecture(t *testing.T) {
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	inCode := regexp.MustCompile("`([^`]+)`")
	anything := regexp.MustCompile("<[a-z]+>") // <cause>.go
	var rooms []string                         // of the section that is being read
	named := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "#") {
			rooms = nil
		}
		for _, m := range inCode.FindAllStringSubmatch(line, -1) {
			switch name := m[1]; {
			case strings.HasPrefix(line, "### "):
				rooms = append(rooms, name)
				named[name] = true
			case strings.HasSuffix(name, ".go"):
				pattern := anything.ReplaceAllString(name, "*")
				found := filesLike(t, pattern) // with its directory
				within := rooms
				if len(rooms) == 0 {
					within = []string{"*", "*/*"} // a name of which the text before says where it is
				}
				for _, room := range within {
					found = append(found, filesLike(t, room+"/"+pattern)...)
				}
				if len(found) == 0 && !strings.Contains(name, "<") {
					t.Errorf("docs/architecture.md names %s, which is in none of %v", name, within)
				}
				for _, path := range found {
					named[path] = true
				}
			}
		}
	}
	for name := range mayImport {
		if !named[name] {
			t.Errorf("docs/architecture.md has no room for %s: a heading ### `%s`", name, name)
		}
		for _, path := range filesLike(t, name+"/*.go") {
			if base := filepath.Base(path); base != "doc.go" && !strings.HasSuffix(base, "_test.go") && !named[path] {
				t.Errorf("docs/architecture.md says nothing of %s: name it in the room of %s", path, name)
			}
		}
	}
}

// filesLike lists the files that pattern matches, by their paths in the project.
func filesLike(t *testing.T, pattern string) (list []string) {
	t.Helper()
	found, err := filepath.Glob("../../" + pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		list = append(list, strings.TrimPrefix(filepath.ToSlash(path), "../../"))
	}
	return list
}
