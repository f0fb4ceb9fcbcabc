package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var handshakeAbort = Rule{
	ID:      "handshake-abort",
	Family:  FamilyHandshakeAbort,
	Mend:    ClientsChoice,
	Title:   "client gave up before the SYN/ACK came",
	Summary: "The client closed its socket while connect() was still waiting; the SYN/ACK that came later found nobody.",
	Story: func(c *Case) *Sentence {
		switch {
		case gaveUpUnanswered(c):
			return storyHandshakeAbortUnanswered
		case !c.Trigger.Valid():
			return storyHandshakeAbortUnseen
		case answersSlowly(c):
			return storyHandshakeAbortLate
		}
		return storyHandshakeAbort
	},
	Wire: `C > S  S   seq 0
           (the client's connect timeout passes, the socket is closed)
S > C  S.  seq 0 ack 1
C > S  R   seq 1, window 0, no options`,
	Confirm: []string{
		"`strace -e connect,poll,close` on the client: connect() ends with EINPROGRESS, poll() times out, then close()",
		"the client's connect timeout is shorter than the time from SYN to SYN/ACK given here",
	},
	Advice: []string{
		"Raise the client's connect timeout above the slowest SYN/ACK it should survive.",
		"On Linux SO_SNDTIMEO limits connect(); SO_RCVTIMEO does not.",
		"Find out why the SYN/ACK is late: lost SYNs, a full backlog, a long path, a busy host.",
	},
	Remedies: []Remedy{
		{"Linux", "A lost SYN is repeated after 1 s: a connect timeout below that does not survive one loss."},
		{"Go", `The limit of net.Dialer is that of the whole connect, name lookup and all addresses included:
	d := net.Dialer{Timeout: 5 * time.Second}`},
		{"Python", `socket.create_connection(address, timeout=5); with requests the first number:
	requests.get(url, timeout=(5, 60))`},
		{"Java", `The second argument, in milliseconds:
	socket.connect(address, 5000);`},
		{"Node.js", `It tries the addresses of a name one after the other and gives each only a few hundred milliseconds; on long paths:
	net.setDefaultAutoSelectFamilyAttemptTimeout(1000);`},
		{"curl", `By default 300 s:
	curl --connect-timeout 5 URL`},
		{"Proxies", "nginx: proxy_connect_timeout. HAProxy: timeout connect. Envoy: connect_timeout of the cluster."},
	},
	Refs: []string{
		"RFC 9293, 3.10.7.1: no connection, so the SYN/ACK is answered with a reset",
		"Linux: inet_stream_connect waits for the send timeout; socket(7), connect(2)",
	},
	Over: []Over{
		{ID: "deliberate-abort", Why: "the client had no connection yet, by the acknowledgment of its RST", Told: true},
	},
	Reasons:    []string{"NO_SOCKET"},
	Telling:    SYNToSYNACK,
	Silence:    SYNToSYNACK,
	Ways:       ways(WayAnswer, WayOnPurpose),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Abort),
	When:       FromClient | First | SenderSYN,
	Match: func(c *Case, f *Findings) Confidence {
		x := c.Sender
		switch {
		case gaveUpUnanswered(c):
			return gaveUp(c, f)
		case !c.Facts.Has(SYNACKDropped):
			return None
		case toolSYN(c) && askedFromElsewhere(c):
			return None
		case !c.Trigger.Valid():
			return dropped(c, f)
		case !acksSYN(x, c.Trigger.Ack) || c.triedAgain():
			return None
		}
		f.Say(saysAsksConnectionSyn2)
		f.Say(saysSynAckComesAfterSyn)
		if x.SYNs > 1 {
			f.Say(saysSynSentTimes)
		}
		f.Say(saysResetsLaterClientNever)
		f.Say(saysSoClientWaitedLess)
		switch {
		case answersSlowly(c):
			f.Say(saysAnsweredSlowly)
			return Likely
		case c.Trigger.Time-synAnswered(c) < connectPatience:
			return Possible // who resets at once, as a scanner does, need not have waited
		case c.Around.ServerRTT > 0 && c.Trigger.Time-synAnswered(c) < 2*c.Around.ServerRTT:
			f.Say(saysSYNACKInTime)
			return Possible
		}
		return Likely
	},
}

// gaveUpUnanswered reports whether a client that has seen no SYN/ACK ends its attempt
// with a RST, as stacks in programs do (a kernel sends nothing then: RFC 9293, 3.10.5):
// the ACK flag is set and acknowledges number 0.
func gaveUpUnanswered(c *Case) bool {
	x, rst := c.Sender, &c.RST
	return c.Dir == flows.Client && c.Flow.Handshake <= flows.SYNReceived && x.Known.Has(flows.SawSYN) &&
		!x.Known.Has(flows.SawPlainAck) && uint32(x.SYNs) == x.Packets && rst.Flags&packet.ACK != 0 && rst.Ack == 0 &&
		(rst.Seq == x.ISN || rst.Seq == x.SndNxt)
}

// gaveUp is the verdict on that: the same program may have wanted no more.
func gaveUp(c *Case, f *Findings) Confidence {
	f.Say(saysAsksConnectionSyn2)
	f.Say(saysAcknowledgesNone)
	if c.Receiver.SYNs > 0 {
		f.Say(saysAnswersInVain)
	}
	if c.RST.Time-c.Sender.SYNFirst < connectPatience {
		return Possible
	}
	return Likely
}

// dropped is the same where the capture lacks the SYN/ACK: it came just before the
// RST.
func dropped(c *Case, f *Findings) Confidence {
	x := c.Sender
	f.Say(saysAsksConnectionSyn2)
	if x.SYNs > 1 {
		f.Say(saysSynSentTimes)
	}
	f.Say(saysRepeatsSYNACK)
	if x.SYNs > 1 {
		return Likely
	}
	return Possible
}

var (
	saysAcknowledgesNone          = sentence("acknowledges-number-0", "{rst}, {sender_syn_to_rst} after that SYN, acknowledges number 0: who sent it has taken no SYN/ACK")
	saysAnswersInVain             = sentence("answers-in-vain", "{receiver} had answered (SYN/ACK, {receiver_syn}), {receiver_syn_to_rst} before: no ACK of {sender} is in the capture")
	storyHandshakeAbortUnanswered = sentence("story-handshake-abort-unanswered", "{client} gave up connecting to {server} {sender_syn_to_rst} after its first SYN, and said so with a RST that acknowledges no SYN/ACK: none had reached it.")
	saysRepeatsSYNACK             = sentence("repeats-unseen-syn-ack", "{rst}, {sender_syn_to_rst} after that SYN, has no ACK and the number after the SYN: it repeats the acknowledgment of a SYN/ACK, which the capture lacks and the client never acknowledged")
	storyHandshakeAbortUnseen     = sentence("story-handshake-abort-unseen", "{client} asked {server} for a connection and dropped it when the answer came, {sender_syn_to_rst} after its first SYN: it had given up by then, or never wanted more. The answer itself is not in the capture.")
	saysAsksConnectionSyn2        = sentence("asks-connection-syn-2", "{sender} asks for a connection (SYN, {sender_syn})")
	saysSynAckComesAfterSyn       = sentence("syn-ack-comes-after-syn", "the SYN/ACK ({trigger}) comes {syn_to_trigger} after that SYN")
	saysSynSentTimes              = sentence("syn-sent-times", "the SYN was sent {sender_syns} times")
	saysResetsLaterClientNever    = sentence("resets-later-client-never", "{rst} resets it {answer_time} later; the client never acknowledged the SYN/ACK")
	saysSoClientWaitedLess        = sentence("so-client-waited-less", "so the client waited less than {syn_to_rst}, by whatever clock it has")
	saysSYNACKInTime              = sentence("syn-ack-in-time", "the server's other SYN/ACKs take {server_rtt}: this one was hardly late")
	storyHandshakeAbortLate       = sentence("story-handshake-abort-late", "{client} gave up connecting to {server} before the answer arrived: the SYN/ACK was refused {answer_time} after it had passed here, on a path that takes {client_rtt}.")
	storyHandshakeAbort           = sentence("story-handshake-abort", "{client} gave up connecting to {server} before the answer arrived: the SYN/ACK that it refused came {syn_to_trigger} after its first SYN, longer than the client was willing to wait.")
)
