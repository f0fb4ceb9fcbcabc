package classify

import "github.com/rstwhy/rstwhy/flows"

var backendRehash = Rule{
	ID:      "backend-rehash",
	Family:  FamilyStalePeer,
	Title:   "another server behind the address answered",
	Summary: "A load balancer or route sent the segment to another server than the one that has the connection, and that one refused it.",
	Story:   say("{Y}'s segment reached another machine behind the address of {X} than the ones before: it has no such connection and refused it."),
	Wire: `C > S  P.  data; the server's segments have TTL 57
           (a route or a pool of servers changes)
C > S  P.  more data
S > C  R   TTL 55, after the usual time`,
	Confirm: []string{
		"changes of the load balancer's pool, of ECMP routes or of anycast announcements at this time",
		"captures on the servers: the RST comes from one that never saw the connection",
	},
	Advice: []string{
		"Use consistent hashing, or connection tracking, in the load balancer, so that a change of the pool moves no open connections.",
		"Drain a server before it leaves the pool.",
	},
	Refs: []string{
		"RFC 9293, 3.10.7.1; RFC 2992: analysis of an ECMP algorithm; RFC 7690: why the same happens to anycast",
	},
	Narrows: "stale-connection",
	Confused: []Confusion{
		{"firewall-reject", "does a box with a REJECT rule stand at the distance that the RST's TTL tells?"},
	},
	Reasons: []string{"TCP_FLAGS", "NO_SOCKET"},
	Telling: TriggerToRST,
	Kinds:   kinds(Reply),
	Given:   FromServer | Underway,
	Match: func(c *Case, f *Findings) Confidence {
		if !unknownHere(c) || c.Dir != flows.Server || !c.Trigger.Valid() || c.X.TTLMax == 0 || onlyAccepted(c) ||
			c.Timing.At[IdleBefore] >= idleWorthNaming || c.After.Carried.Valid() || c.Origin.Signs.Has(TooEarly) {
			return None
		}
		off := c.nearer()
		known := c.Around.TTL != 0 && c.Around.TTL == c.RST.TTL
		if off == 0 || off > 0 && !known {
			return None // nearer is rather a filter on the way
		}
		answersOpen(c, f)
		f.Add("its TTL is {}, those of the server's segments before are {} to {}", number(int(c.RST.TTL)), number(int(c.X.TTLMin)), number(int(c.X.TTLMax)))
		if known {
			f.Add("new connections to the address are answered with that TTL too: another machine stands there now")
			return Likely
		}
		return Possible
	},
}
