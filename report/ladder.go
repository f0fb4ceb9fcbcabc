package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// What a ladder shows at most, so that one incident fits a screen.
const (
	ladderBefore = 8 // segments before the RST
	ladderResets = 4 // resets after the first
	ladderWidth  = 160

	allRungs = 1 << 10
)

// rung is one segment of a ladder.
type rung struct {
	flows.Segment
	answers packet.FrameRef // the segment that a RST answers, 0 for none or unknown
}

// ladder draws the packets around the reset, one a line, within cols columns and
// without anything from the wire but numbers: milliseconds before and after the
// RST, the frame, and an arrow. Lines with a RST are marked for colouring. Of more
// than most segments those around the RST are drawn, and the one that it answers.
func ladder(i *analyzer.Incident, files []string, cols, most int) (lines []string, isRST []bool) {
	cols = min(cols, ladderWidth)
	rungs, skipped := rungsOf(i)
	rungs, before, after := around(rungs, i, most)
	skipped += before
	base := bases(i, rungs)
	rst := i.Reset.RST.Time

	left, right := "client", "server"
	if i.Reset.Flow.RolesGuessed {
		left, right = "client?", "server?"
	}
	times := make([]string, len(rungs))
	timeWidth, frameWidth := len("ms"), len("frame")
	for k, r := range rungs {
		times[k] = millis(r.Time - rst)
		timeWidth = max(timeWidth, len(times[k]))
		frameWidth = max(frameWidth, len(strconv.FormatUint(r.Frame.Frame(), 10)))
	}
	lane := cols - timeWidth - frameWidth - 4
	add := func(s string, red bool) {
		lines = append(lines, strings.TrimRight(s, " "))
		isRST = append(isRST, red)
	}
	add(fmt.Sprintf("%*s  %*s  %-*s%s", timeWidth, "ms", frameWidth, "frame", lane-len(right), left, right), false)
	if skipped > 0 {
		add(fmt.Sprintf("%*s  %*s  %s", timeWidth, "...", frameWidth, "", "("+count(skipped, "earlier packet")+")"), false)
	}
	file := -1
	shown := 0
	for k, r := range rungs {
		if len(files) > 0 && r.Frame.File() != file {
			file = r.Frame.File()
			add(fmt.Sprintf("%*s  %*s  -- %s", timeWidth, "", frameWidth, "", shortenLeft(fileName(files, file), lane-3)), false)
		}
		red := r.Flags&packet.RST != 0
		if red {
			shown++
		}
		add(fmt.Sprintf("%*s  %*d  %s", timeWidth, times[k], frameWidth, r.Frame.Frame(), arrow(&r, base, lane)), red)
	}
	switch more := 1 + len(i.Reset.FollowUps) - shown; {
	case more > 0:
		add(fmt.Sprintf("%*s  %*s  (%s)", timeWidth, "...", frameWidth, "", count(uint64(more), "more RST")), false)
	case after > 0:
		add(fmt.Sprintf("%*s  %*s  (%s)", timeWidth, "...", frameWidth, "", count(after, "later packet")), false)
	}
	return lines, isRST
}

// around keeps of more than most rungs those around the first RST, more of those
// before it, and the one that it answers; before and after it left out so many.
func around(rungs []rung, i *analyzer.Incident, most int) (kept []rung, before, after uint64) {
	if len(rungs) <= most {
		return rungs, 0, 0
	}
	at := slices.IndexFunc(rungs, func(r rung) bool { return r.Frame == i.Reset.RST.Ref() })
	to := min(len(rungs), at+1+most/4)
	from := max(0, to-most)
	if to-from < most {
		to = min(len(rungs), from+most)
	}
	trigger := slices.IndexFunc(rungs, func(r rung) bool { return r.Frame == i.Verdict.Trigger.Frame && r.Frame != 0 })
	if trigger >= 0 && trigger < from {
		kept = append(kept, rungs[trigger])
		from++
	}
	return append(kept, rungs[from:to]...), uint64(from - len(kept)), uint64(len(rungs) - to)
}

// millis writes nanoseconds as milliseconds, with the microseconds.
func millis(ns int64) string {
	us := ns / 1e3
	sign := ""
	if us < 0 {
		sign, us = "-", -us
	}
	return fmt.Sprintf("%s%d.%03d", sign, us/1000, us%1000)
}

func fileName(files []string, i int) string {
	if i < len(files) {
		return files[i]
	}
	return "file " + strconv.Itoa(i+1)
}

// shorten cuts s at so many columns.
func shorten(s string, cols int) string {
	if width(s) <= cols {
		return s
	}
	return columns.Truncate(s, cols, "...")
}

// shortenLeft cuts s at so many columns and keeps its end.
func shortenLeft(s string, cols int) string {
	if width(s) <= cols {
		return s
	}
	return columns.TruncateLeft(s, width(s)-cols+3, "...")
}

// rungsOf chooses what is shown: the segments just before the RST and the one
// it answers, the RST, some that followed, and what came after. skipped is how
// many segments of the connection before it are not shown.
func rungsOf(i *analyzer.Incident) (rungs []rung, skipped uint64) {
	r := i.Reset
	f := &r.Flow
	trigger := i.Verdict.Trigger
	have := make(map[packet.FrameRef]bool)
	add := func(s *flows.Segment, answers packet.FrameRef) {
		if s.Valid() && !have[s.Frame] {
			have[s.Frame] = true
			rungs = append(rungs, rung{*s, answers})
		}
	}
	for k := range ladderBefore {
		if s := f.Recent(k); s != nil {
			add(s, 0)
		}
	}
	add(&trigger, 0)
	if all := uint64(f.Side[0].Packets) + uint64(f.Side[1].Packets); all > uint64(len(rungs)) {
		skipped = all - uint64(len(rungs))
	}
	h := &r.RST
	first := flows.Segment{
		Time: h.Time, Frame: h.Ref(), Seq: h.Seq, Ack: h.Ack, Len: h.Len,
		Window: h.Window, Flags: h.Flags, Dir: r.Dir,
	}
	add(&first, trigger.Frame)
	for k := range r.FollowUps[:min(len(r.FollowUps), ladderResets)] {
		a := &r.FollowUps[k]
		add(&a.Trigger, 0)
		add(&a.RST, a.Trigger.Frame)
	}
	a := &r.After
	for _, s := range []*flows.Segment{&a.First[0], &a.First[1], &a.CarriedOn, &a.Challenge, &a.NewSYN, &a.NewSYNACK} {
		add(s, 0)
	}
	slices.SortStableFunc(rungs, func(a, b rung) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Frame, b.Frame))
	})
	return rungs, skipped
}

// bases returns what sequence numbers of each side are counted from: its SYN,
// or, when that was not captured, the octet before the first one known here.
func bases(i *analyzer.Incident, rungs []rung) [2]packet.Seq {
	var base [2]packet.Seq
	for d := range base {
		s := &i.Reset.Flow.Side[d]
		if s.Known.Has(flows.SawSYN) {
			base[d] = s.ISN
			continue
		}
		base[d] = firstKnown(rungs, flows.Dir(d))
	}
	return base
}

func firstKnown(rungs []rung, d flows.Dir) packet.Seq {
	for _, r := range rungs {
		if r.Dir == d && r.Flags&packet.RST == 0 {
			return r.Seq - 1
		}
		if r.Dir != d && r.Flags&packet.ACK != 0 && r.Flags&packet.RST == 0 {
			return r.Ack - 1
		}
	}
	for _, r := range rungs {
		if r.Dir == d {
			return r.Seq
		}
	}
	return 0
}

// arrow draws a segment from the left, the client, to the right or back.
func arrow(r *rung, base [2]packet.Seq, lane int) string {
	label := flagNames(r.Flags) + " seq " + relative(r.Seq, base[r.Dir])
	if r.Flags&packet.ACK != 0 {
		label += " ack " + relative(r.Ack, base[r.Dir.Peer()])
	}
	if r.Len > 0 {
		label += " len " + strconv.FormatUint(uint64(r.Len), 10)
	}
	if r.Flags&packet.RST != 0 {
		label += " win " + strconv.Itoa(int(r.Window))
	}
	head, tail := "--- ", " ---"
	if answers := " answers " + strconv.FormatUint(r.answers.Frame(), 10); r.answers != 0 && r.answers.File() == r.Frame.File() &&
		len(label)+len(answers)+len(head)+len(tail)+1 <= lane {
		label += answers
	}
	label = shorten(label, max(0, lane-2))
	if len(head)+len(label)+len(tail)+1 > lane {
		head, tail = "", ""
	}
	fill := strings.Repeat("-", max(0, lane-len(label)-len(head)-len(tail)-1))
	if r.Dir == flows.Client {
		return head + label + tail + fill + ">"
	}
	return "<" + head + label + tail + fill
}

// relative writes seq counted from base; what lies a little before it is
// negative, as keep-alive probes and stray numbers are.
func relative(seq, base packet.Seq) string { return strconv.FormatInt(fromBase(seq, base), 10) }

func fromBase(seq, base packet.Seq) int64 {
	if d := seq.Sub(base); d < 0 && d > -1<<16 {
		return int64(d)
	}
	return int64(uint32(seq - base))
}

// flagNames writes flags as people say them: SYN/ACK, PSH/ACK.
func flagNames(f packet.Flags) string {
	var out []string
	for _, l := range [...]struct {
		bit  packet.Flags
		name string
	}{
		{packet.SYN, "SYN"}, {packet.FIN, "FIN"}, {packet.RST, "RST"}, {packet.PSH, "PSH"},
		{packet.ACK, "ACK"}, {packet.URG, "URG"}, {packet.ECE, "ECE"}, {packet.CWR, "CWR"},
	} {
		if f&l.bit != 0 {
			out = append(out, l.name)
		}
	}
	if len(out) == 0 {
		return "no flags"
	}
	return strings.Join(out, "/")
}

// Ladder draws the packets around the reset of i, one a line, within so many columns.
func Ladder(i *analyzer.Incident, cols int) []string {
	lines, _ := ladder(i, nil, cols, allRungs)
	return lines
}
