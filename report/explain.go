package report

import (
	"bufio"
	"io"
	"net/netip"
	"strings"

	"github.com/rstwhy/rstwhy/classify"
)

// DocFormats are the names of the formats that causes are written in.
var DocFormats = []string{"text", "json", "md"}

// WriteCauses writes the list of causes by family. The format is one of
// DocFormats; json has everything that is known of each.
func WriteCauses(w io.Writer, format string, o Options) error {
	rules := byFamily()
	switch format {
	case "json":
		return writeCausesJSON(w, rules)
	case "md":
		return markdownPage(w, func(m *markdown) {
			m.para("# Causes of a TCP reset")
			for k, r := range rules {
				if k == 0 || r.Family != rules[k-1].Family {
					if k > 0 {
						m.line("")
					}
					m.para("## " + mdProse(capital(r.Family.Title())))
				}
				m.line("- " + mdProse(mdCode(r.ID)+": "+r.Summary))
			}
		})
	}
	return textPage(w, o, func(t *text) {
		widest := 0
		for _, r := range rules {
			widest = max(widest, len(r.ID))
		}
		for k, r := range rules {
			if k == 0 || r.Family != rules[k-1].Family {
				if k > 0 {
					t.line("")
				}
				t.heading("%s: %s", r.Family, r.Family.Title())
			}
			t.line("  " + r.ID + strings.Repeat(" ", widest+2-len(r.ID)) + r.Title)
		}
		t.line("")
		t.indented(0, "rstwhy explain CAUSE says what happens, how it looks, how to make sure and how to fix it.")
	})
}

// WriteCause writes what is known of a cause, in one of DocFormats.
func WriteCause(w io.Writer, format string, r *classify.Rule, o Options) error {
	switch format {
	case "json":
		return jsonEncoder(w).Encode(struct {
			Schema string `json:"schema"`
			*causeJSON
		}{Schema, causeOf(r)})
	case "md":
		return markdownPage(w, func(m *markdown) { m.cause(r) })
	}
	return textPage(w, o, func(t *text) { t.cause(r) })
}

// byFamily returns every rule, those of a family together.
func byFamily() []*classify.Rule {
	var out []*classify.Rule
	for _, f := range classify.Families() {
		for _, r := range classify.Rules() {
			if r.Family == f {
				out = append(out, r)
			}
		}
	}
	return out
}

func textPage(w io.Writer, o Options, write func(*text)) error {
	t := newText(w, o).(*text)
	write(t)
	return t.w.Flush()
}

func markdownPage(w io.Writer, write func(*markdown)) error {
	m := newMarkdown(w, Options{}).(*markdown)
	write(m)
	return m.w.Flush()
}

// kernelReasons says what Linux calls the cause.
func kernelReasons(r *classify.Rule) []string {
	if len(r.Reasons) == 0 {
		return []string{"none: the TCP of the host whose address it bears does not know of it"}
	}
	return []string{strings.Join(r.Reasons, ", ") + " (Linux 6.10 and later, tracepoint tcp:tcp_send_reset)"}
}

// confusions are the causes that packets may not tell from r, and how to tell.
func confusions(r *classify.Rule, code func(string) string) []string {
	var out []string
	for _, c := range r.Confused {
		out = append(out, code(c.ID)+" ("+classify.ByID(c.ID).Title+"). To tell: "+c.Tell)
	}
	return out
}

// before are the causes that r goes before where both match, and why.
func before(r *classify.Rule, code func(string) string) []string {
	var out []string
	for _, o := range r.Over {
		out = append(out, code(o.ID)+" ("+classify.ByID(o.ID).Title+"): "+o.Why)
	}
	return out
}

// remedy parts a remedy into its prose and its code, without the tabs.
func remedy(r *classify.Remedy) (prose string, code []string) {
	prose, rest, _ := strings.Cut(r.What, "\n")
	for line := range strings.Lines(rest) {
		code = append(code, strings.TrimPrefix(strings.TrimRight(line, "\n"), "\t"))
	}
	return prose, code
}

func pictureLines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }

func (t *text) cause(r *classify.Rule) {
	t.heading("%s (%s)", capital(r.Title), r.ID)
	t.indented(2, r.Summary)
	t.line("")
	t.indented(2, "Family: "+string(r.Family)+", "+r.Family.Title()+".")
	t.section("On the wire")
	for _, l := range pictureLines(r.Wire) {
		t.line(strings.TrimRight("    "+l, " "))
	}
	t.list("Check", r.Checks(netip.AddrPort{}))
	t.list("Fix", r.Advice)
	if len(r.Remedies) > 0 {
		t.section("Where to change it")
		for k := range r.Remedies {
			prose, code := remedy(&r.Remedies[k])
			t.item(4, r.Remedies[k].Where+": "+prose)
			for _, l := range code {
				t.line(strings.TrimRight("        "+l, " "))
			}
		}
	}
	t.list("Easily confused with", confusions(r, asIs))
	t.list("Where both match, it goes before", before(r, asIs))
	t.list("The kernel's word", kernelReasons(r))
	t.list("References", r.Refs)
}

func (t *text) section(title string) {
	t.line("")
	t.line("  " + t.paint(bold, title))
}

func (t *text) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	t.section(title)
	for _, s := range items {
		t.item(4, s)
	}
}

func (m *markdown) cause(r *classify.Rule) {
	m.para("# " + mdProse(capital(r.Title)))
	m.para(mdProse(mdCode(r.ID) + ", family " + mdCode(string(r.Family)) + ": " + r.Family.Title() + "."))
	m.para(mdProse(r.Summary))
	m.para("## On the wire")
	m.fence("text", pictureLines(r.Wire))
	m.list("Check", r.Checks(netip.AddrPort{}))
	m.list("Fix", r.Advice)
	if len(r.Remedies) > 0 {
		m.para("## Where to change it")
		for k := range r.Remedies {
			prose, code := remedy(&r.Remedies[k])
			m.para("**" + mdProse(r.Remedies[k].Where) + ":** " + mdProse(prose))
			if len(code) > 0 {
				m.fence("", code)
			}
		}
	}
	m.list("Easily confused with", confusions(r, mdCode))
	m.list("Where both match, it goes before", before(r, mdCode))
	m.list("The kernel's word", kernelReasons(r))
	m.list("References", r.Refs)
}

func (m *markdown) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	m.para("## " + title)
	m.items("", items)
	m.line("")
}

type causeJSON struct {
	ID         string       `json:"id"`
	Family     string       `json:"family"`
	Title      string       `json:"title"`
	Summary    string       `json:"summary"`
	Wire       []string     `json:"wire"`
	Confirm    []string     `json:"confirm"`
	Advice     []string     `json:"advice"`
	Remedies   []remedyJSON `json:"remedies"`
	Confused   []alsoJSON   `json:"confused_with"`
	Before     []beforeJSON `json:"goes_before"`
	Reasons    []string     `json:"kernel_reasons"`
	References []string     `json:"references"`
}

// beforeJSON is a cause that another goes before where both match.
type beforeJSON struct {
	Cause string `json:"cause"`
	Why   string `json:"why"`
}

type remedyJSON struct {
	Where string   `json:"where"`
	What  string   `json:"change"`
	Code  []string `json:"code,omitempty"`
}

func causeOf(r *classify.Rule) *causeJSON {
	j := &causeJSON{
		ID: r.ID, Family: string(r.Family), Title: r.Title, Summary: r.Summary,
		Wire: pictureLines(r.Wire), Confirm: r.Checks(netip.AddrPort{}), Advice: r.Advice, References: r.Refs,
		Remedies: []remedyJSON{}, Confused: []alsoJSON{}, Before: []beforeJSON{}, Reasons: append([]string{}, r.Reasons...),
	}
	for k := range r.Remedies {
		prose, code := remedy(&r.Remedies[k])
		j.Remedies = append(j.Remedies, remedyJSON{r.Remedies[k].Where, prose, code})
	}
	for _, c := range r.Confused {
		j.Confused = append(j.Confused, alsoJSON{c.ID, c.Tell})
	}
	for _, o := range r.Over {
		j.Before = append(j.Before, beforeJSON{o.ID, o.Why})
	}
	return j
}

func writeCausesJSON(w io.Writer, rules []*classify.Rule) error {
	b := bufio.NewWriter(w)
	b.WriteString(`{"schema":"` + Schema + `","causes":[` + "\n")
	for k, r := range rules {
		if k > 0 {
			b.WriteString(",")
		}
		if err := jsonEncoder(b).Encode(causeOf(r)); err != nil {
			return err
		}
	}
	b.WriteString("]}\n")
	return b.Flush()
}
