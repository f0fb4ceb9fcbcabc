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
				Dir: test.dir, First: true, Payload: test.payload,
			})
		}
		v := around(m, resetOf(flows.Client, end(1, 40000), end(2, 80), 1e18))
		n, beat, spread := v.Beats, v.Beat, v.BeatSpread
		if n != test.probes {
			t.Errorf("payload %d by the %v: %d probes, want %d", test.payload, test.dir, n, test.probes)
		}
		if test.probes > 0 && (beat != 2e9 || spread != 0) {
			t.Errorf("beat %d, spread %d", beat, spread)
		}
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

func TestBurstTellsItsSpan(t *testing.T) {
	const start = 1e18 // a multiple of BurstWidth
	m := New()
	service := end(2, 80)
	for i, at := range []int64{start + 1e6, start + 70e6, start + 140e6, start + 170e6} {
		m.Observe(&flows.Event{
			Kind: flows.WasReset, Time: at, Ends: [2]flows.Endpoint{end(1, uint16(40000+i)), service}, Dir: flows.Server, First: true,
		})
	}
	for _, test := range []struct {
		at   int64
		n    int
		span int64
	}{
		{start + 1e6, 2, 69e6},
		{start + 70e6, 3, 139e6},
		{start + 140e6, 3, 100e6},
	} {
		v := around(m, resetOf(flows.Server, end(1, 40000), service, test.at))
		if v.Burst != test.n || v.BurstSpan != test.span {
			t.Errorf("around %d: %d resets within %d, want %d within %d", test.at-start, v.Burst, v.BurstSpan, test.n, test.span)
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
	if !v.BurstOpened {
		m.Observe(&flows.Event{Kind: flows.WasReset, Time: start + 30e6, Ends: ends(4), Dir: flows.Server, First: true})
		if v := around(m, resetOf(flows.Server, ends(1)[0], port, start+10e6)); !v.BurstOpened {
			t.Error("the SYN/ACK between the resets was not seen")
		}
	} else {
		t.Error("no reset came after the SYN/ACK")
	}
	m.Observe(&flows.Event{Kind: flows.Asked, Clock: start, Time: start, Ends: ends(5)})
	if v := around(m, resetOf(flows.Client, ends(5)[0], port, start+40e6)); v.ClientRTT != 3e6 || v.ServerRTT != 20e6 || v.Asks != 1 {
		t.Errorf("RTT of the client %d, of the server %d, %d asks", v.ClientRTT, v.ServerRTT, v.Asks)
	}
}
