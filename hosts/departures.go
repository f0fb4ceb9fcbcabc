package hosts

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

const (
	// passesOn is how long a program takes at most to end one connection because
	// another was ended. Own.
	passesOn = 5e6
	// leftAlone is how long nobody else had left before, so that the two belong
	// together rather than by chance. Own.
	leftAlone = 1e9
)

// departures are the connections of an address that the other side ended last, the
// latest first.
type departures [4]departure

type departure struct {
	time  int64
	frame packet.FrameRef
	peer  flows.Endpoint
	port  uint16 // its own
	rst   bool
}

// of reports whether d is of the connection between these ends, or of an earlier one.
func (d *departure) of(ends *[2]flows.Endpoint) bool {
	return d.peer == ends[0] && d.port == ends[1].Port || d.peer == ends[1] && d.port == ends[0].Port
}

// leaves takes into account that the sender of e ends its connection with the address
// of that hash.
func (m *Memory) leaves(e *flows.Event, hash uint64) {
	to := &e.Ends[e.Dir.Peer()]
	d := m.left.put(hash, &to.Addr)
	copy(d[1:], d[:])
	d[0] = departure{e.Time, e.Frame, e.Ends[e.Dir], to.Port, e.Kind == flows.WasReset}
}

// around finds the one that the RST of r may pass on.
func (d *departures) around(r *flows.Reset, a *Around) {
	for i := range d {
		l := &d[i]
		switch {
		case l.frame == 0:
			return
		case l.frame >= r.RST.Ref():
			continue
		case r.RST.Time-l.time > passesOn || l.of(&r.Flow.Ends):
			return
		case i+1 == len(d) || d[i+1].frame != 0 && l.time-d[i+1].time < leftAlone:
			return
		}
		a.Left, a.LeftTime, a.LeftByRST = l.frame, l.time, l.rst
		return
	}
}
