package classify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// sentenceFacts is how many facts a Sentence names at most.
const sentenceFacts = 4

// Sentence is a statement about one reset: a template over named facts. It
// states these facts and nothing else. Story, evidence and signs are sentences.
//
// In the template {sender}, {receiver}, {client} and {server} stand for an end of
// the connection, {leg} for the address of its stream's other leg (hosts.Around.Leg), and {NAME} for the fact of that name.
type Sentence struct {
	ID    string // kebab case, unique
	parts []part
	facts []*Fact
}

// part is a piece of a template: literal text, an end, or the next fact.
type part struct {
	text string
	kind partKind
}

type partKind uint8

const (
	partText partKind = iota
	partFact
	partSender
	partReceiver
	partClient
	partServer
	partLeg
)

var endParts = map[string]partKind{
	"sender": partSender, "receiver": partReceiver, "client": partClient, "server": partServer, "leg": partLeg,
}

// sentence parses a template. It panics when the template names what is no fact,
// or too many: that is a mistake in this package, and shows at the start.
func sentence(id, template string) *Sentence {
	s := &Sentence{ID: id}
	for rest := template; rest != ""; {
		text, after, found := strings.Cut(rest, "{")
		if text != "" {
			s.parts = append(s.parts, part{text: text})
		}
		if !found {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		kind, isEnd := endParts[name]
		switch fact := factByName(name); {
		case !closed:
			panic(fmt.Sprintf("sentence %s: a brace is not closed", id))
		case isEnd:
			s.parts = append(s.parts, part{kind: kind})
		case fact == nil:
			panic(fmt.Sprintf("sentence %s names {%s}, which is no fact", id, name))
		case len(s.facts) == sentenceFacts:
			panic(fmt.Sprintf("sentence %s names more than %d facts", id, sentenceFacts))
		default:
			s.parts = append(s.parts, part{kind: partFact})
			s.facts = append(s.facts, fact)
		}
		rest = after
	}
	return s
}

// Facts returns the facts that s names, in the order of its template.
func (s *Sentence) Facts() []*Fact { return slices.Clone(s.facts) }

// Namer writes what a sentence refers to in the words of one report.
type Namer interface {
	Frame(packet.FrameRef) string // "frame 7", or "frame 7 of b.pcap"
	End(flows.Dir) string         // "192.0.2.1:40000", "the client"
}

// Evidence is a Sentence said of one reset, with the values of the facts that it
// names. It becomes text only when it is printed: most resets of a flood never
// are. The zero value says nothing.
type Evidence struct {
	Sentence *Sentence
	Values   [sentenceFacts]int64 // by Sentence.Facts
	Dir      flows.Dir            // who sent the RST
	Leg      flows.Endpoint       // hosts.Around.Leg
}

// bind makes e what s says of c.
func (s *Sentence) bind(c *Case, e *Evidence) {
	e.Sentence, e.Dir, e.Leg = s, c.Dir, c.Around.Leg
	for i, f := range s.facts {
		e.Values[i] = f.measure(c)
	}
	clear(e.Values[len(s.facts):])
}

// Text writes e.
func (e *Evidence) Text(n Namer) string {
	if e.Sentence == nil {
		return ""
	}
	var b strings.Builder
	next := 0
	for _, p := range e.Sentence.parts {
		switch p.kind {
		case partText:
			b.WriteString(p.text)
		case partSender:
			b.WriteString(n.End(e.Dir))
		case partReceiver:
			b.WriteString(n.End(e.Dir.Peer()))
		case partClient:
			b.WriteString(n.End(flows.Client))
		case partServer:
			b.WriteString(n.End(flows.Server))
		case partLeg:
			b.WriteString(e.Leg.AddrPort().String())
		case partFact:
			b.WriteString(e.Sentence.facts[next].Unit.text(e.Values[next], n))
			next++
		}
	}
	return b.String()
}

// Frames lists the frames that e names.
func (e *Evidence) Frames() []packet.FrameRef {
	if e.Sentence == nil {
		return nil
	}
	var out []packet.FrameRef
	for i, f := range e.Sentence.facts {
		if f.Unit == UnitFrame && e.Values[i] != 0 {
			out = append(out, packet.FrameRef(e.Values[i]))
		}
	}
	return out
}

// findingsMax is how many lines of evidence a verdict holds.
const findingsMax = 8

// Findings collects the sentences that one rule says about one case. They are
// bound to its facts only for the verdict: most rules that match are not it.
type Findings struct {
	list [findingsMax]*Sentence
	n    int
}

// Say appends a sentence; those beyond findingsMax are dropped.
func (f *Findings) Say(s *Sentence) {
	if f.n < findingsMax {
		f.list[f.n] = s
		f.n++
	}
}

// repeat appends what was said elsewhere of the same case.
func (f *Findings) repeat(of []Evidence) {
	for i := range of {
		f.Say(of[i].Sentence)
	}
}

// evidence is memory for the sentences of one case, bound to its facts.
type evidence [findingsMax]Evidence

// of binds what f says to the facts of c.
func (e *evidence) of(c *Case, f *Findings) []Evidence {
	for i, s := range f.list[:f.n] {
		s.bind(c, &e[i])
	}
	return e[:f.n]
}
