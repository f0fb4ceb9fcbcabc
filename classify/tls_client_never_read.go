package classify

var tlsClientNeverRead = Rule{
	ID:      "tls-client-never-read",
	Family:  FamilyUnreadData,
	Title:   "TLS client that never reads",
	Summary: "A TLS 1.3 client that only sends closed without a single read; the session tickets that the server sends after the handshake were left unread.",
	Story:   always(storyTlsClientNeverRead),
	Wire: `C > S  P.  Finished, then data
S > C  P.  one or two session tickets (records of about 250 bytes)
C > S  R.  seq after its data, ack after the tickets`,
	Confirm: []string{
		"`strace -e read,recvfrom,close` on the client: no read after the handshake",
		"log shippers and metric senders that push over TLS and close",
	},
	Advice: []string{
		"Read once before closing: SSL_read, or SSL_shutdown twice, or shutdown(SHUT_WR) and read to end of file.",
		"Or let the server send no tickets: OpenSSL SSL_CTX_set_num_tickets(ctx, 0).",
		"What the client had sent last may be lost with the reset; do not rely on it having been processed.",
	},
	Remedies: []Remedy{
		{"OpenSSL", `In the client, wait for the server's close_notify; or in the server, send no tickets:
	if (SSL_shutdown(ssl) == 0) SSL_shutdown(ssl);
	SSL_CTX_set_num_tickets(ctx, 0);`},
		{"Go", `On a *tls.Conn, read to the end before Close:
	c.CloseWrite()
	c.SetReadDeadline(time.Now().Add(2 * time.Second))
	io.Copy(io.Discard, c)
	c.Close()`},
		{"Python", `It reads until the server's close_notify:
	sslsock.unwrap()`},
	},
	Refs: []string{
		"RFC 8446, 4.6.1: NewSessionTicket; RFC 1122, 4.2.2.13",
		"OpenSSL: SSL_CTX_set_num_tickets(3)",
	},
	Over: []Over{
		{ID: "unread-data-on-close", Why: "it says what was left unread: session tickets"},
		{ID: "deliberate-abort", Why: "session tickets were left unread"},
	},
	Confused: []Confusion{
		{"unread-data-on-close", "`strace -e read,recvfrom,close` on the client: had it read what came before? Then it was an answer that it left unread"},
		{"deliberate-abort", "nstat on the client: TcpExtTCPAbortOnClose grows when data was left unread, also with SO_LINGER 0; TcpExtTCPAbortOnData for SO_LINGER 0 with everything read"},
	},
	Harm:       pushed,
	Reasons:    []string{"TCP_ABORT_ON_CLOSE"},
	Telling:    ReceiverDataToRST,
	Benign:     true,
	Silence:    IdleBefore,
	Ways:       ways(WayUnread),
	Mechanisms: mechanisms(Abort),
	When:       FromClient | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		r := lastRecord(y)
		if firstRecord(x).kind != recordHandshake ||
			r.kind != recordData || r.length < ticketMin || r.length > ticketMax {
			return None
		}
		goodbye := lastRecord(x).isAlert() && !lastRecord(x).fatal()
		whole := uint64(r.length + 5)
		tickets := y.Unanswered / whole
		if y.Unanswered == 0 && !goodbye || y.Unanswered%whole != 0 || tickets > ticketsMax {
			return None
		}
		f.Say(saysLastSentRecordsType)
		if y.Unanswered > 0 {
			f.Say(saysAbortsAfterThemWithout)
		}
		if goodbye {
			f.Say(saysSaidGoodbyeRecordBefore)
		}
		abortNumbers(c, f)
		if goodbye || tickets > 1 {
			return Likely
		}
		return Possible // a short response would look the same
	},
}

var (
	saysLastSentRecordsType     = sentence("last-sent-records-type", "the last that {receiver} sent was {longest_unread} in records of {receiver_record_whole} (type 23), as session tickets are")
	saysAbortsAfterThemWithout  = sentence("aborts-after-them-without", "{sender} aborts {receiver_data_to_rst} after them without having sent anything since")
	saysSaidGoodbyeRecordBefore = sentence("said-goodbye-record-before", "{sender} had said its goodbye (a record of {sender_record_length}) before: it had not been cut off")
	storyTlsClientNeverRead     = sentence("story-tls-client-never-read", "{client} sent what it had and closed without ever reading; the session tickets of {server}, which TLS 1.3 sends unasked, lay unread, so the close became a reset.")
)
