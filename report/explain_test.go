package report

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/rstwhy/rstwhy/classify"
)

// What is known of a cause fits the terminal, and stands in every format.
func TestWriteCause(t *testing.T) {
	for _, r := range classify.Rules() {
		t.Run(r.ID, func(t *testing.T) {
			for _, cols := range []int{textMin, 80, 120} {
				var b bytes.Buffer
				if err := WriteCause(&b, "text", r, Options{Width: cols}); err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(b.String()) {
					line = strings.TrimSuffix(line, "\n")
					// Pictures and code are not wrapped: they would mean something else.
					if width(line) > max(cols, 80) || strings.TrimRight(line, " ") != line {
						t.Errorf("%d columns: %q", cols, line)
					}
					if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
						t.Errorf("not printable: %q", line)
					}
				}
				flat := strings.Join(strings.Fields(b.String()), " ")
				for _, s := range knownOf(r) {
					if !strings.Contains(flat, strings.Join(strings.Fields(s), " ")) {
						t.Errorf("%d columns: no %q in\n%s", cols, s, b.String())
					}
				}
			}

			var md bytes.Buffer
			if err := WriteCause(&md, "md", r, Options{}); err != nil {
				t.Fatal(err)
			}
			p := checkStructure(t, md.String())
			if !slices.Contains(p.code, r.ID) || !strings.Contains(md.String(), r.Wire) {
				t.Errorf("no name or no picture in\n%s", &md)
			}
			if p.kinds["Emphasis"] != len(r.Remedies) {
				t.Errorf("%d remedies, %d emphases", len(r.Remedies), p.kinds["Emphasis"])
			}

			var doc bytes.Buffer
			if err := WriteCause(&doc, "json", r, Options{}); err != nil {
				t.Fatal(err)
			}
			var j struct {
				Schema, ID string
				Remedies   []struct {
					Where, Change string
					Code          []string
				}
			}
			if err := json.Unmarshal(doc.Bytes(), &j); err != nil {
				t.Fatal(err)
			}
			if j.Schema != Schema || j.ID != r.ID || len(j.Remedies) != len(r.Remedies) {
				t.Errorf("%+v", j)
			}
			for k := range j.Remedies {
				have := strings.Join(append([]string{j.Remedies[k].Change}, j.Remedies[k].Code...), "\n\t")
				if have != r.Remedies[k].What {
					t.Errorf("%q, want %q", have, r.Remedies[k].What)
				}
			}
		})
	}
}

// knownOf is every text of a rule that must be found in its page.
func knownOf(r *classify.Rule) []string {
	out := slices.Concat([]string{r.ID, capital(r.Title), r.Summary}, r.Checks(netip.AddrPort{}), r.Advice, r.Reasons, r.Refs)
	for _, c := range r.Confused {
		out = append(out, c.ID, c.Tell)
	}
	return out
}

// The list of causes has each of them once, whatever the format.
func TestWriteCauses(t *testing.T) {
	want := len(classify.Rules())
	var text, md, doc bytes.Buffer
	for format, b := range map[string]*bytes.Buffer{"text": &text, "md": &md, "json": &doc} {
		if err := WriteCauses(b, format, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "  ") {
			n++
		}
		if width(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("too long: %q", line)
		}
	}
	if n != want {
		t.Errorf("text has %d causes, want %d", n, want)
	}
	if p := checkStructure(t, md.String()); p.kinds["ListItem"] != want {
		t.Errorf("md has %d causes, want %d", p.kinds["ListItem"], want)
	}
	var j struct {
		Schema string
		Causes []struct{ ID, Family string }
	}
	if err := json.Unmarshal(doc.Bytes(), &j); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, c := range j.Causes {
		ids[c.ID] = true
	}
	if len(ids) != want || j.Schema != Schema {
		t.Errorf("json has %d causes, want %d", len(ids), want)
	}
}
