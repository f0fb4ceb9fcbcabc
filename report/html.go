package report

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

//go:embed html
var htmlFiles embed.FS

// The page is made once: style and script are the same in every report, and the policy
// of the page lets nothing run but these (by their hashes).
var (
	htmlPage   = template.Must(template.New("page.html").ParseFS(htmlFiles, "html/page.html"))
	htmlStyle  = htmlFile("style.css")
	htmlScript = htmlFile("script.js")
)

func htmlFile(name string) string {
	b, err := htmlFiles.ReadFile("html/" + name)
	if err != nil {
		panic(err) // it is a part of the program
	}
	return string(b)
}

func htmlHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Limits of a page, so that a browser opens it at once.
const (
	htmlEach     = 200  // incidents up to which each is shown; of more, one of each group
	htmlGroups   = 400  // groups of which one incident is shown
	htmlServices = 1000 // rows of services
	htmlHosts    = 500  // rows of hosts
	hostsMax     = 4096 // hosts counted apart
	htmlColours  = 10
	barsMax      = 240 // of the chart over time
)

// htmlReport is the format html: one file that needs nothing else.
type htmlReport struct {
	w         io.Writer
	o         Options
	incidents *collector
	notes     *collector
	each      []*analyzer.Incident // while they are few
	n         uint64
	hosts     map[netip.Addr]*hostCount
	crowded   bool // more than hostsMax
	times     timeline
	pauses    [pauseBins]uint64
}

type hostCount struct{ client, server, sent uint64 }

func newHTML(w io.Writer, o Options) analyzer.Sink {
	return &htmlReport{w: w, o: o, incidents: newCollector(o.naming()), notes: newCollector(o.naming()), hosts: map[netip.Addr]*hostCount{}}
}

func (p *htmlReport) Incident(i *analyzer.Incident) error {
	p.incidents.incident(i)
	if p.n++; p.n <= htmlEach {
		p.each = append(p.each, i.Clone())
	} else {
		p.each = nil
	}
	p.times.add(i.Verdict.Rule, i.Reset.RST.Time)
	for d, e := range i.Reset.Flow.Ends {
		h := p.host(e.AddrPort().Addr())
		if h == nil {
			continue
		}
		if flows.Dir(d) == flows.Client {
			h.client++
		} else {
			h.server++
		}
		if flows.Dir(d) == i.Reset.Dir {
			h.sent++
		}
	}
	if m := i.Verdict.Rule.Silence; i.Verdict.Timing.Has(m) && m != classify.NoMeasure {
		p.pauses[pauseBin(i.Verdict.Timing.At[m])]++
	}
	return nil
}

func (p *htmlReport) host(a netip.Addr) *hostCount {
	h := p.hosts[a]
	if h == nil {
		if len(p.hosts) == hostsMax {
			p.crowded = true
			return nil
		}
		h = &hostCount{}
		p.hosts[a] = h
	}
	return h
}

func (p *htmlReport) Note(n *flows.Note) error {
	p.notes.remark(n)
	return nil
}

// The pauses are counted in powers of two, from a millisecond on.
const pauseBins = 32

func pauseBin(ns int64) int {
	bin := 0
	for edge := int64(1e6); ns >= edge && bin < pauseBins-1; edge *= 2 {
		bin++
	}
	return bin
}

func pauseEdge(bin int) int64 { return 1_000_000 << bin >> 1 }

// timeline counts resets by cause and time. It doubles the width of its bars as the
// span grows.
type timeline struct {
	width int64
	bars  map[int64]map[*classify.Rule]uint64
	least int64
	most  int64
}

func (t *timeline) add(r *classify.Rule, at int64) {
	if t.bars == nil {
		t.width, t.bars = 1e6, map[int64]map[*classify.Rule]uint64{}
		t.least, t.most = math.MaxInt64, math.MinInt64
	}
	k := floorDiv(at, t.width)
	for max(t.most, k)-min(t.least, k) >= barsMax && len(t.bars) > 0 {
		t.double()
		k = floorDiv(at, t.width)
	}
	t.least, t.most = min(t.least, k), max(t.most, k)
	bar := t.bars[k]
	if bar == nil {
		bar = map[*classify.Rule]uint64{}
		t.bars[k] = bar
	}
	bar[r]++
}

// cover makes the chart as long as the capture, where its times can be told.
func (t *timeline) cover(first, last int64) {
	if t.bars == nil || !told(first) || !told(last) || last < first {
		return
	}
	for {
		least, most := min(t.least, floorDiv(first, t.width)), max(t.most, floorDiv(last, t.width))
		if most-least < barsMax {
			t.least, t.most = least, most
			return
		}
		t.double()
	}
}

func (t *timeline) double() {
	old := t.bars
	t.width *= 2
	t.bars = map[int64]map[*classify.Rule]uint64{}
	t.least, t.most = floorDiv(t.least, 2), floorDiv(t.most, 2)
	for k, bar := range old {
		to := t.bars[floorDiv(k, 2)]
		if to == nil {
			t.bars[floorDiv(k, 2)] = bar
			continue
		}
		for r, n := range bar {
			to[r] += n
		}
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// What the template is filled with. Words are plain text: the template escapes them.
type (
	pageHTML struct {
		Style                 template.CSS
		Script                template.JS
		StyleHash, ScriptHash string
		Title, Version, Grade string
		Head, Rest            []string
		SummaryOnly           bool
		Timeline              *timelineHTML
		Causes                []causeHTML
		Services              []serviceHTML
		ServicesMore          string
		Hosts                 []hostHTML
		HostsMore             string
		Incidents             []incidentHTML
		IncidentsWords        string
		CauseIDs              []string
		Pauses                *pausesHTML
		TimersTitle           string
		Timers                []timerHTML
		Attempts              []string
		Record                []recordHTML
		Command, Made         string
	}
	barHTML struct {
		Colour     int
		X, Y, W, H float64
		Title      string
	}
	timelineHTML struct {
		Width, Height, Floor int
		Label, First, Last   string
		From, To             int64 // milliseconds since 1970
		Bars                 []barHTML
		Legend               []legendHTML
	}
	legendHTML struct {
		Colour       int
		Name, Resets string
	}
	causeHTML struct {
		Number                                            int
		ID, Section, ResetsWords, Title, Whom, Cost, Link string
		Resets, Lost                                      uint64
		LostWords, Confidence                             string
	}
	serviceHTML struct {
		Where, ID, From, Clients, First, Last, Confidence, Link string
		Incidents, Resets                                       uint64
		IncidentsWords, ResetsWords                             string
		FirstAt, LastAt                                         int64
	}
	hostHTML struct {
		Name                                string
		Client, Server, Sent                uint64
		ClientWords, ServerWords, SentWords string
	}
	incidentHTML struct {
		Anchor, ID, Title, Confidence, Where, When, Story, Lacks, Of, Search string
		At                                                                   int64 // milliseconds since 1970
		Colour                                                               int
		Harmful, Open                                                        bool
		Meanings                                                             []meaningHTML
		Evidence                                                             []evidenceHTML
		Signs                                                                []string
		Also                                                                 []alsoHTML
		Check, Fix                                                           []string
		Ladder                                                               *ladderHTML
	}
	meaningHTML  struct{ Label, Words string }
	alsoHTML     struct{ ID, Title, Tell string }
	evidenceHTML struct {
		Text   string
		Frames []uint64 // that are in the ladder
	}
	ladderHTML struct {
		Width, Height, Left, Right, LeftText, Mid, Top, Step int
		Client, Server, Label, Note                          string
		Rungs                                                []rungHTML
	}
	rungHTML struct {
		Frame             uint64
		Y, X1, X2, Mid    int
		LeftText          int
		MS, Label, Fields string
		Head              string
		RST, Trigger      bool
	}
	pausesHTML struct {
		Width, Height, Floor int
		Label                string
		Bars, Marks, Ticks   []barHTML
	}
	timerHTML struct {
		Head string
		Fits []string
	}
	recordHTML struct{ Name, Sum string }
)

func (p *htmlReport) Close(s *analyzer.Summary) error {
	d := p.incidents.document(s, p.notes)
	d.first(p.o.Top)
	head, rest := d.captureLines(asIs)
	by := p.o.naming()
	out := pageHTML{
		Style: template.CSS(htmlStyle), Script: template.JS(htmlScript),
		StyleHash: htmlHash(htmlStyle), ScriptHash: htmlHash(htmlScript),
		Title: d.headline(asIs), Version: clean(p.o.Version), Grade: d.Grade.Word(), Head: head, Rest: rest,
		TimersTitle: timersTitle, SummaryOnly: p.o.Summary,
	}
	colours := map[*classify.Rule]int{}
	for _, c := range d.Causes {
		if _, ok := colours[c.Rule]; !ok {
			colours[c.Rule] = min(len(colours), htmlColours-1)
			out.CauseIDs = append(out.CauseIDs, c.Rule.ID)
		}
	}
	slices.Sort(out.CauseIDs)
	p.times.cover(s.First, s.Last)
	out.Timeline = p.timelineOf(d, by, colours)
	links := p.incidentsOf(&out, d, by, colours)
	for _, c := range d.Causes {
		out.Causes = append(out.Causes, causeHTML{
			Number: c.Number, ID: c.Rule.ID, Section: sectionTitles[c.Section], Resets: c.Resets, ResetsWords: classify.Grouped(c.Resets),
			Title: c.Rule.Title, Whom: c.whom(), Cost: c.cost(), Lost: c.Lost, LostWords: classify.Grouped(c.Lost),
			Confidence: c.Confidence.String(), Link: links[c.Servers[0].example.Number],
		})
	}
	p.servicesOf(&out, d, by, links)
	p.hostsOf(&out, by)
	out.Pauses = p.pausesOf(d)
	for _, c := range d.timers() {
		h, fits := by.timerSentence(&c)
		out.Timers = append(out.Timers, timerHTML{h, fits})
	}
	files := fileNames(&p.o)
	for k, g := range d.Attempts {
		if k == notesTop && len(d.Attempts) > notesTop+1 {
			out.Attempts = append(out.Attempts, fmt.Sprintf("%d more servers", len(d.Attempts)-k))
			break
		}
		out.Attempts = append(out.Attempts, noteSentence(g, g.where(), g.incidents, g.resets)+g.noteWhere(&namer{files: files}))
	}
	var digests []string
	if p.o.Digests != nil {
		digests = p.o.Digests()
	}
	for k, f := range s.Files {
		r := recordHTML{Name: clean(f)}
		if k < len(digests) {
			r.Sum = digests[k]
		}
		out.Record = append(out.Record, r)
	}
	if !p.o.Started.IsZero() {
		out.Made = by.moment(p.o.Started.UnixNano())
	}
	if len(p.o.Command) > 0 {
		out.Command = ShellLine(p.o.Command)
	}
	return htmlPage.Execute(p.w, &out)
}

func (p *htmlReport) timelineOf(d *Document, by *naming, colours map[*classify.Rule]int) *timelineHTML {
	t := &p.times
	if len(t.bars) == 0 {
		return nil
	}
	const width, height, floor = 960, 150, 130
	var tallest uint64
	for _, bar := range t.bars {
		var sum uint64
		for _, n := range bar {
			sum += n
		}
		tallest = max(tallest, sum)
	}
	n := t.most - t.least + 1
	from, to := t.least*t.width, (t.most+1)*t.width
	out := &timelineHTML{
		Width: width, Height: height, Floor: floor, From: from / 1e6, To: to/1e6 + 1,
		First: by.second(from), Last: by.second(to),
		Label: fmt.Sprintf("Resets by cause, %s a bar; the tallest has %s.", classify.Duration(t.width), count(tallest, "incident")),
	}
	each := float64(width) / float64(n)
	seen := map[*classify.Rule]bool{}
	for _, k := range sortedKeys(t.bars) {
		y := float64(floor)
		for _, c := range d.Causes {
			n := t.bars[k][c.Rule]
			if n == 0 || t.bars[k] == nil {
				continue
			}
			delete(t.bars[k], c.Rule) // a cause may stand in two sections
			h := float64(n) / float64(tallest) * (floor - 10)
			y -= h
			out.Bars = append(out.Bars, barHTML{
				Colour: colours[c.Rule], X: round2(float64(k-t.least) * each), Y: round2(y), W: round2(max(1, each-0.5)), H: round2(h),
				Title: fmt.Sprintf("%s: %s, from %s", c.Rule.ID, count(n, "incident"), by.clock(k*t.width)),
			})
		}
	}
	for _, c := range d.Causes {
		if !seen[c.Rule] {
			seen[c.Rule] = true
			out.Legend = append(out.Legend, legendHTML{colours[c.Rule], c.Rule.Title, count(resetsOfRule(d, c.Rule), "reset")})
		}
	}
	return out
}

func resetsOfRule(d *Document, r *classify.Rule) (n uint64) {
	for _, c := range d.Causes {
		if c.Rule == r {
			n += c.Resets
		}
	}
	return n
}

func sortedKeys[V any](m map[int64]V) []int64 {
	out := make([]int64, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func round2(x float64) float64 { return math.Round(x*100) / 100 }

// incidentsOf fills in the incidents that are shown, and returns their anchors by number.
func (p *htmlReport) incidentsOf(out *pageHTML, d *Document, by *naming, colours map[*classify.Rule]int) map[uint64]string {
	links := map[uint64]string{}
	taken := map[string]bool{}
	add := func(i *analyzer.Incident, g *group, of string) {
		anchor := "i" + i.ID()[:12]
		for taken[anchor] {
			anchor += "x" // one RST of a file that is read twice
		}
		taken[anchor] = true
		links[i.Number] = anchor
		out.Incidents = append(out.Incidents, p.incidentHTML(i, g, anchor, of, by, colours))
	}
	switch {
	case len(d.Causes) == 0 || p.o.Summary:
		return links
	case p.each != nil && len(d.More) == 0:
		out.IncidentsWords = fmt.Sprintf("All %s, those first that matter most.", count(uint64(len(p.each)), "incident"))
		if len(p.each) == 1 {
			out.IncidentsWords = "The only one."
		}
		order := map[service]int{}
		groups := map[service]*group{}
		for _, c := range d.Causes {
			for _, g := range c.Servers {
				order[g.service] = len(order)
				groups[g.service] = g
			}
		}
		serviceOf := func(i *analyzer.Incident) service {
			s := service{rule: i.Verdict.Rule, benign: benign(&i.Verdict), from: i.Reset.Dir, end: i.Reset.Flow.Ends[flows.Server]}
			for _, wide := range []service{s, s.host(), s.anywhere()} {
				if _, ok := order[wide]; ok {
					return wide
				}
			}
			return s
		}
		slices.SortStableFunc(p.each, func(a, b *analyzer.Incident) int { return cmp.Compare(order[serviceOf(a)], order[serviceOf(b)]) })
		for _, i := range p.each {
			if g := groups[serviceOf(i)]; g != nil {
				add(i, g, "")
				links[g.example.Number] = cmp.Or(links[g.example.Number], links[i.Number])
			}
		}
	default:
		all := 0
		for _, c := range d.Causes {
			for _, g := range c.Servers {
				if all++; all <= htmlGroups {
					add(g.example, g, fmt.Sprintf("%s like this, %s, until %s", count(g.incidents, "incident"), g.clientsOf(), by.until(g.first, g.last)))
				}
			}
		}
		out.IncidentsWords = fmt.Sprintf("One of each cause and service, the surest: %d of %s.", min(all, htmlGroups), count(p.n, "incident"))
	}
	if len(out.Incidents) > 0 {
		out.Incidents[0].Open = true
	}
	return links
}

func (p *htmlReport) incidentHTML(i *analyzer.Incident, g *group, anchor, of string, by *naming, colours map[*classify.Rule]int) incidentHTML {
	v := &i.Verdict
	n := &namer{files: fileNames(&p.o), ends: &i.Reset.Flow.Ends, by: by, roles: !i.Reset.Flow.RolesGuessed}
	out := incidentHTML{
		Anchor: anchor, ID: v.Rule.ID, Title: capital(v.Rule.Title), Confidence: v.Confidence.String(),
		Where: by.end(i.Server()), When: by.moment(i.Reset.RST.Time) + ", " + n.Frame(i.Reset.RST.Ref()),
		Story: by.story(i), Lacks: lacks(i), Of: of, At: i.Reset.RST.Time / 1e6, Colour: colours[v.Rule],
		Harmful: v.Harm.Kind != classify.HarmNone && v.Harm.Kind != classify.HarmUnknown,
		Signs:   signs(i, n), Check: v.Rule.Checks(serverOf(i)), Fix: advice(v.Rule, asIs),
	}
	out.Search = strings.Join([]string{v.Rule.ID, v.Rule.Title, out.Story, out.When}, " ")
	for _, m := range meanings(i, n) {
		out.Meanings = append(out.Meanings, meaningHTML{m.label, m.words})
	}
	for _, a := range v.AlsoFits {
		out.Also = append(out.Also, alsoHTML{a.Rule.ID, a.Rule.Title, a.Tell})
	}
	var shown map[packet.FrameRef]bool
	out.Ladder, shown = ladderOf(i, n)
	for k := range v.Evidence {
		e := evidenceHTML{Text: v.Evidence[k].Text(n)}
		for _, w := range v.Evidence[k].Frames() {
			if shown[w] && !slices.Contains(e.Frames, w.Frame()) {
				e.Frames = append(e.Frames, w.Frame())
			}
		}
		out.Evidence = append(out.Evidence, e)
	}
	for _, r := range remarks(i, asIs) {
		out.Evidence = append(out.Evidence, evidenceHTML{Text: r})
	}
	return out
}

// ladderOf draws the packets around the RST.
func ladderOf(i *analyzer.Incident, n *namer) (*ladderHTML, map[packet.FrameRef]bool) {
	const step, top, left, right = 26, 44, 170, 740
	rungs, earlier := rungsOf(i)
	base := bases(i, rungs)
	shown := map[packet.FrameRef]bool{}
	out := &ladderHTML{
		Width: 800, Height: top + len(rungs)*step, Left: left, Right: right, LeftText: left - 10, Mid: (left + right) / 2, Top: top, Step: step,
		Client: "client", Server: "server", Label: fmt.Sprintf("%s around the reset, from the client on the left to the server on the right", count(uint64(len(rungs)), "packet")),
		Note: "In milliseconds before and after the RST; the number beside it is that of the frame.",
	}
	if i.Reset.Flow.RolesGuessed {
		out.Client, out.Server = "client?", "server?"
		out.Note += " Which side is the client is guessed: no handshake was captured."
	}
	if earlier > 0 {
		out.Note += " " + capital(count(earlier, "earlier packet")) + " of the connection not shown."
	}
	seen := map[uint64]bool{}
	for k := range rungs {
		r := &rungs[k]
		if seen[r.Frame.Frame()] {
			continue // of another file: the anchors are by number
		}
		seen[r.Frame.Frame()] = true
		shown[r.Frame] = true
		label := flagNames(r.Flags) + " seq " + relative(r.Seq, base[r.Dir])
		fields := fmt.Sprintf("%s, the %s to the %s: %s, sequence number %s (%d)", capital(n.Frame(r.Frame)), r.Dir, r.Dir.Peer(), flagNames(r.Flags), relative(r.Seq, base[r.Dir]), uint32(r.Seq))
		if r.Flags&packet.ACK != 0 {
			label += " ack " + relative(r.Ack, base[r.Dir.Peer()])
			fields += fmt.Sprintf(", acknowledges %s (%d)", relative(r.Ack, base[r.Dir.Peer()]), uint32(r.Ack))
		}
		if r.Len > 0 {
			label += " len " + strconv.FormatUint(uint64(r.Len), 10)
		}
		if r.Flags&packet.RST != 0 {
			label += " win " + strconv.Itoa(int(r.Window))
		}
		fields += fmt.Sprintf(", %s of payload, window %d as sent", octets(uint64(r.Len)), r.Window)
		if r.answers != 0 {
			label += " answers " + strconv.FormatUint(r.answers.Frame(), 10)
			fields += ", answers " + n.Frame(r.answers)
		}
		h := rungHTML{
			Frame: r.Frame.Frame(), Y: top + len(out.Rungs)*step, Mid: out.Mid, LeftText: out.LeftText, X1: left, X2: right - 8,
			MS: millis(r.Time - i.Reset.RST.Time), Label: label, Fields: fields, Head: fmt.Sprintf("M%d 0 l-9 -4 v8 z", right),
			RST: r.Flags&packet.RST != 0, Trigger: r.Frame == i.Verdict.Trigger.Frame,
		}
		if r.Dir == flows.Server {
			h.X1, h.X2, h.Head = left+8, right, fmt.Sprintf("M%d 0 l9 -4 v8 z", left)
		}
		out.Rungs = append(out.Rungs, h)
	}
	return out, shown
}

func (p *htmlReport) servicesOf(out *pageHTML, d *Document, by *naming, links map[uint64]string) {
	all := 0
	for _, c := range d.Causes {
		for _, g := range c.Servers {
			if all++; all > htmlServices {
				continue
			}
			out.Services = append(out.Services, serviceHTML{
				Where: g.where(), ID: g.rule.ID, From: "the " + g.from.String(), Clients: g.clientsOf(), Confidence: g.confidence.String(),
				First: by.second(g.first), Last: by.second(g.last), FirstAt: g.first / 1e6, LastAt: g.last / 1e6,
				Incidents: g.incidents, Resets: g.resets, IncidentsWords: classify.Grouped(g.incidents), ResetsWords: classify.Grouped(g.resets),
				Link: links[g.example.Number],
			})
		}
	}
	if all > htmlServices {
		out.ServicesMore = fmt.Sprintf("%d more are not listed.", all-htmlServices)
	}
}

func (p *htmlReport) hostsOf(out *pageHTML, by *naming) {
	type row struct {
		addr netip.Addr
		*hostCount
	}
	var rows []row
	for a, h := range p.hosts {
		rows = append(rows, row{a, h})
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.client+b.server, a.client+a.server), a.addr.Compare(b.addr))
	})
	for _, r := range rows[:min(len(rows), htmlHosts)] {
		name := r.addr.String()
		if n := by.name(r.addr); n != "" {
			name = n + " (" + name + ")"
		}
		out.Hosts = append(out.Hosts, hostHTML{name, r.client, r.server, r.sent,
			classify.Grouped(r.client), classify.Grouped(r.server), classify.Grouped(r.sent)})
	}
	switch more := len(rows) - htmlHosts; {
	case p.crowded:
		out.HostsMore = "There are more hosts than were counted."
	case more > 0:
		out.HostsMore = count(uint64(more), "more host") + " not listed."
	}
}

// pausesOf draws how long the connections had been silent before what ended them, with
// the timers that several have in common.
func (p *htmlReport) pausesOf(d *Document) *pausesHTML {
	const width, height, floor = 960, 130, 110
	first, last, tallest := pauseBins, -1, uint64(0)
	for k, n := range p.pauses {
		if n > 0 {
			first, last, tallest = min(first, k), k, max(tallest, n)
		}
	}
	if last < 0 {
		return nil
	}
	first, last = max(0, first-1), min(pauseBins-1, last+1)
	each := float64(width) / float64(last-first+1)
	out := &pausesHTML{Width: width, Height: height, Floor: floor,
		Label: "How long each connection had been silent, or had waited, before what ended it; each bar is twice as wide as the one before."}
	for k := first; k <= last; k++ {
		x := float64(k-first) * each
		if n := p.pauses[k]; n > 0 {
			h := float64(n) / float64(tallest) * (floor - 15)
			out.Bars = append(out.Bars, barHTML{X: round2(x), W: round2(each - 2), Y: round2(floor - h), H: round2(h),
				Title: fmt.Sprintf("%s to %s: %s", classify.Duration(pauseEdge(k)), classify.Duration(pauseEdge(k+1)), count(n, "incident"))})
		}
		if (k-first)%2 == 0 && k > 0 {
			out.Ticks = append(out.Ticks, barHTML{X: round2(x), Title: classify.Duration(pauseEdge(k))})
		}
	}
	for _, c := range d.timers() {
		at := math.Log2(float64(c.Typical)/1e6) + 1 - float64(first)
		title := about(c.Typical) + " in " + count(uint64(c.Count), "connection")
		for k := range c.Fits {
			title += "; fits " + c.Fits[k].Who
		}
		out.Marks = append(out.Marks, barHTML{X: round2(min(max(0, at*each), width)), Title: title})
	}
	if len(out.Marks) > 0 {
		out.Label += " Dashed lines are pauses that several had in common."
	}
	return out
}
