package classify

import "github.com/rstwhy/rstwhy/flows"

var earlyClientClose = Rule{
	ID:      "early-client-close",
	Family:  FamilyDataAfterClose,
	Title:   "the client closed before the answer came",
	Summary: "The client closed its socket, having timed out or lost interest, while the server was still to answer; the answer was refused.",
	Story: func(c *Case) *Sentence {
		if c.unseenAfterFIN() || c.closedUnseen() {
			return storyEarlyClientCloseUnseen
		}
		if late, _ := c.dataAfterFIN(); isControl(c.Receiver, late) {
			return storyEarlyClientClose5
		}
		if saidGoodbye(c.Sender) {
			return storyEarlyClientClose
		}
		if lastRecord(c.Sender).fatal() {
			return storyEarlyClientClose2
		}
		if c.Timing.Has(DataToFIN) {
			return storyEarlyClientClose3
		}
		return storyEarlyClientClose4
	},
	Wire: `C > S  P.  request
           (the client's timeout passes, or its user cancels)
C > S  F.  the client closes
S > C  P.  the answer
C > S  R   seq = the ack of the answer, window 0, no options`,
	Confirm: []string{
		"the time from the request to the client's FIN is the client's timeout, when several connections show the same",
		"the server's log: nginx 499, \"client closed connection\", EPIPE or ECONNRESET on write",
	},
	Advice: []string{
		"If it is a timeout: raise the client's, or find why the server takes that long.",
		"A client that wants to say \"my request is complete\" calls shutdown(SHUT_WR) and reads on (Go: TCPConn.CloseWrite; Java: Socket.shutdownOutput; Node: socket.end with allowHalfOpen); close() refuses the answer.",
		"On the server this is no error: log it as a client that left.",
	},
	Remedies: []Remedy{
		{"Go net/http", "http.Client.Timeout covers the whole exchange, the response's body included; a context with a deadline does the same for one request."},
		{"Python requests", `The second number is the longest silence while reading:
	requests.get(url, timeout=(3.05, 60))`},
		{"curl", `--max-time limits the whole transfer; --connect-timeout only the connection; to stop only what has stalled:
	curl --speed-limit 1 --speed-time 30 URL`},
		{"nginx", "As a client, proxy_read_timeout (60 s by default). As a server it logs 499; with proxy_ignore_client_abort on the request to the back end goes on."},
		{"HAProxy", "As a client, timeout server. option abortonclose takes a half-closed client for one that left. It is off by default up to 3.2, and on from 3.3: no option abortonclose for such clients."},
	},
	Refs: []string{
		"RFC 1122, 4.2.2.13; RFC 9293, 3.6",
		"Linux: tcp_timewait_state_process (FIN_WAIT2)",
		"HAProxy: issue 811, abortonclose on by default, in 3.3",
	},
	Over: []Over{
		{ID: "data-after-close", Why: "it says whose data: the answer to a client that had left"},
		{ID: "unread-data-on-close", Why: "the data came after the FIN"},
	},
	Harm: func(c *Case) Harm {
		if saidGoodbye(c.Sender) {
			return Harm{Kind: HarmNone}
		}
		return harmOf(c)
	},
	Reasons:    []string{"TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA", "TCP_FLAGS", "NO_SOCKET"},
	Telling:    DataToFIN,
	Benign:     true,
	Silence:    IdleBeforeFIN,
	Ways:       ways(WayAnswer, WayUnread, WayOnPurpose),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Abort),
	When:       FromClient | RolesKnown | First,
	Match: func(c *Case, f *Findings) Confidence {
		if unseen := afterUnseenClose(c, f); unseen != None {
			return unseen
		}
		late, confidence := c.dataAfterFIN()
		x, y := c.Sender, c.Receiver
		if confidence == None || !x.Known.Has(flows.SawData) && x.Known.Has(flows.SawSYN) && x.Whole() && y.DataFirst >= x.FINTime {
			return None // who has asked for nothing, and got nothing, waits for no answer
		}
		if sent := c.Timing.At[DataToFIN]; sent >= 0 {
			f.Say(saysLastSentDataBefore)
		}
		closedBefore(c, f, late)
		if isControl(c.Receiver, late) {
			f.Say(saysTooShort)
			return min(confidence, Likely)
		}
		if c.mayBeAlert() {
			return min(confidence, Likely) // it may have been an alert
		}
		return confidence
	},
}

var (
	saysLastSentDataBefore      = sentence("last-sent-data-before", "{sender} had last sent data {data_to_fin} before it closed")
	storyEarlyClientCloseUnseen = sentence("story-early-client-close-unseen", "{client} closed the connection, and refused what {server} sent after that or at the same time; the capture lacks a part of it.")
	storyEarlyClientClose       = sentence("story-early-client-close", "{client} said goodbye and closed without waiting for the answer of {server}, which came afterwards and was refused.")
	storyEarlyClientClose2      = sentence("story-early-client-close-2", "{client} rejected the TLS handshake with an alert and closed; what {server} sent after that was refused.")
	storyEarlyClientClose3      = sentence("story-early-client-close-3", "{client} closed the connection {data_to_fin} after it had last sent something, before the answer of {server} had come whole: a timeout or a cancelled request.")
	storyEarlyClientClose4      = sentence("story-early-client-close-4", "{client} closed the connection before all that {server} had to send had come.")
	storyEarlyClientClose5      = sentence("story-early-client-close-5", "{client} closed the connection, and a goodbye or a control frame of {server}, {late}, came after that and was refused. No answer was among it.")
)
