package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/rstwhy/rstwhy/classify"
)

// headline says the most important thing in a few words: of what may be mended the
// cause, or how many there are and which came most often, and how much is left.
func (d *Document) headline(quote func(string) string) string {
	if len(d.Causes) == 0 {
		if d.Summary.Flows.RSTs > 0 {
			return "No TCP reset of those asked for"
		}
		return "No TCP reset"
	}
	all := count(resetsOf(d.Causes), "TCP reset")
	mend := slices.Concat(d.in(LookFirst), d.in(Then))
	nothing, untold := d.in(NothingToDo), d.in(NotTold)
	var parts []string
	if len(mend) > 0 {
		parts = append(parts, foremost(mend, quote))
	}
	if len(nothing) > 0 {
		if len(mend) == 0 {
			parts = append(parts, "nothing to do: "+foremost(nothing, quote))
		} else {
			parts = append(parts, classify.Grouped(resetsOf(nothing))+" with nothing to do")
		}
	}
	if len(untold) > 0 {
		parts = append(parts, classify.Grouped(resetsOf(untold))+" not explained")
	}
	if len(parts) > 1 && len(mend) == 1 {
		parts[0] += " (" + classify.Grouped(mend[0].Resets) + ")"
	}
	return all + ": " + strings.Join(parts, ", ")
}

// foremost names the one of causes, or of several the first and how many more.
func foremost(causes []*Cause, quote func(string) string) string {
	first := causes[0]
	if len(causes) == 1 {
		return quote(first.Rule.Title)
	}
	return fmt.Sprintf("%s (%s) and %s", quote(first.Rule.Title), classify.Grouped(first.Resets), count(uint64(len(causes)-1), "other cause"))
}

func resetsOf(causes []*Cause) (n uint64) {
	for _, c := range causes {
		n += c.Resets
	}
	return n
}

// Headline is the title of a report on what t has counted, "" before it is closed.
func (t *Tally) Headline() string {
	if t.summary == nil {
		return ""
	}
	return t.incidents.document(t.summary, nil).headline(asIs)
}

// FileRow is what was in one of several files.
type FileRow struct {
	Name, Words string
}

// nameColumn is how wide the names of files are at most in a list of them.
const nameColumn = 40

// WriteFileRows lists what was in which file, for a terminal of so many columns, 0 for 80.
func WriteFileRows(w io.Writer, rows []FileRow, cols int) error {
	if cols == 0 {
		cols = 80
	}
	cols = min(max(cols, textMin), textMost)
	out := bufio.NewWriter(w)
	wide := 0
	for _, r := range rows {
		wide = max(wide, width(clean(r.Name)))
	}
	wide = min(wide, nameColumn, cols/2)
	out.WriteString("Files\n")
	for _, r := range rows {
		name := shortenLeft(clean(r.Name), wide)
		for k, l := range wrap(clean(r.Words), cols-wide-4) {
			if k > 0 {
				name = ""
			}
			fmt.Fprintf(out, "  %s%s  %s\n", name, strings.Repeat(" ", wide-width(name)), l)
		}
	}
	return out.Flush()
}
