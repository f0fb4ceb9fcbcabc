package main

import (
	"testing"
	"time"
)

// TestLosses remembers when packets were dropped, as far back as anything is judged.
func TestLosses(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	w := &watch{}
	w.lost(at(10), at(11))
	w.lost(at(11), at(12)) // and on
	w.lost(at(20), at(21))
	for _, test := range []struct {
		from, to int64
		want     bool
	}{{7, 9, false}, {8, 10, true}, {11, 11, true}, {12, 14, true}, {13, 19, false}, {19, 22, true}, {22, 30, false}} {
		if got := w.lossy(at(test.from).UnixNano(), at(test.to).UnixNano()); got != test.want {
			t.Errorf("from %d to %d s: %v", test.from, test.to, got)
		}
	}
	if len(w.losses) != 2 {
		t.Errorf("%d spans, want two", len(w.losses))
	}
	for s := range int64(1000) {
		w.lost(at(100+2*s), at(101+2*s))
	}
	if len(w.losses) != lossesMost || !w.lossy(at(2098).UnixNano(), at(2099).UnixNano()) || w.lossy(at(20).UnixNano(), at(21).UnixNano()) {
		t.Errorf("%d spans are kept", len(w.losses))
	}
}
