package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// gaveUpAfter is how many retransmissions make it likely that a host gave a
// connection up: Linux reports trouble after three (tcp_retries1).
const gaveUpAfter = 3

var staleConnection = Rule{
	ID:      "stale-connection",
	Family:  FamilyStalePeer,
	Title:   "the peer no longer knows the connection",
	Summary: "A segment of an open connection reached a host that has no such connection any more: it restarted, failed over, or gave up silently.",
	Story:   say("{Y} went on using a connection that {X} no longer knows: {X} restarted, failed over or gave the connection up without a word."),
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
	Confused: []Confusion{
		{"firewall-reject", "`nstat -az TcpOutRsts` on the host grows when the host itself sends the RST"},
		{"middlebox-idle-timeout", "do several connections die after the same silence? Then it is a timer on the path; compare TTL and RTT with the host's"},
	},
	Reasons: []string{"TCP_FLAGS", "NO_SOCKET"},
	Telling: IdleBefore,
	Kinds:   kinds(Reply, ReplyACK),
	Given:   Underway,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		if !unknownHere(c) || !x.Spoke() || onlyAccepted(c) {
			return None
		}
		if c.Origin.Signs.Any(TooEarly|OtherDistance) || c.nearer() > 0 && x.TTLMin == x.TTLMax {
			return None // the host itself did not send it
		}
		answersOpen(c, f)
		if idle := c.Timing.At[IdleBefore]; idle >= 1e9 {
			f.Add("the connection had been silent for {}", dur(idle))
		}
		confidence := Possible
		if n := y.RetransRun + y.Probes; n > 0 {
			f.Add("{} had tried {} times without an answer since {}", end(c.Dir.Peer()), number(int(n)), frame(x.LatestWhere))
			confidence = Likely
		}
		// What a host sent again and again is what it gave up with.
		if n := x.Retrans; n >= gaveUpAfter && c.Trigger.Valid() && c.Trigger.Time-x.Latest > 200e6 {
			f.Add("{} had sent segments again {} times, the latest in {}: it may have given up since", end(c.Dir), number(int(n)), frame(x.LatestWhere))
			confidence = Likely
		}
		if s := &c.After.NewSYNACK; s.Valid() && s.Dir == c.Dir {
			f.Add("it accepts new connections: SYN/ACK in {}", frame(s.Where))
			confidence = Likely
		} else if t := c.Around.Reopened; t != 0 && c.Dir == flows.Server {
			f.Add("its port accepts new connections, {} after the RST", dur(t-c.RST.Time))
			confidence = Likely
		}
		if n := c.Around.Refusals; n > 0 && c.Dir == flows.Server {
			f.Add("its port has refused {} new connections: the service is, or was, down", number(n))
			confidence = Likely
		}
		if x.Known.Has(flows.Unseen) {
			f.Add("{} had acknowledged more of its stream than the capture holds: a FIN may be missing", end(c.Dir.Peer()))
			confidence = Possible
		}
		if c.Flow.Handshake == flows.MidStream {
			f.Add("the connection was open before the capture began")
			return Possible
		}
		return confidence
	},
}

// unknownHere reports whether the RST answers a segment of an open connection,
// as a host does that has no such connection.
func unknownHere(c *Case) bool {
	return !c.Before() && !c.X.Known.Has(flows.SawFIN) && (c.Flow.Handshake == flows.MidStream || c.Flow.Handshake == flows.Established) &&
		(!c.Trigger.Valid() || c.Trigger.Flags&packet.SYN == 0)
}

// answersOpen adds the segment and its answer.
func answersOpen(c *Case, f *Findings) {
	if c.Trigger.Valid() {
		f.Add("{} sends a segment of the connection ({})", end(c.Dir.Peer()), frame(c.Trigger.Where))
		f.Add("{} answers that segment {} later; a socket would have answered with an ACK", frame(c.RST.Where()), dur(c.RST.Time-c.Trigger.Time))
		return
	}
	f.Add("{} repeats an acknowledgment of {}; the segment it answers is not in the capture", frame(c.RST.Where()), end(c.Dir.Peer()))
}
