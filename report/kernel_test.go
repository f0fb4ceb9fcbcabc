package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
)

// What the kernel says, and what it did to the verdict, stands in every format;
// where no kernel was asked, nothing does.
func TestKernelSays(t *testing.T) {
	answered := classify.Testimony{Word: classify.Spoke, Reason: "NO_SOCKET"}
	aborted := classify.Testimony{Word: classify.Spoke, Reason: "TCP_ABORT_ON_CLOSE", Active: true, State: "TCP_CLOSE"}
	silent := classify.Testimony{Word: classify.Silent}
	const notItsOwn = "the kernel of the host whose address the RST bears has not sent it: a packet filter, a program with a raw socket or another machine did"
	tests := []struct {
		name   string
		says   classify.Testimony
		accord classify.Accord
		text   string // "" for nothing
		json   string
	}{
		{
			"nobody was asked", classify.Testimony{}, classify.NotAsked,
			"", `null`,
		},
		{
			"it answered, as the packets say", answered, classify.Agrees,
			"the kernel that sent it says NO_SOCKET: it answered a segment; the verdict from the packets agrees",
			`{"word":"spoke","accord":"agrees","reason":"NO_SOCKET","mechanism":"answer"}`,
		},
		{
			"it aborted, which the packets left open", aborted, classify.Decides,
			"the kernel that sent it says TCP_ABORT_ON_CLOSE: it aborted a socket in state TCP_CLOSE; that rules out some of what the packets left open",
			`{"word":"spoke","accord":"decides","reason":"TCP_ABORT_ON_CLOSE","mechanism":"abort","state":"TCP_CLOSE"}`,
		},
		{
			"it says what no packet does", aborted, classify.Disagrees,
			"the kernel that sent it says TCP_ABORT_ON_CLOSE: it aborted a socket in state TCP_CLOSE; that disagrees with every cause that fits the packets",
			`{"word":"spoke","accord":"disagrees","reason":"TCP_ABORT_ON_CLOSE","mechanism":"abort","state":"TCP_CLOSE"}`,
		},
		{
			"it would have spoken", silent, classify.Decides,
			notItsOwn + "; that rules out some of what the packets left open",
			`{"word":"silent","accord":"decides"}`,
		},
		{
			"it would have spoken of that too", silent, classify.Disagrees,
			notItsOwn + "; that disagrees with every cause that fits the packets",
			`{"word":"silent","accord":"disagrees"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			i := incident(classify.ByID("no-listener"), 0, [4]byte{198, 51, 100, 1}, 80)
			i.Kernel, i.Verdict.Kernel = tt.says, tt.accord
			for _, format := range []string{"text", "md"} {
				got := strings.Join(strings.Fields(written(t, format, fixed(), i)), " ") // whatever the width
				if format == "md" {
					got = strings.ReplaceAll(got, `\_`, "_")
				}
				want := "Why " + tt.text + " Sent by"
				if format == "md" {
					want = "- " + tt.text + " "
				}
				switch {
				case tt.text == "" && strings.Contains(got, "the kernel"):
					t.Errorf("%s speaks of a kernel:\n%s", format, got)
				case tt.text != "" && !strings.Contains(got, want):
					t.Errorf("%s does not say %q:\n%s", format, want, got)
				}
			}
			var line struct{ Kernel json.RawMessage }
			first, _, _ := strings.Cut(written(t, "ndjson", fixed(), i), "\n")
			if err := json.Unmarshal([]byte(first), &line); err != nil {
				t.Fatal(err)
			}
			if got := string(line.Kernel); got != strings.TrimPrefix(tt.json, "null") {
				t.Errorf("JSON has kernel %s, want %s", got, tt.json)
			}
		})
	}
}

// A reason is the word of another program: nothing in it reaches the terminal.
func TestKernelReasonIsClean(t *testing.T) {
	i := incident(classify.ByID("no-listener"), 0, [4]byte{198, 51, 100, 1}, 80)
	i.Kernel = classify.Testimony{Word: classify.Spoke, Reason: "NO\x1b[31m_SOCKET", State: "TCP\x07_CLOSE"}
	i.Verdict.Kernel = classify.Agrees
	for _, format := range []string{"text", "md", "json", "ndjson"} {
		if got := written(t, format, fixed(), i); strings.ContainsAny(got, "\x1b\x07") {
			t.Errorf("%s has a control byte: %q", format, got)
		}
	}
}

// written is a report on the one incident i.
func written(t *testing.T, format string, o Options, i *analyzer.Incident) string {
	t.Helper()
	f, ok := ByName(format)
	if !ok {
		t.Fatalf("no format %q", format)
	}
	var b strings.Builder
	sink := f.New(&b, o)
	if err := sink.Incident(i); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(&analyzer.Summary{Incidents: 1}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
