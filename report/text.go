package report

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Limits of the text report.
const (
	textTop      = 10  // groups shown with evidence
	textPerCause = 2   // of these, of one cause
	textMin      = 64  // columns that the table needs at least
	textProse    = 100 // columns of prose: longer lines are hard to read
	notesTop     = 10  // groups of notes
	benignTop    = 10  // groups that cost nothing
	// A person reads no more than this of a live capture; what is beyond is
	// counted.
	livePerSecond  = 10
	livePerService = 3 // in liveWindow
	liveWindow     = int64(10 * time.Second)
)

// ANSI sequences of a coloured report.
const (
	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	plain = "\x1b[0m"
)

// text is the report for people.
type text struct {
	w         *bufio.Writer
	o         Options
	files     []string
	named     bool
	incidents *collector
	notes     *collector
	pace      pace
	advised   map[*classify.Rule]string // where the advice of a cause was given
	told      map[*classify.Rule]bool   // harmless causes that a live report has shown
	said      bool                      // something was said before the end
}

func newText(w io.Writer, o Options) analyzer.Sink {
	if o.Width == 0 {
		o.Width = 80
	}
	o.Width = max(o.Width, textMin)
	return &text{
		w: bufio.NewWriter(w), o: o, incidents: newCollector(), notes: newCollector(),
		advised: make(map[*classify.Rule]string), told: make(map[*classify.Rule]bool),
	}
}

// names is what frames call their files; it is asked for late, when the input
// is open.
func (t *text) names() []string {
	if !t.named {
		t.files, t.named = fileNames(&t.o), true
	}
	return t.files
}

func (t *text) Incident(i *analyzer.Incident) error {
	g := t.incidents.incident(i)
	switch {
	case t.o.Verbose:
		t.heading("%s (%s), %s", capital(i.Verdict.Rule.Title), i.Verdict.Rule.ID, i.Verdict.Confidence)
		t.indented(2, moment(i.Reset.RST.Time)+", "+t.namer(i).Frame(i.Reset.RST.Ref()))
		t.detail(2, i, "at "+t.namer(i).Frame(i.Reset.RST.Ref()))
		t.line("")
	case t.o.live():
		t.said = true
		now := i.Reset.RST.Time
		if g.benign && t.told[g.rule] {
			return nil // one of a cause is enough; the end counts them
		}
		if !t.pace.allows(g, now) {
			return nil
		}
		head := time.Unix(0, now).UTC().Format("15:04:05.000000") + "  " + i.Verdict.Rule.ID + ", " + i.Verdict.Confidence.String()
		if g.benign {
			t.told[g.rule] = true
			head += ", harmless: counted from now on"
		}
		if hidden := g.hidden(); hidden > 0 {
			head += fmt.Sprintf(" (%s more before it)", thousands(hidden))
		}
		t.heading("%s", head)
		t.indented(4, story(i))
	}
	if t.o.live() { // a person waits for it
		return t.w.Flush()
	}
	return nil
}

func (t *text) Note(n *flows.Note) error {
	g := t.notes.remark(n)
	if t.o.live() && t.pace.allows(g, n.Latest) {
		t.said = true
		t.line(t.paint(bold, time.Unix(0, n.First).UTC().Format("15:04:05.000000")+"  no reset"))
		t.indented(4, noteSentence(g, n.Ends[flows.Server].AddrPort().String(), 1, uint64(n.Tries)))
		return t.w.Flush()
	}
	return nil
}

// pace lets through what a person can follow. It goes by the clock of the
// capture, so that the same input gives the same report.
type pace struct {
	second  int64
	written int
}

func (p *pace) allows(g *group, now int64) bool {
	if second := now / 1e9; second != p.second {
		p.second, p.written = second, 0
	}
	if now-g.shownSince > liveWindow || now < g.shownSince {
		g.shownSince, g.shown = now, 0
	}
	if p.written >= livePerSecond || g.shown >= livePerService {
		g.unshown++
		return false
	}
	p.written++
	g.shown++
	return true
}

// hidden returns how many of g were not shown since the last that was.
func (g *group) hidden() uint64 {
	n := g.unshown
	g.unshown = 0
	return n
}

func (t *text) Close(s *analyzer.Summary) error {
	harmful, benign := split(t.incidents.causes())
	if t.said || t.o.Verbose && s.Incidents+s.Notes > 0 {
		t.line(t.paint(bold, strings.Repeat("=", min(t.o.Width, 80))))
	}
	for _, l := range captureLines(s, asIs) {
		t.indented(0, l)
	}
	if len(harmful) > 0 {
		t.line("")
		if err := t.table(harmful); err != nil {
			return err
		}
	}
	if !t.o.Verbose {
		t.top(harmful)
	}
	t.benignSection(benign)
	t.timerSection(s.Timers)
	t.noteSection()
	return t.w.Flush()
}

// captureLines says in sentences what was read, and what was not and why.
func captureLines(s *analyzer.Summary, quote func(string) string) []string {
	var names []string
	for _, f := range s.Files {
		names = append(names, quote(clean(f)))
	}
	what := list(names)
	if len(names) > 3 {
		what = fmt.Sprintf("%d files, %s to %s", len(names), names[0], names[len(names)-1])
	}
	if what == "" {
		what = "the capture"
	}
	f := &s.Flows
	line := what + ": " + count(s.Frames, "packet")
	if s.Frames > 0 {
		line += fmt.Sprintf(" (%s TCP) in %s, %s", percent(f.Segments, s.Frames), span(s.Last-s.First), count(f.Connections, "connection"))
	}
	if f.RSTs > 0 {
		line += fmt.Sprintf("; %s in %s, %s of the connections were reset.", count(f.RSTs, "reset"), count(s.Incidents, "incident"), percent(f.Reset, f.Connections))
	} else {
		line += "."
	}
	out := []string{line}
	if s.Frames > 0 {
		out = append(out, "From "+moment(s.First)+" to "+until(s.First, s.Last)+".")
	}
	switch {
	case f.RSTs > 0:
	case s.Frames == 0:
		out = append(out, "No packet was captured, so there is nothing to explain.")
	case f.Segments == 0:
		out = append(out, "There is no TCP among these packets, so there is no reset to explain.")
	default:
		out = append(out, "No connection was reset: not one TCP segment has the RST flag.")
	}
	if s.Interrupted {
		out = append(out, "Stopped before the end of the input: this is what was read until then.")
	}
	if s.Filter != "" {
		out = append(out, "Only what the filter lets through was read: "+quote(clean(s.Filter)))
	}
	if l := s.Live; l != nil {
		received := fmt.Sprintf("The kernel received %s for this capture and dropped %s", count(l.Received, "packet"), thousands(l.Dropped))
		if l.DroppedByInterface > 0 {
			received += fmt.Sprintf("; the interface dropped %s", thousands(l.DroppedByInterface))
		}
		out = append(out, received+".")
	}
	var skipped []string
	for r := packet.Decoded + 1; r < packet.NumSkips; r++ {
		if n := s.Skipped[r]; n > 0 {
			skipped = append(skipped, thousands(n)+" "+r.String())
		}
	}
	if len(skipped) > 0 {
		out = append(out, "Skipped: "+strings.Join(skipped, ", ")+".")
	}
	out = append(out, limits(s)...)
	for k, err := range s.Damage {
		if k == 10 && len(s.Damage) > 11 {
			out = append(out, fmt.Sprintf("Damaged: %d more files.", len(s.Damage)-k))
			break
		}
		out = append(out, "Damaged: "+quote(clean(err.Error()))+". What comes before it was read.")
	}
	return out
}

// limits says what the capture lacks, and what was given up.
func limits(s *analyzer.Summary) []string {
	f := &s.Flows
	var seen, gave []string
	say := func(to *[]string, n uint64, format string) {
		if n > 0 {
			*to = append(*to, fmt.Sprintf(format, thousands(n)))
		}
	}
	say(&seen, f.MidStream, "%s of the connections began before it")
	say(&seen, f.OneSided, "%s show one direction only")
	say(&seen, f.Gaps, "there are %s gaps in the sequence numbers (lost by the capture, or late)")
	say(&seen, f.Duplicates, "%s packets are in it twice")
	if f.Backwards > 0 && f.BackwardsLargest > s.LateLargest {
		seen = append(seen, fmt.Sprintf("time runs backwards %s times, by %s at most", thousands(f.Backwards), classify.Duration(f.BackwardsLargest)))
	}
	say(&gave, f.Evicted, "%s idle connections were forgotten because there were too many at once")
	say(&gave, f.SettledEarly, "%s resets were judged without waiting for what follows, because there were too many at once")
	if s.Late > 0 {
		gave = append(gave, fmt.Sprintf("packets arrived late %s, by %s at most: resets just before may have been judged without what followed", count(s.Late, "time"), classify.Duration(s.LateLargest)))
	}
	var out []string
	if len(seen) > 0 {
		out = append(out, "The capture: "+strings.Join(seen, "; ")+".")
	}
	if len(gave) > 0 {
		out = append(out, capital(strings.Join(gave, "; "))+".")
	}
	return out
}

// table writes the table of causes, without the spaces that tablewriter leaves
// at the ends of lines.
func (t *text) table(causes []*cause) error {
	var b bytes.Buffer
	if err := writeTable(&b, causes, t.o.Width); err != nil {
		return err
	}
	for k, l := range strings.Split(strings.TrimRight(b.String(), "\n"), "\n") {
		l = strings.TrimRight(l, " ")
		if k == 0 {
			l = t.paint(bold, l)
		}
		t.line(l)
	}
	return nil
}

// top shows the groups that matter most, at most textPerCause of each cause.
func (t *text) top(causes []*cause) {
	number, shown, all := 0, 0, 0
	for _, c := range causes {
		all += len(c.groups)
		for k, g := range c.groups {
			if k == textPerCause || number == textTop {
				break
			}
			number++
			shown++
			t.line("")
			t.group(number, g)
		}
	}
	if shown < all {
		t.line("")
		t.indented(0, fmt.Sprintf("%s of %s are shown in full; -v shows every incident.", thousands(uint64(shown)), count(uint64(all), "group")))
	}
}

func (t *text) group(number int, g *group) {
	i := g.example
	t.heading("%d. %s (%s), %s", number, capital(g.rule.Title), g.rule.ID, g.confidence)
	n := t.namer(i)
	if g.incidents == 1 {
		t.indented(3, fmt.Sprintf("%s, %s", moment(i.Reset.RST.Time), n.Frame(i.Reset.RST.Ref())))
	} else {
		t.indented(3, g.repeated(n))
		if s := g.cost(); s != "" {
			t.indented(3, "Harm in all: "+s+".")
		}
	}
	t.detail(3, i, fmt.Sprintf("at %d", number))
}

// repeated says how often, since when, whom, and where else.
func (g *group) repeated(n *namer) string {
	s := thousands(g.incidents) + " times"
	if g.resets != g.incidents {
		s += " (" + count(g.resets, "reset") + ")"
	}
	s += " from " + moment(g.first) + " to " + until(g.first, g.last) + ", " + g.clientsOf() + "."
	if from, to := classify.Duration(g.telling.min), classify.Duration(g.telling.max); g.telling.n > 1 && from != to {
		s += fmt.Sprintf(" %s: %s to %s, median %s.", capital(g.rule.Telling.Title()), from, to, classify.Duration(g.telling.median()))
	}
	where := g.example.Reset.RST.Ref()
	s += " Shown here: " + n.Frame(where) + "."
	var others []string
	for _, w := range slices.Sorted(slices.Values(g.frames)) {
		if w == where {
			continue
		}
		if len(n.files) == 0 {
			others = append(others, strconv.FormatUint(w.Frame(), 10))
		} else {
			others = append(others, n.Frame(w))
		}
	}
	if len(others) == 0 {
		return s
	}
	more := g.incidents - uint64(len(others)) - 1
	same := " The same in "
	if len(n.files) == 0 {
		same += "frame "
		if len(others) > 1 || more > 0 {
			same = " The same in frames "
		}
	}
	if more > 0 {
		others = append(others, thousands(more)+" more")
	}
	return s + same + list(others) + "."
}

// detail writes an incident: the sentence, why, the packets, what else fits, and
// what to do. The latter is the same for every incident of a cause and is given
// once; here is how to refer to this place.
func (t *text) detail(in int, i *analyzer.Incident, here string) {
	v := &i.Verdict
	t.line("")
	t.indented(in, story(i))
	if s := lacks(i); s != "" {
		t.indented(in, s)
	}
	t.line("")
	for _, m := range meanings(i, t.namer(i)) {
		t.labelled(in, m.label, m.words)
	}
	t.items(in, "Evidence", evidence(i, t.namer(i), asIs))
	t.items(in, "Another hand", signs(i, t.namer(i)))
	t.line("")
	t.line(strings.Repeat(" ", in) + "Packets, in ms before and after the RST")
	lines, isRST := ladder(i, t.names(), t.o.Width-in-2)
	for k, l := range lines {
		if isRST[k] {
			l = t.paint(red, l)
		}
		t.line(strings.Repeat(" ", in+2) + l)
	}
	var also []string
	for _, a := range v.AlsoFits {
		also = append(also, a.Rule.ID+" ("+a.Rule.Title+"). To tell: "+a.Tell)
	}
	t.items(in, "Also fits", also)
	if there, ok := t.advised[v.Rule]; ok {
		t.line("")
		t.indented(in, "How to make sure and what to change: see above, "+there+".")
		return
	}
	t.advised[v.Rule] = here
	t.items(in, "To make sure", v.Rule.Confirm)
	t.items(in, "What to change", advice(v.Rule, asIs))
}

// evidence is what speaks for the verdict, and what else the reset says.
func evidence(i *analyzer.Incident, n classify.Namer, quote func(string) string) []string {
	var out []string
	for k := range i.Verdict.Evidence {
		out = append(out, i.Verdict.Evidence[k].Text(n))
	}
	return append(out, remarks(i, quote)...)
}

// advice is what to change, and where more of it stands.
func advice(r *classify.Rule, code func(string) string) []string {
	if len(r.Remedies) == 0 {
		return r.Advice
	}
	var where []string
	for k := range r.Remedies {
		where = append(where, r.Remedies[k].Where)
	}
	return append(slices.Clone(r.Advice), code("rstwhy explain "+r.ID)+" has settings and code for "+list(where)+".")
}

func asIs(s string) string { return s }

func (t *text) namer(i *analyzer.Incident) *namer {
	return &namer{files: t.names(), ends: &i.Reset.Flow.Ends, roles: !i.Reset.Flow.RolesGuessed}
}

// benignSection counts what cost nothing, a line for each group.
func (t *text) benignSection(causes []*cause) {
	groups := groupsOf(causes)
	if len(groups) == 0 {
		return
	}
	t.line("")
	hint := " (-v shows each)"
	if t.o.Verbose {
		hint = ""
	}
	t.heading("%s%s", benignTitle, hint)
	for k, g := range groups {
		if k == benignTop && len(groups) > benignTop+1 {
			t.item(2, restOf(groups[k:]))
			break
		}
		t.item(2, g.harmless(&namer{files: t.names()}))
	}
}

// groupsOf lists the groups of several causes, those with most incidents first.
func groupsOf(causes []*cause) []*group {
	var out []*group
	for _, c := range causes {
		out = append(out, c.groups...)
	}
	slices.SortStableFunc(out, func(a, b *group) int { return cmp.Compare(b.incidents, a.incidents) })
	return out
}

// restOf counts the groups that a list leaves out.
func restOf(groups []*group) string {
	var resets uint64
	for _, g := range groups {
		resets += g.resets
	}
	return fmt.Sprintf("%s more groups, %s", thousands(uint64(len(groups))), count(resets, "reset"))
}

// timerSection lists the silences that look like a timer.
func (t *text) timerSection(clusters []analyzer.TimerCluster) {
	if len(clusters) == 0 {
		return
	}
	t.line("")
	t.heading(timersTitle)
	for k := range clusters[:min(len(clusters), timersMax)] {
		head, fits := timerSentence(&clusters[k])
		t.item(2, head)
		for _, f := range fits {
			t.item(6, f)
		}
	}
	if more := len(clusters) - timersMax; more > 0 {
		t.item(2, count(uint64(more), "more silence"))
	}
}

func (t *text) noteSection() {
	groups := t.notes.ranked()
	if len(groups) == 0 {
		return
	}
	t.line("")
	t.heading("Not reset, but it belongs to the question")
	for k, g := range groups {
		if k == notesTop && len(groups) > notesTop+1 {
			t.item(2, fmt.Sprintf("%d more servers", len(groups)-k))
			break
		}
		t.item(2, noteSentence(g, g.where(), g.incidents, g.resets)+g.noteWhere(&namer{files: t.names()}))
	}
}

// noteSentence says what was seen of so many connections, and what it means.
func noteSentence(g *group, where string, connections, tries uint64) string {
	switch g.service.note {
	case flows.RepeatedSYNACK:
		return fmt.Sprintf("%s repeated its SYN/ACK although the client had acknowledged it, in %s: %s (%s).",
			where, count(connections, "connection"), classify.AcceptQueueFull, classify.AcceptQueueTell)
	case flows.RepeatedToSilent:
		return fmt.Sprintf("%s repeated its SYN/ACK although the client had acknowledged it, in %s; the client had sent no data: %s, or %s (%s).",
			where, count(connections, "connection"), classify.WaitsForData, classify.AcceptQueueFull, classify.AcceptQueueTell)
	}
	if g.service.note == flows.UnansweredReuse {
		return fmt.Sprintf("%s did not answer %s (%s) from ports that had a connection to it just before: it may hold that one in TIME_WAIT still. Clients behind a NAT that uses its ports again too soon see this; give it more addresses or ports, and leave net.ipv4.tcp_timestamps on.",
			where, count(connections, "connection attempt"), count(tries, "SYN"))
	}
	return fmt.Sprintf("%s did not answer %s (%s): a filter that drops, a host that is down, or a full SYN backlog.",
		where, count(connections, "connection attempt"), count(tries, "SYN"))
}

// noteWhere says where a group of notes begins and whom it concerns.
func (g *group) noteWhere(n classify.Namer) string {
	return fmt.Sprintf(" First in %s, %s; %s.", n.Frame(slices.Min(g.frames)), moment(g.first), g.clientsOf())
}

func (t *text) heading(format string, args ...any) {
	for _, l := range wrap(fmt.Sprintf(format, args...), t.o.Width) {
		t.line(t.paint(bold, l))
	}
}

func (t *text) items(in int, title string, items []string) {
	if len(items) == 0 {
		return
	}
	t.line("")
	t.line(strings.Repeat(" ", in) + title)
	for _, s := range items {
		t.item(in+2, s)
	}
}

func (t *text) item(in int, s string) {
	for k, l := range wrap(s, min(t.o.Width, textProse)-in-2) {
		lead := "- "
		if k > 0 {
			lead = "  "
		}
		t.line(strings.Repeat(" ", in) + lead + l)
	}
}

func (t *text) indented(in int, s string) {
	for _, l := range wrap(s, min(t.o.Width, textProse)-in) {
		t.line(strings.Repeat(" ", in) + l)
	}
}

// labelled writes a label and words beside it.
func (t *text) labelled(in int, label, words string) {
	const column = 9 // of the words, after the longest label
	for k, l := range wrap(words, min(t.o.Width, textProse)-in-column) {
		if k > 0 {
			label = ""
		}
		t.line(fmt.Sprintf("%*s%-*s%s", in, "", column, label, l))
	}
}

func (t *text) paint(code, s string) string {
	if !t.o.Color || s == "" {
		return s
	}
	return code + s + plain
}

// line writes a line; an error stays in the writer until Flush.
func (t *text) line(s string) {
	t.w.WriteString(s)
	t.w.WriteByte('\n')
}
