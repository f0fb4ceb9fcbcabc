package report

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

// collected is a sink that keeps what a document is made of, and every incident.
type collected struct {
	*collector
	notes *collector
	all   []*analyzer.Incident
}

func (c *collected) Incident(i *analyzer.Incident) error {
	c.incident(i)
	c.all = append(c.all, i.Clone())
	return nil
}
func (c *collected) Note(n *flows.Note) error { c.notes.remark(n); return nil }

func (c *collected) Close(*analyzer.Summary) error { return nil }

func collect(t *testing.T, paths []string) (*Document, *collected) {
	t.Helper()
	src, err := capture.Open(paths, capture.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	c := &collected{collector: newCollector(nil), notes: newCollector(nil)}
	sum, err := analyzer.Run(context.Background(), src, analyzer.Config{}, c)
	if err != nil {
		t.Fatal(err)
	}
	return c.document(sum, c.notes), c
}

// Every reset is in one cause of a document, and the order is that of what
// matters.
func TestCausesAddUp(t *testing.T) {
	for _, paths := range inputs(t) {
		d, _ := collect(t, paths)
		var resets, incidents uint64
		for k, c := range d.Causes {
			resets += c.Resets
			incidents += c.Incidents
			if c.Number != k+1 || k > 0 && c.Section < d.Causes[k-1].Section {
				t.Errorf("%s: %s is number %d of section %d", paths[0], c.Rule.ID, c.Number, c.Section)
			}
			var servers, harms uint64
			for _, g := range c.Servers {
				servers += g.resets
			}
			for _, n := range c.Harms {
				harms += n
			}
			if servers != c.Resets || harms != c.Incidents {
				t.Errorf("%s: %s has %d resets, and %d by server; %d incidents, and %d by harm", paths[0], c.Rule.ID, c.Resets, servers, c.Incidents, harms)
			}
		}
		if resets != d.Summary.Flows.RSTs || incidents != d.Summary.Incidents {
			t.Errorf("%s: %d resets and %d incidents in causes, %d and %d in all", paths[0], resets, incidents, d.Summary.Flows.RSTs, d.Summary.Incidents)
		}
	}
}

// An incident that is not asked for in full takes no more lines than a terminal
// has, and has its RST.
func TestIncidentsAreShort(t *testing.T) {
	for _, paths := range inputs(t) {
		_, c := collect(t, paths)
		for _, i := range c.all {
			one := newCollector(nil)
			one.incident(i)
			d := one.document(&analyzer.Summary{First: i.Reset.RST.Time}, nil)
			for _, cols := range []int{80, 120, 160} {
				var b bytes.Buffer
				w := newText(&b, Options{Width: cols}).(*text)
				w.compact(d, d.Causes[0])
				w.w.Flush()
				if n := strings.Count(b.String(), "\n"); n > textLines {
					t.Errorf("%s, frame %d, %d columns: %d lines\n%s", paths[0], i.Reset.RST.Frame, cols, n, b.String())
				}
				if !strings.Contains(b.String(), "RST") {
					t.Errorf("%s, frame %d: no RST\n%s", paths[0], i.Reset.RST.Frame, b.String())
				}
			}
		}
	}
}

// What may be mended comes first by what was lost, and the few that cost nearly
// everything are told from the rest.
func TestSections(t *testing.T) {
	c := newCollector(nil)
	add := func(id string, n int, dir flows.Dir, harm classify.HarmKind) {
		for k := range n {
			i := incident(classify.ByID(id), k, [4]byte{198, 51, 100, byte(k)}, 443)
			i.Reset.Dir = dir
			i.Verdict.Harm = classify.Harm{Kind: harm}
			c.incident(i)
		}
	}
	add("download-abort", 100, flows.Client, classify.HarmCut)
	add("no-context", 7, flows.Server, classify.HarmUnknown)
	add("keep-alive-race", 1, flows.Server, classify.HarmRequest)
	add("listener-flap", 50, flows.Server, classify.HarmRefused)
	add("unread-data-on-close", 60, flows.Server, classify.HarmRequest)
	add("deliberate-abort", 9, flows.Server, classify.HarmCut)
	add("deliberate-abort", 8, flows.Client, classify.HarmCut)
	var got []string
	for _, of := range c.document(new(analyzer.Summary), nil).Causes {
		got = append(got, sectionTitles[of.Section]+": "+of.Rule.ID)
	}
	want := []string{
		"Look first: unread-data-on-close", "Look first: deliberate-abort", "Then: keep-alive-race", "Then: listener-flap",
		"Usually nothing to do: download-abort", "Usually nothing to do: deliberate-abort", "Not explained: no-context",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
