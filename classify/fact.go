package classify

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rstwhy/rstwhy/packet"
)

// Fact is a measurement of a case under a name: sentences state facts, and
// nothing else.
type Fact struct {
	Name    string // snake case, unique: what a template writes between braces
	Unit    Unit
	Doc     string // what it is, and where it is not measured
	measure func(*Case) int64
}

// Of measures f on a case that a Judge has judged.
func (f *Fact) Of(c *Case) int64 { return f.measure(c) }

// Unit says what the number of a Fact is, and so how it is written.
type Unit uint8

// The units.
const (
	UnitNumber   Unit = iota // a plain number: a count, a window, a TTL, an IP ID
	UnitFrame                // a packet.FrameRef, 0 for none
	UnitDuration             // nanoseconds; negative where it was not measured
	UnitOctets               // a count of octets
	UnitFlags                // packet.Flags
)

func (u Unit) text(v int64, n Namer) string {
	switch u {
	case UnitFrame:
		return n.Frame(packet.FrameRef(v))
	case UnitDuration:
		if v == -1 {
			return "an unknown time"
		}
		return Duration(v)
	case UnitOctets:
		if v == 1 {
			return "1 byte"
		}
		if v < 0 {
			return "-" + Grouped(uint64(-v)) + " bytes"
		}
		return Grouped(uint64(v)) + " bytes"
	case UnitFlags:
		return packet.Flags(v).String()
	}
	return strconv.FormatInt(v, 10)
}

// Duration writes nanoseconds for people: three digits in the unit that is natural,
// microseconds below a millisecond, minutes and hours above two minutes. The exact
// times stand in the ladder of packets and in JSON.
func Duration(ns int64) string {
	if ns < 0 {
		return "-" + Duration(-ns)
	}
	d := time.Duration(ns)
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.3f ms", float64(ns)/1e6)
	case d < time.Second:
		return threeDigits(float64(ns)/1e6) + " ms"
	case d < 2*time.Minute:
		return threeDigits(d.Seconds()) + " s"
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

// Grouped writes a count with a comma before every third digit.
func Grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// threeDigits writes a number from 1 to 1000 with three digits.
func threeDigits(v float64) string {
	switch {
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// AllFacts returns every fact, by subject.
func AllFacts() []*Fact {
	return slices.Concat(
		rstFacts, triggerFacts, handshakeFacts, streamFacts, closeFacts, abortFacts,
		pathFacts, aroundFacts, afterFacts, againFacts, refusalFacts, applicationFacts, timingFacts, signFacts, outcomeFacts,
		goodbyeFacts, loopFacts,
	)
}

// factNames finds facts by name. It is filled when the first sentence is parsed.
var factNames = func() map[string]*Fact {
	m := make(map[string]*Fact)
	for _, f := range AllFacts() {
		if m[f.Name] != nil {
			panic("two facts are called " + f.Name)
		}
		m[f.Name] = f
	}
	return m
}()

func factByName(name string) *Fact { return factNames[name] }
