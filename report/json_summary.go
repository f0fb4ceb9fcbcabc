package report

import (
	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/packet"
)

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

type summaryJSON struct {
	Type        string            `json:"type"` // "summary"
	Schema      string            `json:"schema"`
	Version     string            `json:"version,omitempty"`
	Command     []string          `json:"command,omitempty"`
	Files       []fileJSON        `json:"files"`
	Filter      string            `json:"filter,omitempty"`
	Held        uint64            `json:"filtered_packets,omitempty"` // that the filter did not let through
	Anonymized  bool              `json:"anonymized,omitempty"`       // addresses, names and payload are not those of the capture
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
	Capture     gradeJSON         `json:"capture"`
	Apart       int               `json:"files_apart,omitempty"` // files that begin more than a day after the end of those before
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

// heardJSON is what the kernel of the host told of.
type heardJSON struct {
	Sent   uint64 `json:"sent"`   // resets that it sent
	Unseen uint64 `json:"unseen"` // of these, those that the capture does not show, of the latest that are kept
	Lost   uint64 `json:"lost"`   // that it could not tell of any more
}

type liveJSON struct {
	Received           uint64 `json:"received"`
	Dropped            uint64 `json:"dropped"`
	DroppedByInterface uint64 `json:"dropped_by_interface"`

	Unwritten uint64     `json:"unwritten_reports,omitempty"` // that were left out because nobody read them in time
	Kernel    *heardJSON `json:"kernel,omitempty"`
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
	j.Held, j.Apart, j.Anonymized = s.Held, s.Apart, s.Anonymized
	grade := gradeOf(s)
	j.Capture = grade.json()
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
		j.Live = &liveJSON{l.Received, l.Dropped, l.DroppedByInterface, l.Unwritten, nil}
		if k := l.Kernel; k != nil {
			j.Live.Kernel = &heardJSON{k.Sent, k.Unseen, k.Lost}
		}
	}
	return j
}
