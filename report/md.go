package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

// Limits of a ticket: nobody reads more, and the trackers cut long ones off.
const (
	mdTop   = 5 // groups with evidence and packets
	mdLines = 88
)

// markdown is the report for a ticket, in GitHub Flavored Markdown. What came
// from the wire, and file names, stand in code spans and fenced blocks only.
type markdown struct {
	w         *bufio.Writer
	o         Options
	incidents *collector
	notes     *collector
}

func newMarkdown(w io.Writer, o Options) analyzer.Sink {
	return &markdown{w: bufio.NewWriter(w), o: o, incidents: newCollector(o.naming()), notes: newCollector(o.naming())}
}

func (m *markdown) Incident(i *analyzer.Incident) error {
	m.incidents.incident(i)
	return nil
}

func (m *markdown) Note(n *flows.Note) error {
	m.notes.remark(n)
	return nil
}

func (m *markdown) Close(s *analyzer.Summary) error {
	files := fileNames(&m.o)
	d := m.incidents.document(s, m.notes)
	d.first(m.o.Top)
	m.para("# " + d.headline(mdProse))
	head, rest := d.captureLines(mdCode)
	for _, l := range head {
		m.para(mdProse(l))
	}
	for at := range numSections {
		m.urgency(at, d.in(at))
	}
	if !m.o.Summary {
		m.top(d, files)
	}
	m.timerSection(d.timers())
	m.attempts(d.Attempts, files)
	if len(rest) > 0 {
		m.para("## The capture")
		m.items("", rest)
		m.line("")
	}
	m.record(s)
	return m.w.Flush()
}

// urgency writes the causes of one section as a table.
func (m *markdown) urgency(at Section, causes []*Cause) {
	switch {
	case len(causes) == 0:
		return
	case at == NotTold:
		m.para(mdProse(notTold(causes)))
		return
	}
	m.para("## " + sectionTitles[at])
	m.line("| | Resets | Cause | To whom | What it cost | How sure |")
	m.line("| ---: | ---: | --- | --- | --- | --- |")
	for _, c := range causes {
		for _, cell := range []string{classify.Grouped(uint64(c.Number)), classify.Grouped(c.Resets), c.Rule.Title + " (" + mdCode(c.Rule.ID) + ")", c.whom(), c.cost(), c.Confidence.String()} {
			m.w.WriteString("| " + strings.ReplaceAll(mdProse(cell), "|", `\|`) + " ")
		}
		m.line("|")
	}
	m.line("")
}

// top shows incidents of what may be mended, all but the first folded; with
// Verbose of everything.
func (m *markdown) top(d *Document, files []string) {
	causes := slices.Concat(d.in(LookFirst), d.in(Then))
	if m.o.Verbose {
		causes = d.Causes
	}
	shown := 0
	for _, c := range causes {
		for k, g := range c.Servers {
			if k == textPerCause || shown == mdTop {
				break
			}
			shown++
			advised := 0
			if k > 0 {
				advised = c.Number
			}
			m.para(fmt.Sprintf("## %d. %s: %s", c.Number, mdProse(capital(g.rule.Title)), mdProse(g.where())))
			if shown > 1 {
				m.para("<details><summary>packets, evidence, fix and check</summary>")
			}
			m.group(advised, g, files)
			if shown > 1 {
				m.para("</details>")
			}
		}
	}
	all := 0
	for _, c := range causes {
		all += len(c.Servers)
	}
	if shown < all {
		m.para(fmt.Sprintf("%d of %s are shown.", shown, count(uint64(all), "group")))
	}
}

// group writes one section. What to do is the same for every group of a cause;
// advised is the section that has it already, or 0.
func (m *markdown) group(advised int, g *group, files []string) {
	i := g.example
	v := &i.Verdict
	n := &namer{files: files, quote: mdCode, ends: &i.Reset.Flow.Ends, by: g.by, roles: !i.Reset.Flow.RolesGuessed}
	m.para(mdProse(g.by.story(i)))

	m.line("- **To whom:** " + mdProse(fmt.Sprintf("%s to %s, %s.", count(g.incidents, "connection"), g.where(), g.clientsOf())))
	when := g.by.moment(g.first) + "."
	if g.incidents > 1 {
		when = g.by.moment(g.first) + ", last at " + g.by.until(g.first, g.last) + "; shown below is " + n.Frame(i.Reset.RST.Ref()) + "."
	} else {
		when += " " + capital(n.Frame(i.Reset.RST.Ref())) + "."
	}
	m.line("- **Since when:** " + mdProse(when))
	sure := fmt.Sprintf("%s that the cause is %s.", v.Confidence, mdCode(g.rule.ID))
	if s := lacks(i); s != "" {
		sure += " " + s
	}
	m.line("- **How sure:** " + mdProse(sure))
	for _, k := range meanings(i, n) {
		m.line("- **" + k.label + ":** " + mdProse(k.words+"."))
	}
	if s := g.cost(); s != "" {
		m.line("- **Harm in total:** " + mdProse(s+"."))
	}
	if advised > 0 {
		m.line(fmt.Sprintf("- **Fix:** as for %d.", advised))
	} else {
		m.line("- **Fix:**")
		m.items("  ", advice(v.Rule, mdCode))
	}
	m.line("")

	m.para("Evidence:")
	m.items("", evidence(i, n, mdCode))
	m.line("")
	if s := signs(i, n); len(s) > 0 {
		m.para("Another hand:")
		m.items("", s)
		m.line("")
	}
	m.para("Packets, in ms before and after the RST:")
	lines, _ := ladder(i, files, mdLines, allRungs)
	m.fence("text", lines)
	if len(v.AlsoFits) > 0 {
		m.para("Could also be:")
		for _, a := range v.AlsoFits {
			m.line("- " + mdProse(mdCode(a.Rule.ID)+" ("+a.Rule.Title+"). Tell apart by: "+a.Tell))
		}
		m.line("")
	}
	if advised > 0 {
		return
	}
	m.para("Check:")
	m.items("", v.Rule.Checks(serverOf(i)))
	m.line("")
}

func (m *markdown) timerSection(clusters []analyzer.TimerCluster) {
	if len(clusters) == 0 {
		return
	}
	m.para("## " + timersTitle)
	for k := range clusters[:min(len(clusters), timersMax)] {
		head, fits := m.o.naming().timerSentence(&clusters[k])
		m.line("- " + mdProse(head))
		m.items("  ", fits)
	}
	if more := len(clusters) - timersMax; more > 0 {
		m.line("- " + count(uint64(more), "more silence"))
	}
	m.line("")
}

func (m *markdown) attempts(groups []*group, files []string) {
	if len(groups) == 0 {
		return
	}
	m.para("## Related: connections that got no answer")
	n := namer{files: files, quote: mdCode}
	for k, g := range groups {
		if k == notesTop && len(groups) > notesTop+1 {
			m.line(fmt.Sprintf("- %d more servers", len(groups)-k))
			break
		}
		m.line("- " + mdProse(noteSentence(g, g.where(), g.incidents, g.resets)+g.noteWhere(&n)))
	}
	m.line("")
}

// record says what this was made from, so that it can be made again.
func (m *markdown) record(s *analyzer.Summary) {
	m.para("## Made from")
	var digests []string
	if m.o.Digests != nil {
		digests = m.o.Digests()
	}
	for k, f := range s.Files {
		sum := "no SHA-256"
		if k < len(digests) && digests[k] != "" {
			sum = "SHA-256 " + mdCode(digests[k])
		}
		m.line("- " + mdProse(mdCode(f)+", "+sum))
	}
	by := "- by rstwhy"
	if m.o.Version != "" {
		by += " " + mdProse(mdCode(m.o.Version))
	}
	if !m.o.Started.IsZero() {
		by += ", " + m.o.naming().moment(m.o.Started.UnixNano())
	}
	m.line(by)
	m.line("")
	if len(m.o.Command) > 0 {
		m.fence("sh", []string{ShellLine(m.o.Command)})
	}
}

func (m *markdown) items(in string, items []string) {
	for _, s := range items {
		m.line(in + "- " + mdProse(s))
	}
}

// fence writes a fenced code block, the fence being longer than any run of
// backticks in it.
func (m *markdown) fence(info string, lines []string) {
	longest := 2
	for _, l := range lines {
		longest = max(longest, backticks(l))
	}
	f := strings.Repeat("`", longest+1)
	m.line(f + info)
	for _, l := range lines {
		m.line(l)
	}
	m.line(f)
	m.line("")
}

func (m *markdown) para(s string) {
	m.line(s)
	m.line("")
}

func (m *markdown) line(s string) {
	m.w.WriteString(s)
	m.w.WriteByte('\n')
}

// backticks is the length of the longest run of backticks in s.
func backticks(s string) int {
	longest, run := 0, 0
	for k := range len(s) {
		if s[k] != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// mdCode makes a code span of any text (CommonMark 0.31.2, 6.1). Nothing in one
// is markup, a link or a mention.
func mdCode(s string) string {
	s = clean(s)
	if s == "" {
		return "(empty)"
	}
	f := strings.Repeat("`", backticks(s)+1)
	if s[0] == '`' || s[len(s)-1] == '`' || s[0] == ' ' && s[len(s)-1] == ' ' {
		s = " " + s + " "
	}
	return f + s + f
}

// mdProse escapes all but the code spans of s.
func mdProse(s string) string {
	var b strings.Builder
	for k := 0; k < len(s); {
		if s[k] == '`' {
			run := len(s[k:]) - len(strings.TrimLeft(s[k:], "`"))
			if end := closing(s[k+run:], run); end >= 0 {
				b.WriteString(s[k : k+run+end+run])
				k += run + end + run
				continue
			}
			b.WriteString(strings.Repeat("\\`", run))
			k += run
			continue
		}
		c := s[k]
		between := k > 0 && k+1 < len(s) && isWord(s[k-1]) && isWord(s[k+1])
		if strings.IndexByte("\\*[]<>&~|#!", c) >= 0 || c == '_' && !between {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
		k++
	}
	return b.String()
}

// closing finds the next run of exactly so many backticks.
func closing(s string, run int) int {
	for k := 0; k < len(s); {
		if s[k] != '`' {
			k++
			continue
		}
		n := len(s[k:]) - len(strings.TrimLeft(s[k:], "`"))
		if n == run {
			return k
		}
		k += n
	}
	return -1
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// ShellLine writes a command so that a shell reads it back, without anything that a
// terminal would obey.
func ShellLine(args []string) string {
	out := make([]string, len(args))
	for k, a := range args {
		switch {
		case a != "" && !strings.ContainsFunc(a, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./=:,+@%", r)
		}):
			out[k] = a
		case clean(a) == a:
			out[k] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		default:
			q := strconv.QuoteToASCII(a)
			q = strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
			out[k] = "$'" + strings.ReplaceAll(q, "'", `\'`) + "'"
		}
	}
	return strings.Join(out, " ")
}
