package classify

import (
	"github.com/rstwhy/rstwhy/flows"
)

var staleConnection = Rule{
	ID:      "stale-connection",
	Family:  FamilyStalePeer,
	Title:   "the peer no longer knows the connection",
	Summary: "A segment of an open connection reached a host that has no such connection any more: it restarted, failed over, or gave up silently.",
	Story:   always(storyStaleConnection),
	Wire: `C > S  P.  data on a connection that was open
S > C  R   seq = the ack of that segment, window 0, no options`,
	Confirm: []string{
		"uptime of the host and of the process: did either restart since the connection was opened?",
		"`ss -tn` on the host that sent the RST does not show the connection, on the other side it did",
	},
	Advice: []string{
		"Let clients retry on a new connection when one is reset, and keep idle connections alive or close them early.",
		"Drain connections before a restart or a failover.",
	},
	Remedies: []Remedy{
		{"Linux", `For sockets with SO_KEEPALIVE; a program may set the same for one socket (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT):
	sysctl -w net.ipv4.tcp_keepalive_time=60
	sysctl -w net.ipv4.tcp_keepalive_intvl=15
	sysctl -w net.ipv4.tcp_keepalive_probes=4`},
		{"Go", `database/sql: take connections out of use before anything forgets them:
	db.SetConnMaxLifetime(5 * time.Minute)
	db.SetConnMaxIdleTime(time.Minute)`},
		{"Java", `HikariCP, in milliseconds:
	maxLifetime=300000
	keepaliveTime=60000`},
		{"Python", `SQLAlchemy asks each connection before it uses it:
	create_engine(url, pool_pre_ping=True, pool_recycle=300)`},
		{"PostgreSQL clients", `In the connection string of libpq:
	keepalives_idle=60 keepalives_interval=15 keepalives_count=4`},
	},
	Refs: []string{
		"RFC 9293, 3.5.1: half-open connections; 3.10.7.1",
		"Linux: tcp_v4_send_reset from the listener, or without a socket",
	},
	Over: []Over{
		{ID: "firewall-reject", Why: "the host itself may have sent it, and nothing speaks for a filter"},
		{ID: "middlebox-idle-timeout", Why: "the host itself may have sent it, and the silence was short or unremarkable"},
	},
	Confused: []Confusion{
		{"firewall-reject", "`nstat -az TcpOutRsts` on the host grows when the host itself sends the RST"},
		{"middlebox-idle-timeout", "do several connections die after the same silence? Then it is a timer on the path; compare TTL and RTT with the host's"},
	},
	Reasons:    []string{"TCP_FLAGS", "NO_SOCKET"},
	Telling:    IdleBefore,
	Silence:    IdleBefore,
	Ways:       ways(WayAnswer),
	Mechanisms: mechanisms(Answer, AnswerWithACK),
	When:       Underway | First | SenderSpoke | SenderNoFIN,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if !unknownHere(c) || onlyAccepted(c) {
			return None
		}
		if tooSoon(c) || c.Origin.Signs.Has(OtherDistance) || c.Path.Off > 0 && x.TTLMin == x.TTLMax && !mayBeNAT(c) {
			return None // the host itself did not send it
		}
		answersOpen(c, f)
		if idle := c.Timing.At[IdleBefore]; idle >= idleWorthSaying {
			f.Say(saysConnectionSilent)
		}
		confidence := Possible
		if n := y.RetransRun + y.Probes; n > 0 {
			f.Say(saysTriedTimesWithoutAnswerSince)
			confidence = Likely
		}
		// What a host sent again and again is what it gave up with.
		if n := x.Retransmissions; n >= gaveUpAfter && c.Trigger.Valid() && c.Trigger.Time-x.Latest > gaveUpSilence {
			f.Say(saysSentSegmentsAgainTimes)
			confidence = Likely
		}
		if s := &c.After.NewSYNACK; s.Valid() && s.Dir == c.Dir {
			f.Say(saysAcceptsNewConnectionsSyn)
			confidence = Likely
		} else if t := c.Around.Reopened; t != 0 && c.Dir == flows.Server {
			f.Say(saysPortAcceptsNewConnections)
			confidence = Likely
		}
		if n := c.Around.Refusals; n > 0 && c.Dir == flows.Server {
			f.Say(saysPortRefusedNewConnections)
			confidence = Likely
		}
		if x.Known.Has(flows.AckedUnseen) {
			f.Say(saysMoreAcked)
			confidence = Possible
		}
		if c.Path.Off > 0 {
			return Possible // a NAT at the host's address may have lost it
		}
		if bracketed(c) {
			return Possible // a timer explains which connections were refused, and which not
		}
		if c.Flow.Handshake == flows.MidStream {
			f.Say(saysConnectionOpenBeforeCapture)
			return Possible
		}
		return confidence
	},
}

// mayBeNAT reports whether the RST may come from a NAT at the client's address that lost
// its entry: it is one hop nearer than the client.
func mayBeNAT(c *Case) bool {
	return c.Path.Off == 1 && c.Dir == flows.Client && c.Timing.At[IdleBefore] >= ShortestIdle
}

var (
	saysConnectionSilent             = sentence("connection-silent", "the connection had been silent for {idle_before}")
	saysTriedTimesWithoutAnswerSince = sentence("tried-times-without-answer-since", "{receiver} had tried {receiver_tries_unanswered} times without an answer since {sender_latest}")
	saysSentSegmentsAgainTimes       = sentence("sent-segments-again-times", "{sender} had sent segments again {sender_retransmissions} times, the latest in {sender_latest}: it may have given up since")
	saysAcceptsNewConnectionsSyn     = sentence("accepts-new-connections-syn", "it accepts new connections: SYN/ACK in {syn_ack_after}")
	saysPortAcceptsNewConnections    = sentence("port-accepts-new-connections", "its port accepts new connections, {rst_to_reopened} after the RST")
	saysPortRefusedNewConnections    = sentence("port-refused-new-connections", "its port has refused new connections too ({refusals} of them): the service is or was down")
	saysConnectionOpenBeforeCapture  = sentence("connection-open-before-capture", "the connection was open before the capture began")
	storyStaleConnection             = sentence("story-stale-connection", "{receiver} went on using a connection that {sender} no longer knows: {sender} restarted, failed over or gave the connection up without a word.")
)
