package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	gmtext "github.com/yuin/goldmark/text"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
)

var gfm = goldmark.New(goldmark.WithExtensions(extension.GFM))

// page is what a GFM renderer makes of a report.
type page struct {
	headings []string
	code     []string // code spans and blocks
	rows     []int    // cells of each table row
	kinds    map[string]int
	text     string // outside code
	html     []string
}

func parse(md string) page {
	src := []byte(md)
	p := page{kinds: make(map[string]int)}
	var prose strings.Builder
	ast.Walk(gfm.Parser().Parse(gmtext.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		p.kinds[n.Kind().String()]++
		switch n := n.(type) {
		case *ast.Heading:
			p.headings = append(p.headings, fmt.Sprint(n.Level, " ", plainText(n, src)))
		case *ast.CodeSpan:
			p.code = append(p.code, plainText(n, src))
			return ast.WalkSkipChildren, nil
		case *ast.FencedCodeBlock:
			p.code = append(p.code, string(n.Lines().Value(src)))
		case *ast.HTMLBlock:
			p.html = append(p.html, string(n.Lines().Value(src)))
		case *east.TableHeader:
			p.rows = append(p.rows, n.ChildCount())
		case *east.TableRow:
			p.rows = append(p.rows, n.ChildCount())
		case *ast.Text:
			prose.Write(n.Segment.Value(src))
			prose.WriteByte(' ')
		}
		return ast.WalkContinue, nil
	})
	p.text = prose.String()
	return p
}

func plainText(n ast.Node, src []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.Write(t.Segment.Value(src))
		} else {
			b.WriteString(plainText(c, src))
		}
	}
	return b.String()
}

// wanted are the kinds of node that a report is made of: no links, no images, no
// strike-through, and no HTML but what folds an incident.
var wanted = []string{
	"Document", "HTMLBlock", "Heading", "Paragraph", "Text", "TextBlock", "CodeSpan", "FencedCodeBlock",
	"List", "ListItem", "Emphasis", "Table", "TableHeader", "TableRow", "TableCell", "String",
}

func checkStructure(t *testing.T, md string) page {
	t.Helper()
	p := parse(md)
	for kind := range p.kinds {
		if !slices.Contains(wanted, kind) {
			t.Errorf("a %s in the report:\n%s", kind, md)
		}
	}
	for k, n := range p.rows {
		if n != 6 {
			t.Errorf("row %d of the table has %d cells", k, n)
		}
	}
	for k, h := range p.html {
		want := "<details><summary>packets, evidence, fix and check</summary>\n"
		if k%2 == 1 {
			want = "</details>\n"
		}
		if h != want {
			t.Errorf("HTML in the report: %q", h)
		}
	}
	if len(p.html)%2 != 0 {
		t.Error("a fold is not closed")
	}
	for k, h := range p.headings {
		level := "2 "
		if k == 0 {
			level = "1 "
		}
		if !strings.HasPrefix(h, level) {
			t.Errorf("heading %d is %q", k, h)
		}
	}
	return p
}

func TestMarkdownTitle(t *testing.T) {
	rules := classify.Rules()
	of := func(rule int, resets uint64, at Section) *Cause {
		return &Cause{Rule: rules[rule], Resets: resets, Section: at}
	}
	one, two, three := rules[0].Title, rules[1].Title, rules[2].Title
	for _, test := range []struct {
		causes []*Cause
		want   string
	}{
		{nil, "No TCP reset"},
		{[]*Cause{of(0, 1, Then)}, "1 TCP reset: " + one},
		{[]*Cause{of(0, 3000, LookFirst)}, "3,000 TCP resets: " + one},
		{[]*Cause{of(0, 3, NothingToDo)}, "3 TCP resets: nothing to do: " + one},
		{[]*Cause{of(0, 2, LookFirst), of(1, 5, Then), of(2, 4, Then)}, "11 TCP resets: " + one + " (2) and 2 other causes"},
		{[]*Cause{of(0, 1, LookFirst), of(1, 8, NothingToDo)}, "9 TCP resets: " + one + " (1), 8 with nothing to do"},
		{[]*Cause{of(0, 1, LookFirst), of(0, 8, NothingToDo)}, "9 TCP resets: " + one + " (1), 8 with nothing to do"},
		{[]*Cause{of(2, 1, LookFirst), of(1, 2, Then), of(0, 7, NothingToDo), of(1, 1, NotTold)},
			"11 TCP resets: " + three + " (1) and 1 other cause, 7 with nothing to do, 1 not explained"},
		{[]*Cause{of(1, 7, NothingToDo), of(2, 9, NothingToDo)}, "16 TCP resets: nothing to do: " + two + " (7) and 1 other cause"},
		{[]*Cause{of(1, 7, NotTold)}, "7 TCP resets: 7 not explained"},
	} {
		d := &Document{Summary: new(analyzer.Summary), Causes: test.causes}
		d.Summary.Flows.RSTs = resetsOf(test.causes)
		if got := d.headline(mdProse); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestMarkdownStructure(t *testing.T) {
	got, _ := render(t, "md", fixed(), scenario(t, "testdata/mixed.txtar", 0), []string{"web.pcap"})
	p := checkStructure(t, got)
	if len(p.rows) != 3+5 { // of three tables with their heads
		t.Errorf("%d rows in the tables", len(p.rows))
	}
	if p.headings[0] != "1 8 TCP resets: closed with unread data (4) and 3 other causes, 1 with nothing to do" || p.headings[len(p.headings)-1] != "2 Made from" {
		t.Errorf("headings %q", p.headings)
	}
	// Emphasis is ours: seven labels for each group that is shown, and one more
	// for what the three resets of the first cost together.
	if p.kinds["Emphasis"] != 7*mdTop+1 {
		t.Errorf("%d emphases", p.kinds["Emphasis"])
	}
	if !slices.Contains(p.code, strings.Repeat("0123456789abcdef", 4)) {
		t.Error("no digest")
	}
}

// Names and payloads from outside are text for a renderer, whatever they hold.
func TestMarkdownHostile(t *testing.T) {
	all := inputs(t)
	all = append(all, scenario(t, "testdata/mixed.txtar", 3))
	for _, name := range evil {
		o := fixed()
		o.Command = []string{"rstwhy", name}
		o.Version = name
		for _, paths := range all[:2] {
			names := make([]string, len(paths))
			for k := range names {
				names[k] = fmt.Sprintf("%s%d", name, k)
			}
			if len(names) == 1 {
				names[0] = name
			}
			md, sum := render(t, "md", o, paths, names)
			p := checkStructure(t, md)
			if name == "" {
				continue
			}
			shown := clean(names[0])
			if !slices.ContainsFunc(p.code, func(s string) bool { return s == shown || s == " "+shown+" " }) {
				t.Errorf("%q is not in a code span of\n%s", shown, md)
			}
			if strings.Contains(p.text, "script") || strings.Contains(p.text, "example") {
				t.Errorf("%q leaked out of its code span:\n%s", name, md)
			}

			var b strings.Builder
			sink := newMarkdown(&b, o)
			sum.Damage = []error{fmt.Errorf("%s: frame 3: cut short", name)}
			sum.Filter = name
			if err := sink.Close(sum); err != nil {
				t.Fatal(err)
			}
			checkStructure(t, b.String())
		}
	}
	for _, paths := range all {
		md, _ := render(t, "md", fixed(), paths, evilNames(len(paths)))
		checkStructure(t, md)
	}
}

func TestMarkdownPayload(t *testing.T) {
	for _, payload := range []string{
		"go away | `<script>alert(1)</script>` \x1b[31m\x00\xff", "```\n# no", "`", "``", "<!--", "[a](b)", "\n\n- x", "| a | b |\n|---|---|", " ", "\\`",
	} {
		i := incident(classify.ByID("no-listener"), 0, [4]byte{198, 51, 100, 1}, 80)
		i.Reset.Payload = []byte(payload)
		i.Reset.RST.Len = uint32(len(payload))
		i.Kernel = classify.Testimony{Word: classify.Spoke, Reason: "NO_SOCKET", State: "TCP_LISTEN"}
		var b strings.Builder
		sink := newMarkdown(&b, fixed())
		if err := sink.Incident(i); err != nil {
			t.Fatal(err)
		}
		if err := sink.Close(&analyzer.Summary{}); err != nil {
			t.Fatal(err)
		}
		p := checkStructure(t, b.String())
		want := fmt.Sprintf("%+q", payload)
		if !slices.Contains(p.code, want) {
			t.Errorf("no code span %s in:\n%s", want, b.String())
		}
	}
}

// What rules say goes through the same escaping: its code spans must be closed.
func TestRulesAreProse(t *testing.T) {
	for _, r := range classify.Rules() {
		all := slices.Concat([]string{r.Title, r.Summary}, r.Checks(netip.AddrPort{}), r.Advice, r.Refs)
		for _, c := range r.Confused {
			all = append(all, c.Tell)
		}
		for k := range r.Remedies {
			prose, _ := remedy(&r.Remedies[k])
			all = append(all, prose)
		}
		for _, s := range all {
			if strings.Count(s, "`")%2 != 0 {
				t.Errorf("%s: odd number of backticks in %q", r.ID, s)
			}
			p := parse("- " + mdProse(s))
			for kind := range p.kinds {
				if !slices.Contains([]string{"Document", "List", "ListItem", "TextBlock", "Text", "CodeSpan"}, kind) {
					t.Errorf("%s: %q makes a %s", r.ID, s, kind)
				}
			}
			var html strings.Builder
			if err := gfm.Convert([]byte("- "+mdProse(s)), &html); err != nil {
				t.Fatal(err)
			}
			got := strings.NewReplacer("<ul>\n<li>", "", "</li>\n</ul>\n", "", "<code>", "`", "</code>", "`",
				"&lt;", "<", "&gt;", ">", "&amp;", "&", "&quot;", `"`).Replace(html.String())
			if got != s {
				t.Errorf("%s: %q is rendered as %q", r.ID, s, got)
			}
		}
	}
}

func TestProseIsEscaped(t *testing.T) {
	for _, s := range []string{
		"[a](b) and ![i](j)", "~~s~~ **b** *e* __u__ _v_ a_b_c", "<b>x</b> <!-- --> &amp; &#124;",
		"a | b \\| c", "# x", "[fd07::2]:81 refused", "`open", "``a` b", "x `code *e*` *e* `", "\\`a\\`",
	} {
		p := parse("x " + mdProse(s))
		for kind := range p.kinds {
			if !slices.Contains([]string{"Document", "Paragraph", "Text", "CodeSpan"}, kind) {
				t.Errorf("%q makes a %s", s, kind)
			}
		}
	}
}
