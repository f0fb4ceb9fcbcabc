package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var acceptedThenReset = Rule{
	ID:      "accepted-then-reset",
	Family:  FamilyDeliberate,
	Title:   "accepted, then reset without an answer",
	Summary: "A program accepted the connection and ended it at once without a byte of answer: typically a proxy whose back end could not be reached.",
	Story: func(c *Case) *Sentence {
		switch {
		case c.Mechanism == Answer && c.Origin.Signs.Has(NamesItself):
			return storyAcceptedThenReset2
		case c.Mechanism == Answer:
			return storyAcceptedThenReset3
		}
		return storyAcceptedThenReset
	},
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
		{"Citrix NetScaler", "It may complete handshakes itself and make its connection with the first data. CTX200852 has what the window of the RST means; look at what overtook that data, and at its services."},
		{"F5 BIG-IP", "K13223: the payload of the RST names the cause; `tmsh show /net rst-cause` counts them."},
		{"HAProxy", "In mode tcp it accepts before it knows whether a server is there; the log line with SC or sC names the reason."},
	},
	Refs: []string{
		"Docker documentation: published ports; RFC 1122, 4.2.2.13",
	},
	Over: []Over{
		{ID: "accept-queue-overflow", Why: "its TTL is not what a Linux host begins with, or the last ACK of the handshake had passed"},
		{ID: "deliberate-abort", Why: "nothing was answered, which is how a proxy without a back end looks"},
		{ID: "unread-data-on-close", Why: "the first message is all that came, and a program that serves would have read it"},
	},
	Confused: []Confusion{
		{"accept-queue-overflow", "`nstat -az TcpExtListenOverflows` on the server grows when its queue was full"},
		{"firewall-reject", "a capture on the server: does the first data reach it, and was it the one that accepted?"},
		{"listener-closed", "was the service stopped at that moment? Then later SYNs to the port are refused for a while"},
		{"deliberate-abort", "the program's configuration: nginx return 444, an access list, a limit of connections; with SO_LINGER 0 TcpExtTCPAbortOnClose grows only if the request lay unread, TcpExtTCPAbortOnData if it had been read"},
		{"plaintext-to-tls-port", "does the port speak TLS (`openssl s_client`)? Then the plain request was the mistake"},
	},
	Reasons:    []string{"TCP_ABORT_ON_CLOSE", "TCP_STATE"},
	Telling:    SYNACKToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayOnPurpose, WayUnread, WayBox),
	Mechanisms: mechanisms(Abort, Answer),
	When:       FromServer | SenderSYN | First | ReceiverNoFIN,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if x.Known.Has(flows.SawData) || !y.Known.Has(flows.SawData) && c.receivedData() > 0 {
			return None
		}
		if c.Mechanism == Answer {
			if sure := boxRefuses(c, f); sure != None {
				return sure
			}
			return bareOfAnother(c, f)
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
			if y.Spoke() {
				f.Say(saysNeitherSideSentData)
			} else {
				f.Say(saysTookNothing)
			}
		}
		abortNumbers(c, f)
		return Likely
	},
}

// bareOfAnother recognises what may be the abort of a stack other than Linux, bare as
// RFC 9293, 3.10.5 has it, at the first message; or that of a host which completes
// handshakes and does no more.
func bareOfAnother(c *Case, f *Findings) Confidence {
	y := c.Receiver
	if c.Origin.Signs.Has(NamesItself) {
		return None
	}
	if onlyAccepted(c) && c.Trigger.Len > 0 && refusedLate(c) && c.Path.Known && c.Path.Off == 0 && !c.Flow.Refused {
		f.Say(saysLetPass)
		return Possible
	}
	if !onlyAccepted(c) || c.RST.Flags&packet.ACK != 0 || c.RST.Seq != c.Sender.SndNxt || c.RST.TTL <= 64 || c.RST.TTL > 128 ||
		!c.Path.Known || c.Path.Off != 0 || c.Trigger.Len == 0 || y.Bytes > 4*oneSegment || c.Timing.At[ReceiverDataToRST] > longRead {
		return None
	}
	f.Say(saysSendsFirstMessage)
	f.Say(saysResetsLaterWithoutByte)
	f.Say(saysBareOfAnother)
	return Possible
}

// boxRefuses recognises a load balancer that completes handshakes itself, and says
// in its RST why it refuses what came next.
func boxRefuses(c *Case, f *Findings) Confidence {
	if !c.Origin.Signs.Has(NamesItself) || !onlyAccepted(c) || !c.Trigger.Valid() {
		return None
	}
	f.Say(saysCompletedHandshakeItself)
	if c.Receiver.Known.Has(flows.SawSYN) && c.Trigger.Len > 0 && c.Trigger.Seq.Sub(c.Receiver.ISN+1) > 0 {
		f.Say(saysRefusesBehindGap)
	} else {
		f.Say(saysRefusesTrigger)
	}
	f.repeat(c.Origin.Proofs)
	return Likely
}

var (
	saysCompletedHandshakeItself = sentence("completed-handshake-itself", "the connection was accepted in the name of {sender} ({sender_syn}); nothing else came from there")
	saysRefusesBehindGap         = sentence("refuses-behind-gap", "{rst} refuses {trigger} {answer_time} later, which begins {trigger_offset} octets into the stream of {receiver}: it is not the first data")
	saysRefusesTrigger           = sentence("refuses-trigger", "{rst} refuses {trigger} {answer_time} later")
	storyAcceptedThenReset2      = sentence("story-accepted-then-reset-2", "A load balancer accepted the connection in the name of {server} on port {server_port} and refused what came next, {trigger}; {rst} says why.")
	storyAcceptedThenReset3      = sentence("story-accepted-then-reset-3", "The connection to {server} was accepted, and data of {client} ({trigger}) answered with a reset {answer_time} later: as a program looks that ends it at once, or a box that accepts for a server which it cannot reach.")

	saysLetPass                = sentence("let-the-ack-pass", "{sender} had accepted the connection ({sender_syn}), and {rst} refuses data of {receiver} ({trigger}) {answer_time} later; a box that completes handshakes in a server's name may do so")
	saysBareOfAnother          = sentence("bare-of-another", "its TTL, {rst_ttl}, may be what is left of the 128 that Windows begins with; Windows aborts without ACK, and does not refuse what it has accepted")
	saysSendsFirstMessage      = sentence("sends-first-message", "{receiver} sends its first message ({receiver_data})")
	saysResetsLaterWithoutByte = sentence("resets-later-without-byte", "{sender} resets {receiver_data_to_rst} later, without a byte of answer")
	saysTookNothing            = sentence("took-nothing", "{sender} had sent no data and acknowledged none; it resets {synack_to_rst} after its SYN/ACK")
	saysNeitherSideSentData    = sentence("neither-side-sent-data", "neither side had sent data; {sender} resets {synack_to_rst} after its SYN/ACK")
	storyAcceptedThenReset     = sentence("story-accepted-then-reset", "{server} accepted the connection on port {server_port} and reset it at once, without a byte of answer: a proxy that cannot reach its back end does that.")
)
