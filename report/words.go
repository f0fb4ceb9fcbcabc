package report

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// namer writes frames and ends in the words of one report. It implements
// classify.Namer for the incident or note that it was made for.
type namer struct {
	files []string // short names by packet.Header.File; empty when frames need none
	quote func(string) string
	ends  *[2]flows.Endpoint
	by    *naming
	// roles says that the ends are called "the client" and "the server": their
	// addresses stand beside, and a SYN showed which is which.
	roles bool
}

// fileNames returns what frames call their files: nothing when there is only
// one, else as much of the end of each path as tells it from the others.
func fileNames(o *Options) []string {
	if o.Files == nil {
		return nil
	}
	all := o.Files()
	if len(all) < 2 {
		return nil
	}
	out := make([]string, len(all))
	copy(out, all)
	for left, parts := len(all), 1; left > 0 && parts < 64; parts++ {
		count := make(map[string]int, len(all))
		for _, name := range all {
			count[tail(name, parts)]++
		}
		left = 0
		for k, name := range all {
			switch short := tail(name, parts); {
			case out[k] != name: // settled with fewer parts
			case count[short] == 1:
				out[k] = short
			case short != name:
				left++
			}
		}
	}
	for k := range out {
		out[k] = clean(out[k])
	}
	return out
}

// tail returns the last parts of a path.
func tail(path string, parts int) string {
	for i := len(path) - 1; i >= 0; i-- {
		if os.IsPathSeparator(path[i]) {
			if parts--; parts == 0 {
				return path[i+1:]
			}
		}
	}
	return path
}

// Frame implements classify.Namer.
func (n *namer) Frame(w packet.FrameRef) string {
	if w == 0 {
		return "a frame that was not captured"
	}
	s := "frame " + strconv.FormatUint(w.Frame(), 10)
	if w.File() < len(n.files) {
		name := n.files[w.File()]
		if n.quote != nil {
			name = n.quote(name)
		}
		s += " of " + name
	}
	return s
}

// End implements classify.Namer.
func (n *namer) End(d flows.Dir) string {
	if n.roles {
		return "the " + d.String()
	}
	return n.by.end(n.ends[d&1])
}

// story tells what happened. The first mention of an end has its role and
// address, later ones the role alone; a role that was guessed is not given.
func (n *naming) story(i *analyzer.Incident) string {
	return capital(i.Verdict.Story.Text(&teller{namer: namer{by: n}, flow: &i.Reset.Flow}))
}

// teller names ends for a story, and the frames that it does not name.
type teller struct {
	namer
	flow  *flows.Flow
	named [2]bool
}

// End implements classify.Namer.
func (t *teller) End(d flows.Dir) string {
	addr := t.by.full(t.flow.Ends[d])
	switch {
	case t.flow.RolesGuessed:
		return addr
	case t.named[d]:
		return "the " + d.String()
	}
	t.named[d] = true
	return "the " + d.String() + " " + addr
}

// serverOf is the server's end, not valid where the capture does not show which
// end that is.
func serverOf(i *analyzer.Incident) netip.AddrPort {
	if i.Reset.Flow.RolesGuessed {
		return netip.AddrPort{}
	}
	return i.Server().AddrPort()
}

// remarks are what an incident has to say beside the evidence of its rule.
// quote makes a text from the wire, of printable ASCII, fit for the format.
func remarks(i *analyzer.Incident, quote func(string) string) []string {
	var out []string
	if n := i.Reset.Payload; len(n) > 0 {
		out = append(out, fmt.Sprintf("the RST carries %s of payload: %s", count(uint64(i.Reset.RST.Len), "byte"), quote(strconv.QuoteToASCII(string(n)))))
	}
	if i.Lossy {
		out = append(out, "packets were dropped about that time, and some of the connection may be missing: the verdict is less sure for that")
	}
	if i.Reset.RST.Marks.Has(packet.BadChecksum) {
		out = append(out, "the TCP checksum of the RST is wrong: the receiver ignored it, or the capture was taken before the network card filled it in")
	}
	if s := kernelSays(&i.Kernel, i.Verdict.Kernel); s != "" {
		out = append(out, s)
	}
	return out
}

// aborted says what else the kernel knew of a socket that was aborted.
func aborted(t *classify.Testimony) string {
	var out []string
	if t.Linger {
		out = append(out, "with SO_LINGER and a time of 0")
	}
	if t.Unread > 0 {
		out = append(out, "with "+count(uint64(t.Unread), "byte")+" unread")
	}
	if t.Process != "" {
		who := fmt.Sprintf("by %s (process %d)", clean(t.Process), t.PID)
		switch {
		case t.Signal != 0:
			who += fmt.Sprintf(", which signal %d ended", t.Signal)
		case t.Exiting:
			who += ", which was ending"
		}
		out = append(out, who)
	}
	if len(out) == 0 {
		return ""
	}
	return ", " + strings.Join(out, ", ")
}

// kernelSays is the word of the kernel, and what it did to the verdict; it is empty
// when no kernel was asked.
func kernelSays(t *classify.Testimony, a classify.Accord) string {
	var s string
	switch t.Word {
	case classify.Silent:
		s = "the kernel of the host whose address the RST bears has not sent it: a packet filter, a program with a raw socket or another machine did"
	case classify.Spoke:
		what := "it answered a segment"
		if t.Active {
			what = "it aborted a socket"
		}
		s = "the kernel that sent it says " + clean(t.Reason) + ": " + what
		if t.State != "" {
			s += " in state " + clean(t.State)
		}
		if t.Active {
			s += aborted(t)
		}
	default:
		return ""
	}
	switch a {
	case classify.Agrees:
		s += "; the verdict from the packets agrees"
	case classify.Decides:
		s += "; that rules out some of what the packets left open"
	case classify.Disagrees:
		s += "; that disagrees with every cause that fits the packets"
	}
	return s
}

var lackWords = [...]struct {
	lack classify.Missing
	name string // in JSON
	text string
}{
	{classify.MissingHandshake, "handshake", "the handshake"},
	{classify.MissingSender, "sender", "every segment of the side that sent the RST"},
	{classify.MissingReceiver, "receiver", "every segment of the side that got the RST"},
	{classify.MissingSegments, "segments", "some segments in between"},
}

// lack returns what the capture does not hold of the connection. A host that
// refuses a SYN has sent nothing before: there, nothing of it is lacking.
func lack(i *analyzer.Incident) classify.Missing {
	l := i.Verdict.Missing
	if f := &i.Reset.Flow; f.Handshake == flows.SYNSent && i.Reset.Dir == flows.Server {
		l &^= classify.MissingSender
	}
	return l
}

// lacks says in a sentence what the capture does not hold of the connection,
// and which causes could not be asked for that; it is empty when it holds all.
func lacks(i *analyzer.Incident) string {
	v, missing := &i.Verdict, lack(i)
	var words []string
	for _, l := range lackWords {
		if missing.Has(l.lack) {
			words = append(words, l.text)
		}
	}
	if len(words) == 0 {
		return ""
	}
	s := "Not captured of this connection: " + list(words) + ". So no verdict on it is certain"
	if len(v.Unchecked) > 0 {
		var ids []string
		for _, r := range v.Unchecked {
			ids = append(ids, r.ID)
		}
		return s + ", and " + list(ids) + " cannot be ruled out."
	}
	return s + "."
}

// list joins words as a sentence does.
func list(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// count writes "1 packet", "12,345 packets".
func count(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if noun[len(noun)-1] == 'y' {
		return classify.Grouped(n) + " " + noun[:len(noun)-1] + "ies"
	}
	return classify.Grouped(n) + " " + noun + "s"
}

// percent writes a share of people's resolution: never 0 % or 100 % for what is
// neither.
func percent(n, of uint64) string {
	if of == 0 {
		return "0 %"
	}
	p := 100 * float64(n) / float64(of)
	switch {
	case n == 0 || n == of:
		return fmt.Sprintf("%.0f %%", p)
	case p < 0.1:
		return "less than 0.1 %"
	case p > 99.9:
		return "more than 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", p)
}

// span writes the length of a capture.
func span(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < 10*time.Second:
		return classify.Duration(ns)
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm%02ds", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	}
	if days := d.Hours() / 24; days < 730 {
		return fmt.Sprintf("%.1f days", days)
	}
	return fmt.Sprintf("%.1f years", d.Hours()/24/365.25)
}

// told reports whether ns is a time, and not what stands for all that an int64
// cannot hold: before 1678, and from 2262 on.
func told(ns int64) bool { return ns < packet.MaxTime && ns >= -packet.MaxTime+1_000_000_000 }

// lasted is the time from the first frame to the last.
func lasted(s *analyzer.Summary) string {
	if !told(s.First) || !told(s.Last) {
		return "a time that cannot be told"
	}
	return span(s.Last - s.First)
}

// clean returns s with everything escaped that is no printable character:
// terminals obey escape bytes, and readers are misled by invisible ones.
func clean(s string) string {
	ok := utf8.ValidString(s)
	for _, r := range s {
		ok = ok && unicode.IsPrint(r)
	}
	if ok {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if unicode.IsPrint(r) && (r != utf8.RuneError || n > 1) {
			b.WriteString(s[:n])
		} else {
			q := strconv.QuoteToASCII(s[:n])
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// columns measures text independently of the locale.
var columns = runewidth.Condition{StrictEmojiNeutral: true}

func width(s string) int { return columns.StringWidth(s) }

// wrap breaks prose into lines of at most cols columns. Words longer than a line
// are broken, addresses and names preferably after a colon, a slash or a hyphen.
func wrap(s string, cols int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(s) {
		n := width(word)
		if used > 0 && used+1+n <= cols {
			line += " " + word
			used += 1 + n
			continue
		}
		if used > 0 {
			lines = append(lines, line)
		}
		for n > cols {
			head := breakWord(word, cols)
			lines = append(lines, head)
			word = word[len(head):]
			n = width(word)
		}
		line, used = word, n
	}
	if used > 0 || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// breakWord returns the longest head of word that fits cols columns; it is never
// empty.
func breakWord(word string, cols int) string {
	end, good, used := 0, 0, 0
	for i, r := range word {
		used += columns.RuneWidth(r)
		if used > cols && i > 0 {
			break
		}
		end = i + utf8.RuneLen(r)
		if r == ':' || r == '/' || r == '-' {
			good = end
		}
	}
	if good > 0 && good < len(word) {
		return word[:good]
	}
	return word[:end]
}

// Story tells in a sentence or two what happened.
func Story(i *analyzer.Incident) string { return (*naming)(nil).story(i) }

// EvidenceOf is what speaks for the verdict on i, and what else the reset says.
func EvidenceOf(i *analyzer.Incident) []string {
	return evidence(i, &namer{ends: &i.Reset.Flow.Ends, roles: !i.Reset.Flow.RolesGuessed}, asIs)
}
