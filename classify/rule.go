package classify

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Confidence is how sure a verdict is.
type Confidence uint8

// The confidences. None is no answer but "does not match".
const (
	None     Confidence = iota
	Possible            // it fits, and so does something else as well
	Likely              // the evidence speaks for it; a rarer cause would look the same
	Certain             // no conforming sender makes these packets for another reason
)

// String is the word in reports.
func (c Confidence) String() string {
	return [...]string{"none", "possible", "likely", "certain"}[c]
}

// Family groups causes that call for the same thought.
type Family string

// The families.
const (
	FamilyNoListener     Family = "no-listener"
	FamilyHandshakeAbort Family = "handshake-abort"
	FamilyUnreadData     Family = "unread-data"
	FamilyDataAfterClose Family = "data-after-close"
	FamilyDeliberate     Family = "deliberate-abort"
	FamilyStalePeer      Family = "stale-peer"
	FamilyTimeout        Family = "timeout"
	FamilyOverload       Family = "overload"
	FamilyInjected       Family = "injected"
	FamilyMPTCP          Family = "mptcp"
	FamilyFollowUp       Family = "follow-up"
	FamilyUnclassified   Family = "unclassified"
)

// families is every family in the order of lists, and what its causes have in
// common.
var families = [...]struct {
	family Family
	title  string
}{
	{FamilyUnreadData, "closed before everything was read"},
	{FamilyDataAfterClose, "something came after one side had closed"},
	{FamilyStalePeer, "one side does not know the connection"},
	{FamilyTimeout, "a timer gave up"},
	{FamilyDeliberate, "somebody meant to abort"},
	{FamilyOverload, "a queue was full"},
	{FamilyNoListener, "nobody takes connections there"},
	{FamilyHandshakeAbort, "the connection never came about"},
	{FamilyInjected, "somebody else sent it"},
	{FamilyMPTCP, "Multipath TCP said why"},
	{FamilyFollowUp, "what comes after a first RST"},
	{FamilyUnclassified, "not explained"},
}

// Families returns every family that has a cause, in the order of lists.
func Families() []Family {
	var out []Family
	for _, f := range families {
		for _, r := range Rules() {
			if r.Family == f.family {
				out = append(out, f.family)
				break
			}
		}
	}
	return out
}

// Title says in a few words what the causes of f have in common.
func (f Family) Title() string {
	for _, k := range families {
		if k.family == f {
			return k.title
		}
	}
	return ""
}

// Rule is a cause: its documentation, and the predicate that recognises it.
type Rule struct {
	ID     string // kebab case, stable: it stands in JSON
	Family Family
	Title  string // a few words for a table
	// Summary says in one sentence what happens.
	Summary string
	// Story returns the sentence that tells what happened to this very connection.
	Story   func(c *Case) *Sentence
	Wire    string   // how it looks, a few lines of packets
	Confirm []string // how to make sure, on the host; see Checks for the placeholders {server} and {server_port}
	Advice  []string // what to change
	// Remedies are the same for programs that many run, as settings and code.
	Remedies []Remedy
	Refs     []string
	// Over lists the causes that this one goes before, and may hide, where it
	// matches at least as well: such a one is mentioned among what also fits when
	// packets may not tell it from the verdict (Confused, of either), and not at
	// all otherwise.
	Over []Over
	// Harm says what the reset cost, when the default (what was in flight) is
	// not right for the cause. Nil means the default.
	Harm func(c *Case) Harm
	// Confused lists the causes that packets may not tell from this one, each
	// with the observation that would.
	Confused []Confusion
	// Reasons are the names of enum sk_rst_reason that Linux gives for it; none
	// means that the sending host's TCP does not know of the RST.
	Reasons []string
	// OtherHost says that another machine than the one whose address the RST
	// bears may have sent it, so that the TCP of that one need not know of it.
	OtherHost bool
	// Destroyed says that another program than the owner of the socket may have ended it.
	Destroyed bool
	Telling   Measure // the measure that says most, for the table
	// Silence is the measure that may show a timer when several connections have it
	// in common, NoMeasure when none of the cause does.
	Silence Measure
	// Benign says that a reset of this cause which cost nothing is worth no more
	// than to be counted. That nothing was in flight does not make the loss of a
	// connection nothing, and a stranger's RST, or a peer that vanished, is worth a
	// look whatever it cost.
	Benign bool
	// Mend says whether there is anything to change.
	Mend Mend
	// Mechanisms are those by which the RST may have come about.
	Mechanisms Mechanisms
	// Ways are those for which it stands among the ways in which a RST can come
	// about: where one is left, a cause that stands for it is named.
	Ways Ways
	// When is what else holds wherever the cause does: without it Match is not
	// asked.
	When  Facts
	Needs Missing // what must not be missing from a capture for the rule to be asked
	// Match says how well the cause fits, and why.
	Match func(c *Case, f *Findings) Confidence
}

// Remedy is what to change in one program or system.
type Remedy struct {
	Where string // "nginx", "Go net/http", "Linux"
	// What is a sentence or more, and below it lines that begin with a tab: code
	// or settings that stand as they are.
	What string
}

// Mend says whether whoever reads a report can change anything about a cause.
type Mend uint8

// Whether there is something to change.
const (
	Mendable Mend = iota
	// ClientsChoice: where the client sent the RST it did not want any more, and
	// nothing is wrong with either side. A server that does the same is worth a look.
	ClientsChoice
	// NotExplained: the capture does not tell enough of the connection for a cause.
	NotExplained
)

// Over names a cause that another goes before, and why.
type Over struct {
	ID  string
	Why string // a clause without a full stop
	// Told says that the evidence holds the very observation that tells the two
	// apart: then the other is not mentioned although a tell exists. A verdict that
	// is no more than possible has told nothing, and goes before nothing by it.
	Told bool
}

// Confusion names another cause and how to tell.
type Confusion struct {
	ID   string
	Tell string
}

// tell is the observation that tells r from o, "" when none is needed. It is the
// same both ways.
func (r *Rule) tell(o *Rule) string {
	for _, c := range r.Confused {
		if c.ID == o.ID {
			return c.Tell
		}
	}
	for _, c := range o.Confused {
		if c.ID == r.ID {
			return c.Tell
		}
	}
	return ""
}

// always is the Story of a rule that has one sentence.
func always(s *Sentence) func(*Case) *Sentence { return func(*Case) *Sentence { return s } }

// harmless is the harm of a cause that costs nothing.
func harmless(*Case) Harm { return Harm{Kind: HarmNone} }

// harmUnknown is the harm of a cause that does not tell.
func harmUnknown(*Case) Harm { return Harm{} }

// checks are the placeholders of Confirm, and what stands for one where no
// connection is at hand.
var checks = [...]struct {
	placeholder, unknown string
	value                func(server netip.AddrPort) string
}{
	{"{server}", "HOST:PORT", netip.AddrPort.String},
	{"{server_port}", "PORT", func(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }},
}

// Checks returns Confirm for connections to server, or for none when server is
// not valid.
func (r *Rule) Checks(server netip.AddrPort) []string {
	out := slices.Clone(r.Confirm)
	for i := range out {
		for _, c := range checks {
			if !strings.Contains(out[i], c.placeholder) {
				continue
			}
			value := c.unknown
			if server.IsValid() {
				value = c.value(server)
			}
			out[i] = strings.ReplaceAll(out[i], c.placeholder, value)
		}
	}
	return out
}

// ChecksServer reports whether Checks depends on the server.
func (r *Rule) ChecksServer() bool {
	for _, line := range r.Confirm {
		for _, c := range checks {
			if strings.Contains(line, c.placeholder) {
				return true
			}
		}
	}
	return false
}
