package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var acceptQueueOverflow = Rule{
	ID:      "accept-queue-overflow",
	Family:  FamilyOverload,
	Title:   "the accept queue was full",
	Summary: "The client had completed the handshake, but the server's queue of connections that wait for accept() was full and it is set to refuse then.",
	Story:   say("{client} had completed the handshake when {server} refused it: its accept queue on port {port} was full (with tcp_abort_on_overflow set), or the listener had just gone."),
	Wire: `C > S  S   seq 0
S > C  S.  seq 0 ack 1
C > S  .   seq 1 ack 1
S > C  R   seq 1, window 0, no options`,
	Confirm: []string{
		"`nstat -az TcpExtListenOverflows TcpExtListenDrops` on the server: both grow",
		"`ss -ltn 'sport = :PORT'` on the server: Recv-Q has reached Send-Q",
		"`sysctl net.ipv4.tcp_abort_on_overflow` is 1; with 0 the server says nothing and repeats its SYN/ACK",
	},
	Advice: []string{
		"Accept faster: more workers, no slow work between accept() and the next.",
		"Raise the backlog in listen() (nginx: listen ... backlog=, Go and Java take it from net.core.somaxconn), and net.core.somaxconn itself.",
		"Set net.ipv4.tcp_abort_on_overflow back to 0: a burst then costs a second instead of an error.",
		"If the service was restarted at this moment: drain it first, or hand the listening socket over.",
	},
	Remedies: []Remedy{
		{"Linux", `The smaller of the program's backlog and somaxconn counts; restart the program after a change:
	sysctl -w net.core.somaxconn=4096
	sysctl -w net.ipv4.tcp_abort_on_overflow=0`},
		{"nginx", `511 by default on Linux:
	listen 443 ssl backlog=4096;`},
		{"HAProxy", `backlog in the frontend, and a maxconn that is not reached before:
	backlog 4096
	maxconn 20000`},
		{"Go", "net.Listen takes somaxconn as it is when the program starts."},
		{"Java", `50 by default; acceptCount (100) of Tomcat's Connector:
	new ServerSocket(port, 4096)`},
		{"Node.js", `511 by default:
	server.listen({ port: 8080, backlog: 4096 });`},
		{"Python", `Gunicorn takes 2048, asyncio 100 by default:
	sock.listen(4096)
	asyncio.start_server(handle, port=8080, backlog=4096)`},
	},
	Refs: []string{
		"Linux: tcp_check_req, tcp_abort_on_overflow; Documentation/networking/ip-sysctl.rst",
		"listen(2)",
	},
	Confused: []Confusion{
		{"firewall-reject", "`nstat -az TcpExtListenOverflows` on the server does not grow when a filter answered"},
		{"listener-closed", "was the service stopped at that moment? `nstat -az TcpExtListenOverflows` grows only when the queue was full"},
		{"no-listener", "did later SYNs to the port get RST as well? Then the listener had gone"},
	},
	Reasons: []string{"INVALID_SYN", "NO_SOCKET", "TCP_FLAGS"},
	Telling: SYNACKToRST,
	Kinds:   kinds(Reply),
	Given:   FromServer | SenderSYN | Underway,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		if c.Before() || !onlyAccepted(c) || c.RST.Options != 0 || !t.Valid() ||
			t.Flags&(packet.SYN|packet.ACK) != packet.ACK || t.Ack != c.X.ISN+1 || elsewhereSigns(c) {
			return None
		}
		f.Add("{} accepts the connection (SYN/ACK, {})", end(c.Dir), frame(c.X.SYNWhere))
		if t.Len == 0 {
			f.Add("{} completes the handshake", frame(t.Where))
		} else {
			f.Add("{} completes the handshake and brings {}", frame(t.Where), octets(uint64(t.Len)))
		}
		f.Add("{} refuses it {} later; the server has sent nothing but its SYN/ACK", frame(c.RST.Where()), dur(c.RST.Time-t.Time))
		if c.X.SYNs > 1 {
			f.Add("the SYN/ACK was sent {} times", number(int(c.X.SYNs)))
		}
		if c.Around.Refusals > 0 {
			f.Add("the port refused {} SYNs as well: the listener may have gone", number(c.Around.Refusals))
			return Possible
		}
		if refusedLate(c) {
			return Possible
		}
		return Likely
	},
}

// onlyAccepted reports whether the RST is a server's that, for all the capture
// shows, has sent nothing but SYN/ACKs, and whose client completed the handshake.
func onlyAccepted(c *Case) bool {
	x := c.X
	return c.Dir == flows.Server && c.Flow.Handshake == flows.Established && x.Known.Has(flows.SawSYN) && uint32(x.SYNs) == x.Packets
}

// refusedLate reports whether the server had let the last ACK of the handshake
// pass: an answer to that would have come sooner.
func refusedLate(c *Case) bool {
	return c.Trigger.Len > 0 && c.Y.Known.Has(flows.SawPlainAck) && c.Trigger.Where != c.Y.AckWhere &&
		c.RST.Time-c.Y.AckFirst > 2*c.Flow.RTTServer()+10e6
}
