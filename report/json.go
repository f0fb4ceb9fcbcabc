package report

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Schema is the version of the objects that the formats json and ndjson write.
// Fields may be added to a version; none changes its meaning. A number whose name
// says no unit is a count, or the number of a frame or port.
const Schema = "rstwhy/2"

// notesMax is how many unanswered connections a JSON document holds: they stand after the
// incidents and have to wait in memory for them. NDJSON has them all.
const notesMax = 1 << 16

type incidentJSON struct {
	Type       string         `json:"type"` // "incident"
	Schema     string         `json:"schema"`
	Number     uint64         `json:"number"`
	ID         string         `json:"id"` // analyzer.Incident.ID
	Frame      uint64         `json:"frame"`
	File       string         `json:"file,omitempty"`
	Frames     []uint64       `json:"frames"`
	Files      []string       `json:"files,omitempty"`
	Time       string         `json:"time"`
	Mechanism  string         `json:"mechanism"` // answer, abort or unexplained
	Mechanisms mechanismsJSON `json:"mechanisms"`
	Family     string         `json:"family"`
	Cause      string         `json:"cause"`
	Title      string         `json:"title"`
	Confidence string         `json:"confidence"`
	AlsoFits   []alsoJSON     `json:"also_fits"`
	Sender     endJSON        `json:"sender"`
	Receiver   endJSON        `json:"receiver"`
	Story      string         `json:"story"`
	Timing     timingJSON     `json:"timing"`
	Trigger    *frameJSON     `json:"trigger,omitempty"`
	Evidence   []evidenceJSON `json:"evidence"`
	Origin     originJSON     `json:"origin"`
	Effect     string         `json:"effect"`
	Harm       harmJSON       `json:"harm"`
	Advice     []string       `json:"advice"`
	Confirm    []string       `json:"confirm"`
	History    string         `json:"history"`
	Stage      string         `json:"client_stage,omitempty"` // Cloudflare Radar's: post-syn, post-ack, post-psh, later
	Lacks      []string       `json:"capture_lacks,omitempty"`
	Unchecked  []string       `json:"unchecked_causes,omitempty"`
	Payload    string         `json:"rst_payload,omitempty"` // quoted as in Go
	Kernel     *kernelJSON    `json:"kernel,omitempty"`
}

type frameJSON struct {
	Frame uint64 `json:"frame"`
	File  string `json:"file,omitempty"`
}

type alsoJSON struct {
	Cause string `json:"cause"`
	Tell  string `json:"tell_apart_by"`
}

type endJSON struct {
	IP      string `json:"ip"`
	Port    uint16 `json:"port"`
	Role    string `json:"role"`
	Guessed bool   `json:"role_guessed,omitempty"`
}

type evidenceJSON struct {
	Text   string   `json:"text"`
	Frames []uint64 `json:"frames,omitempty"`
	Files  []string `json:"files,omitempty"`
}

// originJSON is who sent the RST: endpoint, another-box, forged or unknown.
type originJSON struct {
	Who    string         `json:"who"`
	Device string         `json:"device,omitempty"`
	Proofs []evidenceJSON `json:"proofs,omitempty"` // one is enough
	Signs  []evidenceJSON `json:"signs,omitempty"`  // one is not
}

// harmJSON is what it cost: how much was lost at most, and for a response that was
// cut, how much of it had been sent.
type harmJSON struct {
	Kind string `json:"kind"`
	Lost uint64 `json:"lost_bytes,omitempty"`
	Sent uint64 `json:"sent_bytes,omitempty"`
	Text string `json:"text"`
}

// mechanismsJSON is in which of the ways that a RST can come about it may have.
type mechanismsJSON struct {
	Possible []string       `json:"possible"`
	Excluded []excludedJSON `json:"excluded"`
}

type excludedJSON struct {
	Mechanism string `json:"mechanism"`
	Because   string `json:"because"`
}

// timerJSON is a silence that several connections had in common.
type timerJSON struct {
	IP          string      `json:"ip"`
	Port        uint16      `json:"port,omitempty"`
	Silence     string      `json:"silence"` // idle-then-close, idle-then-rst, idle-then-refused, connect-patience
	Typical     seconds     `json:"typical_seconds"`
	Connections int         `json:"connections"`
	Fits        []knownJSON `json:"fits"`
}

type knownJSON struct {
	After   seconds `json:"after_seconds"`
	Product string  `json:"product"`
	Setting string  `json:"setting"`
	Owner   string  `json:"owner"`
	Source  string  `json:"source"`
}

// kernelJSON is what the kernel of the host whose address the RST bears says of it.
type kernelJSON struct {
	Word      string `json:"word"`                // spoke, or silent when it has not sent it
	Accord    string `json:"accord"`              // agrees, decides or disagrees
	Reason    string `json:"reason,omitempty"`    // of enum sk_rst_reason
	Mechanism string `json:"mechanism,omitempty"` // answer or abort
	State     string `json:"state,omitempty"`
}

// noteJSON is a connection that was not reset, and got no answer.
type noteJSON struct {
	Type    string  `json:"type"` // "unanswered"
	Schema  string  `json:"schema"`
	Kind    string  `json:"kind"`
	Frame   uint64  `json:"frame"`
	File    string  `json:"file,omitempty"`
	Time    string  `json:"time"`
	Last    string  `json:"last_time"`
	Client  endJSON `json:"client"`
	Server  endJSON `json:"server"`
	Tries   int     `json:"tries"`
	Watched seconds `json:"watched_seconds"`
}

type summaryJSON struct {
	Type        string            `json:"type"` // "summary"
	Schema      string            `json:"schema"`
	Version     string            `json:"version,omitempty"`
	Command     []string          `json:"command,omitempty"`
	Files       []fileJSON        `json:"files"`
	Filter      string            `json:"filter,omitempty"`
	Selection   string            `json:"selection,omitempty"`
	LeftOut     *leftOutJSON      `json:"left_out,omitempty"`
	Packets     uint64            `json:"packets"`
	Bytes       uint64            `json:"bytes"`
	TCP         uint64            `json:"tcp_segments"`
	Skipped     map[string]uint64 `json:"skipped,omitempty"`
	First       string            `json:"first_time,omitempty"`
	Last        string            `json:"last_time,omitempty"`
	Span        seconds           `json:"span_seconds"`
	Connections connectionsJSON   `json:"connections"`
	Resets      uint64            `json:"resets"`
	Incidents   uint64            `json:"incidents"`
	Notes       uint64            `json:"unanswered"`
	NotesLeft   uint64            `json:"unanswered_left_out,omitempty"`
	Timers      []timerJSON       `json:"timeouts,omitempty"`
	Gaps        uint64            `json:"sequence_gaps,omitempty"`
	Copies      uint64            `json:"duplicate_frames,omitempty"`
	Backwards   uint64            `json:"out_of_time_order,omitempty"`
	Late        uint64            `json:"late_packets,omitempty"`
	Early       uint64            `json:"settled_early,omitempty"`
	Damage      []string          `json:"damage,omitempty"`
	Repeats     []repeatJSON      `json:"repeats,omitempty"`
	Interrupted bool              `json:"interrupted,omitempty"`
	Done        int64             `json:"read_bytes,omitempty"`  // of the input, where it was interrupted
	Total       int64             `json:"input_bytes,omitempty"` // the same
	Live        *liveJSON         `json:"live,omitempty"`
	Elapsed     seconds           `json:"elapsed_seconds,omitempty"`
}

// leftOutJSON is what the selection left out. The other numbers of a summary hold it too.
type leftOutJSON struct {
	Incidents uint64 `json:"incidents"`
	Resets    uint64 `json:"resets"`
	Notes     uint64 `json:"unanswered"`
}

type fileJSON struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256,omitempty"`
}

type connectionsJSON struct {
	All       uint64 `json:"all"`
	Reset     uint64 `json:"reset"`
	MidStream uint64 `json:"mid_stream"`
	OneSided  uint64 `json:"one_sided"`
	Evicted   uint64 `json:"evicted"`
}

type liveJSON struct {
	Received           uint64 `json:"received"`
	Dropped            uint64 `json:"dropped"`
	DroppedByInterface uint64 `json:"dropped_by_interface"`
}

// seconds are nanoseconds, written as exact decimal seconds.
type seconds int64

func (s seconds) MarshalJSON() ([]byte, error) {
	var b []byte
	if s < 0 {
		b = append(b, '-')
		s = -s
	}
	b = strconv.AppendInt(b, int64(s)/1e9, 10)
	frac := strconv.FormatInt(int64(s)%1e9+1e9, 10)[1:]
	if frac = strings.TrimRight(frac, "0"); frac != "" {
		b = append(append(b, '.'), frac...)
	}
	return b, nil
}

// timingJSON writes every measure that was taken by its name and unit.
type timingJSON classify.Timing

func (t *timingJSON) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	timing := (*classify.Timing)(t)
	for m := classify.NoMeasure + 1; m < classify.NumMeasures; m++ {
		if !timing.Has(m) {
			continue
		}
		b = append(strconv.AppendQuote(b, m.Name()+"_seconds"), ':')
		v, _ := seconds(t.At[m]).MarshalJSON()
		b = append(append(b, v...), ',')
	}
	b = append(b, `"client_syns":`...)
	return append(strconv.AppendInt(b, int64(t.Tries), 10), '}'), nil
}

// encoder turns findings into objects.
type encoder struct {
	o     Options
	files []string // whole names, empty with one input
	short []string // as evidence names them
	asked bool
}

func (e *encoder) names() []string {
	if !e.asked {
		e.asked = true
		if e.o.Files != nil {
			if all := e.o.Files(); len(all) > 1 {
				e.files, e.short = all, fileNames(&e.o)
			}
		}
	}
	return e.files
}

func (e *encoder) file(w packet.FrameRef) string {
	if names := e.names(); w.File() < len(names) {
		return names[w.File()]
	}
	return ""
}

func (e *encoder) places(ws []packet.FrameRef) (frames []uint64, files []string) {
	for _, w := range ws {
		frames = append(frames, w.Frame())
		if len(e.names()) > 0 {
			files = append(files, e.file(w))
		}
	}
	return frames, files
}

func endOf(f *flows.Endpoint, d flows.Dir, guessed bool) endJSON {
	a := f.AddrPort()
	return endJSON{IP: a.Addr().String(), Port: a.Port(), Role: d.String(), Guessed: guessed}
}

// rfc3339 has nine digits after the point whatever they are, so that times are in
// order when they are sorted as strings. A time before 1678, or from 2262 on, which
// no int64 holds in nanoseconds, is "".
func rfc3339(ns int64) string {
	if !told(ns) {
		return ""
	}
	return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000000Z")
}

func (e *encoder) incident(i *analyzer.Incident) *incidentJSON {
	r, v := i.Reset, &i.Verdict
	f := &r.Flow
	where := r.RST.Ref()
	j := &incidentJSON{
		Type: "incident", Schema: Schema, Number: i.Number, ID: i.ID(),
		Frame: where.Frame(), File: e.file(where), Time: rfc3339(r.RST.Time),
		Mechanism: v.Mechanism.String(), Family: string(v.Rule.Family), Cause: v.Rule.ID, Title: v.Rule.Title,
		Confidence: v.Confidence.String(),
		Sender:     endOf(&f.Ends[r.Dir], r.Dir, f.RolesGuessed),
		Receiver:   endOf(&f.Ends[r.Dir.Peer()], r.Dir.Peer(), f.RolesGuessed),
		Story:      story(i), Timing: timingJSON(v.Timing), History: f.History(), Stage: v.Stage.String(),
		Advice: v.Rule.Advice, Confirm: v.Rule.Checks(serverOf(i)),
		AlsoFits: []alsoJSON{}, Evidence: []evidenceJSON{},
	}
	j.Frames, j.Files = e.places(i.Frames())
	for _, a := range v.AlsoFits {
		j.AlsoFits = append(j.AlsoFits, alsoJSON{a.Rule.ID, a.Tell})
	}
	n := namer{files: e.short, ends: &f.Ends}
	j.Mechanisms = mechanismsJSON{wayNames(v.Possible), []excludedJSON{}}
	for k := range v.Excluded {
		x := &v.Excluded[k]
		for _, w := range wayNames(x.Ways) {
			j.Mechanisms.Excluded = append(j.Mechanisms.Excluded, excludedJSON{w, x.Because.Text(&n)})
		}
	}
	j.Evidence = append(j.Evidence, e.evidence(v.Evidence, &n)...)
	j.Origin = originJSON{v.Origin.Who.String(), v.Origin.Device, e.evidence(v.Origin.Proofs, &n), e.evidence(v.Origin.Hints, &n)}
	j.Effect = v.Effect.String()
	_, _, harm := v.Outcome(r.Dir)
	j.Harm = harmJSON{v.Harm.Kind.String(), v.Harm.Lost, v.Harm.Of, harm.Text(&n)}
	if w := v.Trigger.Frame; w != 0 {
		j.Trigger = &frameJSON{w.Frame(), e.file(w)}
	}
	missing := lack(i)
	for _, l := range lackWords {
		if missing.Has(l.lack) {
			j.Lacks = append(j.Lacks, l.name)
		}
	}
	for _, u := range v.Unchecked {
		j.Unchecked = append(j.Unchecked, u.ID)
	}
	if len(r.Payload) > 0 {
		j.Payload = strconv.QuoteToASCII(string(r.Payload))
	}
	if k := &i.Kernel; k.Word != classify.Unasked {
		j.Kernel = &kernelJSON{Word: k.Word.String(), Accord: v.Kernel.String(), Reason: k.Reason, State: k.State}
		if k.Word == classify.Spoke {
			j.Kernel.Mechanism = classify.Answer.String()
			if k.Active {
				j.Kernel.Mechanism = classify.Abort.String()
			}
		}
	}
	return j
}

func (e *encoder) evidence(of []classify.Evidence, n classify.Namer) []evidenceJSON {
	var out []evidenceJSON
	for k := range of {
		j := evidenceJSON{Text: of[k].Text(n)}
		j.Frames, j.Files = e.places(of[k].Frames())
		out = append(out, j)
	}
	return out
}

func timerOf(c *analyzer.TimerCluster) timerJSON {
	a := c.Service.AddrPort()
	j := timerJSON{
		IP: a.Addr().String(), Port: a.Port(), Silence: c.What.String(),
		Typical: seconds(c.Typical), Connections: c.Count, Fits: []knownJSON{},
	}
	for _, t := range c.Fits {
		j.Fits = append(j.Fits, knownJSON{seconds(t.After), t.Who, t.Setting, t.Owner, t.Source})
	}
	return j
}

// repeatJSON is a place where the input holds the same trace again.
type repeatJSON struct {
	Frame    uint64 `json:"frame"`
	File     string `json:"file,omitempty"`
	OfFrame  uint64 `json:"of_frame"`
	OfFile   string `json:"of_file,omitempty"`
	Segments int    `json:"segments_alike"`
	Paired   bool   `json:"paired,omitempty"` // each stands beside its like
}

// noteNames are the kinds of connections that got no answer, in JSON.
var noteNames = [...]string{
	flows.UnansweredSYN:    "unanswered-syn",
	flows.RepeatedSYNACK:   "repeated-syn-ack",
	flows.UnansweredReuse:  "unanswered-port-reuse",
	flows.RepeatedToSilent: "repeated-syn-ack-no-data",
}

func (e *encoder) note(n *flows.Note) *noteJSON {
	return &noteJSON{
		Type: "unanswered", Schema: Schema, Kind: noteNames[n.Kind], Frame: n.Frame.Frame(), File: e.file(n.Frame),
		Time: rfc3339(n.First), Last: rfc3339(n.Latest),
		Client: endOf(&n.Ends[flows.Client], flows.Client, false),
		Server: endOf(&n.Ends[flows.Server], flows.Server, false),
		Tries:  n.Tries, Watched: seconds(n.Watched),
	}
}

// skips are the reasons to skip a frame in JSON.
var skips = [packet.NumSkips]string{
	packet.NotIP:            "not_ip",
	packet.NotTCP:           "not_tcp",
	packet.Fragment:         "later_ip_fragment",
	packet.CutShort:         "cut_short",
	packet.Malformed:        "malformed",
	packet.UnknownLink:      "unknown_link_type",
	packet.EncryptedPayload: "encrypted",
}

func (e *encoder) summary(s *analyzer.Summary) *summaryJSON {
	f := &s.Flows
	j := &summaryJSON{
		Type: "summary", Schema: Schema, Version: e.o.Version, Command: e.o.Command, Filter: s.Filter,
		Files: []fileJSON{}, Packets: s.Frames, Bytes: s.Bytes, TCP: f.Segments,
		Connections: connectionsJSON{f.Connections, f.Reset, f.MidStream, f.OneSided, f.Evicted},
		Resets:      f.RSTs, Incidents: s.Incidents, Notes: s.Notes,
		Gaps: f.Gaps, Copies: f.Duplicates, Backwards: f.Backwards, Late: s.Late, Early: f.SettledEarly,
		Interrupted: s.Interrupted, Elapsed: seconds(s.Elapsed),
	}
	if s.Selection != "" {
		j.Selection, j.LeftOut = s.Selection, &leftOutJSON{s.LeftOut.Incidents, s.LeftOut.Resets, s.LeftOut.Notes}
	}
	if s.Interrupted && s.Total > 0 {
		j.Done, j.Total = s.Done, s.Total
	}
	var digests []string
	if e.o.Digests != nil {
		digests = e.o.Digests()
	}
	for k, name := range s.Files {
		file := fileJSON{Name: name}
		if k < len(digests) {
			file.SHA256 = digests[k]
		}
		j.Files = append(j.Files, file)
	}
	if s.Frames > 0 {
		j.First, j.Last = rfc3339(s.First), rfc3339(s.Last)
		if told(s.First) && told(s.Last) {
			j.Span = seconds(s.Last - s.First)
		}
	}
	for r := packet.Decoded + 1; r < packet.NumSkips; r++ {
		if s.Skipped[r] > 0 {
			if j.Skipped == nil {
				j.Skipped = make(map[string]uint64)
			}
			j.Skipped[skips[r]] = s.Skipped[r]
		}
	}
	for k := range s.Timers {
		j.Timers = append(j.Timers, timerOf(&s.Timers[k]))
	}
	for _, err := range s.Damage {
		j.Damage = append(j.Damage, err.Error())
	}
	for _, r := range s.Repeats {
		j.Repeats = append(j.Repeats, repeatJSON{r.Again.Frame(), e.file(r.Again), r.First.Frame(), e.file(r.First), r.Segments, r.Paired})
	}
	if l := s.Live; l != nil {
		j.Live = &liveJSON{l.Received, l.Dropped, l.DroppedByInterface}
	}
	return j
}

// document is the format json: one object with the incidents, the connections that
// got no answer, and the summary.
type document struct {
	encoder
	w       *bufio.Writer
	json    *json.Encoder
	notes   []flows.Note
	left    uint64
	started bool
}

func newJSON(w io.Writer, o Options) analyzer.Sink {
	d := &document{encoder: encoder{o: o}, w: bufio.NewWriter(w)}
	d.json = jsonEncoder(d.w)
	return d
}

// jsonEncoder writes < and & as they are: the output is no web page, and
// escaping makes evidence hard to read.
func jsonEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

func (d *document) Incident(i *analyzer.Incident) error {
	if d.o.Summary {
		return nil
	}
	if !d.started {
		d.begin()
		d.w.WriteString("\n")
	} else {
		d.w.WriteString(",")
	}
	d.started = true
	return d.json.Encode(d.incident(i))
}

func (d *document) begin() {
	d.w.WriteString(`{"schema":"` + Schema + `","incidents":[`)
}

func (d *document) Note(n *flows.Note) error {
	if d.o.Summary {
		return nil
	}
	if len(d.notes) == notesMax {
		d.left++
		return nil
	}
	d.notes = append(d.notes, *n)
	return nil
}

func (d *document) Close(s *analyzer.Summary) error {
	if !d.started {
		d.begin()
	}
	d.w.WriteString("],\n\"unanswered\":[")
	for k := range d.notes {
		if k > 0 {
			d.w.WriteString(",")
		}
		if err := d.json.Encode(d.note(&d.notes[k])); err != nil {
			return err
		}
	}
	d.w.WriteString("],\n\"summary\":")
	sum := d.summary(s)
	sum.NotesLeft = d.left
	if err := d.json.Encode(sum); err != nil {
		return err
	}
	d.w.WriteString("}\n")
	return d.w.Flush()
}
