package analyzer_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/synth"
	"github.com/rstwhy/rstwhy/packet"
)

// settled is how long after a RST what was on its way may still come in.
const settled = 1e9

// aftermath is what the packets show of a connection behind a RST, counted here
// without the code that judges.
type aftermath struct {
	fresh [2]bool // new payload, by Dir, later than what was on its way
}

func aftermathOf(headers []packet.Header, i *analyzer.Incident) (a aftermath) {
	rst := &i.Reset.RST
	var at int
	for k := range headers {
		if headers[k].Ref() == rst.Ref() {
			at = k
			break
		}
	}
	r := &headers[at]
	end := [2]packet.Seq{}
	known := [2]bool{}
	for k := range headers {
		h := &headers[k]
		var d flows.Dir
		switch {
		case h.Src == r.Src && h.SrcPort == r.SrcPort && h.Dst == r.Dst && h.DstPort == r.DstPort:
			d = i.Reset.Dir
		case h.Src == r.Dst && h.SrcPort == r.DstPort && h.Dst == r.Src && h.DstPort == r.SrcPort:
			d = i.Reset.Dir.Peer()
		default:
			continue
		}
		switch {
		case k > at && (h.Flags&packet.SYN != 0 || h.Time-r.Time > 2e9):
			return a // another connection, or longer than a reset is watched
		case h.Flags&packet.RST != 0 || h.Len == 0:
		case k < at || h.Time-r.Time < settled:
			if !known[d] || end[d].Less(h.End()) {
				end[d], known[d] = h.End(), true
			}
		case known[d] && end[d].Less(h.End()):
			a.fresh[d] = true
			end[d] = h.End()
		}
	}
	return a
}

// disagreements are pairs of statements about one incident of which at least one
// is wrong.
func disagreements(headers []packet.Header, i *analyzer.Incident, notes []flows.Note) (out []string) {
	v, to := &i.Verdict, i.Reset.Dir.Peer()
	after := aftermathOf(headers, i)
	say := func(format string, args ...any) {
		out = append(out, fmt.Sprintf("frame %d, %s, %s: ", i.Reset.RST.Frame, v.Rule.ID, v.Confidence)+fmt.Sprintf(format, args...))
	}
	if v.Effect == classify.Accepted && v.Taken == 0 && after.fresh[to] {
		say("the RST was accepted, and its receiver goes on with new data")
	}
	if v.Effect == classify.Ignored && after.fresh[0] && after.fresh[1] && v.Harm.Kind != classify.HarmNone {
		say("both sides go on with new data, and there is harm: %v", v.Harm)
	}
	const others = 1<<classify.WayBox | 1<<classify.WayForgery
	if v.Rule.Ways != 0 {
		switch v.Origin.Who {
		case classify.Forged:
			if !v.Rule.Ways.Has(classify.WayForgery) && v.Confidence >= classify.Likely {
				say("it is forged, and the cause is not a forger's")
			}
		case classify.AnotherBox:
			if v.Rule.Ways&others == 0 && v.Confidence >= classify.Likely {
				say("another box sent it, and the cause is the host's own")
			}
		case classify.Endpoint:
			if v.Rule.Ways&^others == 0 && v.Rule.ID != "firewall-reject" {
				say("the host itself sent it, and the cause is another hand's")
			}
		}
	}
	for _, n := range notes {
		if n.Ends != i.Reset.Flow.Ends || n.First > i.Reset.RST.Time || n.Latest < i.Reset.RST.Time {
			continue
		}
		if n.Kind == flows.UnansweredSYN || n.Kind == flows.UnansweredReuse {
			say("nothing answered the SYN, says a note of the same attempt, and it was reset")
		}
	}
	return out
}

// agreeing runs over a capture and returns what disagrees in what is said of it.
func agreeing(t *testing.T, src analyzer.Source) []string {
	t.Helper()
	r := &recorded{Source: src}
	var s sayings
	if _, err := analyzer.Run(context.Background(), r, analyzer.Config{}, &s); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range s.incidents {
		out = append(out, disagreements(r.headers, i, s.notes)...)
	}
	return out
}

// What is said of one RST does not contradict itself: effect and aftermath, harm
// and effect, cause and origin, verdict and note.
func TestSentencesAgree(t *testing.T) {
	open := func(name string, src *capture.Files, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		for _, d := range agreeing(t, src) {
			t.Errorf("%s: %s", name, d)
		}
	}
	conversation := func(name string, s *synth.Script) {
		src, err := capture.Open([]string{"-"}, capture.Config{Stdin: bytes.NewReader(render(t, s, synth.Format{}))})
		open(name, src, err)
	}
	for _, s := range scenarios(t) {
		conversation(s.name(), s.script)
	}
	for _, path := range othersCases(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := synth.Parse(path, text)
		if err != nil {
			t.Fatal(err)
		}
		conversation(filepath.Base(path), s)
	}
	for _, path := range recordings(t) {
		src, err := capture.Open([]string{path}, capture.Config{})
		open(filepath.Base(path), src, err)
	}
}

// Each kind of disagreement is seen where it is planted.
func TestDisagreementsAreSeen(t *testing.T) {
	const script = `planted
-- packets --
+0    C > S S  0:0(0) win 64240 <mss 1460>
+.01  S > C S. 0 ack 1 win 65160 <mss 1460>
+.01  C > S .  1 ack 1
+.01  C > S P. 1:11(10) ack 1
+.01  S > C P. 1:11(10) ack 11
+.01  S > C R  11:11(0) win 0
+1.1  C > S P. 11:21(10) ack 11
+.01  S > C P. 11:21(10) ack 21
-- findings --
`
	s, err := synth.Parse("planted", []byte(script))
	if err != nil {
		t.Fatal(err)
	}
	src, err := capture.Open([]string{"-"}, capture.Config{Stdin: bytes.NewReader(render(t, s, synth.Format{}))})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	r := &recorded{Source: src}
	var said sayings
	if _, err := analyzer.Run(context.Background(), r, analyzer.Config{}, &said); err != nil {
		t.Fatal(err)
	}
	if len(said.incidents) != 1 {
		t.Fatalf("%d incidents", len(said.incidents))
	}
	plant := func(name string, want bool, notes []flows.Note, change func(*classify.Verdict)) {
		i := said.incidents[0].Clone()
		change(&i.Verdict)
		if got := len(disagreements(r.headers, i, notes)) > 0; got != want {
			t.Errorf("%s: disagreement seen: %v", name, got)
		}
	}
	none := classify.Harm{Kind: classify.HarmNone}
	sane := func(v *classify.Verdict) {
		v.Effect, v.Harm, v.Origin.Who = classify.Ignored, none, classify.WhoUnknown
	}
	plant("nothing planted", false, nil, sane)
	plant("effect", true, nil, func(v *classify.Verdict) { sane(v); v.Effect = classify.Accepted })
	plant("harm", true, nil, func(v *classify.Verdict) { sane(v); v.Harm.Kind = classify.HarmCut })
	own := *said.incidents[0].Verdict.Rule
	own.Ways = 1 << classify.WayAnswer
	forged := own
	forged.Ways = 1 << classify.WayForgery
	plant("forged", true, nil, func(v *classify.Verdict) {
		sane(v)
		v.Rule, v.Origin.Who, v.Confidence = &own, classify.Forged, classify.Likely
	})
	plant("another box", true, nil, func(v *classify.Verdict) {
		sane(v)
		v.Rule, v.Origin.Who, v.Confidence = &own, classify.AnotherBox, classify.Likely
	})
	plant("the host itself", true, nil, func(v *classify.Verdict) { sane(v); v.Rule, v.Origin.Who = &forged, classify.Endpoint })
	reset := said.incidents[0].Reset
	plant("note", true, []flows.Note{{
		Kind: flows.UnansweredSYN, Ends: reset.Flow.Ends, First: reset.RST.Time - 1e6, Latest: reset.RST.Time + 1e6,
	}}, sane)
}
