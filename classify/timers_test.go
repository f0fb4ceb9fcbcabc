package classify

import (
	"slices"
	"testing"
	"time"
)

func TestTimersAreSourced(t *testing.T) {
	if !slices.IsSortedFunc(timers, func(a, b Timer) int { return int(a.After - b.After) }) {
		t.Error("not ordered by time")
	}
	for _, x := range timers {
		if x.After <= 0 || x.Who == "" || x.Setting == "" || x.Owner == "" || x.Source == "" {
			t.Errorf("%v %q lacks something", x.After, x.Who)
		}
	}
}

func TestTimerFits(t *testing.T) {
	who := func(d time.Duration, how Silence) []string {
		var out []string
		for _, x := range TimerFits(d, how) {
			out = append(out, x.Who)
		}
		return out
	}
	for _, c := range []struct {
		silence time.Duration
		how     Silence
		has     string
		hasNot  string
	}{
		{2100 * time.Millisecond, SilenceThenClose, "Gunicorn", "Node.js http.Server"},
		{1800 * time.Millisecond, SilenceThenClose, "", "Gunicorn"},
		{4990 * time.Millisecond, SilenceThenClose, "Node.js http.Server", "Gunicorn"},
		{6900 * time.Millisecond, SilenceThenClose, "Apache httpd", ""},
		{7100 * time.Millisecond, SilenceThenClose, "", "Apache httpd"},
		{60500 * time.Millisecond, SilenceThenClose, "AWS Application Load Balancer", "Puma"},
		{241 * time.Second, SilenceThenRST, "Azure Load Balancer with TCP reset", "Azure Load Balancer"},
		{361 * time.Second, SilenceThenRefusal, "AWS Network Load Balancer", "Google Cloud VPC firewall"},
		{361 * time.Second, SilenceThenRefusal, "Azure NAT gateway", "AWS Application Load Balancer"},
		{349 * time.Second, SilenceThenRefusal, "Azure Load Balancer", "AWS Network Load Balancer"},
		{3670 * time.Second, SilenceThenClose, "Envoy", ""},
		{3680 * time.Second, SilenceThenClose, "", "Envoy"},
		{60 * time.Second, ConnectPatience, "", "AWS Application Load Balancer"},
	} {
		got := who(c.silence, c.how)
		if c.has != "" && !slices.Contains(got, c.has) {
			t.Errorf("%v %v: %q lacks %s", c.silence, c.how, got, c.has)
		}
		if c.hasNot != "" && slices.Contains(got, c.hasNot) {
			t.Errorf("%v %v: %q has %s", c.silence, c.how, got, c.hasNot)
		}
	}
	if got := who(361*time.Second, SilenceThenRefusal); got[0] != "AWS Network Firewall" && got[0] != "AWS Network Load Balancer" {
		t.Errorf("the nearest timer should come first: %q", got)
	}
}
