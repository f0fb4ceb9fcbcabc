package classify

import "github.com/rstwhy/rstwhy/flows"

var unreadDataOnClose = Rule{
	ID:      "unread-data-on-close",
	Family:  FamilyUnreadData,
	Title:   "closed with unread data",
	Summary: "A program closed its socket, or was killed, while bytes from the peer lay unread in it; TCP then resets instead of closing.",
	Story: func(c *Case) *Sentence {
		switch {
		case !c.Receiver.Spoke():
			return storyUnreadDataOnCloseUnseen
		case c.Receiver.Unanswered > 0:
			return storyUnreadDataOnClose
		case inMidst(c.Sender) && c.Dir == flows.Client:
			return storyUnreadDataOnClose3
		}
		return storyUnreadDataOnClose2
	},
	Wire: `C > S  P.  1:5001, 5000 bytes
S > C  .   ack 5001
           (the server reads 4096 bytes and closes)
S > C  R.  seq 1 ack 5001, window and timestamps as usual`,
	Confirm: []string{
		"`nstat -az TcpExtTCPAbortOnClose` on the sender grows with each such reset",
		"`ss -tn` shows a non-zero Recv-Q on the connection just before",
		"`strace -e read,recvfrom,close,shutdown` on the program: close() without having read to the end",
	},
	Advice: []string{
		"Read until end of file before closing, or shutdown(SHUT_WR) and drain what still comes, with a time limit.",
		"Consume or reject request bodies completely before answering with an error and closing.",
		"If the process was killed: stop it gracefully and let it drain its connections.",
	},
	Remedies: []Remedy{
		{"Linux sockets", `Say that you are done, then read until the peer is, each read with a time limit:
	shutdown(fd, SHUT_WR);
	struct timeval t = { .tv_sec = 2 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
	while (read(fd, buf, sizeof buf) > 0) {}
	close(fd);`},
		{"Go", `On a *net.TCPConn, drain before Close:
	c.CloseWrite()
	c.SetReadDeadline(time.Now().Add(2 * time.Second))
	io.Copy(io.Discard, c)
	c.Close()`},
		{"Go net/http", `In a handler, read what is left of the body; in a client, read the response to its end before closing it:
	io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
	io.Copy(io.Discard, resp.Body); resp.Body.Close()`},
		{"Python", `Half-close, then drain:
	sock.shutdown(socket.SHUT_WR)
	sock.settimeout(2)
	while sock.recv(65536): pass
	sock.close()`},
		{"Java", `Half-close, then drain:
	socket.shutdownOutput();
	socket.setSoTimeout(2000);
	socket.getInputStream().transferTo(OutputStream.nullOutputStream());
	socket.close();`},
		{"Node.js", `End the socket and go on reading; socket.destroy() closes with data unread:
	socket.end();
	socket.resume();`},
		{"nginx", `Leave lingering_close on, or let it wait always:
	lingering_close always;
	lingering_time 30s;
	lingering_timeout 5s;`},
	},
	Refs: []string{
		"RFC 9293, 3.6.1; RFC 1122, 4.2.2.13; RFC 2525, 2.17",
		"Linux: __tcp_close, which asks for unread data before SO_LINGER; tcp_send_active_reset",
	},
	Over: []Over{
		{ID: "deliberate-abort", Why: "data was left that may be unread"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "nstat on the sender: TcpExtTCPAbortOnClose grows when data was left unread, also with SO_LINGER 0; TcpExtTCPAbortOnData for SO_LINGER 0 with everything read"},
	},
	Reasons:    []string{"TCP_ABORT_ON_CLOSE"},
	Telling:    ReceiverDataToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayUnread),
	Mechanisms: mechanisms(Abort),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		got := c.receivedData()
		if got == 0 || bareAfterAnswer(c) || c.bothClosed() {
			return None
		}
		x, y := c.Sender, c.Receiver
		if !y.Spoke() {
			f.Say(saysTookUnseen)
			abortNumbers(c, f)
			switch {
			case x.Known.Has(flows.SawData):
				f.Say(saysSentItself)
				return Possible
			case x.Known.Has(flows.SawFIN):
				return Possible
			}
			f.Say(saysSentNothing)
			return Likely
		}
		if c.leftWith() && !x.Known.Has(flows.SawFIN) && saidGoodbye(y) {
			return None // it was read, or nobody misses it
		}
		if c.Timing.Has(ReceiverDataToRST) {
			f.Say(saysSentAllLastBefore)
		} else {
			f.Say(saysSentAll)
		}
		abortNumbers(c, f)
		if y.Unanswered == 0 && inMidst(x) && c.Dir == flows.Client {
			if tookLeave(x) {
				f.Say(saysCrossedUnreadLeave)
			} else {
				f.Say(saysCrossedUnread)
			}
			return Likely
		}
		if y.Unanswered == 0 {
			f.Say(saysAnsweredSinceSoAll)
			return Possible
		}
		f.Say(saysUpMayUnreadThey)
		if announcedClose(c) && !unlikeSocket(c) {
			f.Say(saysAnnouncedClose)
			return Likely
		}
		if c.probablyRead() || c.leftWith() {
			f.Say(saysButProgramWorksRead)
			return Possible
		}
		if unlikeSocket(c) {
			return Possible
		}
		return Likely
	},
}

var (
	saysSentAllLastBefore        = sentence("sent-all-last-before", "{receiver} had sent {received} in all, the last {receiver_data_to_rst} before the RST")
	saysTookUnseen               = sentence("took-unseen", "{sender} had acknowledged {received} of {receiver}, whose segments the capture lacks")
	saysSentItself               = sentence("sent-itself", "it had sent data itself, the last in {sender_data}: what came before that may have been read")
	saysSentNothing              = sentence("sent-nothing-itself", "it had sent no data itself: nothing shows that it had read any of it")
	storyUnreadDataOnCloseUnseen = sentence("story-unread-data-on-close-unseen", "{sender} had taken {received} from {receiver} and aborted the connection, most likely with some of it unread.")
	saysSentAll                  = sentence("sent-all", "{receiver} had sent {received} in all")
	saysAnsweredSinceSoAll       = sentence("answered-since-so-all", "{sender} had answered since, so all may have been read")
	saysUpMayUnreadThey          = sentence("up-may-unread-they", "up to {unread_at_most} may be unread: they came after {sender} last sent anything itself, the latest in {receiver_data}")
	saysAnnouncedClose           = sentence("announced-close", "{sender} had said with its latest response, which ends in {closing_response}, that it closes the connection after it (Connection: close): it waits for no further request")
	saysButProgramWorksRead      = sentence("but-program-works-read", "but a program that works has read them by then")
	storyUnreadDataOnClose       = sentence("story-unread-data-on-close", "{sender} closed the connection while bytes that {receiver} had sent were still waiting to be read: the last of them came {receiver_data_to_rst} before.")
	storyUnreadDataOnClose2      = sentence("story-unread-data-on-close-2", "{sender} aborted the connection after answering; it may have closed with bytes from {receiver} unread, or aborted on purpose.")
	saysCrossedUnread            = sentence("crossed-unread", "what {receiver} sent last, {receiver_data}, came in the middle of what {sender} was sending, and {sender} only went on with that: nothing shows that it was read")
	saysCrossedUnreadLeave       = sentence("crossed-unread-leave", "what {receiver} sent last, {receiver_data}, came in the middle of what {sender} was sending, and {sender} only said goodbye after that: nothing shows that it was read")
	storyUnreadDataOnClose3      = sentence("story-unread-data-on-close-3", "{sender} closed the connection; what {receiver} had sent while {sender} was sending itself, the last {receiver_data_to_rst} before, was most likely waiting to be read.")
)
