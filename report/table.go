package report

import (
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/rstwhy/rstwhy/classify"
)

// rowsPerCause is how many services of one cause a table shows.
const rowsPerCause = 5

// tableHead names the columns of the table of causes.
var tableHead = [...]string{"cause", "resets", "sent by", "server", "confidence", "telling time"}

// narrowest is how far each column may be squeezed, in the order in which they
// are: the time first, then the server, then the cause. A column of 0 is left
// out.
var narrowest = [...]struct{ column, columns int }{{5, 14}, {3, 21}, {0, 15}, {3, 16}, {5, 0}, {0, 12}, {3, 15}}

// rows returns the cells of the table of causes, and under each cause with more
// services than are shown a row that counts the rest.
func rows(causes []*cause) [][]string {
	var out [][]string
	for _, c := range causes {
		for k, g := range c.groups {
			if k == rowsPerCause && len(c.groups) > rowsPerCause+1 {
				var resets uint64
				for _, rest := range c.groups[k:] {
					resets += rest.resets
				}
				out = append(out, []string{c.rule.ID, thousands(resets), "", thousands(uint64(len(c.groups)-k)) + " more servers", "", ""})
				break
			}
			out = append(out, []string{c.rule.ID, thousands(g.resets), g.sender(), g.where(), g.confidence.String(), g.time()})
		}
	}
	return out
}

// where names the server's end for a table.
func (g *group) where() string {
	switch {
	case g.hosts():
		return "many hosts"
	case g.end.Port == 0:
		addr := g.end.AddrPort().Addr()
		if addr.Is6() {
			return "[" + addr.String() + "]:*"
		}
		return addr.String() + ":*"
	}
	return g.end.AddrPort().String()
}

// time is the telling time of a group with its name: the median of several.
func (g *group) time() string {
	if g.telling.n == 0 {
		return ""
	}
	return g.rule.Telling.Title() + " " + classify.Duration(g.telling.median())
}

// writeTable writes the table of causes within cols columns. Borders are plain
// ASCII: a report is read over serial lines and pasted into tickets.
func writeTable(w io.Writer, causes []*cause, cols int) error {
	const gap = 2 // right of each column
	body := rows(causes)
	widths := make([]int, len(tableHead))
	total := -gap
	for k := range tableHead {
		widths[k] = len(tableHead[k])
		for _, row := range body {
			widths[k] = max(widths[k], len(row[k]))
		}
		total += widths[k] + gap
	}
	for _, n := range narrowest {
		if n.columns == 0 && total > cols {
			total -= widths[n.column] + gap
			widths[n.column] = 0
		} else if less := min(total-cols, widths[n.column]-n.columns); less > 0 {
			widths[n.column] -= less
			total -= less
		}
	}
	table := tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleASCII),
			Settings: tw.Settings{
				Separators: tw.SeparatorsNone,
				Lines:      tw.LinesNone,
			},
		})),
		// Its own formatting rewrites "sent by" and breaks at hyphens it likes.
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithRowAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithPadding(tw.Padding{Left: "", Right: strings.Repeat(" ", gap), Overwrite: true}),
		tablewriter.WithHeaderAlignmentConfig(alignment),
		tablewriter.WithRowAlignmentConfig(alignment),
	)
	add := func(row []string) error {
		var cells []string
		for k, cell := range row {
			if widths[k] > 0 {
				cells = append(cells, strings.Join(wrap(cell, widths[k]), "\n"))
			}
		}
		return table.Append(cells)
	}
	var head, line []string
	for k, name := range tableHead {
		if widths[k] > 0 {
			head = append(head, name)
		}
		line = append(line, strings.Repeat("-", widths[k]))
	}
	table.Header(head)
	for _, row := range append([][]string{line}, body...) {
		if err := add(row); err != nil {
			return err
		}
	}
	return table.Render()
}

var alignment = tw.CellAlignment{
	Global:    tw.AlignLeft,
	PerColumn: []tw.Align{tw.AlignLeft, tw.AlignRight, tw.AlignLeft, tw.AlignLeft, tw.AlignLeft, tw.AlignLeft},
}

// clientsOf names the clients of a group: "client A", "clients A, B and others".
func (g *group) clientsOf() string {
	var out []string
	for _, c := range g.clients {
		out = append(out, c.AddrPort().Addr().String())
	}
	slices.Sort(out)
	if g.manyMore {
		out = append(out, "others")
	}
	if len(out) == 1 {
		return "client " + out[0]
	}
	return "clients " + list(out)
}
