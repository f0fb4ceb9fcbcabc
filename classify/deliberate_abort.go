package classify

import "github.com/rstwhy/rstwhy/flows"

var deliberateAbort = Rule{
	ID:      "deliberate-abort",
	Family:  FamilyDeliberate,
	Title:   "aborted on purpose",
	Summary: "A program or an administrator told the kernel to drop the connection: SO_LINGER with timeout 0, `ss -K`, or a disconnect.",
	Story: func(c *Case) *Sentence {
		if c.receivedData() == 0 {
			return storyDeliberateAbort
		}
		return storyDeliberateAbort2
	},
	Wire: `S > C  R.  seq = where its stream had come to, timestamps as usual
           (no FIN before, nothing that it answers)`,
	Confirm: []string{
		"`strace -e setsockopt,close` on the program: SO_LINGER {onoff=1, linger=0} before close()",
		"`nstat -az TcpExtTCPAbortOnData` on the sender grows: SO_LINGER 0 with everything read. With data unread as well it is TcpExtTCPAbortOnClose that grows, as for a plain close()",
	},
	Advice: []string{
		"Look for SO_LINGER with timeout 0 (Go SetLinger(0), Java setSoLinger(true, 0)) and remove it unless wanted.",
		"nginx: reset_timedout_connection on, and with it return 444 too. HAProxy: option nolinger, and checks that end with RST by design.",
		"An administrator's `ss -K`, a VPN or a network switch on a phone does the same to every connection.",
	},
	Remedies: []Remedy{
		{"Go", `Remove it:
	conn.SetLinger(0)`},
		{"Java", `Remove the first, or the second in Netty:
	socket.setSoLinger(true, 0);
	childOption(ChannelOption.SO_LINGER, 0)`},
		{"Python", `Remove it:
	sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
	                struct.pack("ii", 1, 0))`},
		{"Node.js", "socket.resetAndDestroy() sends a RST; socket.end() and socket.destroy() do not by themselves."},
		{"nginx", "reset_timedout_connection on ends connections that timed out with RST, and those of return 444. It is off by default, and 444 then closes with FIN."},
		{"HAProxy", `Remove it:
	option nolinger`},
	},
	Refs: []string{
		"RFC 9293, 3.10.5: the ABORT call",
		"Linux: tcp_disconnect; __tcp_close, which asks for unread data before SO_LINGER; socket(7), SO_LINGER; ss(8), -K",
		"nginx documentation, ngx_http_core_module: reset_timedout_connection (seen with 1.22.1: 444 sends no RST without it)",
	},
	Confused: []Confusion{
		{"unread-data-on-close", "nstat on the sender: TcpExtTCPAbortOnClose grows when data was left unread, TcpExtTCPAbortOnData when SO_LINGER 0 met none"},
	},
	Reasons:    []string{"TCP_STATE"},
	Telling:    SenderDataToRST,
	Silence:    IdleBefore,
	Mechanisms: mechanisms(Abort),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		abortNumbers(c, f)
		if c.Sender.Known.Has(flows.SawFIN) {
			return Possible
		}
		if c.Missing == 0 && c.receivedData() == 0 {
			f.Say(saysNeverSentPayloadSo)
			return Likely
		}
		if !c.probablyRead() {
			return Possible
		}
		switch {
		case c.Receiver.Unanswered == 0 && c.Dir == flows.Client:
			f.Say(saysWhatSentReadAsked)
		case c.Receiver.Unanswered == 0:
			f.Say(saysAnsweredBeforeAnswerAcknowledged)
		case c.Dir == flows.Client:
			f.Say(saysAnswerAllClientsRead)
		default:
			f.Say(saysWhatSentCameBefore)
		}
		return Likely
	},
}

var (
	saysNeverSentPayloadSo               = sentence("never-sent-payload-so", "{receiver} never sent payload, so the reason cannot be unread data")
	saysWhatSentReadAsked                = sentence("what-sent-read-asked", "what {receiver} had sent was read: {sender} asked again after it")
	saysAnsweredBeforeAnswerAcknowledged = sentence("answered-before-answer-acknowledged", "{sender} had answered {sender_data_to_rst} before, and the answer was acknowledged: nothing was left to read")
	saysAnswerAllClientsRead             = sentence("answer-all-clients-read", "{sender} had its answer, {receiver_unanswered} in all: clients read what they asked for")
	saysWhatSentCameBefore               = sentence("what-sent-came-before", "what {receiver} had sent came {receiver_data_to_rst} before: a program that serves a connection has read it by then")
	storyDeliberateAbort                 = sentence("story-deliberate-abort", "{sender} dropped the connection on purpose: {receiver} had sent it no data, so none can have been left unread.")
	storyDeliberateAbort2                = sentence("story-deliberate-abort-2", "{sender} dropped the connection, most likely on purpose (SO_LINGER with timeout 0, or killed by an administrator).")
)
