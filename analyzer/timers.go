package analyzer

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

// TimerCluster is a silence that several connections had in common before they
// were reset: the mark of a timer.
type TimerCluster struct {
	// Service is the server's end that the connections share. When its port is
	// 0, they share a client's address instead, and went to several services.
	Service flows.Endpoint
	What    classify.Silence
	Typical time.Duration // the median
	Count   int           // connections, of the latest timerSamples at most
	// Fits are known timers that may be the one, the most likely first, at most
	// timerFitsMax.
	Fits []classify.Timer
}

// The bounds of timerMemory, and what a cluster is.
const (
	timerKeys      = 4096
	timerSamples   = 64
	timerFitsMax   = 5
	clusterLeast   = 3
	clusterPercent = 5
)

// timerMemory collects the silences that incidents tell, in bounded memory.
type timerMemory struct {
	keys   map[timerKey]*timerFacts
	misses int // keys turned away since the last clearing
}

type timerKey struct {
	end  flows.Endpoint
	what classify.Silence
}

type timerFacts struct {
	n       int
	samples [timerSamples]timerSample
}

type timerSample struct {
	silence int64
	service flows.Endpoint
}

func (f *timerFacts) all() []timerSample { return f.samples[:min(f.n, timerSamples)] }

// observe takes the silence of i into account, if it tells one.
func (m *timerMemory) observe(i *Incident) {
	what, silence := silenceOf(&i.Verdict)
	if silence < classify.ShortestIdle && what != classify.ConnectPatience || silence <= 0 {
		return
	}
	service := i.Server()
	s := timerSample{silence, service}
	m.put(timerKey{service, what}, s)
	m.put(timerKey{flows.Endpoint{Addr: i.Reset.Flow.Ends[flows.Client].Addr}, what}, s)
}

// silenceOf is the silence that says most about v's reset, 0 when none does.
func silenceOf(v *classify.Verdict) (classify.Silence, int64) {
	m := v.Rule.Silence
	if !v.Timing.Has(m) {
		return 0, 0
	}
	what := classify.SilenceThenRST
	switch {
	case m == classify.SYNToSYNACK:
		what = classify.ConnectPatience
	case m == classify.IdleBeforeFIN:
		what = classify.SilenceThenClose
	case v.Mechanism == classify.Answer || v.Mechanism == classify.AnswerWithACK:
		what = classify.SilenceThenRefusal
	}
	return what, v.Timing.At[m]
}

func (m *timerMemory) put(k timerKey, s timerSample) {
	if m.keys == nil {
		m.keys = make(map[timerKey]*timerFacts)
	}
	f := m.keys[k]
	if f == nil {
		if len(m.keys) >= timerKeys && !m.clear() {
			return
		}
		f = new(timerFacts)
		m.keys[k] = f
	}
	f.samples[f.n%timerSamples] = s
	f.n++
}

// clear forgets the keys that have shown too little, now and then, and reports
// whether there is room.
func (m *timerMemory) clear() bool {
	if m.misses++; m.misses%timerKeys != 1 {
		return len(m.keys) < timerKeys
	}
	for k, f := range m.keys {
		if f.n < clusterLeast {
			delete(m.keys, k)
		}
	}
	return len(m.keys) < timerKeys
}

// clusters returns what the silences have in common, the most frequent first.
func (m *timerMemory) clusters() []TimerCluster {
	var out []TimerCluster
	for k, f := range m.keys {
		s := slices.Clone(f.all())
		slices.SortFunc(s, func(a, b timerSample) int { return cmp.Compare(a.silence, b.silence) })
		for len(s) >= clusterLeast {
			from, to := densest(s)
			if to-from < clusterLeast {
				break
			}
			in := s[from:to]
			typical := time.Duration(in[len(in)/2].silence)
			// What one service shows is that service's; a client is named when
			// several services show the same towards it.
			if k.end.Port != 0 || slices.ContainsFunc(in, func(x timerSample) bool { return x.service != in[0].service }) {
				fits := classify.TimerFits(typical, k.what)
				out = append(out, TimerCluster{k.end, k.what, typical, len(in), fits[:min(len(fits), timerFitsMax)]})
			}
			s = slices.Delete(s, from, to)
		}
	}
	slices.SortFunc(out, func(a, b TimerCluster) int {
		return cmp.Or(
			cmp.Compare(b.Count, a.Count),
			bytes.Compare(a.Service.Addr[:], b.Service.Addr[:]),
			cmp.Compare(a.Service.Port, b.Service.Port),
			cmp.Compare(a.What, b.What),
			cmp.Compare(a.Typical, b.Typical),
		)
	})
	return out
}

// densest finds the longest run of s, which is sorted, whose last is at most
// clusterPercent more than its first.
func densest(s []timerSample) (from, to int) {
	lo := 0
	for hi := range s {
		for s[hi].silence > s[lo].silence+s[lo].silence/100*clusterPercent {
			lo++
		}
		if hi+1-lo > to-from {
			from, to = lo, hi+1
		}
	}
	return from, to
}
