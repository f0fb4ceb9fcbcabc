package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Limits of the text report.
const (
	textTop      = 10  // causes shown with evidence
	textPerCause = 2   // groups of one cause, in a ticket
	ladderLeast  = 3   // lines of the ladder of such an incident
	textLines    = 24  // of an incident that is not shown in full
	textMin      = 64  // columns that the table needs at least
	textMost     = 160 // columns that are used at most
	textProse    = 120 // columns of prose: longer lines are hard to read
	notesTop     = 10  // groups of notes
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
	by        *naming
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
	o.Width = min(max(o.Width, textMin), textMost)
	return &text{
		w: bufio.NewWriter(w), o: o, by: o.naming(), incidents: newCollector(o.naming()), notes: newCollector(o.naming()),
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
		t.indented(2, t.by.moment(i.Reset.RST.Time)+", "+t.namer(i).Frame(i.Reset.RST.Ref()))
		t.detail(2, i, "at "+t.namer(i).Frame(i.Reset.RST.Ref()))
		t.line("")
	case t.o.live() && !t.o.Summary:
		t.said = true
		now := i.Reset.RST.Time
		if g.benign && t.told[g.rule] {
			return nil // one of a cause is enough; the end counts them
		}
		if !t.pace.allows(g, now) {
			return nil
		}
		head := t.by.clock(now) + "  " + i.Verdict.Rule.ID + ", " + i.Verdict.Confidence.String()
		if g.benign {
			t.told[g.rule] = true
			head += ", harmless: counted from now on"
		}
		if hidden := g.hidden(); hidden > 0 {
			head += fmt.Sprintf(" (%s more before it)", classify.Grouped(hidden))
		}
		t.heading("%s", head)
		t.indented(4, t.by.story(i))
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
		t.line(t.paint(bold, t.by.clock(n.First)+"  no reset"))
		t.indented(4, noteSentence(g, t.by.end(n.Ends[flows.Server]), 1, uint64(n.Tries)))
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
	d := t.incidents.document(s, t.notes)
	d.first(t.o.Top)
	if t.said || t.o.Verbose && s.Incidents+s.Notes > 0 {
		t.line(t.paint(bold, strings.Repeat("=", min(t.o.Width, 80))))
	}
	head, rest := d.captureLines(asIs)
	for k, l := range head {
		if k == 0 && s.Incidents > 0 {
			t.heading("%s", l)
			continue
		}
		t.indented(0, l)
	}
	for at := range numSections {
		if len(d.Causes) == 1 && d.Causes[0].Section <= Then && !t.o.Verbose && !t.o.Summary {
			break // the incident itself says it
		}
		if err := t.urgency(at, d.in(at)); err != nil {
			return err
		}
	}
	if !t.o.Verbose && !t.o.Summary {
		t.top(d)
	}
	if t.o.Summary {
		t.unanswered(d.Attempts)
	} else {
		t.timerSection(d.timers())
		t.attempts(d.Attempts)
	}
	if len(rest) > 0 {
		t.line("")
		t.heading("The capture")
		for _, l := range rest {
			t.item(2, l)
		}
	}
	t.closing(d)
	return t.w.Flush()
}

// asksFlags reports whether a filter picks segments by their flags.
func asksFlags(filter string) bool {
	return strings.Contains(filter, "tcpflags") || strings.Contains(filter, "tcp[13]") || strings.Contains(filter, "tcp-rst")
}

// filterHint says why a filter may have let nothing through.
func filterHint(filter string) string {
	s := "In a VLAN a filter has to begin with \"vlan and\"."
	if strings.Contains(filter, "tcp[") {
		s = "tcp[...] looks into IPv4 alone, not into IPv6. " + s
	}
	if asksFlags(filter) {
		s += " Leave the flags out: to explain a reset rstwhy needs its whole connection."
	}
	return s
}

// filtered says how much a filter let through.
func filtered(s *analyzer.Summary, quote func(string) string) string {
	words := "Filter: " + quote(clean(s.Filter))
	if s.Held > 0 {
		words += fmt.Sprintf(" (%s of %s matched)", classify.Grouped(s.Frames), count(s.Frames+s.Held, "packet"))
	}
	return words + "."
}

// SaysAnonymized is what a report says whose addresses are not those of the capture.
const SaysAnonymized = "Anonymised: addresses are not those of the capture, but those of one network still are of one network; names and payload are left out."

// kernelCounts says what the kernel of the host told of.
func kernelCounts(k *analyzer.KernelCounters) string {
	s := "the kernel of this host told of " + count(k.Sent, "reset") + " that it sent"
	if k.Unseen > 0 {
		s += fmt.Sprintf("; of %s of the latest there is no RST in the capture", classify.Grouped(k.Unseen))
	}
	if k.Lost > 0 {
		s += fmt.Sprintf("; of %s more it could not tell in time", classify.Grouped(k.Lost))
	}
	return s
}

// captureLines says in sentences what was read: in head what a reader needs first,
// with what puts all the rest in doubt, and in rest what else is to be known.
func (d *Document) captureLines(quote func(string) string) (head, rest []string) {
	s := d.Summary
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
	if f.RSTs > 0 {
		all := count(f.RSTs, "reset")
		if s.Selection == "" && len(d.More) == 0 {
			all += " of " + count(d.causes(), "cause")
		}
		head = append(head, fmt.Sprintf("%s: %s; %s of %s (%s) reset", what, all,
			classify.Grouped(f.Reset), count(f.Connections, "connection"), percent(f.Reset, f.Connections)))
	}
	var read string
	if s.Frames > 0 {
		read = fmt.Sprintf("%s (%s); %s, %s TCP.", d.by.during(s.First, s.Last), lasted(s), count(s.Frames, "packet"), percent(f.Segments, s.Frames))
	}
	switch {
	case f.RSTs > 0:
		head = append(head, "From "+read)
	case s.Frames == 0 && s.Held > 0:
		head = append(head, fmt.Sprintf("%s: not one of %s passed the filter %s.", what, count(s.Held, "packet"), quote(clean(s.Filter))), filterHint(s.Filter))
		return head, rest
	case s.Frames == 0:
		head = append(head, what+": no packet was captured, so there is nothing to explain.")
	case f.Segments == 0:
		head = append(head, what+": there is no TCP among these packets, so there is no reset to explain.", "From "+read)
	default:
		head = append(head, what+": no connection was reset: not one TCP segment has the RST flag.", "From "+read)
	}
	if l := d.shown(quote); l != "" {
		head = append(head, l)
	}
	if s.Anonymized {
		head = append(head, SaysAnonymized)
	}
	if s.Interrupted {
		s := "Interrupted before the end of the input"
		if d.Summary.Total > 0 {
			s = "Interrupted after " + percent(uint64(d.Summary.Done), uint64(d.Summary.Total)) + " of the input"
		}
		head = append(head, s+": what comes later is not in this report.")
	}
	if s.Filter != "" {
		head = append(head, filtered(s, quote))
	}
	if f.RSTs > 0 && f.RSTs == f.Segments {
		head = append(head, "There is nothing but RSTs here: to explain them rstwhy needs the rest of their connections. Filter by host and port, not by flags.")
	} else if asksFlags(s.Filter) {
		head = append(head, "The filter goes by TCP flags, so that whatever else belongs to these connections is missing: verdicts are less sure, and some are not possible. Filter by host and port.")
	}
	for k, err := range s.Damage {
		if k == 10 && len(s.Damage) > 11 {
			head = append(head, fmt.Sprintf("Damaged: %d more files.", len(s.Damage)-k))
			break
		}
		var unread interface{ Unread() bool }
		if errors.As(err, &unread) && unread.Unread() {
			head = append(head, "Not read: "+quote(clean(err.Error()))+".")
			continue
		}
		head = append(head, "Damaged: "+quote(clean(err.Error()))+". What comes before it was read.")
	}

	if l := s.Live; l != nil {
		received := fmt.Sprintf("the kernel received %s for this capture and dropped %s", count(l.Received, "packet"), classify.Grouped(l.Dropped))
		if l.DroppedByInterface > 0 {
			received += fmt.Sprintf("; the interface dropped %s", classify.Grouped(l.DroppedByInterface))
		}
		rest = append(rest, received)
		if l.Unwritten > 0 {
			rest = append(rest, "nobody read the output: "+count(l.Unwritten, "report")+" of single resets were left out")
		}
		if k := l.Kernel; k != nil {
			rest = append(rest, kernelCounts(k))
		}
	}
	var skipped []string
	for r := packet.Decoded + 1; r < packet.NumSkips; r++ {
		if n := s.Skipped[r]; n > 0 {
			skipped = append(skipped, classify.Grouped(n)+" "+r.String())
		}
	}
	if len(skipped) > 0 {
		rest = append(rest, "skipped: "+strings.Join(skipped, ", "))
	}
	return head, append(append(rest, d.limits()...), repeated(s, quote)...)
}

// causes is how many causes there are.
func (d *Document) causes() uint64 {
	seen := map[string]bool{}
	for _, c := range d.Causes {
		seen[c.Rule.ID] = true
	}
	return uint64(len(seen))
}

// shownRepeats is how many repetitions get a sentence.
const shownRepeats = 3

// repeated says where the input holds the same trace again.
func repeated(s *analyzer.Summary, quote func(string) string) []string {
	where := func(w packet.FrameRef) string {
		frame := "frame " + classify.Grouped(w.Frame())
		if len(s.Files) > 1 && w.File() < len(s.Files) {
			frame += " of " + quote(clean(s.Files[w.File()]))
		}
		return frame
	}
	var out []string
	for k, r := range s.Repeats {
		if k == shownRepeats {
			out = append(out, fmt.Sprintf("It begins again in %s more.", count(uint64(len(s.Repeats)-k), "place")))
			break
		}
		if r.Paired {
			out = append(out, fmt.Sprintf("The same trace is there twice, it seems: each of the first %s, from %s on, stands beside its like, to the nanosecond.",
				count(uint64(r.Segments), "segment"), where(r.First)))
			continue
		}
		out = append(out, fmt.Sprintf("The same trace is there twice, it seems: from %s on, %s are as from %s on, to the nanosecond. Resets that are in both count twice.",
			where(r.Again), count(uint64(r.Segments), "segment"), where(r.First)))
	}
	return out
}

// limits says what the capture lacks, and what was given up.
func (d *Document) limits() (out []string) {
	for k := range d.Grade.Lacks {
		if l := &d.Grade.Lacks[k]; l.ID != lackResetsAlone { // the first lines say it
			out = append(out, l.sentence())
		}
	}
	s := d.Summary
	f := &s.Flows
	if s.Apart > 0 {
		out = append(out, fmt.Sprintf("of the files, %s more than a day after those before: if they do not belong together, --each reads each by itself", begins(s.Apart)))
	}
	if f.Evicted > 0 {
		out = append(out, fmt.Sprintf("%s forgotten because there were too many at once", were(f.Evicted, "idle connection")))
	}
	if f.SettledEarly > 0 {
		out = append(out, fmt.Sprintf("%s judged without waiting for what follows, because there were too many at once", were(f.SettledEarly, "reset")))
	}
	if s.Late > 0 {
		out = append(out, fmt.Sprintf("packets arrived late %s, by %s at most: resets just before may have been judged without what followed", count(s.Late, "time"), classify.Duration(s.LateLargest)))
	}
	return out
}

func begins(n int) string {
	if n == 1 {
		return "1 begins"
	}
	return fmt.Sprintf("%d begin", n)
}

// were counts what something was done to.
func were(n uint64, noun string) string {
	if n == 1 {
		return count(n, noun) + " was"
	}
	return count(n, noun) + " were"
}

// detail writes an incident: the sentence, why, the packets, what else fits, and
// what to do. The latter is the same for every incident of a cause and is given
// once; here is how to refer to this place.
func (t *text) detail(in int, i *analyzer.Incident, here string) {
	v := &i.Verdict
	t.line("")
	t.indented(in, t.by.story(i))
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
	lines, isRST := ladder(i, t.names(), t.o.Width-in-2, allRungs)
	for k, l := range lines {
		if isRST[k] {
			l = t.paint(red, l)
		}
		t.line(strings.Repeat(" ", in+2) + l)
	}
	var also []string
	for _, a := range v.AlsoFits {
		also = append(also, a.Rule.ID+" ("+a.Rule.Title+"). Tell apart by: "+a.Tell)
	}
	t.items(in, "Could also be", also)
	t.items(in, "How it can have come about", ways(&i.Verdict, t.namer(i)))
	if there, ok := t.advised[v.Rule]; ok {
		t.line("")
		sure := "Check"
		if server := serverOf(i); server.IsValid() && v.Rule.ChecksServer() {
			sure += fmt.Sprintf(" (here on port %d)", server.Port())
		}
		t.indented(in, sure+" and fix: as "+there+", above.")
		return
	}
	t.advised[v.Rule] = here
	t.items(in, "Check", v.Rule.Checks(serverOf(i)))
	t.items(in, "Fix", advice(v.Rule, asIs))
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
	return &namer{files: t.names(), ends: &i.Reset.Flow.Ends, by: t.by, roles: !i.Reset.Flow.RolesGuessed}
}

// timerSection lists the silences that look like a timer.
func (t *text) timerSection(clusters []analyzer.TimerCluster) {
	if len(clusters) == 0 {
		return
	}
	t.line("")
	t.heading(timersTitle)
	for k := range clusters[:min(len(clusters), timersMax)] {
		head, fits := t.by.timerSentence(&clusters[k])
		t.item(2, head)
		for _, f := range fits {
			t.item(6, f)
		}
	}
	if more := len(clusters) - timersMax; more > 0 {
		t.item(2, count(uint64(more), "more silence"))
	}
}

func (t *text) attempts(groups []*group) {
	if len(groups) == 0 {
		return
	}
	t.line("")
	t.heading("Related: connections that got no answer")
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
	return fmt.Sprintf(" First in %s, %s; %s.", n.Frame(slices.Min(g.frames)), g.by.moment(g.first), g.clientsOf())
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
	for k, l := range wrap(words, min(t.o.Width, textProse)-in-labelColumn) {
		if k > 0 {
			label = ""
		}
		t.line(fmt.Sprintf("%*s%-*s%s", in, "", labelColumn, label, l))
	}
}

// labelColumn is where words begin, after the longest label.
const labelColumn = 9

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

// ways are those in which the RST can have come about, and those that are excluded,
// each set with the fact that excludes it.
func ways(v *classify.Verdict, n classify.Namer) []string {
	out := []string{"left: none"}
	if v.Possible != 0 {
		out[0] = "left: " + strings.Join(wayNames(v.Possible), ", ")
	}
	for k := range v.Excluded {
		x := &v.Excluded[k]
		out = append(out, "not "+strings.Join(wayNames(x.Ways), ", ")+": "+x.Because.Text(n))
	}
	return out
}

// wayNames are the names of s.
func wayNames(s classify.Ways) []string {
	out := []string{}
	for w := range classify.NumWays {
		if s.Has(w) {
			out = append(out, w.String())
		}
	}
	return out
}
