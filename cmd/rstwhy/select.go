package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/report"
)

// selection are the flags that choose among what was found.
type selection struct {
	causes, families, hosts, ports []string
	since, until, confidence       string
	zone                           *time.Location // of since and until; nil for UTC
	harmful                        bool
	summary                        bool
	top                            int
	failOn                         []string
}

func (s *selection) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&s.causes, "cause", nil, useCause)
	f.StringSliceVar(&s.families, "family", nil, useFamily)
	f.StringSliceVar(&s.hosts, "host", nil, useHost)
	f.StringSliceVar(&s.ports, "port", nil, usePort)
	f.StringVar(&s.since, "since", "", useSince)
	f.StringVar(&s.until, "until", "", useUntil)
	f.StringVar(&s.confidence, "min-confidence", "", useMinConfidence)
	f.BoolVar(&s.harmful, "harmful", false, useHarmful)
	f.BoolVarP(&s.summary, "summary", "q", false, useSummary)
	f.IntVar(&s.top, "top", 0, useTop)
	f.StringSliceVar(&s.failOn, "fail-on", nil, useFailOn)
	completeFlag(cmd, "cause", completeCauses)
	fixedChoice(cmd, "family", families())
	fixedChoice(cmd, "min-confidence", confidences)
	fixedChoice(cmd, "fail-on", append(append([]string{}, report.ConditionWords...), families()...))
}

// confidences are those that a verdict may have.
var confidences = []string{"possible", "likely", "certain"}

func families() (out []string) {
	for _, f := range classify.Families() {
		out = append(out, string(f))
	}
	return out
}

// read checks what the flags say.
func (s *selection) read(given func(string) bool) (sel report.Selection, err error) {
	var words []string
	add := func(flag string, values ...string) { words = append(words, "--"+flag+" "+strings.Join(values, ",")) }
	for _, id := range s.causes {
		if classify.ByID(id) == nil {
			return sel, &unknownCause{id, nearest(id)}
		}
		sel.Causes = append(sel.Causes, id)
	}
	if len(s.causes) > 0 {
		add("cause", s.causes...)
	}
	for _, name := range s.families {
		if !oneOf(families(), name) {
			return sel, &unknownWord{"family", name, nearestOf(name, families())}
		}
		sel.Families = append(sel.Families, classify.Family(name))
	}
	if len(s.families) > 0 {
		add("family", s.families...)
	}
	for _, host := range s.hosts {
		p, err := prefixOf(host)
		if err != nil {
			return sel, err
		}
		sel.Hosts = append(sel.Hosts, p)
	}
	if len(s.hosts) > 0 {
		add("host", s.hosts...)
	}
	for _, port := range s.ports {
		r, err := portsOf(port)
		if err != nil {
			return sel, err
		}
		sel.Ports = append(sel.Ports, r)
	}
	if len(s.ports) > 0 {
		add("port", s.ports...)
	}
	if given("since") {
		if sel.Since, err = s.timeOf("--since", s.since, false); err != nil {
			return sel, err
		}
		sel.HasSince = true
		add("since", s.since)
	}
	if given("until") {
		if sel.Until, err = s.timeOf("--until", s.until, true); err != nil {
			return sel, err
		}
		sel.HasUntil = true
		add("until", s.until)
	}
	if given("min-confidence") {
		sure, ok := report.ConfidenceNamed(s.confidence)
		if !ok {
			return sel, badChoice("--min-confidence", s.confidence, confidences...)
		}
		sel.Confidence = sure
		add("min-confidence", s.confidence)
	}
	if s.harmful {
		sel.Harmful = true
		words = append(words, "--harmful")
	}
	if given("top") && s.top < 1 {
		return sel, errTop
	}
	sel.Words = strings.Join(words, " ")
	return sel, nil
}

func oneOf(known []string, word string) bool {
	for _, k := range known {
		if k == word {
			return true
		}
	}
	return false
}

// conditions reads --fail-on.
func (s *selection) conditions() (out []*report.Condition, err error) {
	for _, words := range s.failOn {
		name, more, over := strings.Cut(words, ">")
		c := &report.Condition{Words: words}
		if over {
			if c.More, err = strconv.ParseUint(strings.TrimSpace(more), 10, 64); err != nil {
				return nil, fmt.Errorf("--fail-on %s: a number is needed after >", words)
			}
		}
		name = strings.TrimSpace(name)
		var ok bool
		if c.Is, ok = report.ConditionOf(name); !ok {
			known := append(append([]string{}, report.ConditionWords...), families()...)
			return nil, &unknownWord{"condition", name, nearestOf(name, append(known, causeNames()...))}
		}
		out = append(out, c)
	}
	return out, nil
}

// prefixOf reads an address, or a network in CIDR notation.
func prefixOf(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("--host %s: an address is needed, such as 192.0.2.7, or a network, such as 192.0.2.0/24", s)
	}
	return p.Masked(), nil
}

// portsOf reads a port, or the first and the last of a range.
func portsOf(s string) (r report.PortRange, err error) {
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	if errA != nil || errB != nil || b < a {
		return r, fmt.Errorf("--port %s: a port is needed, such as 443, or a range, such as 8000-8099", s)
	}
	return report.PortRange{First: uint16(a), Last: uint16(b)}, nil
}

// timeForms are how a time may be written, with the width of what it leaves open.
var timeForms = []struct {
	layout string
	open   time.Duration
}{
	{time.RFC3339Nano, 0},
	{"2006-01-02 15:04:05.999999999", 0},
	{"2006-01-02T15:04:05.999999999", 0},
	{"2006-01-02 15:04", time.Minute},
	{"2006-01-02T15:04", time.Minute},
	{"2006-01-02", 24 * time.Hour},
}

// zoneOf is the time zone of that name, nil for UTC.
func zoneOf(name string) (*time.Location, error) {
	switch strings.ToLower(name) {
	case "utc", "":
		return nil, nil
	case "local":
		return time.Local, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("--tz %s: no time zone has this name; utc, local, or a name such as Europe/Berlin is needed", name)
	}
	return zone, nil
}

// timeOf reads a time, in the zone of --tz where it names no offset. The last of what it leaves open is
// meant where last is set: until 09:27 holds all of that minute.
func (sel *selection) timeOf(flag, s string, last bool) (int64, error) {
	zone := sel.zone
	if zone == nil {
		zone = time.UTC
	}
	for _, f := range timeForms {
		t, err := time.ParseInLocation(f.layout, s, zone)
		if err != nil {
			continue
		}
		if f.open == 0 && !strings.Contains(s, ".") && strings.Count(s, ":") >= 2 {
			f.open = time.Second
		}
		if last && f.open > 0 {
			t = t.Add(f.open - 1)
		}
		return t.UnixNano(), nil
	}
	return 0, fmt.Errorf("%s %s: a time is needed, such as 2026-11-22T09:27:26Z or '2026-11-22 09:27'; without an offset it is in the zone of --tz", flag, s)
}

// unknownWord is a value that there is not, and those that may be meant.
type unknownWord struct {
	what, name string
	near       []string
}

func (e *unknownWord) Error() string { return fmt.Sprintf("no %s is called %q", e.what, e.name) }

var (
	errEachLive    = errors.New("--each is for files: -i reads one interface")
	errEachBundle  = errors.New("--each and --bundle do not go together: a bundle is of one capture")
	errEachFormat  = errors.New("--each writes text or ndjson to standard output: a file of another format holds one report")
	errTop         = errors.New("--top: the number of causes must be at least 1")
	errTopStream   = errors.New("--top ranks at the end: it goes with text and md, and with json under --summary")
	errTopVerbose  = errors.New("-v writes every reset as it is found, --top ranks at the end: give one of them")
	errSummaryRows = errors.New("csv and zeek have a row for each incident, --summary has none: give one of them")
	errSummaryFull = errors.New("-v shows every reset, --summary none: give one of them")
)
