package classify

var earlyResponse = Rule{
	ID:      "early-response",
	Family:  FamilyUnreadData,
	Title:   "server refused an upload it had not read",
	Summary: "A server answered with an error before it had read the request's body and closed; the body left unread made the close a reset, which can overtake the answer.",
	Story:   always(storyEarlyResponse),
	Wire: `C > S  P.  POST ..., then the body
S > C  P.  HTTP/1.1 413 (or 401, 501, 503 ...)
S > C  R.  with the rest of the body unread, or still coming`,
	Confirm: []string{
		"the server's log shows the error status, the client's only \"connection reset\" or \"broken pipe\"",
		"`nstat -az TcpExtTCPAbortOnClose` on the server grows",
	},
	Advice: []string{
		"Read and throw away the body before closing, with limits in size and time: nginx lingering_close and lingering_time, Apache does so for 30 s, Go's net/http reads up to 256 KB and waits 500 ms.",
		"Raise the limit if the upload is legitimate: client_max_body_size (nginx), max-request-size, http.MaxBytesReader.",
		"Clients: send Expect: 100-continue, and read the response also when writing fails.",
	},
	Remedies: []Remedy{
		{"nginx", `lingering_close is on by default; the limit itself is 1 MB by default:
	client_max_body_size 50m;
	lingering_time 30s;`},
		{"Go net/http", `net/http reads 256 KB more, half-closes and waits 500 ms; drain more than that in the handler:
	io.Copy(io.Discard, io.LimitReader(r.Body, 32<<20))`},
		{"Node.js", `Take in the rest and answer:
	req.resume();
	res.writeHead(413, { Connection: "close" }).end();`},
		{"Tomcat", `The Connector reads up to 2 MB of a refused body by default:
	maxSwallowSize="33554432"`},
		{"Python http.server", `Read the body before answering:
	self.rfile.read(int(self.headers.get("Content-Length", 0)))`},
		{"curl", `Ask first, and send the body only after 100 Continue:
	curl -H 'Expect: 100-continue' -T FILE URL`},
	},
	Refs: []string{
		"RFC 9112, 9.6: closing in stages; RFC 9110, 15.5.14: 413",
		"RFC 1122, 4.2.2.13; Linux: __tcp_close",
	},
	Over: []Over{
		{ID: "unread-data-on-close", Why: "it says what was left unread: the body of an upload that was refused"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "nstat on the server: TcpExtTCPAbortOnClose grows when data was left unread, also with SO_LINGER 0; TcpExtTCPAbortOnData for SO_LINGER 0 with everything read"},
	},
	Harm: func(c *Case) Harm {
		// The body was refused; what is at stake is the response.
		if n := c.undelivered(); n > 0 {
			return Harm{Kind: HarmCut, Lost: n, Of: max(n, c.Sender.Unanswered)}
		}
		return Harm{Kind: HarmRequest, Lost: c.Receiver.Bytes}
	},
	Reasons:    []string{"TCP_ABORT_ON_CLOSE"},
	Telling:    SenderDataToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayUnread),
	Mechanisms: mechanisms(Abort),
	When:       FromServer | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		code := statusOf(x)
		upload := isUpload(&y.First, y.FirstN) || isUpload(&y.LastBytes, y.LastN)
		if !upload || code < 300 {
			return None
		}
		if y.Bytes < 2*oneSegment && y.Unanswered == 0 && c.After.Bytes[c.Dir.Peer()] == 0 {
			return None // so little was read with the head of the request
		}
		f.Say(saysUploadsUntil)
		f.Say(saysAnswersStatusAbortsLater)
		if y.Unanswered > 0 {
			f.Say(saysUploadCameAfterResponse)
		}
		if n := c.undelivered(); n > 0 {
			f.Say(saysResponseAcknowledgedYetClient)
		}
		return Likely
	},
}

var (
	saysUploadsUntil                  = sentence("uploads-until", "{receiver} uploads: {receiver_bytes} until {receiver_data}")
	saysAnswersStatusAbortsLater      = sentence("answers-status-aborts-later", "{sender} answers with status {sender_status} in {sender_data} and aborts {sender_data_to_rst} later")
	saysUploadCameAfterResponse       = sentence("upload-came-after-response", "{receiver_unanswered} of the upload came after the response had begun")
	saysResponseAcknowledgedYetClient = sentence("response-acknowledged-yet-client", "{undelivered} of the response were not acknowledged yet: the client may never see them")
	storyEarlyResponse                = sentence("story-early-response", "{server} refused the upload of {client} with an error response and closed with the body unread; the reset may reach the client before it has read the response.")
)
