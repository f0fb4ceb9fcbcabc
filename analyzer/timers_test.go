package analyzer

import (
	"fmt"
	"testing"
	"time"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

func silent(client, service uint16, d time.Duration) *Incident {
	var i Incident
	i.Reset = new(flows.Reset)
	i.Reset.Flow.Ends[flows.Client] = flows.Endpoint{Addr: [16]byte{1, byte(client >> 8), byte(client)}, Port: 40000}
	i.Reset.Flow.Ends[flows.Server] = flows.Endpoint{Addr: [16]byte{2}, Port: service}
	i.Verdict.Rule = classify.ByID("stale-connection")
	i.Verdict.Mechanism = classify.Answer
	for k := range i.Verdict.Timing.At {
		i.Verdict.Timing.At[k] = -1
	}
	i.Verdict.Timing.At[classify.IdleBefore] = int64(d)
	return &i
}

func TestTimerClusters(t *testing.T) {
	sec := func(s float64) time.Duration { return time.Duration(s * 1e9) }
	type one struct {
		client, service uint16
		silence         time.Duration
	}
	for _, c := range []struct {
		name string
		in   []one
		want []string
	}{
		{"three alike", []one{{1, 80, sec(352)}, {2, 80, sec(355)}, {3, 80, sec(351)}}, []string{"80 5m52s 3"}},
		{"two are too few", []one{{1, 80, sec(352)}, {2, 80, sec(355)}, {3, 80, sec(400)}}, nil},
		{"too far apart", []one{{1, 80, sec(100)}, {2, 80, sec(110)}, {3, 80, sec(121)}, {4, 80, sec(133)}}, nil},
		{"below any timer", []one{{1, 80, sec(1)}, {2, 80, sec(1)}, {3, 80, sec(1)}}, nil},
		{"two clusters of one service", []one{
			{1, 80, sec(61)}, {2, 80, sec(61)}, {3, 80, sec(62)}, {1, 80, sec(352)}, {2, 80, sec(355)}, {3, 80, sec(351)}, {4, 80, sec(353)},
		}, []string{"80 5m53s 4", "80 1m1s 3"}},
		{"one client, several services", []one{{1, 80, sec(352)}, {1, 443, sec(355)}, {1, 5432, sec(351)}}, []string{"0 5m52s 3"}},
		{"one client, one service", []one{{1, 80, sec(352)}, {1, 80, sec(355)}, {1, 80, sec(351)}}, []string{"80 5m52s 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m timerMemory
			for _, o := range c.in {
				m.observe(silent(o.client, o.service, o.silence))
			}
			var got []string
			for _, k := range m.clusters() {
				got = append(got, fmt.Sprint(k.Service.Port, " ", k.Typical, " ", k.Count))
				if len(k.Fits) > timerFitsMax {
					t.Errorf("%d timers", len(k.Fits))
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Whatever comes, the memory is bounded, and does not fill for good.
func TestTimerMemoryIsBounded(t *testing.T) {
	var m timerMemory
	for i := range 3 * timerKeys {
		m.observe(silent(uint16(i), uint16(i%60000)+1, time.Minute))
	}
	if len(m.keys) > timerKeys {
		t.Errorf("%d keys", len(m.keys))
	}
	for i := range 2 * timerKeys {
		m.observe(silent(uint16(i), 80, 5*time.Minute))
	}
	found := false
	for _, c := range m.clusters() {
		found = found || c.Service.Port == 80 && c.Count == timerSamples
	}
	if !found {
		t.Error("a service that came late shows no cluster")
	}
}
