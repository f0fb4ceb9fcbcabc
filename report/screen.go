package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/rstwhy/rstwhy/classify"
)

// section writes the causes of one section: a row each, and what the first ones
// cost and what to do about the very first.
func (t *text) urgency(at Section, causes []*Cause) error {
	if len(causes) == 0 {
		return nil
	}
	t.line("")
	if at == NotTold {
		t.indented(0, notTold(causes))
		return nil
	}
	t.heading("%s", sectionTitles[at])
	rows, err := t.rows(causes)
	if err != nil {
		return err
	}
	for k, c := range causes {
		for _, l := range rows[k] {
			t.line(l)
		}
		if at == LookFirst {
			cost := c.cost() + "."
			if most := c.mostly(); most != "" {
				cost = most + "; " + cost
			}
			t.indented(rowIndent, capital(cost))
		}
		if k == 0 && at != NothingToDo && c.Number == 1 {
			for n, l := range wrap(c.Rule.Advice[0], min(t.o.Width, textProse)-rowIndent-5) {
				lead := "Fix: "
				if n > 0 {
					lead = "     "
				}
				t.line(strings.Repeat(" ", rowIndent) + lead + l)
			}
		}
	}
	return nil
}

// rowIndent is where what belongs to a row begins.
const rowIndent = 3

// notTold says in a line what cannot be explained, and why.
func notTold(causes []*Cause) string {
	var n uint64
	var ids []string
	for _, c := range causes {
		n += c.Resets
		ids = append(ids, c.Rule.ID)
	}
	s := count(n, "reset") + " cannot be explained (" + list(ids) + "): the capture holds too little of "
	if n == 1 {
		return s + "its connection. -v shows it."
	}
	return s + "their connections. -v shows them."
}

// rows renders a row for each cause, as a table whose columns are as wide as the
// terminal allows, and returns the lines of each.
func (t *text) rows(causes []*Cause) ([][]string, error) {
	const gap = 2
	body := make([][]string, len(causes))
	var widths []int
	var total int
	// What there is no room for stands with the incidents.
	for _, leave := range []struct{ id, most bool }{{}, {most: true}, {id: true, most: true}} {
		for k, c := range causes {
			title, whom := c.Rule.Title+" ("+c.Rule.ID+")", c.whom()
			if most := c.mostly(); most != "" && c.Section != LookFirst && !leave.most {
				whom += ", " + most
			}
			if leave.id {
				title = c.Rule.Title
			}
			body[k] = []string{fmt.Sprintf("%d.", c.Number), count(c.Resets, "reset"), title, whom, c.Confidence.String()}
		}
		if widths, total = measured(body, gap); total <= t.o.Width {
			break
		}
	}
	for _, n := range [...]struct{ column, least int }{{3, 24}, {2, 20}, {3, 15}, {2, 12}} {
		if less := min(total-t.o.Width, widths[n.column]-n.least); less > 0 {
			widths[n.column] -= less
			total -= less
		}
	}
	var b bytes.Buffer
	table := tablewriter.NewTable(&b,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleASCII),
			Settings: tw.Settings{
				Separators: tw.SeparatorsNone,
				Lines:      tw.LinesNone,
			},
		})),
		// Its own formatting breaks at hyphens it likes.
		tablewriter.WithRowAutoFormat(tw.Off),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithPadding(tw.Padding{Left: "", Right: strings.Repeat(" ", gap), Overwrite: true}),
		tablewriter.WithRowAlignmentConfig(tw.CellAlignment{
			Global: tw.AlignLeft, PerColumn: []tw.Align{tw.AlignLeft, tw.AlignRight, tw.AlignLeft, tw.AlignLeft, tw.AlignLeft},
		}),
	)
	heights := make([]int, len(body))
	for k, row := range body {
		for n := range row {
			lines := wrap(row[n], widths[n])
			heights[k] = max(heights[k], len(lines))
			row[n] = strings.Join(lines, "\n")
		}
		if err := table.Append(row); err != nil {
			return nil, err
		}
	}
	if err := table.Render(); err != nil {
		return nil, err
	}
	var out [][]string
	lines := strings.Split(b.String(), "\n")
	for _, n := range heights {
		for k := range lines[:n] {
			lines[k] = strings.TrimRight(lines[k], " ")
		}
		out = append(out, lines[:n])
		lines = lines[n:]
	}
	return out, nil
}

// top shows an incident of each cause that may be mended.
func (t *text) top(d *Document) {
	causes := slices.Concat(d.in(LookFirst), d.in(Then))
	for _, c := range causes[:min(len(causes), textTop)] {
		t.line("")
		t.compact(d, c)
	}
	if more := len(causes) - textTop; more > 0 {
		t.line("")
		t.indented(0, fmt.Sprintf("%s are shown no further; -v shows every incident.", count(uint64(more), "cause")))
	}
}

// compact shows the surest incident of a cause in textLines lines.
func (t *text) compact(d *Document, c *Cause) {
	const in = 3
	g := c.Servers[0]
	i := g.example
	v := &i.Verdict
	n := t.namer(i)
	cols := min(t.o.Width, textProse) - in
	t.heading("%d. %s (%s), %s", c.Number, capital(c.Rule.Title), c.Rule.ID, g.confidence)
	where := n.Frame(i.Reset.RST.Ref()) + ", " + d.by.until(d.Summary.First, i.Reset.RST.Time)
	if c.Incidents > 1 {
		where += fmt.Sprintf("; %s in all, until %s, %s", classify.Grouped(c.Incidents), d.by.until(c.First, c.Last), c.clients())
	}
	if s := c.measured(); s != "" {
		where += "; " + s
	}
	head := wrap(capital(where)+".", cols)
	words := wrap(d.by.story(i), cols)
	if s := lacks(i); s != "" {
		words = append(words, wrap(s, cols)...)
	}
	var meaning [][2]string
	for _, m := range meanings(i, n) {
		meaning = append(meaning, [2]string{m.label, m.words})
	}
	if len(v.AlsoFits) > 0 {
		var also []string
		for _, a := range v.AlsoFits {
			also = append(also, a.Rule.ID)
		}
		meaning = append(meaning, [2]string{"Or else", list(also)})
	}
	if checks := c.Rule.Checks(serverOf(i)); len(checks) > 0 {
		meaning = append(meaning, [2]string{"Check", checks[0]})
	}
	if len(c.Rule.Advice) > 0 {
		meaning = append(meaning, [2]string{"Fix", c.Rule.Advice[0]})
	}
	why := remarks(i, asIs)
	for k := range v.Evidence {
		why = append(why, v.Evidence[k].Text(n))
	}
	why = append(why, signs(i, n)...)
	tall := func(s string) int { return len(wrap(s, cols-labelColumn)) }
	left := textLines - (1 + len(head) + len(words) + 3) // and the empty lines
	for _, m := range meaning {
		left -= tall(m[1])
	}
	// What to do, and then how to check it, give way to the packets.
	for len(why) > 0 && left < tall(why[0])+ladderLeast && len(meaning) > 0 {
		last := meaning[len(meaning)-1]
		left += tall(last[1])
		meaning = meaning[:len(meaning)-1]
	}
	var said []string
	for k, s := range why {
		lines := wrap(s, cols-labelColumn)
		if k > 0 && len(said)+len(lines) > left/3 {
			break
		}
		said = append(said, lines...)
	}
	left -= len(said)

	for _, l := range head {
		t.line(strings.Repeat(" ", in) + l)
	}
	t.line("")
	for _, l := range words {
		t.line(strings.Repeat(" ", in) + l)
	}
	for k, l := range said {
		label := ""
		if k == 0 {
			label = "Why"
		}
		t.line(fmt.Sprintf("%*s%-*s%s", in, "", labelColumn, label, l))
	}
	for _, m := range meaning {
		t.labelled(in, m[0], m[1])
	}
	if left < 3 {
		return
	}
	t.line("")
	most := max(2, left-2)
	lines, isRST := ladder(i, t.names(), t.o.Width-in, most)
	for len(lines) > left+1 && most > 1 { // what is left out, and files, have lines of their own
		most--
		lines, isRST = ladder(i, t.names(), t.o.Width-in, most)
	}
	for k, l := range lines {
		if isRST[k] {
			l = t.paint(red, l)
		}
		t.line(strings.Repeat(" ", in) + l)
	}
}

// unanswered counts connections without an answer in a line.
func (t *text) unanswered(of []*group) {
	var n uint64
	for _, g := range of {
		n += g.incidents
	}
	if n > 0 {
		t.line("")
		t.indented(0, "Besides, "+count(n, "connection")+" got no answer, or only part of one, without a reset.")
	}
}

// closing is the last line, which is what a terminal shows: the most important
// thing, and how to see more.
func (t *text) closing(d *Document) {
	if len(d.Causes) == 0 {
		return
	}
	t.line("")
	first := d.Causes[0]
	s := "No harm is seen."
	switch first.Section {
	case LookFirst:
		s = fmt.Sprintf("Most important: %s (1): %s.", first.Rule.Title, first.cost())
	case NotTold:
		s = "Nobody can tell from this capture what it cost."
	case Then:
		s = fmt.Sprintf("Most important: %s (1), %s.", first.Rule.Title, count(first.Resets, "reset"))
	}
	more := "-v shows all in full"
	if len(d.Causes) > 1 {
		more += ", --cause ID one cause"
	}
	if t.o.Verbose {
		more = "rstwhy explain " + first.Rule.ID + " says how to check and fix it"
	}
	t.indented(0, s+" "+more+", -o ticket.md writes a ticket.")
}

// measured measures the columns of a table, and how wide they are together.
func measured(body [][]string, gap int) (widths []int, total int) {
	widths = make([]int, len(body[0]))
	total = -gap
	for k := range widths {
		for _, row := range body {
			widths[k] = max(widths[k], len(row[k]))
		}
		total += widths[k] + gap
	}
	return widths, total
}
