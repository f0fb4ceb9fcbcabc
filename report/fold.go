package report

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

// What a live report writes of resets that have cause, service and clients' network in
// common: some in full, and the others of the same time as a count.
const (
	foldAfter   = 10 // of a kind within foldWindow that are written in full
	foldWindow  = int64(10_000_000_000)
	foldSecond  = 200  // of all kinds within a second that are written in full
	foldKinds   = 4096 // that are told apart; what is beyond is one kind for each cause
	clientBits4 = 24   // of a client's address that make its network
	clientBits6 = 64
)

// foldKind is what folded incidents have in common.
type foldKind struct {
	rule    *classify.Rule
	benign  bool
	from    flows.Dir
	server  flows.Endpoint
	network netip.Prefix // of the client
}

// folded are the incidents of one kind in one window.
type folded struct {
	since       int64
	shown       int
	like        uint64 // number of the first that was written in full
	count       uint64
	resets      uint64
	confidence  classify.Confidence
	first, last int64
}

// folder decides which incidents are written in full. It goes by the clock of the
// capture.
type folder struct {
	kinds  map[foldKind]*folded
	second int64
	shown  int
	swept  int64
}

func kindOf(i *analyzer.Incident) foldKind {
	ends := &i.Reset.Flow.Ends
	k := foldKind{rule: i.Verdict.Rule, benign: benign(&i.Verdict), from: i.Reset.Dir, server: ends[flows.Server]}
	client := ends[flows.Client].AddrPort().Addr()
	bits := clientBits6
	if client.Is4() {
		bits = clientBits4
	}
	k.network, _ = client.Prefix(bits) // of as many bits as it has, or more
	return k
}

// takes counts i, and reports whether it is to be written in full.
func (f *folder) takes(i *analyzer.Incident) bool {
	if f.kinds == nil {
		f.kinds = map[foldKind]*folded{}
	}
	k, now := kindOf(i), i.Reset.RST.Time
	of := f.kinds[k]
	if of == nil {
		if len(f.kinds) >= foldKinds {
			k = foldKind{rule: k.rule, benign: k.benign, from: k.from}
			of = f.kinds[k]
		}
		if of == nil {
			of = &folded{since: now}
			f.kinds[k] = of
		}
	}
	if second := now / 1e9; second != f.second {
		f.second, f.shown = second, 0
	}
	if of.shown < foldAfter && f.shown < foldSecond {
		if of.shown == 0 {
			of.like = i.Number
		}
		of.shown++
		f.shown++
		return true
	}
	if of.count == 0 {
		of.first, of.last = now, now
	}
	of.first, of.last = min(of.first, now), max(of.last, now)
	of.count++
	of.resets += 1 + uint64(len(i.Reset.FollowUps))
	of.confidence = max(of.confidence, i.Verdict.Confidence)
	return false
}

// due calls with for what was folded in windows that are over at now, in the order of
// time, and forgets the kinds. When all is true every window is over.
func (f *folder) due(now int64, all bool, with func(*foldKind, *folded) error) error {
	if !all && now-f.swept < foldWindow/10 && now >= f.swept {
		return nil
	}
	f.swept = now
	type due struct {
		kind foldKind
		of   *folded
	}
	var over []due
	for k, of := range f.kinds {
		if all || now-of.since >= foldWindow || now < of.since {
			if of.count > 0 {
				over = append(over, due{k, of})
			}
			delete(f.kinds, k)
		}
	}
	slices.SortFunc(over, func(a, b due) int {
		return cmp.Or(cmp.Compare(a.of.first, b.of.first), cmp.Compare(a.kind.rule.ID, b.kind.rule.ID), cmp.Compare(a.of.like, b.of.like))
	})
	for _, d := range over {
		if err := with(&d.kind, d.of); err != nil {
			return err
		}
	}
	return nil
}

// foldedJSON is incidents of a live report that were not written each by itself.
type foldedJSON struct {
	Type       string    `json:"type"` // "folded"
	Schema     string    `json:"schema"`
	Like       uint64    `json:"like,omitempty"` // number of the incident that was written instead; none where there were too many of all kinds
	Incidents  uint64    `json:"incidents"`
	Resets     uint64    `json:"resets"`
	Family     string    `json:"family"`
	Cause      string    `json:"cause"`
	Confidence string    `json:"confidence"` // the surest
	Harmless   bool      `json:"harmless"`
	Sender     string    `json:"sender"`                   // client or server
	Server     *peerJSON `json:"server,omitempty"`         // none where several are meant
	Network    string    `json:"client_network,omitempty"` // of the clients
	First      string    `json:"first_time"`
	Last       string    `json:"last_time"`
}

func (n *naming) folded(k *foldKind, of *folded) *foldedJSON {
	j := &foldedJSON{
		Type: "folded", Schema: Schema, Like: of.like, Incidents: of.count, Resets: of.resets,
		Family: string(k.rule.Family), Cause: k.rule.ID, Confidence: of.confidence.String(), Harmless: k.benign,
		Sender: k.from.String(), First: rfc3339(of.first), Last: rfc3339(of.last),
	}
	if k.server != (flows.Endpoint{}) {
		server := n.peer(&k.server)
		j.Server, j.Network = &server, k.network.String()
	}
	return j
}

// Status is how a live run is doing.
type Status struct {
	Time      int64 // nanoseconds since the Unix epoch, of the host's clock
	Packets   uint64
	Dropped   uint64 // by the kernel and the interface
	Resets    uint64
	Open      int    // connections that are followed
	Memory    uint64 // octets that the process takes, 0 where that is not known
	Unwritten uint64 // reports that were left out because nobody read them in time
}

// StatusSink is a sink that writes the status of a live run.
type StatusSink interface{ Status(*Status) error }

type statusJSON struct {
	Type      string `json:"type"` // "status"
	Schema    string `json:"schema"`
	Time      string `json:"time"`
	Packets   uint64 `json:"packets"`
	Dropped   uint64 `json:"dropped"` // by the kernel and the interface
	Resets    uint64 `json:"resets"`
	Open      int    `json:"open_connections"`
	Memory    uint64 `json:"memory_bytes,omitempty"`
	Unwritten uint64 `json:"unwritten_reports,omitempty"` // that were left out because nobody read them in time
}

// Status writes s as a line.
func (l *lines) Status(s *Status) error {
	if err := l.fold(s.Time, false); err != nil {
		return err
	}
	return l.write(&statusJSON{
		"status", Schema, rfc3339(s.Time), s.Packets, s.Dropped, s.Resets, s.Open, s.Memory, s.Unwritten,
	})
}

// fold writes what was folded until now.
func (l *lines) fold(now int64, all bool) error {
	return l.folder.due(now, all, func(k *foldKind, of *folded) error { return l.write(l.o.naming().folded(k, of)) })
}
