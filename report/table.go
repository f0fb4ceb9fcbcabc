package report

import (
	"fmt"
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
// are: the server first, then the cause. A column of 0 is left out.
var narrowest = [...]struct{ column, columns int }{{3, 21}, {5, 0}, {0, 15}, {3, 16}, {0, 12}, {3, 15}}

// rows returns the cells of the table of causes, and under each cause with more
// services than are shown a row that counts the rest. Where there is little
// room the telling times lose their names, which stand with the incidents.
func rows(causes []*cause, named bool) [][]string {
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
			out = append(out, []string{c.rule.ID, thousands(g.resets), g.sender(), g.where(), g.confidence.String(), g.time(named)})
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

// time is the telling time of a group, the median of several: with its name, or
// in three digits.
func (g *group) time(named bool) string {
	switch {
	case g.telling.n == 0:
		return ""
	case named:
		return g.rule.Telling.Title() + " " + classify.Duration(g.telling.median())
	}
	return shortDuration(g.telling.median())
}

// shortDuration writes nanoseconds in three digits.
func shortDuration(ns int64) string {
	switch ms := float64(ns) / 1e6; {
	case ms < 9.995:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 99.95:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 9995:
		return fmt.Sprintf("%.2f s", ms/1e3)
	case ms < 99950:
		return fmt.Sprintf("%.1f s", ms/1e3)
	}
	return classify.Duration(ns)
}

// measured measures the columns of a table, and how wide they are together.
func measured(head []string, body [][]string, gap int) (widths []int, total int) {
	widths = make([]int, len(head))
	total = -gap
	for k := range head {
		widths[k] = len(head[k])
		for _, row := range body {
			widths[k] = max(widths[k], len(row[k]))
		}
		total += widths[k] + gap
	}
	return widths, total
}

// writeTable writes the table of causes within cols columns. Borders are plain
// ASCII: a report is read over serial lines and pasted into tickets.
func writeTable(w io.Writer, causes []*cause, cols int) error {
	const gap = 2 // right of each column
	head := slices.Clone(tableHead[:])
	body := rows(causes, true)
	widths, total := measured(head, body, gap)
	if total > cols {
		head[len(head)-1] = "time"
		body = rows(causes, false)
		widths, total = measured(head, body, gap)
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
	var shown, line []string
	for k, name := range head {
		if widths[k] > 0 {
			shown = append(shown, name)
		}
		line = append(line, strings.Repeat("-", widths[k]))
	}
	table.Header(shown)
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
