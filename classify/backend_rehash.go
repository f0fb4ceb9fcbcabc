package classify

import "github.com/rstwhy/rstwhy/flows"

var backendRehash = Rule{
	ID:      "backend-rehash",
	Family:  FamilyStalePeer,
	Title:   "another server behind the address answered",
	Summary: "A load balancer or route sent the segment to another server than the one that has the connection, and that one refused it.",
	Story: func(c *Case) *Sentence {
		if otherLeg(c, flows.Server) {
			return storyBackendRehash2
		}
		return storyBackendRehash
	},
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
	Over: []Over{
		{ID: "mid-stream", Why: "the connection began in the capture, with another server", Told: true},
		{ID: "stale-connection", Why: "the TTL shows another machine"},
		{ID: "middlebox-idle-timeout", Why: "the connection had not been idle for long enough for a timer that is known"},
	},
	Confused: []Confusion{
		{"firewall-reject", "does a box with a REJECT rule stand at the distance that the RST's TTL tells?"},
	},
	Reasons:    []string{"TCP_FLAGS", "NO_SOCKET"},
	OtherHost:  true,
	Telling:    TriggerToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayAnswer, WayBox),
	Mechanisms: mechanisms(Answer),
	When:       FromServer | Underway | First | SenderNoFIN | AnswersSegment,
	Match: func(c *Case, f *Findings) Confidence {
		if otherLeg(c, flows.Server) && c.Flow.Handshake == flows.MidStream && !c.Sender.Spoke() {
			f.Say(saysAskedAnotherServer)
			f.Say(saysGoesOnElsewhere)
			f.Say(saysRefusesGoingOn)
			return Likely
		}
		if !unknownHere(c) || c.Sender.TTLMax == 0 || onlyAccepted(c) ||
			c.Timing.At[IdleBefore] >= idleWorthNaming || c.After.CarriedOn.Valid() || tooSoon(c) {
			return None
		}
		off := c.Path.Off
		known := c.Around.TTL != 0 && c.Around.TTL == c.RST.TTL
		if off == 0 || off > 0 && !known {
			return None // nearer is rather a filter on the way
		}
		answersOpen(c, f)
		f.Say(saysTtlThoseServerSegments)
		if known {
			f.Say(saysNewConnectionsAddressAnswered)
			return Likely
		}
		return Possible
	},
}

var (
	saysAskedAnotherServer            = sentence("asked-another-server", "from the same address and port {receiver} had asked {leg} for a connection ({leg_syn})")
	saysGoesOnElsewhere               = sentence("goes-on-elsewhere", "{trigger} goes on with the numbers of that connection, and goes to {sender}")
	saysRefusesGoingOn                = sentence("refuses-going-on", "{rst} refuses it {answer_time} later: {sender} has no such connection")
	saysTtlThoseServerSegments        = sentence("ttl-those-server-segments", "its TTL is {rst_ttl}, those of the server's segments before are {sender_ttl_least} to {sender_ttl_most}")
	saysNewConnectionsAddressAnswered = sentence("new-connections-address-answered", "new connections to the address are answered with that TTL too: another machine stands there now")
	storyBackendRehash2               = sentence("story-backend-rehash-2", "{receiver} had its connection with {leg}; what it sent next reached {sender}, which has no such connection and refused it. A load balancer or route stands between them.")
	storyBackendRehash                = sentence("story-backend-rehash", "{receiver}'s segment reached another machine behind the address of {sender} than the ones before: it has no such connection and refused it.")
)
