package classify

import "github.com/rstwhy/rstwhy/flows"

var plaintextToTLSPort = Rule{
	ID:      "plaintext-to-tls-port",
	Family:  FamilyUnreadData,
	Title:   "plain text sent to a TLS port",
	Summary: "A client spoke plain HTTP to a port that expects TLS; the server read the first bytes, found no TLS in them, and closed with the rest unread.",
	Story:   always(storyPlaintextToTlsPort),
	Wire: `C > S  P.  GET / HTTP/1.1 ...
           (the server reads five bytes: no TLS record)
S > C  R.  seq 1, or after a TLS alert; no response`,
	Confirm: []string{
		"`openssl s_client -connect {server}` completes a handshake: the port speaks TLS",
		"the server's log: \"http request\", \"wrong version number\", \"not a TLS handshake\"",
	},
	Advice: []string{
		"Use https:// in the client's URL, or the port for plain HTTP.",
		"Health checks and Kubernetes probes: scheme HTTPS.",
		"Behind a proxy: proxy_pass https:// (nginx), ssl on the server line (HAProxy), when the back end speaks TLS.",
	},
	Remedies: []Remedy{
		{"nginx", `As a server, send browsers on to https; as a proxy, speak TLS to the back end:
	error_page 497 =301 https://$host$request_uri;
	proxy_pass https://10.0.0.5:8443;`},
		{"HAProxy", `TLS to the back end:
	server app 10.0.0.5:8443 ssl verify required ca-file /etc/ssl/ca.pem`},
		{"Envoy", "The cluster needs a transport_socket with UpstreamTlsContext."},
		{"AWS ALB", "The target group's protocol, and that of its health check, must be HTTPS."},
		{"Kubernetes", `In a probe:
	httpGet: {scheme: HTTPS, path: /healthz, port: 8443}`},
	},
	Refs: []string{
		"RFC 8446, 5.1; RFC 1122, 4.2.2.13",
	},
	Over: []Over{
		{ID: "accepted-then-reset", Why: "it says why nothing was answered"},
		{ID: "tls-alert-then-rst", Why: "it says what the alert means"},
		{ID: "unread-data-on-close", Why: "it says what was left unread: a request in plain text"},
	},
	Confused: []Confusion{
		{"accepted-then-reset", "does the port speak TLS? Then the plain text was the mistake; otherwise look for the proxy's back end"},
	},
	Reasons:    []string{"TCP_ABORT_ON_CLOSE"},
	Telling:    ReceiverDataToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayUnread, WayOnPurpose),
	Mechanisms: mechanisms(Abort),
	When:       FromServer | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		alert := firstRecord(x).kind == recordAlert
		if !isRequest(&y.First, y.FirstN) ||
			x.Known.Has(flows.SawData) && !alert || c.Timing.At[ReceiverDataToRST] > longRead {
			return None
		}
		f.Say(saysSendsPlainHttp)
		tls := tlsPort(c.Flow.Ends[flows.Server].Port)
		switch {
		case alert:
			f.Say(saysAnswersTlsAlert)
		case tls:
			f.Say(saysPortOneTls)
		}
		f.Say(saysEndsLaterWithoutResponse)
		if alert || tls {
			return Likely
		}
		return Possible
	},
}

var (
	saysSendsPlainHttp           = sentence("sends-plain-http", "{receiver} sends plain HTTP ({receiver_data})")
	saysAnswersTlsAlert          = sentence("answers-tls-alert", "{sender} answers with a TLS alert")
	saysPortOneTls               = sentence("port-one-tls", "port {server_port} is one for TLS")
	saysEndsLaterWithoutResponse = sentence("ends-later-without-response", "{rst} ends it {receiver_data_to_rst} later, without a response")
	storyPlaintextToTlsPort      = sentence("story-plaintext-to-tls-port", "{client} spoke plain HTTP to port {server_port} of {server}, which seems to expect TLS; the server closed with the request unread.")
)
