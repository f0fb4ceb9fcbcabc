package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
)

// meaning is a label and what an incident has to say under it: who sent the
// RST, what its receiver made of it, and what it cost.
type meaning struct{ label, words string }

// meanings answers the three questions about an incident, in plain words.
func meanings(i *analyzer.Incident, n classify.Namer) []meaning {
	by, effect, harm := i.Verdict.Outcome(i.Reset.Dir)
	sender := by.Text(n)
	if device := i.Verdict.Origin.Device; device != "" && i.Verdict.Origin.Who == classify.AnotherBox {
		sender += ": " + device
	}
	return []meaning{{"Sent by", sender}, {"Effect", effect.Text(n)}, {"Harm", harm.Text(n)}}
}

// octets writes a count as evidence does.
func octets(n uint64) string {
	if n == 1 {
		return "1 byte"
	}
	return classify.Grouped(n) + " bytes"
}

// signs are the indicators of another hand that the evidence does not name
// already. Those that prove it come first.
func signs(i *analyzer.Incident, n classify.Namer) []string {
	var out []string
	o := &i.Verdict.Origin
	add := func(of []classify.Evidence, what string) {
		for k := range of {
			if !slices.Contains(i.Verdict.Evidence, of[k]) {
				out = append(out, what+of[k].Text(n))
			}
		}
	}
	add(o.Proofs, "proof: ")
	add(o.Hints, "a sign: ")
	return out
}

// benign reports whether a reset is worth no more than to be counted.
func benign(v *classify.Verdict) bool { return v.Rule.Benign && v.Harm.Kind == classify.HarmNone }

// cost says what several incidents of a group cost together, where that is more
// than what one of them says.
func (g *group) cost() string {
	if g.incidents == 1 || g.lost == 0 {
		return ""
	}
	return g.costs()
}

// costs says what the incidents of a group cost together.
func (g *group) costs() string {
	var out []string
	for _, k := range [...]struct {
		kind       classify.HarmKind
		noun, what string
	}{
		{classify.HarmCut, "response", " cut"},
		{classify.HarmRequest, "request", " lost"},
		{classify.HarmBytes, "connection", " with bytes lost"},
		{classify.HarmSession, "connection", " cut while open"},
		{classify.HarmRefused, "connection", " that did not come about"},
		{classify.HarmHang, "connection", " that hung and did not come about"},
		{classify.HarmNone, "connection", " without harm"},
		{classify.HarmUnknown, "connection", " of which the capture does not tell"},
	} {
		if n := g.harms[k.kind]; n > 0 {
			out = append(out, count(n, k.noun)+k.what)
		}
	}
	if g.lost == 0 {
		return list(out)
	}
	return list(out) + "; " + octets(g.lost) + " at most"
}

// timerSentence says which silence several connections had in common, and which
// known timers fit.
func (n *naming) timerSentence(c *analyzer.TimerCluster) (head string, fits []string) {
	where := "to " + n.end(c.Service)
	if c.Service.Port == 0 {
		where = "of " + n.addr(c.Service.AddrPort().Addr())
	}
	switch c.What {
	case classify.SilenceThenClose:
		head = "%s %s were closed after the same silence of about %s, and what came then was reset"
	case classify.SilenceThenRefusal:
		head = "%s %s had been silent for about %s, all of them, when the next segment was refused"
	case classify.ConnectPatience:
		head = "%s %s were given up before the SYN/ACK came, each after waiting less than about %s: the connect timeout of the client is below that"
	default:
		head = "%s %s were reset after the same silence of about %s"
	}
	head = fmt.Sprintf(head, count(uint64(c.Count), "connection"), where, about(c.Typical))
	for k := range c.Fits {
		t := &c.Fits[k]
		fits = append(fits, fmt.Sprintf("%s, %s. Setting of the %s: %s. Source: %s.",
			t.Who, about(t.After), t.Owner, t.Setting, t.Source))
	}
	switch {
	case len(fits) > 0 && c.What == classify.SilenceThenRefusal:
		head += ". It may be the idle timeout of one of these, whose default is not longer:"
	case len(fits) > 0:
		head += ". It fits the default of:"
	case c.What == classify.ConnectPatience:
		head += "."
	default:
		head += ". No default that rstwhy knows fits: look for an idle timeout that somebody set so."
	}
	return head, fits
}

// about writes a timer's span as its settings do, in seconds.
func about(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 10*time.Second:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

const timersTitle = "Timeouts seen: pauses that several connections had in common"

// timersMax is how many clusters of silences a report lists.
const timersMax = 8
