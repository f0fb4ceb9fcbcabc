package kernel

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/packet"
)

const (
	home    = 4026531840 // the namespace that is captured
	foreign = 4026532200 // a container's
)

var (
	noon   = time.Unix(1_800_000_000, 0)
	here   = netip.MustParseAddrPort("192.0.2.1:80")
	there  = netip.MustParseAddrPort("198.51.100.7:40000")
	there2 = netip.MustParseAddrPort("198.51.100.7:40001")
)

func after(us int64) time.Time { return noon.Add(time.Duration(us) * time.Microsecond) }

// reply and abort are events of here, us after noon.
func reply(us int64, to netip.AddrPort, reason string) Event {
	return Event{Time: after(us), Sender: here, Receiver: to, Reason: reason, Netns: home}
}

func abort(us int64, to netip.AddrPort, reason string) Event {
	e := reply(us, to, reason)
	e.Active, e.State = true, "TCP_CLOSE"
	return e
}

func in(netns uint32, e Event) Event {
	e.Netns = netns
	return e
}

// rst is a RST from here, us after noon.
func rst(us int64, to netip.AddrPort, flags packet.Flags, seq packet.Seq) *packet.Header {
	return &packet.Header{
		Time: after(us).UnixNano(), Flags: packet.RST | flags, Seq: seq,
		Src: here.Addr().As16(), SrcPort: here.Port(), Dst: to.Addr().As16(), DstPort: to.Port(),
	}
}

func answering(us int64, to netip.AddrPort) *packet.Header { return rst(us, to, 0, 1000) }
func aborting(us int64, to netip.AddrPort) *packet.Header  { return rst(us, to, packet.ACK, 1000) }

// watching is a Witness that has watched the host here for a minute, and of whose
// events until a minute later none is missing.
func watching() *Witness {
	w := &Witness{Netns: []uint32{home}, Since: noon.Add(-time.Minute), Local: func(a netip.Addr) bool { return a == here.Addr() }}
	w.Checked(noon.Add(time.Minute), 0)
	return w
}

func TestTestimony(t *testing.T) {
	const silent, unasked = "silent", "unasked"
	inTunnel, elsewhere := answering(0, there), answering(0, there)
	inTunnel.Zone = 1
	elsewhere.Src, elsewhere.Dst = elsewhere.Dst, elsewhere.Src
	for _, tt := range []struct {
		name string
		said []Event // in the order in which they are read
		rsts []*packet.Header
		want []string // of each: its reason, silent or unasked
	}{
		{"a reply is reported before it is sent", []Event{reply(-30, there, "NO_SOCKET")},
			[]*packet.Header{answering(0, there)}, []string{"NO_SOCKET"}},
		{"an abort after it was sent", []Event{abort(20, there, "TCP_STATE")},
			[]*packet.Header{aborting(0, there)}, []string{"TCP_STATE"}},
		{"another connection", []Event{reply(-30, there2, "NO_SOCKET")},
			[]*packet.Header{answering(0, there2), answering(0, there)}, []string{"NO_SOCKET", silent}},
		{"read in another order than sent", []Event{reply(70, there, "TCP_FLAGS"), reply(-30, there, "TCP_TIMEWAIT_SOCKET")},
			[]*packet.Header{answering(0, there), answering(100, there)}, []string{"TCP_TIMEWAIT_SOCKET", "TCP_FLAGS"}},
		{"two of one connection, of which the first was long on its way", []Event{reply(-1300, there, "TCP_TIMEWAIT_SOCKET"), reply(-10, there, "TCP_FLAGS")},
			[]*packet.Header{answering(0, there), answering(20, there)}, []string{"TCP_TIMEWAIT_SOCKET", "TCP_FLAGS"}},
		{"two RSTs, one event", []Event{reply(-30, there, "NO_SOCKET")},
			[]*packet.Header{answering(0, there), answering(20, there)}, []string{"NO_SOCKET", unasked}},
		{"a reply overtakes the report of an abort", []Event{reply(5, there, "NO_SOCKET"), abort(20, there, "TCP_ABORT_ON_CLOSE")},
			[]*packet.Header{aborting(0, there), answering(10, there)}, []string{"TCP_ABORT_ON_CLOSE", "NO_SOCKET"}},
		{"an answer to a SYN has an ACK and no number", []Event{reply(-30, there, "NO_SOCKET")},
			[]*packet.Header{rst(0, there, packet.ACK, 0)}, []string{"NO_SOCKET"}},
		{"so may an abort", []Event{abort(30, there, "TCP_STATE")},
			[]*packet.Header{rst(0, there, packet.ACK, 0)}, []string{"TCP_STATE"}},
		{"an abort is no reply", []Event{abort(30, there, "TCP_STATE")},
			[]*packet.Header{answering(0, there)}, []string{unasked}},
		{"just near enough", []Event{reply(-5000, there, "NO_SOCKET")},
			[]*packet.Header{answering(0, there)}, []string{"NO_SOCKET"}},
		{"just too early", []Event{reply(-5001, there, "NO_SOCKET")},
			[]*packet.Header{answering(0, there)}, []string{silent}},
		{"just too late", []Event{abort(5001, there, "TCP_STATE")},
			[]*packet.Header{aborting(0, there)}, []string{silent}},
		{"the same connection in a namespace that is not captured", []Event{in(foreign, reply(-30, there, "NO_SOCKET"))},
			[]*packet.Header{answering(0, there)}, []string{unasked}},
		{"both namespaces have it", []Event{in(foreign, reply(-40, there, "TCP_FLAGS")), reply(-30, there, "NO_SOCKET")},
			[]*packet.Header{answering(0, there)}, []string{"NO_SOCKET"}},
		{"a namespace that is not known", []Event{in(0, reply(-30, there, "NO_SOCKET"))},
			[]*packet.Header{answering(0, there)}, []string{unasked}},
		{"an event that NAT may have given these addresses", []Event{reply(-30, there2, "NO_SOCKET")},
			[]*packet.Header{answering(0, there)}, []string{unasked}},
		{"nothing was sent", nil, []*packet.Header{answering(0, there)}, []string{silent}},
		{"in a tunnel the addresses are others", []Event{reply(-30, there, "NO_SOCKET")},
			[]*packet.Header{inTunnel}, []string{unasked}},
		{"nor is what is sent in it known", nil, []*packet.Header{inTunnel}, []string{unasked}},
		{"from another host", nil, []*packet.Header{elsewhere}, []string{unasked}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := watching()
			for _, e := range tt.said {
				w.Add(e)
			}
			for i, h := range tt.rsts {
				switch got := w.Testimony(h); {
				case got.Word == classify.Silent && tt.want[i] != silent,
					got.Word == classify.Unasked && tt.want[i] != unasked,
					got.Word == classify.Spoke && got.Reason != tt.want[i]:
					t.Errorf("RST %d: %+v, want %s", i+1, got, tt.want[i])
				case got.Word == classify.Spoke && (got.Active != (h.Flags&packet.ACK != 0 && h.Seq != 0) && h.Seq != 0 || got.Active != (got.State != "")):
					t.Errorf("RST %d: the rest of the event is lost: %+v", i+1, got)
				}
			}
		})
	}
}

// A kernel is silent only where it would have been heard.
func TestSilent(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func() *Witness
		want classify.Word
	}{
		{"everything is known", watching, classify.Silent},
		{"the zero value", func() *Witness { return new(Witness) }, classify.Unasked},
		{"no namespace", func() *Witness {
			w := watching()
			w.Netns = nil
			return w
		}, classify.Unasked},
		{"no addresses", func() *Witness {
			w := watching()
			w.Local = nil
			return w
		}, classify.Unasked},
		{"tracing began later", func() *Witness {
			w := watching()
			w.Since = noon.Add(time.Second)
			return w
		}, classify.Unasked},
		{"tracing began when it was not said", func() *Witness {
			w := watching()
			w.Since = time.Time{}
			return w
		}, classify.Unasked},
		{"not all events have been read", func() *Witness {
			w := &Witness{Netns: []uint32{home}, Since: noon.Add(-time.Minute), Local: watching().Local}
			w.Checked(noon, 0)
			return w
		}, classify.Unasked},
		{"events were lost around it", func() *Witness {
			w := watching()
			w.Checked(noon.Add(time.Minute), 3)
			return w
		}, classify.Unasked},
		{"events were lost before it", func() *Witness {
			w := &Witness{Netns: []uint32{home}, Since: noon.Add(-time.Minute), Local: watching().Local}
			w.Checked(noon.Add(-time.Second), 3)
			w.Checked(noon.Add(time.Second), 3)
			return w
		}, classify.Silent},
		{"the clock was set back over it", func() *Witness {
			w := watching()
			w.Add(reply(2_000_000, there2, "NO_SOCKET"))
			w.Add(reply(-9_000_000, there2, "NO_SOCKET"))
			return w
		}, classify.Unasked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.make().Testimony(answering(0, there)); got.Word != tt.want {
				t.Errorf("%+v, want %d", got, tt.want)
			}
		})
	}
}

// A Witness keeps what it has room for, and knows that it has forgotten.
func TestRoom(t *testing.T) {
	w := watching()
	w.Room = 100
	for i := range int64(1000) {
		w.Add(reply(i*20_000, there2, "NO_SOCKET"))
		if len(w.events) > w.Room {
			t.Fatalf("%d events after %d", len(w.events), i+1)
		}
	}
	if kept := len(w.events); w.Dropped()+uint64(kept) != 1000 || kept < 75 {
		t.Errorf("%d dropped and %d kept of 1000", w.Dropped(), kept)
	}
	oldest := w.events[0].Time.Sub(noon).Microseconds()
	for _, tt := range []struct {
		us   int64
		want classify.Word
	}{
		{0, classify.Unasked},                // long forgotten
		{oldest - 20_000, classify.Unasked},  // the last that was forgotten
		{oldest - 15_000, classify.Unasked},  // which may be that of this one
		{oldest - 14_990, classify.Silent},   // which is too far from it
		{oldest + 100, classify.Spoke},       // the first that is kept
		{oldest + 10_000, classify.Silent},   // between two
		{999*20_000 + 4_000, classify.Spoke}, // the last
	} {
		if got := w.Testimony(answering(tt.us, there2)); got.Word != tt.want {
			t.Errorf("RST at %d us, the oldest event is of %d: %+v, want %d", tt.us, oldest, got, tt.want)
		}
	}
	if c := cap(w.events); c > 2*w.Room {
		t.Errorf("memory for %d events, room for %d", c, w.Room)
	}
}

// What no RST was found for is left, without what other namespaces sent.
func TestUnpaired(t *testing.T) {
	w := watching()
	w.Add(reply(-30, there, "NO_SOCKET"))
	w.Add(in(foreign, reply(10, there, "TCP_FLAGS")))
	w.Add(reply(70, there, "TCP_FLAGS"))
	if e, ok := w.Event(answering(0, there)); !ok || e != reply(-30, there, "NO_SOCKET") {
		t.Errorf("%v, %v", e, ok)
	}
	if got, want := w.Unpaired(), []Event{reply(70, there, "TCP_FLAGS")}; !slices.Equal(got, want) {
		t.Errorf("%v are left, want %v", got, want)
	}
}

// A flood of one connection, asked about once each, does not take the square of
// its time.
func BenchmarkTestimony(b *testing.B) {
	w := watching()
	b.ReportAllocs()
	us := int64(0)
	for b.Loop() {
		us += 20 // 50,000 a second
		w.Add(reply(us-10, there, "NO_SOCKET"))
		if got := w.Testimony(answering(us, there)); got.Word != classify.Spoke {
			b.Fatal(us, got)
		}
	}
}
