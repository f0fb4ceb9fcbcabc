package classify

import "github.com/rstwhy/rstwhy/flows"

var acceptedThenReset = Rule{
	ID:      "accepted-then-reset",
	Family:  FamilyDeliberate,
	Title:   "accepted, then reset without an answer",
	Summary: "A program accepted the connection and ended it at once without a byte of answer: typically a proxy whose back end could not be reached.",
	Story:   always(storyAcceptedThenReset),
	Wire: `C > S  S   S > C  S.   C > S  .
C > S  P.  request
S > C  R.  seq 1: milliseconds later, nothing was answered`,
	Confirm: []string{
		"is the listening process a proxy (`ss -ltnp`: docker-proxy, socat, haproxy, sshd, stunnel)? Then try its back end by hand",
		"in the container: does the application listen on 0.0.0.0 and the published port, or only on 127.0.0.1 or another port?",
		"nginx: return 444, with reset_timedout_connection on; TCP wrappers and access lists that close at once",
	},
	Advice: []string{
		"Docker, Kubernetes: let the application listen on 0.0.0.0 or ::, on the port that is published.",
		"Start the back end, or let the proxy refuse in time: health checks that take it out.",
		"ssh port forwarding: the target named in -L must be reachable from the server.",
	},
	Remedies: []Remedy{
		{"Docker", `The proxy accepts on the published port whatever happens in the container, where the program must listen on 0.0.0.0 or ::, on the second port:
	docker run -p 8080:80 IMAGE`},
		{"ssh", `The target is reached from the server's side, by the server's names:
	ssh -L 8080:127.0.0.1:80 HOST`},
		{"nginx", `Look for the two in the configuration; together they end connections so on purpose:
	return 444;
	reset_timedout_connection on;`},
		{"HAProxy", "In mode tcp it accepts before it knows whether a server is there; the log line with SC or sC names the reason."},
	},
	Refs: []string{
		"Docker documentation: published ports; RFC 1122, 4.2.2.13",
	},
	Over: []Over{
		{ID: "deliberate-abort", Why: "nothing was answered, which is how a proxy without a back end looks"},
		{ID: "unread-data-on-close", Why: "the first message is all that came, and a program that serves would have read it"},
	},
	Confused: []Confusion{
		{"listener-closed", "was the service stopped at that moment? Then later SYNs to the port are refused for a while"},
		{"deliberate-abort", "the program's configuration: nginx return 444, an access list, a limit of connections; nstat TcpExtTCPAbortOnClose does not grow"},
		{"plaintext-to-tls-port", "does the port speak TLS (`openssl s_client`)? Then the plain request was the mistake"},
	},
	Reasons:    []string{"TCP_ABORT_ON_CLOSE", "TCP_STATE"},
	Telling:    SYNACKToRST,
	Silence:    IdleBefore,
	Mechanisms: mechanisms(Abort),
	When:       FromServer | SenderSYN | First | ReceiverNoFIN,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if x.Known.Has(flows.SawData) {
			return None
		}
		if y.Known.Has(flows.SawData) {
			// One whole message: what is unread in the middle of a stream is not
			// a connection refused.
			known := isRequest(&y.First, y.FirstN) || firstRecord(y).kind == recordHandshake
			if !known || y.Bytes > 2*oneSegment || c.Timing.At[ReceiverDataToRST] > longRead {
				return None
			}
			f.Say(saysSendsFirstMessage)
			f.Say(saysResetsLaterWithoutByte)
		} else {
			if c.Timing.At[SYNACKToRST] > longRead {
				return None
			}
			f.Say(saysNeitherSideSentData)
		}
		abortNumbers(c, f)
		return Likely
	},
}

var (
	saysSendsFirstMessage      = sentence("sends-first-message", "{receiver} sends its first message ({receiver_data})")
	saysResetsLaterWithoutByte = sentence("resets-later-without-byte", "{sender} resets {receiver_data_to_rst} later, without a byte of answer")
	saysNeitherSideSentData    = sentence("neither-side-sent-data", "neither side had sent data; {sender} resets {synack_to_rst} after its SYN/ACK")
	storyAcceptedThenReset     = sentence("story-accepted-then-reset", "{server} accepted the connection on port {server_port} and reset it at once, without a byte of answer: a proxy that cannot reach its back end does that.")
)
