package report

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/rstwhy/rstwhy/flows"
)

// HostNames are what a report calls addresses beside their numbers.
type HostNames map[netip.Addr]string

const (
	nameMax  = 253     // RFC 1035, 2.3.4, without the last dot
	namesMax = 1 << 20 // lines of a file of names
)

// ReadHostNames reads names in the form of /etc/hosts (hosts(5)): an address, its name,
// further names that are passed over, and comments after #. Of two lines for one address
// the first counts. A line in another form is an error that tells its number.
func ReadHostNames(r io.Reader) (HostNames, error) {
	out := HostNames{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if n > namesMax {
			return nil, fmt.Errorf("more than %d lines", namesMax)
		}
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		addr, err := netip.ParseAddr(words[0])
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %q is not an IP address", n, words[0])
		case len(words) < 2:
			return nil, fmt.Errorf("line %d: %s has no name", n, addr)
		case !hostName(words[1]):
			return nil, fmt.Errorf("line %d: %q is not a host name", n, words[1])
		}
		addr = addr.WithZone("").Unmap()
		if out[addr] == "" {
			out[addr] = words[1]
		}
	}
	return out, lines.Err()
}

// hostName reports whether s is made of what host names are made of, and of underscores,
// which names of services have: nothing that a terminal or a format obeys.
func hostName(s string) bool {
	for _, c := range []byte(s) {
		if !isWord(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return len(s) <= nameMax && s[0] != '-'
}

// naming is how a report writes moments and ends. Nil writes UTC and numbers.
type naming struct {
	zone  *time.Location
	names HostNames
}

func (o *Options) naming() *naming { return &naming{o.Zone, o.Names} }

// time is a moment in the zone of the report.
func (n *naming) time(ns int64) time.Time {
	t := time.Unix(0, ns)
	if n == nil || n.zone == nil {
		return t.UTC()
	}
	return t.In(n.zone)
}

// clock writes the time of a day.
func (n *naming) clock(ns int64) string { return n.time(ns).Format("15:04:05.000000") }

// moment writes a time with the resolution of most captures.
func (n *naming) moment(ns int64) string {
	switch {
	case told(ns):
	case ns > 0:
		return "a time beyond the year 2261"
	default:
		return "a time before the year 1678"
	}
	return n.time(ns).Format("2006-01-02 15:04:05.000000 MST")
}

// second writes a time to the second.
func (n *naming) second(ns int64) string {
	if !told(ns) {
		return n.moment(ns)
	}
	return n.time(ns).Format("2006-01-02 15:04:05 MST")
}

// during writes a span of time to the second: "2024-01-15 10:00:00 to 10:00:38 UTC".
func (n *naming) during(from, to int64) string {
	if !told(from) || !told(to) {
		return n.moment(from) + " to " + n.until(from, to)
	}
	a, b := n.time(from), n.time(to)
	end := "2006-01-02 15:04:05 MST"
	if a.Format(time.DateOnly) == b.Format(time.DateOnly) {
		end = "15:04:05 MST"
	}
	return a.Format(time.DateTime) + " to " + b.Format(end)
}

// until writes the later end of a span of time, with its day if that is another.
func (n *naming) until(from, to int64) string {
	s := n.moment(to)
	if !told(from) || !told(to) {
		return s
	}
	y, m, d := n.time(from).Date()
	if ty, tm, td := n.time(to).Date(); y == ty && m == tm && d == td {
		_, s, _ = strings.Cut(s, " ")
	}
	return s
}

// name is what the report calls an address, "" for nothing but its number.
func (n *naming) name(a netip.Addr) string {
	if n == nil {
		return ""
	}
	return n.names[a]
}

// addr writes an address by its name, where it has one.
func (n *naming) addr(a netip.Addr) string {
	if name := n.name(a); name != "" {
		return name
	}
	return a.String()
}

// end writes an address and port, by the name of the address where it has one.
func (n *naming) end(e flows.Endpoint) string {
	a := e.AddrPort()
	if name := n.name(a.Addr()); name != "" {
		return fmt.Sprintf("%s:%d", name, a.Port())
	}
	return a.String()
}

// full writes an address and port, with the name of the address before it where it has one.
func (n *naming) full(e flows.Endpoint) string {
	a := e.AddrPort()
	if name := n.name(a.Addr()); name != "" {
		return name + " (" + a.String() + ")"
	}
	return a.String()
}
