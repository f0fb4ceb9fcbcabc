package kernel

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/packet"
)

// Tolerance is how far apart the times of a RST and of its event may be when the
// sending host itself captures. Of 4,000 resets on veth, lo and any (Linux 6.18,
// 2 CPUs) none was further than 1.4 ms from its event.
const Tolerance = 5 * time.Millisecond

// defaultRoom holds what a host sends in 2 s, after which a live RST is settled,
// at 16,000 resets a second: 5 MB.
const defaultRoom = 1 << 15

// steppedClock is by how much an event may be earlier than one that was added
// before. The CPUs of a host hand theirs over within milliseconds of each other;
// more than this is a wall clock that was set back.
const steppedClock = time.Second

// Witness pairs the RSTs of a capture with the events of a Tracer, as both come
// in, and says what the kernel knows of each. Its exported fields are set before
// it is used. The zero value belongs to no network namespace, and so takes every
// RST for one that nobody was asked about. Its methods may be called from several
// goroutines.
type Witness struct {
	// Netns are the network namespaces, by inode number, whose RSTs the capture
	// shows. Events of others say nothing of it: containers share addresses.
	Netns []uint32

	// Local reports whether an address belongs to the host in one of Netns. Nil
	// means that it is not known of any: then no RST is called silent.
	Local func(netip.Addr) bool

	// Since is when the Tracer was opened. RSTs before it are not called silent,
	// nor is any when it is zero.
	Since time.Time

	// Tolerance is how far apart the times of a RST and of its event may be, 0
	// for the constant of that name. What is captured elsewhere than on the
	// sending host needs the delay of the path, and of both clocks, on top.
	Tolerance time.Duration

	// Room is how many events are kept, 0 for 32,768. The oldest make room.
	Room int

	mu      sync.Mutex
	events  []heard // in the order of their times
	lost    uint64  // of the latest Checked
	dropped uint64
	// complete begins and ends the time of which every event is among events.
	complete struct{ since, until time.Time }
}

// heard is an event, and whether a RST has been found for it.
type heard struct {
	Event
	paired bool
}

// Add takes e in.
func (w *Witness) Add(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.events); n > 0 && w.events[n-1].Time.Sub(e.Time) > steppedClock {
		// Of the time that the clock shows twice nothing is known.
		w.drop(n)
	}
	if room := w.room(); len(w.events) >= room {
		w.drop(max(1, room/4)) // many at once: what stays is moved
	}
	w.events = append(w.events, heard{})
	i := len(w.events) - 1
	for ; i > 0 && w.events[i-1].Time.After(e.Time); i-- {
		w.events[i] = w.events[i-1]
	}
	w.events[i] = heard{Event: e}
}

func (w *Witness) room() int {
	if w.Room > 0 {
		return w.Room
	}
	return defaultRoom
}

// drop forgets the n oldest events.
func (w *Witness) drop(n int) {
	w.dropped += uint64(n)
	w.doubt(w.events[n-1].Time)
	w.events = slices.Delete(w.events, 0, n)
}

// doubt says that events up to t may be missing.
func (w *Witness) doubt(t time.Time) {
	if t.After(w.complete.since) {
		w.complete.since = t
	}
}

// Checked says that every event until t has been added, but for as many as
// Tracer.Lost says were lost since it was opened. Until it is said of the time of
// a RST, that is not called silent; nor is what was sent before a t at which more
// were lost than at the one before.
func (w *Witness) Checked(t time.Time, lost uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if lost != w.lost {
		w.lost = lost
		w.doubt(t)
	}
	if t.After(w.complete.until) {
		w.complete.until = t
	}
}

// Dropped returns how many events had to make room for later ones.
func (w *Witness) Dropped() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// Event returns the event of the RST h, and false when none fits: none of its
// sender, receiver, kind and time that belongs to an earlier RST. RSTs are to be
// asked for in the order of the capture. Events of one connection come in that
// order too, so that of several it is the earliest: the nearest in time may
// belong to the RST behind, because a reply waits up to 1.4 ms after its event
// and segments that come in a burst are answered within microseconds.
func (w *Witness) Event(h *packet.Header) (Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.pair(h); e != nil {
		return e.Event, true
	}
	return Event{}, false
}

// Testimony is what the kernel says of the RST h. It is Event, for a judge: where
// there is none, the kernel is silent if it would have spoken.
func (w *Witness) Testimony(h *packet.Header) classify.Testimony {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.pair(h); e != nil {
		return classify.Testimony{
			Word: classify.Spoke, Reason: e.Reason, Active: e.Active, State: e.State, Unread: e.Unread, Linger: e.Linger,
			Process: e.Process, PID: e.PID, Exiting: e.Exiting, Signal: e.Signal,
		}
	}
	if w.silent(h) {
		return classify.Testimony{Word: classify.Silent}
	}
	return classify.Testimony{}
}

// Unpaired returns the events of the namespaces for which no RST was found, the
// earliest first.
func (w *Witness) Unpaired() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Event
	for i := range w.events {
		if e := &w.events[i]; !e.paired && w.ours(e) {
			out = append(out, e.Event)
		}
	}
	return out
}

func (w *Witness) ours(e *heard) bool { return slices.Contains(w.Netns, e.Netns) }

// pair finds the event of h and marks it.
func (w *Witness) pair(h *packet.Header) *heard {
	if h.Zone != 0 {
		return nil // the addresses in a tunnel are not the host's
	}
	sender, receiver := h.Source(), h.Destination()
	near := w.near(h)
	for i := range near {
		if e := &near[i]; !e.paired && e.Sender == sender && e.Receiver == receiver && fits(h, e.Active) && w.ours(e) {
			e.paired = true
			return e
		}
	}
	return nil
}

// near is the events within the tolerance of h.
func (w *Witness) near(h *packet.Header) []heard {
	from, to := w.around(h)
	first, _ := slices.BinarySearchFunc(w.events, from, func(e heard, t time.Time) int { return e.Time.Compare(t) })
	n := 0
	for _, e := range w.events[first:] {
		if e.Time.After(to) {
			break
		}
		n++
	}
	return w.events[first : first+n]
}

// around is the first and the last time that an event of h may have.
func (w *Witness) around(h *packet.Header) (from, to time.Time) {
	t, tolerance := time.Unix(0, h.Time), w.Tolerance
	if tolerance == 0 {
		tolerance = Tolerance
	}
	return t.Add(-tolerance), t.Add(tolerance)
}

// fits reports whether a RST with the numbers of h aborts a socket, when active,
// or answers a segment. Linux sets ACK in every abort; in a reply only when the
// segment that it answers had none, and then the sequence number is 0
// (tcp_send_active_reset, tcp_v4_send_reset). That of an abort may be 0 too.
func fits(h *packet.Header, active bool) bool {
	switch {
	case h.Flags&packet.ACK == 0:
		return !active
	case h.Seq != 0:
		return active
	}
	return true
}

// silent reports whether the kernel would have spoken of h, had its TCP sent it:
// the address is the host's, and every event of the time is known. No event near
// it may be that of h after all: of the same connection, because a RST may be
// captured twice; or left without a RST, of whatever connection and namespace,
// because NAT gives a RST other addresses after the kernel has spoken of it.
func (w *Witness) silent(h *packet.Header) bool {
	from, to := w.around(h)
	if h.Zone != 0 || w.Local == nil || !w.Local(h.Source().Addr()) || len(w.Netns) == 0 || w.Since.IsZero() ||
		!from.After(w.Since) || !from.After(w.complete.since) || to.After(w.complete.until) {
		return false
	}
	sender, receiver := h.Source(), h.Destination()
	near := w.near(h)
	for i := range near {
		if e := &near[i]; !e.paired || e.Sender == sender && e.Receiver == receiver {
			return false
		}
	}
	return true
}
