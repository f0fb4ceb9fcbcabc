package classify

import (
	"github.com/rstwhy/rstwhy/flows"
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
	Remedies: []Remedy{
		keepAliveLinux,
		keepAliveGo,
		keepAliveJava,
		keepAlivePython,
		keepAliveNode,
		keepAlivePostgreSQL,
		{"AWS NLB", `350 s by default, 60 to 6000 s, fixed for TLS listeners:
	aws elbv2 modify-listener-attributes --listener-arn ARN \
	  --attributes Key=tcp.idle_timeout.seconds,Value=3600`},
		{"AWS NAT gateway", "350 s, and no setting: keep-alives."},
		{"Azure Load Balancer", `4 minutes by default, up to 100; with TCP reset both ends learn of it:
	az network lb rule update -g GROUP --lb-name LB -n RULE \
	  --idle-timeout 30 --enable-tcp-reset true`},
		{"Google Cloud", "The firewall forgets idle connections after 600 s, and has no setting: keep-alives."},
		{"Linux as NAT or firewall", `5 days by default, less where somebody set it so:
	sysctl net.netfilter.nf_conntrack_tcp_timeout_established`},
	},
	Refs: []string{
		"AWS NLB and NAT gateway: 350 s; AWS ALB: 60 s; Azure Load Balancer: 240 s (vendors' documentation)",
	},
	Confused: []Confusion{
		{"backend-rehash", "do new connections to the same address come with the RST's TTL? Then another server behind a load balancer answered"},
		{"stale-connection", "uptime of the server process; does its capture show it sending the RST?"},
		{"firewall-reject", "the box's log says whether a rule or an expired session was the reason"},
	},
	Reasons: []string{"NO_SOCKET"}, // when the box that forgot is a Linux host of its own
	Telling: IdleBefore,
	Kinds:   kinds(Reply, ReplyACK, Active),
	Given:   Underway,
	Match: func(c *Case, f *Findings) Confidence {
		idle := c.Timing.At[IdleBefore]
		sign := elsewhereSigns(c)
		long := idle >= idleWorthNaming
		if c.Before() || !long && !(sign && idle >= ShortestIdle) || (c.X.Known | c.Y.Known).Has(flows.SawFIN) ||
			c.Flow.Handshake != flows.Established && c.Flow.Handshake != flows.MidStream {
			return None
		}
		if c.Kind == Active {
			// A host's own timer ends with RST as well; a box ends both sides, or
			// shows that it is another.
			both := otherEnd(c)
			if !long || both == nil && !sign {
				return None
			}
			f.Add("{} ends the connection after {} of silence, and answers nothing", frame(c.RST.Where()), dur(idle))
			if both != nil {
				f.Add("{} ends it in the name of the other side as well, {} later", frame(both.Where), dur(both.Time-c.RST.Time))
			}
		} else {
			if !unknownHere(c) {
				return None
			}
			if c.Trigger.Valid() {
				f.Add("the connection had been silent for {} when {} was sent", dur(idle), frame(c.Trigger.Where))
			} else {
				f.Add("the connection had been silent for {} when {} came", dur(idle), frame(c.RST.Where()))
			}
		}
		if c.nearer() != 0 {
			lo, hi := c.hostTTL()
			f.Add("the RST has TTL {}, the host's own segments {} to {}: another box sent it", number(int(c.RST.TTL)), number(int(lo)), number(int(hi)))
		}
		if c.Origin.Signs.Has(TooEarly) {
			f.Add("it comes sooner than the host can have answered")
		}
		if long && (sign || c.Kind == Active) {
			return Likely
		}
		return Possible
	},
}

// elsewhereSigns reports whether the RST shows another origin than the host's
// own segments.
func elsewhereSigns(c *Case) bool {
	return c.Origin.Signs.Any(TooEarly|OtherDistance|Nearer) || c.nearer() != 0
}

// otherEnd returns the RST that ended the connection towards the sender of this
// one at the same time, nil when there was none.
func otherEnd(c *Case) *flows.Segment {
	for i := range min(len(c.Follow), 4) {
		s := &c.Follow[i].RST
		if s.Dir != c.Dir && s.Time-c.RST.Time <= together {
			return s
		}
	}
	return nil
}
