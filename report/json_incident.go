package report

import (
	"encoding/json"
	"strconv"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

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
	Confidence string         `json:"confidence"`
	Harmless   bool           `json:"harmless"`
	AlsoFits   []alsoJSON     `json:"also_fits"`
	Client     peerJSON       `json:"client"`
	Server     peerJSON       `json:"server"`
	Sender     endJSON        `json:"sender"`
	Receiver   endJSON        `json:"receiver"`
	Story      string         `json:"story"`
	Timing     timingJSON     `json:"timing"`
	Trigger    *frameJSON     `json:"trigger,omitempty"`
	Evidence   []evidenceJSON `json:"evidence"`
	Origin     originJSON     `json:"origin"`
	Effect     string         `json:"effect"`
	Harm       harmJSON       `json:"harm"`
	RST        rstJSON        `json:"rst"`
	Packets    []rungJSON     `json:"packets"`                // those around the RST, as the ladder shows them
	Earlier    uint64         `json:"earlier_packets"`        // of the connection, that are not among them
	Flow       string         `json:"flow"`                   // client > server
	Community  string         `json:"community_id"`           // version 1, seed 0
	State      string         `json:"conn_state"`             // Zeek's
	History    string         `json:"history"`                // in Zeek's letters, each once a direction, upper case for the client
	Stage      string         `json:"client_stage,omitempty"` // Cloudflare Radar's: post-syn, post-ack, post-psh, later
	Lacks      []string       `json:"capture_lacks,omitempty"`
	Unchecked  []string       `json:"unchecked_causes,omitempty"`
	Payload    string         `json:"rst_payload,omitempty"`     // quoted as in Go
	Lossy      bool           `json:"packets_dropped,omitempty"` // about the time of the RST
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
	ID     string     `json:"id"`
	Text   string     `json:"text"`
	Values valuesJSON `json:"values,omitempty"` // the facts that the text names
	Frames []uint64   `json:"frames,omitempty"`
	Files  []string   `json:"files,omitempty"`
}

// originJSON is who sent the RST: endpoint, another-box, forged or unknown.
type originJSON struct {
	Who    string         `json:"who"`
	Device string         `json:"device,omitempty"`
	Proofs []evidenceJSON `json:"proofs,omitempty"` // one is enough
	Signs  []evidenceJSON `json:"signs,omitempty"`  // one is not
}

// rungJSON is a packet of the ladder.
type rungJSON struct {
	Frame   uint64  `json:"frame"`
	File    string  `json:"file,omitempty"`
	Offset  seconds `json:"offset_seconds"` // from the RST, negative before it
	From    string  `json:"from"`           // client or server
	Flags   string  `json:"flags"`
	Seq     uint32  `json:"seq"`
	Ack     uint32  `json:"ack"`
	RelSeq  int64   `json:"relative_seq"` // from the SYN, or the first number known
	RelAck  int64   `json:"relative_ack"`
	Len     uint32  `json:"payload_bytes"`
	Window  uint16  `json:"window"` // as sent, not scaled
	Answers uint64  `json:"answers_frame,omitempty"`
}

// rungs are the packets that the ladder of i shows, and how many came before them.
func (e *encoder) rungs(i *analyzer.Incident) ([]rungJSON, uint64) {
	rungs, earlier := rungsOf(i)
	base := bases(i, rungs)
	out := make([]rungJSON, 0, len(rungs))
	for k := range rungs {
		r := &rungs[k]
		j := rungJSON{
			Frame: r.Frame.Frame(), Offset: seconds(r.Time - i.Reset.RST.Time), From: r.Dir.String(), Flags: r.Flags.String(),
			Seq: uint32(r.Seq), Ack: uint32(r.Ack), RelSeq: fromBase(r.Seq, base[r.Dir]), Len: r.Len, Window: r.Window, Answers: r.answers.Frame(),
		}
		if r.Flags&packet.ACK != 0 {
			j.RelAck = fromBase(r.Ack, base[r.Dir.Peer()])
		}
		if len(e.names()) > 1 {
			j.File = e.file(r.Frame)
		}
		out = append(out, j)
	}
	return out, earlier
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

// kernelJSON is what the kernel of the host whose address the RST bears says of it.
type kernelJSON struct {
	Word      string `json:"word"`                // spoke, or silent when it has not sent it
	Accord    string `json:"accord"`              // agrees, decides or disagrees
	Reason    string `json:"reason,omitempty"`    // of enum sk_rst_reason
	Mechanism string `json:"mechanism,omitempty"` // answer or abort
	State     string `json:"state,omitempty"`
	// Of a socket that was aborted.
	Unread  uint32 `json:"unread_bytes,omitempty"` // that no program had read
	Linger  bool   `json:"linger_0,omitempty"`     // it had SO_LINGER with a time of 0
	Process string `json:"process,omitempty"`      // that did it, where a program did
	PID     int32  `json:"pid,omitempty"`
	Exiting bool   `json:"exiting,omitempty"` // the process was ending
	Signal  int    `json:"signal,omitempty"`  // that ended it
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

// valuesJSON are facts by name: durations in seconds, under a name that ends so, and
// everything else as a number. Frames are in a list of their own.
type valuesJSON map[string]json.Number

func valuesOf(e *classify.Evidence) valuesJSON {
	out := valuesJSON{}
	for k, f := range e.Sentence.Facts() {
		switch f.Unit {
		case classify.UnitFrame:
		case classify.UnitDuration:
			b, _ := seconds(e.Values[k]).MarshalJSON()
			out[f.Name+"_seconds"] = json.Number(b)
		default:
			out[f.Name] = json.Number(strconv.FormatInt(e.Values[k], 10))
		}
	}
	return out
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

func (e *encoder) incident(i *analyzer.Incident) *incidentJSON {
	r, v := i.Reset, &i.Verdict
	f := &r.Flow
	where := r.RST.Ref()
	by := e.o.naming()
	j := &incidentJSON{
		Type: "incident", Schema: Schema, Number: i.Number, ID: i.ID(),
		Frame: where.Frame(), File: e.file(where), Time: rfc3339(r.RST.Time),
		Mechanism: v.Mechanism.String(), Family: string(v.Rule.Family), Cause: v.Rule.ID,
		Confidence: v.Confidence.String(),
		Sender:     endOf(&f.Ends[r.Dir], r.Dir, f.RolesGuessed),
		Receiver:   endOf(&f.Ends[r.Dir.Peer()], r.Dir.Peer(), f.RolesGuessed),
		Story:      by.story(i), Timing: timingJSON(v.Timing), History: history(i), Stage: v.Stage.String(),
		Harmless: benign(v), Client: by.peer(&f.Ends[flows.Client]), Server: by.peer(&f.Ends[flows.Server]),
		RST: rstOf(r), Community: communityID(&f.Ends), State: connState(r),
		Flow:     f.Ends[flows.Client].AddrPort().String() + " > " + f.Ends[flows.Server].AddrPort().String(),
		AlsoFits: []alsoJSON{}, Evidence: []evidenceJSON{},
	}
	j.Packets, j.Earlier = e.rungs(i)
	j.Frames, j.Files = e.places(i.Frames())
	for _, a := range v.AlsoFits {
		j.AlsoFits = append(j.AlsoFits, alsoJSON{a.Rule.ID, a.Tell})
	}
	n := namer{files: e.short, ends: &f.Ends, by: by}
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
		j.Trigger = &frameJSON{Frame: w.Frame()}
		if len(e.names()) > 1 {
			j.Trigger.File = e.file(w)
		}
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
	j.Lossy = i.Lossy
	if k := &i.Kernel; k.Word != classify.Unasked {
		j.Kernel = &kernelJSON{Word: k.Word.String(), Accord: v.Kernel.String(), Reason: k.Reason, State: k.State,
			Unread: k.Unread, Linger: k.Linger, Process: k.Process, PID: k.PID, Exiting: k.Exiting, Signal: k.Signal}
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
		j := evidenceJSON{ID: of[k].Sentence.ID, Text: of[k].Text(n), Values: valuesOf(&of[k])}
		j.Frames, j.Files = e.places(of[k].Frames())
		out = append(out, j)
	}
	return out
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
