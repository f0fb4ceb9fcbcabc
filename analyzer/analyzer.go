package analyzer

import (
	"time"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Source is where segments come from.
type Source interface {
	// Read empties b and fills it with the next frames. It returns io.EOF at the
	// end; b may hold frames even then, and after any other error. An error with
	// a method Damaged() bool that returns true ends one file of several: it goes
	// into Summary.Damage and reading continues. A live source returns an empty
	// batch, with Last set to the time that the capture has come to, when nothing
	// came for a while. It is called from one goroutine, another than Run's.
	Read(b *packet.Batch) error
}

// Sink takes findings as they settle, in the order of their first RST.
type Sink interface {
	// Incident is called once an incident. Nothing of it may be kept after the
	// return; Clone makes a copy that may.
	Incident(*Incident) error
	Note(*flows.Note) error
	// Close ends the report. It is called once, also after an error.
	Close(*Summary) error
}

// IncidentFunc is a Sink for who wants the incidents and nothing else.
type IncidentFunc func(*Incident) error

// Incident calls f.
func (f IncidentFunc) Incident(i *Incident) error { return f(i) }

// Note does nothing.
func (f IncidentFunc) Note(*flows.Note) error { return nil }

// Close does nothing.
func (f IncidentFunc) Close(*Summary) error { return nil }

// Witness knows more of a RST than its packets: the kernel of the host that
// sent it. Its word is part of the case that is judged.
type Witness interface {
	// Testimony returns what is known of the RST h.
	Testimony(h *packet.Header) classify.Testimony
}

// Incident is one cause of death of one connection: its first RST, those that
// followed from it, and why.
type Incident struct {
	Number  uint64 // from 1, in the order of the report
	Reset   *flows.Reset
	Kernel  classify.Testimony
	Verdict classify.Verdict
	// Lossy says that packets were lost about the time of the RST, by Config.Lossy; the
	// verdict is less sure for that.
	Lossy bool
}

// Clone copies i so that it outlives the call of a Sink.
func (i *Incident) Clone() *Incident {
	c := *i
	r := *i.Reset
	r.Payload = append([]byte(nil), r.Payload...)
	r.FollowUps = append([]flows.FollowUp(nil), r.FollowUps...)
	c.Reset = &r
	c.Verdict = i.Verdict.Clone()
	return &c
}

// Frames lists every RST of the incident, the first one first.
func (i *Incident) Frames() []packet.FrameRef {
	out := make([]packet.FrameRef, 0, 1+len(i.Reset.FollowUps))
	out = append(out, i.Reset.RST.Ref())
	for k := range i.Reset.FollowUps {
		out = append(out, i.Reset.FollowUps[k].RST.Frame)
	}
	return out
}

// Server is the server's end of the connection, as far as the capture tells.
func (i *Incident) Server() flows.Endpoint { return i.Reset.Flow.Ends[flows.Server] }

// Summary is what is known once the input has ended.
type Summary struct {
	Files       []string // names of the input, in order
	Frames      uint64
	Bytes       uint64 // length of the frames on the wire
	Skipped     [packet.NumSkips]uint64
	First, Last int64 // time of the first and the latest frame, valid when Frames > 0
	Flows       flows.Stats
	Incidents   uint64
	Notes       uint64
	Timers      []TimerCluster // silences that several connections had before their reset, the most frequent first
	Repeats     []Repeat       // places where the input holds the same trace again
	Late        uint64         // times that a live source gave frames older than what the clock had come to without any
	LateLargest int64          // by how many nanoseconds at most
	Interrupted bool           // stopped by a signal, not by the end of the input
	Done, Total int64          // octets of the input read until then, and in all; Total is 0 when nobody knows
	Damage      []error        // what could not be read of the input, each naming file, frame and reason
	Live        *Counters
	Apart       int    // of several files, those that begin more than a day after the end of those before
	Filter      string // the capture filter in force, "" without one
	Held        uint64 // frames of files that it did not let through
	Selection   string // what was asked for of the incidents, "" for all
	LeftOut     LeftOut
	Anonymized  bool // addresses, names and payload are not those of the input
	Elapsed     time.Duration
}

// LeftOut is what a Selection left out of the reports. What the rest of a Summary counts
// holds it too.
type LeftOut struct {
	Incidents, Resets, Notes uint64
}

// Counters are those of a live capture: libpcap's own (pcap_stats), and of the kernel that
// was asked.
type Counters struct {
	Received, Dropped, DroppedByInterface uint64
	Unwritten                             uint64          // reports that were left out because nobody read them in time
	Kernel                                *KernelCounters // nil when it was not asked
}

// Progress is how far a run has come.
type Progress struct {
	Frames, Bytes, RSTs uint64
	Connections         uint64
	Evicted             uint64 // connections that memory had no room for
	Open                int    // connections that are followed
}

// KernelCounters are of the resets that the kernel of the host told of: those that it sent
// in the network namespace of the capture, of these those that no RST of the capture was
// found for, and those that it could not tell of any more.
type KernelCounters struct {
	Sent, Unseen, Lost uint64
}

// Config of a run. Its zero value works.
type Config struct {
	Table   flows.Config
	Live    bool            // advance the clock also while nothing is captured
	Witness Witness         // nil when there is none
	Batch   int             // segments a batch; 0 means 2048
	Tick    func(*Progress) // called about every 100 ms; may be nil
	// Lossy reports whether packets were lost from one time to another, in nanoseconds
	// since the Unix epoch; may be nil.
	Lossy func(from, to int64) bool
	// Observe is called with each turn of a connection, which it may not keep; may be nil.
	Observe func(*flows.Event)
}
