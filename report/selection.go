package report

import (
	"net/netip"
	"slices"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
)

// Selection says which incidents are shown and counted. Its zero value selects all;
// what several fields ask for has to hold together, and of a list one value.
type Selection struct {
	Causes     []string            // IDs of rules
	Families   []classify.Family   // of the cause
	Hosts      []netip.Prefix      // that hold the address of either end
	Ports      []PortRange         // that hold the port of either end
	Since      int64               // time of the RST in nanoseconds of Unix time, valid with HasSince
	Until      int64               // the same, included, valid with HasUntil
	Confidence classify.Confidence // at least so sure
	Harmful    bool                // data, or a connection that was open or wanted, was lost to it
	HasSince   bool
	HasUntil   bool
	Words      string // the selection as the user wrote it, for the report
}

// PortRange is the ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }

// All reports whether s leaves nothing out.
func (s *Selection) All() bool {
	return !s.onVerdict() && len(s.Hosts)+len(s.Ports) == 0 && !s.HasSince && !s.HasUntil
}

// onVerdict reports whether s asks for something that only a reset has.
func (s *Selection) onVerdict() bool {
	return len(s.Causes)+len(s.Families) > 0 || s.Confidence > classify.None || s.Harmful
}

// Incident reports whether i is selected.
func (s *Selection) Incident(i *analyzer.Incident) bool {
	v := &i.Verdict
	switch {
	case len(s.Causes) > 0 && !slices.Contains(s.Causes, v.Rule.ID),
		len(s.Families) > 0 && !slices.Contains(s.Families, v.Rule.Family),
		v.Confidence < s.Confidence,
		s.Harmful && !Harmful(i):
		return false
	}
	return s.ends(&i.Reset.Flow.Ends) && s.at(i.Reset.RST.Time, i.Reset.RST.Time)
}

// Note reports whether n is selected. A connection without an answer has no cause.
func (s *Selection) Note(n *flows.Note) bool {
	return !s.onVerdict() && s.ends(&n.Ends) && s.at(n.First, n.Latest)
}

// ends reports whether one of the ends has an address and a port that are asked for.
func (s *Selection) ends(ends *[2]flows.Endpoint) bool {
	for _, e := range ends {
		a := e.AddrPort()
		in := func(p netip.Prefix) bool { return p.Contains(a.Addr()) }
		has := func(r PortRange) bool { return r.First <= a.Port() && a.Port() <= r.Last }
		if (len(s.Hosts) == 0 || slices.ContainsFunc(s.Hosts, in)) && (len(s.Ports) == 0 || slices.ContainsFunc(s.Ports, has)) {
			return true
		}
	}
	return false
}

func (s *Selection) at(first, last int64) bool {
	return (!s.HasSince || last >= s.Since) && (!s.HasUntil || first <= s.Until)
}

// Harmful reports whether i cost somebody something that can be mended: data, an open
// connection, or one that a client wanted and did not get.
func Harmful(i *analyzer.Incident) bool {
	v := &i.Verdict
	if nothingToDo(v.Rule, benign(v), i.Reset.Dir) {
		return false
	}
	switch v.Harm.Kind {
	case classify.HarmBytes, classify.HarmRequest, classify.HarmCut, classify.HarmHang, classify.HarmSession, classify.HarmRefused:
		return true
	}
	return false
}

// Chosen passes on to others what a Selection selects, and counts the rest.
type Chosen struct {
	Selection
	To   []analyzer.Sink
	left analyzer.LeftOut
}

// Incident passes i on, or counts it.
func (c *Chosen) Incident(i *analyzer.Incident) error {
	if !c.Selection.Incident(i) {
		c.left.Incidents++
		c.left.Resets += 1 + uint64(len(i.Reset.FollowUps))
		return nil
	}
	for _, to := range c.To {
		if err := to.Incident(i); err != nil {
			return err
		}
	}
	return nil
}

// Note passes n on, or counts it.
func (c *Chosen) Note(n *flows.Note) error {
	if !c.Selection.Note(n) {
		c.left.Notes++
		return nil
	}
	for _, to := range c.To {
		if err := to.Note(n); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the others. The summary that they get says what was left out.
func (c *Chosen) Close(s *analyzer.Summary) error {
	c.Tell(s)
	for _, to := range c.To {
		if err := to.Close(s); err != nil {
			return err
		}
	}
	return nil
}

// Tell writes into s what was selected, and what was left out.
func (c *Chosen) Tell(s *analyzer.Summary) {
	if !c.All() {
		s.Selection, s.LeftOut = c.Words, c.left
	}
}
