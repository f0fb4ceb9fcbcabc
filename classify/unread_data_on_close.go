package classify

var unreadDataOnClose = Rule{
	ID:      "unread-data-on-close",
	Family:  FamilyUnreadData,
	Title:   "closed with unread data",
	Summary: "A program closed its socket, or was killed, while bytes from the peer lay unread in it; TCP then resets instead of closing.",
	Story: func(c *Case) *Sentence {
		if c.Receiver.Unanswered > 0 {
			return storyUnreadDataOnClose
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
	Mechanisms: mechanisms(Abort),
	When:       First,
	Needs:      MissingReceiver,
	Match: func(c *Case, f *Findings) Confidence {
		got := c.receivedData()
		if got == 0 {
			return None
		}
		y := c.Receiver
		if c.Timing.Has(ReceiverDataToRST) {
			f.Say(saysSentAllLastBefore)
		} else {
			f.Say(saysSentAll)
		}
		abortNumbers(c, f)
		if y.Unanswered == 0 {
			f.Say(saysAnsweredSinceSoAll)
			return Possible
		}
		f.Say(saysUpMayUnreadThey)
		if c.probablyRead() {
			f.Say(saysButProgramWorksRead)
			return Possible
		}
		return Likely
	},
}

var (
	saysSentAllLastBefore   = sentence("sent-all-last-before", "{receiver} had sent {received} in all, the last {receiver_data_to_rst} before the RST")
	saysSentAll             = sentence("sent-all", "{receiver} had sent {received} in all")
	saysAnsweredSinceSoAll  = sentence("answered-since-so-all", "{sender} had answered since, so all may have been read")
	saysUpMayUnreadThey     = sentence("up-may-unread-they", "up to {unread_at_most} may be unread: they came after {sender} last sent anything itself, the latest in {receiver_data}")
	saysButProgramWorksRead = sentence("but-program-works-read", "but a program that works has read them by then")
	storyUnreadDataOnClose  = sentence("story-unread-data-on-close", "{sender} closed the connection while bytes that {receiver} had sent were still waiting to be read: the last of them came {receiver_data_to_rst} before.")
	storyUnreadDataOnClose2 = sentence("story-unread-data-on-close-2", "{sender} aborted the connection after answering; it may have closed with bytes from {receiver} unread, or aborted on purpose.")
)
