package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// idleWorthNaming is the shortest idle timeout of a box on the path that is
// documented: load balancers begin at a minute, half of it leaves room for
// those that were set lower.
const idleWorthNaming = 30e9

var middleboxIdleTimeout = Rule{
	ID:      "middlebox-idle-timeout",
	Family:  FamilyStalePeer,
	Title:   "a box on the path forgot the idle connection",
	Summary: "A NAT, load balancer or firewall dropped the idle connection from its table, and it, or the host behind it, refused what came next.",
	Story:   say("The connection had been silent for {m:idle_before}; a NAT, load balancer or firewall on the path may have forgotten it, and the next segment was refused."),
	Wire: `           (silence longer than the box's idle timeout)
C > S  P.  data
S > C  R   often with another TTL, and sooner than the server could answer`,
	Confirm: []string{
		"do several connections die after the same silence?",
		"captures on both ends: a RST that one end got and the other never sent came from between",
	},
	Advice: []string{
		"Send TCP keep-alives more often than the box's idle timeout, or raise that timeout.",
		"Close idle connections in the client before the box forgets them.",
	},
	Refs: []string{
		"AWS NLB and NAT gateway: 350 s; AWS ALB: 60 s; Azure Load Balancer: 240 s (vendors' documentation)",
	},
	Confused: []Confusion{
		{"stale-connection", "uptime of the server process; does its capture show it sending the RST?"},
		{"firewall-reject", "the box's log says whether a rule or an expired session was the reason"},
	},
	Telling: IdleBefore,
	Kinds:   kinds(Reply, ReplyACK),
	Match: func(c *Case, f *Findings) Confidence {
		idle := c.Timing.At[IdleBefore]
		if c.Before() || idle < idleWorthNaming || c.X.Known.Has(flows.SawFIN) ||
			c.Trigger.Valid() && c.Trigger.Flags&packet.SYN != 0 || c.Flow.Handshake == flows.SYNReceived {
			return None
		}
		f.Add("the connection had been silent for {} when {} was sent", dur(idle), frame(c.Trigger.Where))
		if x := c.X; x.TTLMax != 0 && (c.RST.TTL > x.TTLMax || c.RST.TTL < x.TTLMin) {
			f.Add("the RST has TTL {}, the host's own segments {} to {}: another box sent it", number(int(c.RST.TTL)), number(int(x.TTLMin)), number(int(x.TTLMax)))
			return Likely
		}
		return Possible
	},
}
