package classify

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the list of causes into docs/causes.md")

var (
	kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	prose = regexp.MustCompile(`^[^\n]+[.?]$`)
)

// A cause that is not documented, tested and referenced is not finished.
func TestCatalogue(t *testing.T) {
	ids := map[string]bool{}
	reasons := map[string]bool{}
	for _, r := range everyReason {
		reasons[r] = true
	}
	for _, r := range Rules() {
		if ids[r.ID] {
			t.Errorf("%s stands in the table twice", r.ID)
		}
		ids[r.ID] = true
	}
	for _, r := range Rules() {
		t.Run(r.ID, func(t *testing.T) {
			if !kebab.MatchString(r.ID) {
				t.Error("the ID is not in kebab case")
			}
			if r.Family == "" || r.Mechanisms == 0 || r.Match == nil || r.Story == nil {
				t.Error("family, mechanisms, match or story is missing")
			}
			if r.Title == "" || len(r.Title) > 48 {
				t.Errorf("title %q is empty or longer than 48 letters", r.Title)
			}
			if !prose.MatchString(r.Summary) {
				t.Errorf("the summary is not one sentence: %q", r.Summary)
			}
			if r.Wire == "" || len(r.Confirm) == 0 || len(r.Advice) == 0 || len(r.Refs) == 0 {
				t.Error("wire, confirm, advice or references are missing")
			}
			for line := range strings.Lines(r.Wire) {
				if len(line) > 76 {
					t.Errorf("a line of the wire picture has %d columns: %q", len(line), line)
				}
			}
			for _, a := range r.Advice {
				if !prose.MatchString(a) {
					t.Errorf("no sentence: %q", a)
				}
			}
			checkRemedies(t, r.Remedies)
			if r.Family.Title() == "" {
				t.Errorf("the family %s has no title", r.Family)
			}
			for _, name := range r.Reasons {
				if !reasons[name] {
					t.Errorf("Linux knows no reset reason %s", name)
				}
			}
			for _, c := range r.Confused {
				if !ids[c.ID] || c.ID == r.ID || c.Tell == "" {
					t.Errorf("confused with %q: %q", c.ID, c.Tell)
				}
			}
			dir := filepath.Join("..", "testdata", "scenarios", r.ID)
			for _, kind := range []string{"hit", "near-miss"} {
				found, _ := filepath.Glob(filepath.Join(dir, kind+"*.txtar"))
				if len(found) == 0 {
					t.Errorf("no scenario %s/%s*.txtar", dir, kind)
				}
				for _, path := range found {
					checkFindings(t, path, r.ID, kind == "hit")
				}
			}
		})
	}
	dirs, err := filepath.Glob(filepath.Join("..", "testdata", "scenarios", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		switch id := filepath.Base(d); id {
		case "notes", "demands", "artefacts", "origin", "timers", "field": // not about one cause
		default:
			if !ids[id] {
				t.Errorf("%s holds scenarios of no cause", d)
			}
		}
	}
}

// checkRemedies holds remedies to their form: prose that ends as a sentence or
// with a colon, then code that fits the page.
func checkRemedies(t *testing.T, remedies []Remedy) {
	t.Helper()
	where := map[string]bool{}
	for _, r := range remedies {
		if r.Where == "" || len(r.Where) > 40 || where[r.Where] {
			t.Errorf("remedy for %q: no name, a long one, or one given twice", r.Where)
		}
		where[r.Where] = true
		prose, code, _ := strings.Cut(r.What, "\n")
		if prose == "" || !strings.ContainsAny(prose[len(prose)-1:], ".:") || strings.HasSuffix(prose, ":") != (code != "") {
			t.Errorf("%s: no sentence, or a colon without code: %q", r.Where, prose)
		}
		for line := range strings.Lines(code) {
			line = strings.TrimRight(line, "\n")
			if !strings.HasPrefix(line, "\t") || len(line) > 70 || strings.Contains(line[1:], "\t") {
				t.Errorf("%s: a line of code without one tab before it, or too long: %q", r.Where, line)
			}
		}
	}
}

// checkFindings holds a scenario to its name: a hit finds the cause, a near
// miss does not.
func checkFindings(t *testing.T, path, id string, hit bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, findings, _ := strings.Cut(string(text), "-- findings --\n")
	verdict := regexp.MustCompile(`(?m)^frame \S+\s+` + id + `\s`)
	if verdict.MatchString(findings) != hit {
		t.Errorf("%s: hit is %v, but the findings are:\n%s", path, hit, findings)
	}
}

// A fact has a name, a unit's worth of text, and a place of its own.
func TestFacts(t *testing.T) {
	snake := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, f := range AllFacts() {
		if !snake.MatchString(f.Name) || f.Doc == "" || f.measure == nil {
			t.Errorf("fact %q: no snake case, no doc or no measure", f.Name)
		}
	}
}

// Sentences have IDs of their own.
func TestSentences(t *testing.T) {
	text, ids := map[string]string{}, map[string]int{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	made := regexp.MustCompile(`sentence\("([^"]*)", "((?:[^"\\]|\\.)*)"\)`)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range made.FindAllStringSubmatch(string(source), -1) {
			if !kebab.MatchString(m[1]) {
				t.Errorf("%s: sentence %q is not in kebab case", path, m[1])
			}
			if old, ok := text[m[1]]; ok {
				t.Errorf("%s: sentence %s is made twice: %q, %q", path, m[1], old, m[2])
			}
			text[m[1]] = m[2]
			ids[m[1]]++
		}
	}
	if len(ids) < 100 {
		t.Errorf("only %d sentences were found", len(ids))
	}
}

const (
	causesStart = "<!-- causes: written by go test ./classify -update -->\n"
	causesEnd   = "<!-- end of causes -->"
)

// The page of causes is made of the rules, family by family.
func TestCausesPage(t *testing.T) {
	var want strings.Builder
	for _, family := range Families() {
		title := family.Title()
		fmt.Fprintf(&want, "\n## %s%s\n\nFamily `%s`.\n\n", strings.ToUpper(title[:1]), title[1:], family)
		for _, r := range Rules() {
			if r.Family == family {
				fmt.Fprintf(&want, "- <a id=\"%s\"></a>`%[1]s`: %s\n", r.ID, r.Summary)
			}
		}
	}
	want.WriteString("\n")
	path := filepath.Join("..", "docs", "causes.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), causesStart)
	have, after, ok2 := strings.Cut(rest, causesEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q ... %q", path, causesStart, causesEnd)
	}
	if have == want.String() {
		return
	}
	if !*update {
		t.Fatalf("%s does not list the causes of the rules; run go test ./classify -update", path)
	}
	if err := os.WriteFile(path, []byte(before+causesStart+want.String()+causesEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
