package field

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// digits are what differs between truths of one sort.
var digits = regexp.MustCompile(`[0-9]+`)

// Cut makes small captures of at most n of the wrong answers of a score, each of
// another sort: first other conversations are dropped, then segments, as long as
// the program rstwhy gives the same answer and it stays wrong. They go into
// dir/wrong with their truth, so that they can be measured as well.
func Cut(s *Score, dir, rstwhy string, n int) ([]string, error) {
	to := filepath.Join(dir, "wrong")
	if err := os.MkdirAll(to, 0o777); err != nil {
		return nil, err
	}
	done := map[string]bool{}
	var made []string
	for _, w := range s.Wrong {
		first, _, _ := strings.Cut(w.Verdict, " ")
		sort := w.Kind + " " + digits.ReplaceAllString(w.Truth, "n") + " " + first
		if len(made) == n || done[sort] || w.Verdict == "" {
			continue
		}
		done[sort] = true
		name := fmt.Sprintf("%s-%d-%s-is-no-%s", strings.ReplaceAll(strings.TrimSuffix(w.File, ".pcap"), "/", "-"), w.Frame, w.Kind, first)
		k, err := newCutter(filepath.Join(dir, w.File), filepath.Join(to, name+".pcap"), w.Frame, rstwhy)
		if err != nil {
			return made, err
		}
		ok, err := k.cut()
		if err != nil {
			return made, err
		}
		if ok {
			made = append(made, filepath.Join(to, name+".pcap"))
		}
	}
	return made, nil
}

// cutter cuts one capture down.
type cutter struct {
	rstwhy string
	path   string
	rec    Record
	reset  Reset
	link   uint32
	target *frame
	was    verdict
	tries  int
}

// maxTries bounds the runs of rstwhy for one wrong answer.
const maxTries = 400

func newCutter(from, to string, frameNo int, rstwhy string) (*cutter, error) {
	c, err := readCapture(from)
	if err != nil {
		return nil, err
	}
	rec, err := readRecord(from)
	if err != nil {
		return nil, err
	}
	verdicts, err := judge(rstwhy, from)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(rec.Resets, func(r Reset) bool { return r.Frame == frameNo })
	if i < 0 || frameNo > len(c.frames) {
		return nil, fmt.Errorf("field: %s has no RST in frame %d", from, frameNo)
	}
	k := &cutter{rstwhy: rstwhy, path: to, rec: *rec, reset: rec.Resets[i], link: c.link, was: verdicts[frameNo]}
	k.target = &c.frames[frameNo-1]
	k.rec.Unknown, k.rec.Failed = []int{}, []string{}
	all := make([]*frame, len(c.frames))
	for i := range c.frames {
		all[i] = &c.frames[i]
	}
	_, err = k.wrong(all) // writes the whole as the first
	return k, err
}

// wrong writes a capture of the frames and reports whether its answer is still
// the wrong one.
func (k *cutter) wrong(frames []*frame) (bool, error) {
	k.tries++
	c := &capture{link: k.link}
	r := k.reset
	r.View = View{Alone: true, First: true}
	for i, f := range frames {
		c.frames = append(c.frames, *f)
		same := k.same(f)
		switch {
		case f == k.target:
			r.Frame = i + 1
		case same:
			r.View.Alone = r.View.Alone && f.seg.has(rst)
			if r.Frame == 0 {
				r.View.SYN = r.View.SYN || f.seg.has(syn)
			}
		}
	}
	k.rec.Resets = []Reset{r}
	dir, name := filepath.Split(k.path)
	if err := write(dir, strings.TrimSuffix(name, ".pcap"), c, &k.rec); err != nil {
		return false, err
	}
	verdicts, err := judge(k.rstwhy, k.path)
	if err != nil {
		return false, err
	}
	v := verdicts[r.Frame]
	right := Right(&r.Facts, r.View)
	return v.cause == k.was.cause && v.confidence == k.was.confidence && !v.follows &&
		(!v.hits(right) || v.confidence == "certain" && !slices.Contains(right, v.cause)), nil
}

// same reports whether f is of the connection that is asked about.
func (k *cutter) same(f *frame) bool {
	a, _, ok1 := pairOf(&f.seg)
	b, _, ok2 := pairOf(&k.target.seg)
	return ok1 && ok2 && a == b
}

// cut does the work, and leaves the smallest capture in the file. It is false when
// the answer is not wrong in the first place.
func (k *cutter) cut() (bool, error) {
	c, err := readCapture(k.path)
	if err != nil {
		return false, err
	}
	var frames []*frame
	target := k.rec.Resets[0].Frame - 1
	for i := range c.frames {
		frames = append(frames, &c.frames[i])
	}
	k.target = frames[target]
	if ok, err := k.wrong(frames); !ok || err != nil {
		os.Remove(k.path)
		os.Remove(strings.TrimSuffix(k.path, ".pcap") + ".json")
		return false, err
	}
	// Whole conversations first, then segments.
	byPair := map[pair][]*frame{}
	var order []pair
	for _, f := range frames {
		p, _, _ := pairOf(&f.seg)
		if byPair[p] == nil {
			order = append(order, p)
		}
		byPair[p] = append(byPair[p], f)
	}
	var groups [][]*frame
	for _, p := range order {
		groups = append(groups, byPair[p])
	}
	if groups, err = k.fewer(groups); err != nil {
		return false, err
	}
	var single [][]*frame
	for _, f := range frames {
		if slices.ContainsFunc(groups, func(g []*frame) bool { return slices.Contains(g, f) }) {
			single = append(single, []*frame{f})
		}
	}
	if single, err = k.fewer(single); err != nil {
		return false, err
	}
	_, err = k.wrong(k.flat(single))
	return true, err
}

// flat puts groups together in the order of time.
func (k *cutter) flat(groups [][]*frame) (all []*frame) {
	for _, g := range groups {
		all = append(all, g...)
	}
	slices.SortStableFunc(all, func(a, b *frame) int { return a.time.Compare(b.time) })
	return all
}

// fewer drops groups, half of them at first, then fewer at a time, while the
// answer stays wrong. The group of the RST itself stays.
func (k *cutter) fewer(groups [][]*frame) ([][]*frame, error) {
	for size := max(1, len(groups)/2); ; size /= 2 {
		for at := 0; at < len(groups) && k.tries < maxTries; {
			end := min(at+size, len(groups))
			rest := slices.Concat(groups[:at:at], groups[end:])
			ok := slices.ContainsFunc(rest, func(g []*frame) bool { return slices.Contains(g, k.target) })
			if ok {
				var err error
				if ok, err = k.wrong(k.flat(rest)); err != nil {
					return nil, err
				}
			}
			if ok {
				groups = rest
			} else {
				at = end
			}
		}
		if size <= 1 {
			return groups, nil
		}
	}
}
