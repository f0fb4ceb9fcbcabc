package classify_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/internal/lab"
)

// recorded is a reset of a capture whose truth is known.
type recorded struct {
	settled
	path string
	lab.Reset
}

// labResets returns the resets of the lab's captures, with their truth.
func labResets(t testing.TB) []recorded {
	t.Helper()
	paths, err := filepath.Glob("../testdata/pcaps/*/*.pcap")
	if err != nil || len(paths) < 100 {
		t.Fatalf("%d captures: %v", len(paths), err)
	}
	var all []recorded
	for _, path := range paths {
		truth, err := lab.ReadTruth(strings.TrimSuffix(path, ".pcap") + ".truth.json")
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range resetsOf(t, file) {
			i := slices.IndexFunc(truth.Resets, func(r lab.Reset) bool { return r.Frame == s.reset.RST.Frame })
			if i < 0 {
				t.Fatalf("%s: the truth has no RST in frame %d", path, s.reset.RST.Frame)
			}
			all = append(all, recorded{s, path, truth.Resets[i]})
		}
		file.Close()
	}
	return all
}

// testimony is the kernel's word on r, of whose hosts all were traced.
func (r *recorded) testimony() classify.Testimony {
	if r.Kernel == nil {
		return classify.Testimony{Word: classify.Silent}
	}
	return classify.Testimony{Word: classify.Spoke, Reason: r.Kernel.Reason, Active: r.Kernel.Active, State: r.Kernel.State}
}

// heard is the case of r with the kernel's word.
func (r *recorded) heard() *classify.Case {
	c := r.of()
	c.Kernel = r.testimony()
	return c
}

func fits(v *classify.Verdict, id string) bool {
	return v.Rule.ID == id || slices.ContainsFunc(v.AlsoFits, func(a classify.Alternative) bool { return a.Rule.ID == id })
}

// With the kernel's word the truth is never lost, and it is the verdict more
// often than without.
func TestKernelDecides(t *testing.T) {
	var judge classify.Judge
	for _, word := range []classify.Word{classify.Spoke, classify.Silent} {
		var n, right, rightHeard, open, openHeard int
		accords := map[string]int{}
		for _, r := range labResets(t) {
			if r.testimony().Word != word {
				continue
			}
			cause := string(r.Cause)
			v := judge.Verdict(r.of())
			n++
			wasRight, fitted := v.Rule.ID == cause, fits(&v, cause)
			if v.Kernel != classify.NotAsked {
				t.Errorf("%s: frame %d: nobody was asked, and the verdict says %s", r.path, r.Frame, v.Kernel)
			}
			open += len(v.AlsoFits)
			w := judge.Verdict(r.heard())
			accords[w.Kernel.String()]++
			openHeard += len(w.AlsoFits)
			if wasRight {
				right++
			}
			if w.Rule.ID == cause {
				rightHeard++
			}
			if !fits(&w, cause) || !fitted || wasRight && w.Rule.ID != cause {
				t.Errorf("%s: frame %d: truth is %s, found %s, and %s when the kernel says %+v (%s)",
					r.path, r.Frame, cause, v.Rule.ID, w.Rule.ID, r.testimony(), w.Kernel)
			}
			if w.Kernel == classify.NotAsked || w.Kernel == classify.Disagrees {
				t.Errorf("%s: frame %d: %s: the kernel says %+v, which %s", r.path, r.Frame, w.Rule.ID, r.testimony(), w.Kernel)
			}
		}
		t.Logf("%s: of %d resets the verdict is the truth in %d without the kernel, in %d with it; %d other causes fit without, %d with it; %v",
			map[classify.Word]string{classify.Spoke: "it spoke", classify.Silent: "it was silent"}[word], n, right, rightHeard, open, openHeard, accords)
		if n == 0 || rightHeard < right || openHeard > open {
			t.Errorf("the kernel's word makes it worse")
		}
	}
}

// A close with unread data and one with SO_LINGER 0 can look the same. The kernel
// tells which it was, of every reset that could be both and whichever it was.
func TestKernelTellsUnreadDataFromLinger(t *testing.T) {
	var judge classify.Judge
	both := 0
	for _, r := range labResets(t) {
		v := judge.Verdict(r.of())
		if !fits(&v, "deliberate-abort") || !fits(&v, "unread-data-on-close") {
			continue
		}
		both++
		for reason, want := range map[string]string{"TCP_STATE": "deliberate-abort", "TCP_ABORT_ON_CLOSE": "unread-data-on-close"} {
			other := map[string]string{"TCP_STATE": "unread-data-on-close", "TCP_ABORT_ON_CLOSE": "deliberate-abort"}[reason]
			c := r.of()
			c.Kernel = classify.Testimony{Word: classify.Spoke, Reason: reason, Active: true, State: "TCP_CLOSE"}
			w := judge.Verdict(c)
			if !fits(&w, want) || fits(&w, other) || w.Kernel != classify.Decides {
				t.Errorf("%s: frame %d: the kernel says %s, and the verdict is %s, with %v (%s)", r.path, r.Frame, reason, w.Rule.ID, w.AlsoFits, w.Kernel)
			}
		}
	}
	if both < 20 {
		t.Errorf("%d resets that could be both", both)
	}
	t.Logf("%d resets could be both", both)
}

// first returns the first reset of a recipe, at one vantage.
func first(t *testing.T, recipe string) *recorded {
	t.Helper()
	for _, r := range labResets(t) {
		if filepath.Base(filepath.Dir(r.path)) == recipe {
			return &r
		}
	}
	t.Fatalf("no capture of %s", recipe)
	return nil
}

func TestTestimony(t *testing.T) {
	spoke := func(reason string) classify.Testimony {
		return classify.Testimony{Word: classify.Spoke, Reason: reason}
	}
	silent := classify.Testimony{Word: classify.Silent}
	for _, tt := range []struct {
		name, recipe string
		says         classify.Testimony
		want         string
		kernel       classify.Accord
		confidence   classify.Confidence
		alone        bool // nothing else fits
	}{
		{"nobody is asked", "stale-connection-service-up", classify.Testimony{}, "stale-connection", classify.NotAsked, classify.Possible, false},
		{"it names one of two causes", "stale-connection-service-up", spoke("TCP_FLAGS"), "stale-connection", classify.Decides, classify.Likely, true},
		{"its TCP did not send it", "stale-connection-service-up", silent, "firewall-reject", classify.Decides, classify.Possible, true},
		{"it names no cause that fits", "stale-connection-service-up", spoke("TCP_KEEPALIVE_TIMEOUT"), "stale-connection", classify.Disagrees, classify.Possible, false},
		{"it says no more than that it sent it", "stale-connection-service-up", spoke("NOT_SPECIFIED"), "stale-connection", classify.Decides, classify.Possible, true},
		{"it gives a reason that is newer than this program", "stale-connection-service-up", spoke("REASON_42"), "stale-connection", classify.Decides, classify.Possible, true},
		{"another machine may have sent it", "middlebox-idle-timeout-nat", silent, "firewall-reject", classify.Agrees, classify.Likely, false},
		{"it is certain already", "keep-alive-timeout", spoke("TCP_KEEPALIVE_TIMEOUT"), "keep-alive-timeout", classify.Agrees, classify.Certain, true},
		{"what is certain does not change without a cause to put in its place", "keep-alive-timeout", silent, "keep-alive-timeout", classify.Disagrees, classify.Certain, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var judge classify.Judge
			c := first(t, tt.recipe).of()
			bare := judge.Verdict(c)
			bare = bare.Clone()
			c.Kernel = tt.says
			v := judge.Verdict(c)
			if v.Rule.ID != tt.want || v.Kernel != tt.kernel || v.Confidence != tt.confidence || (len(v.AlsoFits) == 0) != tt.alone {
				t.Errorf("%s, %s, the kernel %s; %d others fit", v.Rule.ID, v.Confidence, v.Kernel, len(v.AlsoFits))
			}
			if tt.kernel != classify.Decides && text(&v) != text(&bare) {
				t.Errorf("it excludes nothing, and yet\n%s\nhas become\n%s", text(&bare), text(&v))
			}
		})
	}
}

// A judge who hears the kernel says what one would who knows only the causes for
// which its word leaves room; and when that one knows none, what one says who did
// not hear it.
func TestTestimonyLeavesRoom(t *testing.T) {
	all := everyReset(t)
	var bare, judge classify.Judge
	accords, raised := map[classify.Accord]int{}, 0
	for says, room := range map[classify.Testimony]func(*classify.Rule) bool{
		{Word: classify.Silent}:                               func(r *classify.Rule) bool { return r.Reasons == nil || r.OtherHost },
		{Word: classify.Spoke, Reason: "NOT_SPECIFIED"}:       func(r *classify.Rule) bool { return r.Reasons != nil },
		{Word: classify.Spoke, Reason: "NO_SOCKET"}:           func(r *classify.Rule) bool { return slices.Contains(r.Reasons, "NO_SOCKET") },
		{Word: classify.Spoke, Reason: "TCP_FLAGS"}:           func(r *classify.Rule) bool { return slices.Contains(r.Reasons, "TCP_FLAGS") },
		{Word: classify.Spoke, Reason: "TCP_STATE"}:           func(r *classify.Rule) bool { return slices.Contains(r.Reasons, "TCP_STATE") },
		{Word: classify.Spoke, Reason: "TCP_ABORT_ON_CLOSE"}:  func(r *classify.Rule) bool { return slices.Contains(r.Reasons, "TCP_ABORT_ON_CLOSE") },
		{Word: classify.Spoke, Reason: "TCP_TIMEWAIT_SOCKET"}: func(r *classify.Rule) bool { return slices.Contains(r.Reasons, "TCP_TIMEWAIT_SOCKET") },
	} {
		some := classify.NewJudgeOf(room)
		for i := range all {
			b := bare.Verdict(all[i].of())
			want := some.Verdict(all[i].of())
			c := all[i].of()
			c.Kernel = says
			got := judge.Verdict(c)
			accords[got.Kernel]++
			// Where only a general cause is left, it stands for what the word leaves, or
			// the word disagrees with what matched.
			none := want.Rule.ID == "unclassified" && !knowsNone(&b)
			if may := knowsNone(&want) && !knowsNone(&b); none && got.Kernel != classify.Disagrees || !may && got.Kernel == classify.Disagrees {
				t.Errorf("RST of %s, %+v: %s without the kernel, %s with what it leaves, and it %s", all[i].reset.RST.Source(), says, b.Rule.ID, want.Rule.ID, got.Kernel)
			}
			if got.Kernel == classify.Disagrees {
				want = b
			}
			confidence := want.Confidence
			if got.Confidence != confidence && says.Word == classify.Spoke && says.Reason != "NOT_SPECIFIED" && len(got.AlsoFits)+len(got.Unchecked) == 0 && got.Story.Sentence.ID != "story-only-left" {
				confidence = classify.Likely
				raised++
			}
			if got.Rule.ID != want.Rule.ID || got.Confidence != confidence || text(&got) != text(&want) {
				t.Fatalf("RST of %s, %+v, which %s: %s, %s\n%s\nwant %s, %s\n%s", all[i].reset.RST.Source(), says, got.Kernel,
					got.Rule.ID, got.Confidence, text(&got), want.Rule.ID, confidence, text(&want))
			}
		}
	}
	for _, a := range []classify.Accord{classify.Agrees, classify.Decides, classify.Disagrees} {
		if accords[a] == 0 {
			t.Errorf("the kernel never %s", a)
		}
	}
	t.Logf("%v, made likely %d", accords, raised)
}

// knowsNone reports whether no rule matched.
func knowsNone(v *classify.Verdict) bool {
	return v.Rule.ID == "unclassified" || v.Story.Sentence.ID == "story-only-left"
}

// What explains nothing is not contradicted by any word, nor made likelier.
func TestTestimonyOnWhatExplainsNothing(t *testing.T) {
	var judge classify.Judge
	seen := map[string]int{}
	for _, s := range everyReset(t) {
		v := judge.Verdict(s.of())
		id, confidence := v.Rule.ID, v.Confidence
		if id != "no-context" && id != "mid-stream" && !knowsNone(&v) || id != "unclassified" && len(v.AlsoFits) > 0 {
			continue
		}
		if seen[id]++; knowsNone(&v) {
			seen["none"]++
		}
		for _, says := range []classify.Testimony{{Word: classify.Silent}, {Word: classify.Spoke, Reason: "TCP_STATE"}, {Word: classify.Spoke, Reason: "NO_SOCKET"}, {Word: classify.Spoke, Reason: "REASON_42"}} {
			c := s.of()
			c.Kernel = says
			if w := judge.Verdict(c); w.Rule.ID == id && (w.Kernel == classify.Disagrees || w.Confidence != confidence) {
				t.Errorf("RST of %s: the kernel says %+v: %s, %s, was %s; it %s", s.reset.RST.Source(), says, id, w.Confidence, confidence, w.Kernel)
			}
		}
	}
	if len(seen) < 3 {
		t.Errorf("only %v were seen", seen)
	}
}

// The kernel's word is part of the case: encoded, decoded and judged again, it
// has the same verdict.
func TestTestimonySurvivesEncoding(t *testing.T) {
	var judge, again classify.Judge
	for _, r := range labResets(t) {
		c := r.heard()
		want := judge.Verdict(c)
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var decoded classify.Case
		if err := json.Unmarshal(b, &decoded); err != nil {
			t.Fatal(err)
		}
		if decoded.Kernel != r.testimony() {
			t.Fatalf("%s: %+v has become %+v", r.path, r.testimony(), decoded.Kernel)
		}
		got := again.Verdict(&decoded)
		if got.Rule != want.Rule || got.Kernel != want.Kernel || got.Confidence != want.Confidence || text(&got) != text(&want) {
			t.Errorf("%s: frame %d: %s (%s) has become %s (%s)", r.path, r.Frame, want.Rule.ID, want.Kernel, got.Rule.ID, got.Kernel)
		}
	}
}

// Judging allocates nothing when the kernel was asked either.
func TestTestimonyAllocations(t *testing.T) {
	var judge classify.Judge
	var c classify.Case
	all := labResets(t)
	judgeAll := func() {
		for i := range all {
			all[i].into(&c).Kernel = all[i].testimony()
			judge.Verdict(&c)
		}
	}
	judgeAll()
	if n := testing.AllocsPerRun(1, judgeAll); n != 0 {
		t.Errorf("%v allocations in %d verdicts", n, len(all))
	}
}
