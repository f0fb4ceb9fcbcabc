package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var deliberateAbort = Rule{
	ID:      "deliberate-abort",
	Family:  FamilyDeliberate,
	Mend:    ClientsChoice,
	Title:   "aborted on purpose",
	Summary: "A program or an administrator told the kernel to drop the connection: SO_LINGER with timeout 0, `ss -K`, or a disconnect.",
	Story: func(c *Case) *Sentence {
		switch {
		case c.receivedData() > 0 || c.Missing.Has(MissingReceiver|MissingHandshake|MissingSegments):
		case c.Receiver.Bytes > 0:
			return storyDeliberateAbort3
		default:
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
	Destroyed:  true,
	Telling:    SenderDataToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayOnPurpose),
	Mechanisms: mechanisms(Abort),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		abortNumbers(c, f)
		if c.Sender.Known.Has(flows.SawFIN) {
			return Possible
		}
		switch {
		case c.Missing != 0 || c.receivedData() > 0:
		case c.Receiver.Bytes == 0:
			f.Say(saysNeverSentPayloadSo)
			return Likely
		case c.RST.Flags&packet.ACK != 0:
			f.Say(saysNoneTaken)
			return Likely
		}
		if fromFront(c) && c.Timing.At[IdleBefore] >= ShortestIdle {
			return Possible // a timer's, of the box in front
		}
		if unlikeSocket(c) {
			f.Say(saysUnlikeSocket)
			return Likely
		}
		if bareAfterAnswer(c) {
			f.Say(saysAnsweredBefore)
			return Likely
		}
		if c.Dir == flows.Server && c.Flow.Handshake == flows.MidStream && !c.Sender.Known.Has(flows.SawData) {
			return Possible // the capture does not show that a program ever had it
		}
		if !c.probablyRead() || c.mayBeWhole() || announcedClose(c) {
			return Possible
		}
		switch {
		case c.Receiver.Unanswered == 0 && c.Dir == flows.Client && tookLeave(c.Sender):
			f.Say(saysTookLeave)
		case c.Receiver.Unanswered == 0 && c.Dir == flows.Client:
			f.Say(saysWhatSentReadAsked)
		case c.Receiver.Unanswered == 0:
			f.Say(saysAnsweredBeforeAnswerAcknowledged)
		case c.Dir == flows.Client && messageOf(c.Receiver) == partial:
			f.Say(saysMoreToCome)
		case c.Dir == flows.Client && messageOf(c.Receiver) == endUnknown:
			f.Say(saysReadByThen)
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
	saysNoneTaken                        = sentence("none-taken", "{rst} acknowledges none of the {receiver_bytes} that {receiver} had sent: what has not been taken cannot have been left unread")
	saysUnlikeSocket                     = sentence("unlike-socket", "{rst} acknowledges all that {receiver} had sent, and has neither a window nor the timestamps that {sender} used: what Linux sends when a program closes with data unread has both")
	saysAnsweredBefore                   = sentence("answered-before-bare", "{sender} had answered in {sender_data}, {sender_data_to_rst} before, and {receiver} sent nothing more that could have been left unread")
	saysMoreToCome                       = sentence("more-to-come", "what {receiver} had sent came {receiver_data_to_rst} before, and has been read by then by a program that works; by the length that its head names {receiver_message_missing} were still to come")
	saysReadByThen                       = sentence("read-by-then", "what {receiver} had sent came {receiver_data_to_rst} before, and has been read by then by a program that works; whether there was more to come is not known")
	saysTookLeave                        = sentence("took-leave", "{sender} had taken leave after what {receiver} sent last: goodbye in {sender_data}")
	saysWhatSentReadAsked                = sentence("what-sent-read-asked", "what {receiver} had sent was read: {sender} asked again after it")
	saysAnsweredBeforeAnswerAcknowledged = sentence("answered-before-answer-acknowledged", "{sender} had answered {sender_data_to_rst} before, and the answer was acknowledged: nothing was left to read")
	saysAnswerAllClientsRead             = sentence("answer-all-clients-read", "{sender} had its answer, {receiver_unanswered} in all: clients read what they asked for")
	saysWhatSentCameBefore               = sentence("what-sent-came-before", "what {receiver} had sent came {receiver_data_to_rst} before: a program that serves a connection has read it by then")
	storyDeliberateAbort                 = sentence("story-deliberate-abort", "{sender} dropped the connection on purpose: {receiver} had sent it no data, so none can have been left unread.")
	storyDeliberateAbort3                = sentence("story-deliberate-abort-3", "{sender} dropped the connection on purpose: it had acknowledged none of the {receiver_bytes} that {receiver} had sent, so none can have been left unread.")
	storyDeliberateAbort2                = sentence("story-deliberate-abort-2", "{sender} dropped the connection, most likely on purpose (SO_LINGER with timeout 0, or killed by an administrator).")
)
