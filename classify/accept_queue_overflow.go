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
	Story: func(c *Case) *Sentence {
		switch {
		case c.Flow.Refused && silentUntilRepeated(c):
			return storyAcceptDeferred
		case c.Flow.Refused:
			return storyAcceptQueueIgnored
		}
		return storyAcceptQueueOverflow
	},
	Wire: `C > S  S   seq 0
S > C  S.  seq 0 ack 1
C > S  .   seq 1 ack 1
S > C  R   seq 1, window 0, no options`,
	Confirm: []string{
		"`nstat -az TcpExtListenOverflows TcpExtListenDrops` on the server: both grow",
		"`ss -ltn 'sport = :{server_port}'` on the server: Recv-Q has reached Send-Q",
		"does the listener set TCP_DEFER_ACCEPT (`strace -e setsockopt`, the program's configuration)? Then it waits for data, and the queue need not be full",
		"`sysctl net.ipv4.tcp_abort_on_overflow` is 1; with 0 the server says nothing and repeats its SYN/ACK",
	},
	Advice: []string{
		"Accept faster: more workers, no slow work between accept() and the next.",
		"Raise the backlog in listen() (nginx: listen ... backlog=, Go and Java take it from net.core.somaxconn), and net.core.somaxconn itself.",
		"Where the SYN/ACK is repeated to a client that is silent: a listener with TCP_DEFER_ACCEPT (nginx: deferred, HAProxy: defer-accept, Apache: AcceptFilter) waits for data and gives up; leave it out, or let clients that keep spare connections speak at once.",
		"Set net.ipv4.tcp_abort_on_overflow back to 0: a burst then costs a second instead of an error.",
		"If the service was restarted at this moment: drain it first, or hand the listening socket over.",
	},
	Remedies: []Remedy{
		{"Linux", `The smaller of the program's backlog and somaxconn counts; somaxconn is 4096 since Linux 5.4 (128 before), so that a larger one helps only a program that asks for more; restart it after a change:
	sysctl -w net.core.somaxconn=16384
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
		"Linux: tcp_check_req, tcp_abort_on_overflow; Documentation/networking/ip-sysctl.rst (somaxconn: 4096 since 5.4)",
		"listen(2)",
	},
	Confused: []Confusion{
		{"firewall-reject", "`nstat -az TcpExtListenOverflows` on the server does not grow when a filter answered"},
		{"listener-closed", "was the service stopped at that moment? `nstat -az TcpExtListenOverflows` grows only when the queue was full"},
		{"no-listener", "did later SYNs to the port get RST as well? Then the listener had gone"},
	},
	Reasons:    []string{"INVALID_SYN", "NO_SOCKET", "TCP_FLAGS"},
	Telling:    SYNACKToRST,
	Ways:       ways(WayAnswer),
	Mechanisms: mechanisms(Answer),
	When:       FromServer | SenderSYN | Underway | First | AnswersSegment,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		if !onlyAccepted(c) || c.RST.Options != 0 ||
			t.Flags&(packet.SYN|packet.ACK) != packet.ACK || t.Ack != c.Sender.ISN+1 || showsElsewhere(c) && c.Path.Off >= 0 || c.Origin.Signs.Has(NamesItself) {
			return None // from nearer, or by a box that says so: not the server's kernel
		}
		f.Say(saysAcceptsConnectionSynAck)
		if t.Len == 0 {
			f.Say(saysCompletesHandshake)
		} else {
			f.Say(saysCompletesHandshakeBrings)
		}
		f.Say(saysRefusesLaterServerSent)
		switch {
		case c.Flow.Refused && silentUntilRepeated(c):
			f.Say(saysSYNACKRepeated)
			f.Say(saysSilentUntil)
			return Likely
		case c.Flow.Refused:
			f.Say(saysSYNACKRepeated)
			f.Say(saysDataAndRepeated)
			return Likely
		case c.Sender.SYNs > 1:
			f.Say(saysSynAckSentTimes)
		}
		if c.Around.Refusals > 0 {
			f.Say(saysPortRefusedSynsWell)
			return Possible
		}
		if refusedLate(c) || showsElsewhere(c) || c.RST.TTL > 64 {
			return Possible // a host that begins with a TTL of more is no Linux host
		}
		return Likely
	},
}

// What a SYN/ACK means that is repeated although it was acknowledged: the words
// of verdicts and notes.
const (
	AcceptQueueFull = "its accept queue is full, the program is too slow to accept"
	WaitsForData    = "it waits for data before it takes the connection (TCP_DEFER_ACCEPT)"
	AcceptQueueTell = "`nstat -az TcpExtListenOverflows`, `ss -ltn`"
)

// silentUntilRepeated reports whether the client had sent no data when the server
// sent its SYN/ACK for the last time.
func silentUntilRepeated(c *Case) bool {
	y := c.client()
	return !y.Known.Has(flows.SawData) || y.DataFirst > c.server().SYNLast
}

var (
	saysSYNACKRepeated           = sentence("syn-ack-repeated-though-acknowledged", "the server sent its SYN/ACK {sender_syns} times, although the client had acknowledged it")
	saysSilentUntil              = sentence("silent-until-repeated", "the client had sent no data until then: a listener that waits for data (TCP_DEFER_ACCEPT) and one with a full queue look the same")
	saysDataAndRepeated          = sentence("data-and-repeated", "the client had sent data before the last of them: a listener that waits for data (TCP_DEFER_ACCEPT) would have taken it")
	storyAcceptDeferred          = sentence("story-accept-deferred", "{client} had completed the handshake and was silent; {server} repeated its SYN/ACK, and refused what came then. Most likely "+WaitsForData+"; or "+AcceptQueueFull+".")
	storyAcceptQueueIgnored      = sentence("story-accept-queue-ignored", "{client} had completed the handshake and sent data; {server} repeated its SYN/ACK all the same, and refused in the end: "+AcceptQueueFull+".")
	saysAcceptsConnectionSynAck  = sentence("accepts-connection-syn-ack", "{sender} accepts the connection (SYN/ACK, {sender_syn})")
	saysCompletesHandshake       = sentence("completes-handshake", "{trigger} completes the handshake")
	saysCompletesHandshakeBrings = sentence("completes-handshake-brings", "{trigger} completes the handshake and brings {trigger_len}")
	saysRefusesLaterServerSent   = sentence("refuses-later-server-sent", "{rst} refuses it {answer_time} later; the server has sent nothing but its SYN/ACK")
	saysSynAckSentTimes          = sentence("syn-ack-sent-times", "the SYN/ACK was sent {sender_syns} times")
	saysPortRefusedSynsWell      = sentence("port-refused-syns-well", "the port refused {refusals} SYNs as well: the listener may have gone")
	storyAcceptQueueOverflow     = sentence("story-accept-queue-overflow", "{client} had completed the handshake when {server} refused it: its accept queue on port {server_port} was full (with tcp_abort_on_overflow set), or the listener had just gone.")
)
