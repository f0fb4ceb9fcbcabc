package hosts

import (
	"testing"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

func end(last byte, port uint16) flows.Endpoint {
	return flows.Endpoint{Addr: [16]byte{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: last}, Port: port}
}

func resetOf(d flows.Dir, client, server flows.Endpoint, at int64) *flows.Reset {
	r := &flows.Reset{Dir: d}
	r.Flow.Ends = [2]flows.Endpoint{client, server}
	r.Flow.Handshake = flows.SYNSent
	r.RST.Time = at
	return r
}

func around(m *Memory, r *flows.Reset) (a Around) {
	m.Around(r, All, &a)
	return a
}

func TestFruitlessCountsDistinctTargets(t *testing.T) {
	m := New()
	const start = 1e18
	for i := range 12 {
		client, server := end(1, uint16(40000+i)), end(2, uint16(100+i%6))
		ends := [2]flows.Endpoint{client, server}
		m.Observe(&flows.Event{Kind: flows.Asked, Clock: start, Time: start, Ends: ends})
		m.Observe(&flows.Event{Kind: flows.WasReset, Clock: start, Time: start, Ends: ends, Dir: flows.Server, First: true, Refusal: true})
	}
	v := around(m, resetOf(flows.Server, end(1, 40000), end(2, 100), start))
	if v.Targets != 6 || v.Fruitless != 6 {
		t.Errorf("%d targets, %d of them fruitless, want 6 and 6", v.Targets, v.Fruitless)
	}
	check := [2]flows.Endpoint{end(1, 41000), end(9, 80)}
	m.Observe(&flows.Event{Kind: flows.WasReset, Clock: start, Time: start, Ends: check, Dir: flows.Client, First: true, Flags: packet.RST | packet.ACK})
	if v := around(m, resetOf(flows.Server, end(1, 40000), end(2, 100), start)); v.Fruitless != 6 {
		t.Errorf("%d fruitless after the client aborted a connection itself, want 6", v.Fruitless)
	}
	m.Observe(&flows.Event{Kind: flows.Asked, Clock: start + 60e9, Ends: [2]flows.Endpoint{end(1, 50000), end(2, 22)}})
	if v := around(m, resetOf(flows.Server, end(1, 40000), end(2, 100), start+60e9)); v.Fruitless != 0 {
		t.Errorf("%d fruitless after a minute, want 0", v.Fruitless)
	}
}

func TestBeatOfShortConnectionsOnly(t *testing.T) {
	for _, test := range []struct {
		payload uint64
		dir     flows.Dir
		probes  int
	}{
		{0, flows.Client, 5},
		{500, flows.Client, 5},
		{probePayload + 1, flows.Client, 0},
		{0, flows.Server, 0},
	} {
		m := New()
		for i := range 5 {
			m.Observe(&flows.Event{
				Kind: flows.WasReset, Time: 1e18 + int64(i)*2e9, Ends: [2]flows.Endpoint{end(1, uint16(40000+i)), end(2, 80)},
				Dir: test.dir, First: true, Settled: true, Sent: [2]uint64{100, test.payload},
			})
		}
		r := resetOf(flows.Client, end(1, 40000), end(2, 80), 1e18)
		r.Flow.Side[flows.Client].Bytes, r.Flow.Side[flows.Server].Bytes = 100, test.payload
		v := around(m, r)
		n, beat, spread := v.Beats, v.Beat, v.BeatSpread
		if n != test.probes {
			t.Errorf("payload %d by the %v: %d probes, want %d", test.payload, test.dir, n, test.probes)
		}
		if test.probes > 0 && (beat != 2e9 || spread != 0) {
			t.Errorf("beat %d, spread %d", beat, spread)
		}
	}
}

func TestBeatIsOfOneShape(t *testing.T) {
	m := New()
	r := resetOf(flows.Client, end(1, 40000), end(2, 80), 1e18)
	r.Flow.Side[flows.Client].Bytes, r.Flow.Side[flows.Server].Bytes = 20, 300
	// Traffic of the same client with other sizes, and connections that were cut
	// off, lie between the checks and do not disturb their beat.
	for i := range 6 {
		e := flows.Event{
			Kind: flows.WasReset, Time: 1e18 + int64(i)*5e9, Ends: r.Flow.Ends, Dir: flows.Client,
			First: true, Settled: true, Sent: [2]uint64{20, 300}, Segments: [2]uint32{3, 2},
		}
		m.Observe(&e)
		e.Time += 1e9
		e.Sent[1] = 3000 + uint64(i)
		m.Observe(&e)
		e.Time += 1e9
		e.Sent[1], e.Settled = 300, false
		m.Observe(&e)
	}
	if v := around(m, r); v.Beats != 6 || v.Beat != 5e9 || v.BeatSpread != 0 {
		t.Errorf("%d beats, every %d give or take %d; want 6 every 5 s", v.Beats, v.Beat, v.BeatSpread)
	}
	m.Observe(&flows.Event{
		Kind: flows.WasReset, Time: 1e18 + 30e9, Ends: r.Flow.Ends, Dir: flows.Client,
		First: true, Settled: true, Sent: [2]uint64{20, 300}, Segments: [2]uint32{9, 7},
	})
	if v := around(m, r); v.Beats != 1 {
		t.Errorf("%d beats after a connection of another shape, want 1", v.Beats)
	}
}

func TestPausesOfOnePort(t *testing.T) {
	m := New()
	ends := [2]flows.Endpoint{end(1, 40000), end(2, 5432)}
	other := [2]flows.Endpoint{end(1, 40000), end(2, 5433)}
	for _, p := range []int64{7e9, 29e9, 12e9} {
		m.Observe(&flows.Event{Kind: flows.Survived, Time: 1e18, Ends: ends, Pause: p})
		m.Observe(&flows.Event{Kind: flows.Survived, Time: 1e18, Ends: other, Pause: 4 * p})
	}
	for _, p := range []int64{45e9, 31e9, 0} {
		m.Observe(&flows.Event{Kind: flows.WasReset, Time: 1e18, Ends: ends, Dir: flows.Server, First: true, Pause: p})
	}
	v := around(m, resetOf(flows.Client, ends[0], ends[1], 1e18))
	if v.Survived != 29e9 || v.Survivals != 3 || v.Fatal != 31e9 || v.Fatalities != 2 {
		t.Errorf("survived up to %d, %d times; fatal from %d, %d times; want 29 s, 3 and 31 s, 2", v.Survived, v.Survivals, v.Fatal, v.Fatalities)
	}
}

func TestElsewhereIsOfTheSender(t *testing.T) {
	m := New()
	client, service, pod := end(1, 40000), end(2, 80), end(3, 8080)
	m.Observe(&flows.Event{Kind: flows.Answered, Time: 1, Ends: [2]flows.Endpoint{client, service}, Dir: flows.Server})
	for _, d := range []flows.Dir{flows.Client, flows.Server} {
		ends := [2]flows.Endpoint{client, pod}
		if d == flows.Server {
			ends = [2]flows.Endpoint{pod, client} // the ports misled the guess
		}
		r := resetOf(d, ends[0], ends[1], 2)
		v := around(m, r)
		if v.Elsewhere != service {
			t.Errorf("%v: elsewhere %v", d, v.Elsewhere)
		}
	}
	v := around(m, resetOf(flows.Client, client, service, 2))
	if v.Elsewhere != (flows.Endpoint{}) {
		t.Error("its own connection is not elsewhere")
	}
}

// strike has m observe resets by the server's port, as far apart as gaps say, each
// acted after its client did, 0 for one that did nothing.
func strike(m *Memory, service flows.Endpoint, start int64, acted []int64, gaps ...int64) {
	at := start
	for i, gap := range gaps {
		at += gap
		e := flows.Event{
			Kind: flows.WasReset, Time: at, Ends: [2]flows.Endpoint{end(1, uint16(40000+i)), service}, Dir: flows.Server, First: true,
		}
		if acted[i] != 0 {
			e.Acted = at - acted[i]
		}
		m.Observe(&e)
	}
}

func TestStroke(t *testing.T) {
	const start, us, ms = int64(1e18), int64(1e3), int64(1e6)
	service := end(2, 80)
	for _, test := range []struct {
		name     string
		acted    []int64
		gaps     []int64
		at       int64
		n, moved int
		span     int64
	}{
		{"one run of microseconds", []int64{300 * ms, 200 * ms, 0}, []int64{0, 10 * us, 10 * us}, 10 * us, 3, 0, 20 * us},
		{"one here and one there", []int64{300 * ms, 200 * ms}, []int64{0, 20 * ms}, 0, 0, 0, 0},
		{"a run after a single one", []int64{0, 0, 0}, []int64{0, 20 * ms, 10 * us}, 20 * ms, 2, 0, 10 * us},
		{"each right after its client's last word", []int64{100 * us, 100 * us, 5 * ms}, []int64{0, 300 * us, 300 * us}, 300 * us, 3, 3, 600 * us},
		{"one right after its client's last word", []int64{100 * us, 90 * ms, 700 * ms}, []int64{0, 10 * us, 10 * us}, 0, 3, 1, 20 * us},
		{"all the same time after", []int64{250 * ms, 250 * ms}, []int64{0, 900 * us}, 0, 2, 2, 900 * us},
	} {
		m := New()
		strike(m, service, start, test.acted, test.gaps...)
		// A single reset much later, as on a busy port, changes nothing.
		strike(m, service, start+1e9, []int64{0}, 0)
		v := around(m, resetOf(flows.Server, end(1, 40000), service, start+test.at))
		if v.Burst != test.n || v.BurstMoved != test.moved || v.BurstSpan != test.span {
			t.Errorf("%s: %d resets within %d, %d moved by their clients; want %d within %d, %d moved",
				test.name, v.Burst, v.BurstSpan, v.BurstMoved, test.n, test.span, test.moved)
		}
	}
}

func TestPortGoesOnOrIsShut(t *testing.T) {
	const start = int64(1e18)
	service := end(2, 80)
	accepts := func(at int64) flows.Event {
		return flows.Event{Kind: flows.Answered, Time: at, Ends: [2]flows.Endpoint{end(1, 50000), service}, Dir: flows.Server}
	}
	refuses := func(at int64) flows.Event {
		return flows.Event{Kind: flows.WasReset, Time: at, Ends: [2]flows.Endpoint{end(1, 50000), service}, Dir: flows.Server, First: true, Refusal: true}
	}
	for _, test := range []struct {
		name         string
		events       []flows.Event
		wentOn, shut bool
	}{
		{"nobody asks", []flows.Event{accepts(start - 5)}, false, false},
		{"accepts", []flows.Event{accepts(start - 5), accepts(start + 5)}, true, false},
		{"refuses", []flows.Event{accepts(start - 5), refuses(start + 5)}, false, true},
		{"refuses, then accepts", []flows.Event{refuses(start + 5), accepts(start + 9)}, false, true},
		{"accepts, then refuses", []flows.Event{accepts(start + 5), refuses(start + 9)}, true, false},
		{"refused before", []flows.Event{refuses(start - 9), accepts(start - 5)}, false, false},
	} {
		m := New()
		for i := range test.events {
			m.Observe(&test.events[i])
		}
		v := around(m, resetOf(flows.Server, end(1, 40000), service, start))
		if v.WentOn != test.wentOn || v.Shut != test.shut {
			t.Errorf("%s: went on %v, shut %v", test.name, v.WentOn, v.Shut)
		}
	}
}

// A port refuses two SYNs with ECN between two that it accepts, talks on one of
// those, and resets twice with a connection accepted between.
func TestPortShowsWhomItRefuses(t *testing.T) {
	const start = int64(1e18)
	m := New()
	port := end(2, 80)
	ends := func(i int) [2]flows.Endpoint { return [2]flows.Endpoint{end(1, uint16(40000+i)), port} }
	plainSYN, offers := packet.SYN, packet.SYN|packet.ECE|packet.CWR
	answer := func(i int, at int64) {
		m.Observe(&flows.Event{Kind: flows.Answered, Time: at, Ends: ends(i), Dir: flows.Server, SYNFlags: plainSYN, SYNOptions: packet.OptSACKPerm})
	}
	reset := func(i int, at int64, refusal bool) {
		m.Observe(&flows.Event{
			Kind: flows.WasReset, Clock: at, Time: at, Ends: ends(i), Dir: flows.Server, First: true, Refusal: refusal,
			SYNFlags: offers, SYNOptions: packet.OptSACKPerm,
		})
	}
	answer(0, start)
	m.Observe(&flows.Event{Kind: flows.Completed, Clock: start, Time: start, Ends: ends(0), RTT: 3e6, RTTServer: 20e6})
	m.Observe(&flows.Event{Kind: flows.Conversed, Time: start + 1e6, Ends: ends(0)})
	reset(1, start+10e6, true)
	reset(2, start+20e6, true)
	answer(3, start+25e6)
	v := around(m, resetOf(flows.Server, ends(1)[0], port, start+10e6))
	if v.OnlyRefused != ECN || v.Conversed != start+1e6 {
		t.Errorf("only refused %x, conversed %d", v.OnlyRefused, v.Conversed)
	}
	for i, at := range []int64{start + 24.8e6, start + 25.2e6} {
		m.Observe(&flows.Event{Kind: flows.WasReset, Time: at, Ends: ends(4 + i), Dir: flows.Server, First: true})
	}
	for i, after := range []bool{false, true} {
		at := start + 24.8e6 + int64(i)*0.4e6
		if v := around(m, resetOf(flows.Server, ends(4 + i)[0], port, at)); v.BurstOpened != after || v.Burst != 2 {
			t.Errorf("%d of a stroke of %d: opened before it %v", i, v.Burst, v.BurstOpened)
		}
	}
	m.Observe(&flows.Event{Kind: flows.Asked, Clock: start, Time: start, Ends: ends(5)})
	if v := around(m, resetOf(flows.Client, ends(5)[0], port, start+40e6)); v.ClientRTT != 3e6 || v.ServerRTT != 20e6 || v.Asks != 1 {
		t.Errorf("RTT of the client %d, of the server %d, %d asks", v.ClientRTT, v.ServerRTT, v.Asks)
	}
}
