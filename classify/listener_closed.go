package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var listenerClosed = Rule{
	ID:      "listener-closed",
	Family:  FamilyDeliberate,
	Title:   "listener closed with connections waiting",
	Summary: "A service stopped listening while connections waited to be accepted; the kernel reset those that no program had seen yet.",
	Story:   always(storyListenerClosed),
	Wire: `C > S  S   S > C  S.   C > S  .     (waits to be accepted)
C > S  P.  perhaps a request
           (the listening socket is closed)
S > C  R.  seq 1, one for each that waited`,
	Confirm: []string{
		"the service was stopped or restarted at that moment",
		"`ss -ltn 'sport = :{server_port}'` on the server just before: Recv-Q of the listener above 0, connections waiting",
	},
	Advice: []string{
		"Before stopping: take the instance out of the load balancer and wait, then accept what waits, then close.",
		"Hand the listening socket over to the new process (systemd socket activation), or SO_REUSEPORT with net.ipv4.tcp_migrate_req=1.",
		"If connections wait long: accept faster.",
	},
	Remedies: []Remedy{
		drainKubernetes,
		socketActivation,
		{"Go net/http", "Server.Shutdown closes the listener first, and what waits in its queue is reset: fail the readiness check, wait some seconds, then call it."},
		reloadNginx,
		{"Linux", `For services with SO_REUSEPORT, hand what waits to another of the sockets (Linux 5.14 and later):
	sysctl -w net.ipv4.tcp_migrate_req=1`},
	},
	Refs: []string{
		"Linux: inet_csk_listen_stop; net.ipv4.tcp_migrate_req in ip-sysctl",
		"Kubernetes: KEP-3960, sleep action of preStop (on by default since 1.30, stable in 1.34)",
	},
	Over: []Over{
		{ID: "accepted-then-reset", Why: "other connections of the port went at the same moment"},
		{ID: "deliberate-abort", Why: "other connections of the port went at the same moment", Told: true},
		{ID: "unread-data-on-close", Why: "no program ever saw the connection"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "did the service stop listening at that moment? `systemctl status` or its log tells"},
		{"process-death", "was the process killed, or did it stop listening? Its log tells"},
		{"accept-queue-overflow", "`nstat -az TcpExtListenOverflows` on the server grows when the queue was full"},
		{"accepted-then-reset", "`ss -ltn` on the host: did the listener go, or does a proxy accept and find no back end?"},
	},
	Reasons:    []string{"TCP_STATE", "NO_SOCKET"},
	Telling:    SYNToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayOnPurpose, WayUnread),
	Mechanisms: mechanisms(Abort, Answer),
	When:       FromServer | SenderNoFIN | ReceiverNoFIN | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if x.Known.Has(flows.SawData) {
			return None
		}
		if !x.Known.Has(flows.SawSYN) {
			return closedMidStream(c, f)
		}
		if c.Mechanism == Answer {
			return closedInHandshake(c, f)
		}
		if c.Around.Burst <= 1 {
			return closedAlone(c, f)
		}
		if !stroke(c) || c.Around.BurstOpened && !c.Around.Shut {
			return None
		}
		reversed := latestFirst(c)
		if reversed && c.Around.BurstFell+1 >= latestFirstLeast {
			return None
		}
		f.Say(saysSentNothingConnectionBut)
		f.Say(saysResetConnectionsPortWithin)
		if y.Unanswered > 0 {
			f.Say(saysWaiting)
		}
		abortNumbers(c, f)
		// A listener's queue goes without those that were accepted; and two of a busy
		// server may come to the same end by chance.
		if refuses := gone(c, f); !refuses && c.Timing.At[IdleBefore] < ripe || c.Around.BurstSpoke > 0 || !oldestFirst(c) {
			return Possible
		}
		return Likely
	},
}

// closedAlone is what a listener leaves that had one connection waiting: no more
// than an abort of a connection on which the server never said anything.
func closedAlone(c *Case, f *Findings) Confidence {
	if c.Around.WentOn || c.Mechanism != Abort || c.RST.Flags&packet.ACK == 0 || c.Timing.At[IdleBefore] < ripe {
		return None // a program that ends it at once has accepted it
	}
	f.Say(saysSentNothingConnectionBut)
	if c.Receiver.Unanswered > 0 {
		f.Say(saysWaiting)
	}
	abortNumbers(c, f)
	gone(c, f)
	return Possible
}

// closedMidStream is what a listener leaves of connections that were open before the
// capture began.
func closedMidStream(c *Case, f *Findings) Confidence {
	if c.Mechanism != Abort || c.RST.Flags&packet.ACK == 0 || c.Flow.Handshake != flows.MidStream || c.Around.Burst <= 1 || c.Around.WentOn ||
		c.Sender.Known.Has(flows.AckedUnseen) || c.Timing.At[IdleBefore] < ripe {
		return None
	}
	f.Say(saysOnlyAcknowledgments)
	f.Say(saysResetConnectionsPortWithin)
	if c.Receiver.Unanswered > 0 {
		f.Say(saysWaiting)
	}
	abortNumbers(c, f)
	gone(c, f)
	return Possible
}

// closedInHandshake recognises the refusal of the last ACK of a handshake: the
// half-open connection went with its listener.
func closedInHandshake(c *Case, f *Findings) Confidence {
	t := &c.Trigger
	if !c.answers(packet.SYN|packet.ACK, packet.ACK) || uint32(c.Sender.SYNs) != c.Sender.Packets || t.Ack != c.Sender.ISN+1 || showsElsewhere(c) || c.Origin.Signs.Has(NamesItself) || refusedLate(c) {
		return None
	}
	f.Say(saysAcknowledgesSynAck)
	f.Say(saysRefusesLaterHalfOpen)
	switch {
	case gone(c, f):
		return Likely
	case c.RST.TTL > 64 && t.Len > 0:
		return None // other stacks than Linux may abort so
	}
	return Possible
}

var (
	saysSentNothingConnectionBut   = sentence("sent-nothing-connection-but", "{sender} had sent nothing on this connection but its SYN/ACK and acknowledgments")
	saysResetConnectionsPortWithin = sentence("reset-connections-port-within", "{sender} reset {burst} connections of this port within {burst_span}, this one among them")
	saysOnlyAcknowledgments        = sentence("only-acknowledgments", "the capture holds nothing of {sender} on this connection but acknowledgments")
	saysWaiting                    = sentence("waiting", "{receiver_unanswered} of {receiver} were waiting with it")
	saysAcknowledgesSynAck         = sentence("acknowledges-syn-ack", "{receiver} acknowledges the SYN/ACK in {trigger}")
	saysRefusesLaterHalfOpen       = sentence("refuses-later-half-open", "{rst} refuses that {answer_time} later: the half-open connection is gone")
	storyListenerClosed            = sentence("story-listener-closed", "{server} stopped listening on port {server_port} while this connection waited to be accepted; no program ever saw it.")
)
