package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/packet"
)

var listenerClosed = Rule{
	ID:      "listener-closed",
	Family:  FamilyDeliberate,
	Title:   "listener closed with connections waiting",
	Summary: "A service stopped listening while connections waited to be accepted; the kernel reset those that no program had seen yet.",
	Story:   say("{server} stopped listening on port {port} while this connection waited to be accepted; no program ever saw it."),
	Wire: `C > S  S   S > C  S.   C > S  .     (waits to be accepted)
C > S  P.  perhaps a request
           (the listening socket is closed)
S > C  R.  seq 1, one for each that waited`,
	Confirm: []string{
		"the service was stopped or restarted at that moment",
		"`ss -ltn` just before: Recv-Q of the listener above 0, connections waiting",
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
	},
	Confused: []Confusion{
		{"process-death", "was the process killed, or did it stop listening? Its log tells"},
		{"accept-queue-overflow", "`nstat -az TcpExtListenOverflows` on the server grows when the queue was full"},
		{"accepted-then-reset", "`ss -ltn` on the host: did the listener go, or does a proxy accept and find no back end?"},
	},
	Reasons: []string{"TCP_STATE", "NO_SOCKET"},
	Telling: SYNToRST,
	Kinds:   kinds(Active, Reply),
	Given:   FromServer | SenderSYN,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		if c.Dir != flows.Server || c.Before() || x.Known.Has(flows.SawData) || x.Known.Has(flows.SawFIN) ||
			!x.Known.Has(flows.SawSYN) || y.Known.Has(flows.SawFIN) {
			return None
		}
		if c.Kind == Reply {
			return closedInHandshake(c, f)
		}
		burst, span := c.Around.Burst()
		if burst < 2 {
			return None
		}
		f.Add("{} had sent nothing on this connection but its SYN/ACK and acknowledgments", end(c.Dir))
		f.Add("{} reset {} connections of this port within {}, this one among them", end(c.Dir), number(burst), within(span))
		if y.Unanswered > 0 {
			f.Add("{} of {} were waiting with it", octets(y.Unanswered), end(c.Dir.Peer()))
		}
		abortNumbers(c, f)
		// Two connections of a busy server may come to the same end by chance.
		if !gone(c, f) && c.Timing.At[IdleBefore] < hosts.BurstWidth {
			return Possible
		}
		return Likely
	},
}

// closedInHandshake recognises the refusal of the last ACK of a handshake: the
// half-open connection went with its listener.
func closedInHandshake(c *Case, f *Findings) Confidence {
	t := &c.Trigger
	if !c.Answers(packet.SYN|packet.ACK, packet.ACK) || uint32(c.X.SYNs) != c.X.Packets || t.Ack != c.X.ISN+1 || elsewhereSigns(c) || refusedLate(c) {
		return None
	}
	f.Add("{} acknowledges the SYN/ACK in {}", end(c.Dir.Peer()), frame(t.Where))
	f.Add("{} refuses that {} later: the half-open connection is gone", frame(c.RST.Where()), dur(c.RST.Time-t.Time))
	if gone(c, f) {
		return Likely
	}
	return Possible
}
