package classify

import "github.com/rstwhy/rstwhy/flows"

var tlsClientNeverRead = Rule{
	ID:      "tls-client-never-read",
	Family:  FamilyUnreadData,
	Title:   "TLS client that never reads",
	Summary: "A TLS 1.3 client that only sends closed without a single read; the session tickets that the server sends after the handshake were left unread.",
	Story:   say("{client} sent what it had and closed without ever reading; the session tickets of {server}, which TLS 1.3 sends unasked, lay unread, so the close became a reset."),
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
	Narrows: "unread-data-on-close",
	Confused: []Confusion{
		{"deliberate-abort", "nstat on the client: TcpExtTCPAbortOnClose counts unread data, and stays as it is for SO_LINGER 0"},
	},
	Harm:    pushed,
	Reasons: []string{"TCP_ABORT_ON_CLOSE"},
	Telling: ReceiverDataToRST,
	Kinds:   kinds(Active),
	Given:   FromClient,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		r := lastRecord(y)
		if !c.aborted() || c.Dir != flows.Client || firstRecord(x).kind != recordHandshake ||
			r.kind != recordData || r.length < ticketMin || r.length > ticketMax {
			return None
		}
		goodbye := lastRecord(x).isAlert() && !lastRecord(x).fatal()
		whole := uint64(r.length + 5)
		tickets := y.Unanswered / whole
		if y.Unanswered == 0 && !goodbye || y.Unanswered%whole != 0 || tickets > ticketsMax {
			return None
		}
		f.Add("the last that {} sent was {} in records of {} (type 23), as session tickets are", end(c.Dir.Peer()), octets(max(y.Unanswered, whole)), octets(whole))
		if y.Unanswered > 0 {
			f.Add("{} aborts {} after them without having sent anything since", end(c.Dir), dur(c.Timing.At[ReceiverDataToRST]))
		}
		if goodbye {
			f.Add("{} had said its goodbye (a record of {}) before: it had not been cut off", end(c.Dir), octets(uint64(lastRecord(x).length)))
		}
		abortNumbers(c, f)
		if goodbye || tickets > 1 {
			return Likely
		}
		return Possible // a short response would look the same
	},
}

// Lengths of an encrypted NewSessionTicket, from Go's 120 octets to OpenSSL's
// 250 with a client certificate in it, and how many a server sends.
const ticketMin, ticketMax, ticketsMax = 60, 400, 4

// pushed is the harm of a side that only sends: what it sent last.
func pushed(c *Case) Harm {
	if n := c.Undelivered(); n > 0 {
		return Harm{Kind: HarmBytes, Lost: n}
	}
	return Harm{Kind: HarmNone}
}
