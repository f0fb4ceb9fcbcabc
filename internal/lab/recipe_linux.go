package lab

import (
	"fmt"
	"slices"
	"time"
)

// Recipe provokes one cause of a reset.
type Recipe struct {
	Name     string // also the directory of its captures
	About    string // one sentence: who did what
	Link     Link
	IPv6     bool
	Vantages []Vantage
	Nano     bool     // record nanosecond times, otherwise microseconds
	Needs    []string // programs that it runs, besides those that Missing asks for

	// Resets are the RSTs that must be sent, in their order, and Notes what
	// else the capture must show. A recording that shows anything else fails.
	Resets []Expect
	Notes  []Note

	// Steps is the conversation. A step that fails ends it.
	Steps func(*Env)
}

// Expect is a RST that a recipe must provoke.
type Expect struct {
	From   Role // the host in whose name it is
	Cause  Cause
	Reason string // of the kernel, see kernel.Event; empty for a RST that no TCP sent
	Active bool   // an abort, not a reply
	Many   bool   // one or more of them
	Maybe  bool   // any number of them, also none

	// At is the only vantage that sees it; empty for all.
	At Vantage
}

// Role is a host of a Pair.
type Role string

// The roles.
const (
	Client Role = "client"
	Server Role = "server"
	Middle Role = "middle" // whatever joins the two, see Link
)

// limit is the longest that the steps of a recipe may take.
const limit = 20 * time.Second

// Recipes lists every recipe, in the order of the causes.
func Recipes() []Recipe { return slices.Clone(recipes) }

// Find returns the recipe called name.
func Find(name string) (Recipe, bool) {
	i := slices.IndexFunc(recipes, func(r Recipe) bool { return r.Name == name })
	if i < 0 {
		return Recipe{}, false
	}
	return recipes[i], true
}

// Run makes the recipe's traffic on p, which should come from
// NewPair(r.Link), and returns when the last step is done. What the steps
// left open stays so until p is closed, so that nothing is sent which the
// recipe does not speak of. Each port and each connection of a Pair is used
// once: run one recipe a Pair.
func (r Recipe) Run(p *Pair) (err error) {
	e := &Env{pair: p, ipv6: r.IPv6, deadline: time.Now().Add(limit), port: firstClientPort}
	defer func() {
		switch v := recover().(type) {
		case nil:
		case failed:
			err = fmt.Errorf("lab: %s: %w", r.Name, v.error)
		default:
			panic(v)
		}
	}()
	r.Steps(e)
	return nil
}

// overIPv6 is r with other addresses.
func overIPv6(r Recipe) Recipe {
	r.Name += "-ipv6"
	r.About += " (IPv6)"
	r.IPv6 = true
	return r
}
