package classify

var tlsAlertThenRST = Rule{
	ID:      "tls-alert-then-rst",
	Family:  FamilyUnreadData,
	Title:   "TLS alert, then reset",
	Summary: "A side rejected the TLS handshake with an alert, an unknown certificate or version for instance, and closed with the rest of the peer's messages unread.",
	Story: func(c *Case) *Sentence {
		if lastRecord(c.Sender).fatal() {
			return storyTlsAlertThenRst
		}
		return storyTlsAlertHidden
	},
	Wire: `S > C  P.  ServerHello, certificate ...
C > S  P.  15 03 03 00 02 02 30: alert, fatal, unknown CA
C > S  R.  seq after the alert`,
	Confirm: []string{
		"the alert's number names the reason: 40 handshake failure, 42 to 46 certificate, 48 unknown CA, 70 version, 112 unknown name",
		"the log of the side that sent the alert; `openssl s_client -connect {server} -servername NAME`",
	},
	Advice: []string{
		"Cure what the alert says: install the CA or the intermediate certificate, renew the certificate, agree on version and ciphers, use the right server name.",
	},
	Remedies: []Remedy{
		{"openssl", `See what the server sends, and whether the chain is whole:
	openssl s_client -connect HOST:443 -servername NAME -showcerts`},
		{"nginx", `The file holds the server's certificate first, then the intermediate ones:
	ssl_certificate /etc/ssl/fullchain.pem;`},
		{"Go", `A CA of your own:
	&tls.Config{RootCAs: pool, ServerName: name}`},
		{"Python requests", `A CA of your own:
	requests.get(url, verify="/etc/ssl/ca.pem")`},
		{"Java", `A CA of your own:
	java -Djavax.net.ssl.trustStore=/etc/ssl/trust.p12 ...`},
		{"Node.js", `A CA of your own:
	NODE_EXTRA_CA_CERTS=/etc/ssl/ca.pem node app.js`},
	},
	Refs: []string{
		"RFC 8446, 6: alert protocol; IANA, TLS Alerts",
		"RFC 1122, 4.2.2.13",
	},
	Over: []Over{
		{ID: "unread-data-on-close", Why: "the alert says why the connection ended"},
		{ID: "deliberate-abort", Why: "the alert says why the connection ended"},
		{ID: "abort-after-response", Why: "the alert says why the connection ended"},
		{ID: "data-after-close", Why: "the alert says why the connection ended"},
		{ID: "early-client-close", Why: "the alert says why the connection ended"},
	},
	Confused: []Confusion{
		{"data-after-close", "the log of the side that closed: did it refuse the handshake, or was it done with the connection?"},
	},
	Harm:       func(*Case) Harm { return Harm{Kind: HarmRefused} },
	Reasons:    []string{"TCP_ABORT_ON_CLOSE", "TCP_STATE", "TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA"},
	Telling:    SenderDataToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayUnread, WayOnPurpose, WayAnswer),
	Mechanisms: mechanisms(Abort, Answer, AnswerWithACK),
	When:       SenderData | First,
	Match: func(c *Case, f *Findings) Confidence {
		x := c.Sender
		r := lastRecord(x)
		if c.Timing.At[SenderDataToRST] > alertThenRST {
			return None
		}
		if !r.fatal() {
			return c.refusedUnderCover(f)
		}
		confidence, late := Likely, uint64(0)
		if c.Mechanism != Abort {
			if late, confidence = c.dataAfterFIN(); confidence == None {
				return None
			}
		}
		says := saysAlerts[r.body[1]]
		if says == nil {
			says = saysOtherAlert
		}
		f.Say(says)
		f.Say(saysEndsConnectionAfter)
		if c.Mechanism != Abort {
			closedBefore(c, f, late)
		}
		return confidence
	},
}

// refusedUnderCover is the same for an alert that is encrypted.
func (c *Case) refusedUnderCover(f *Findings) Confidence {
	if !c.refusedTLS(c.Sender, c.Dir) {
		return None
	}
	late, confidence := c.dataAfterFIN()
	if confidence == None {
		return None
	}
	f.Say(saysHiddenAlert)
	closedBefore(c, f, late)
	return min(confidence, Likely)
}

var (
	saysHiddenAlert         = sentence("tls-alert-hidden", "its first word after the handshake, and its last, is one TLS record of {sender_record_length} in {sender_data}, as an encrypted alert is")
	storyTlsAlertHidden     = sentence("story-tls-alert-hidden", "{sender} ended the TLS connection right after the handshake, most likely with an encrypted alert: a refusal of {receiver}, of its certificate, its name or its protocol. What {receiver} sent after that was answered with a reset.")
	saysEndsConnectionAfter = sentence("ends-connection-after", "it ends the connection {sender_data_to_rst} after that")
	storyTlsAlertThenRst    = sentence("story-tls-alert-then-rst", "{sender} sent a TLS alert and closed with what {receiver} had sent unread: the handshake failed, the reset is only how it ended.")
)

var saysOtherAlert = sentence("tls-alert", "its last data was TLS alert {sender_alert} ({sender_data})")

// saysAlerts is the evidence for an alert by its description (RFC 8446, 6.2).
var saysAlerts = map[byte]*Sentence{
	10:  sentence("tls-alert-10", "its last data was TLS alert {sender_alert}, unexpected message ({sender_data})"),
	40:  sentence("tls-alert-40", "its last data was TLS alert {sender_alert}, handshake failure ({sender_data})"),
	42:  sentence("tls-alert-42", "its last data was TLS alert {sender_alert}, bad certificate ({sender_data})"),
	43:  sentence("tls-alert-43", "its last data was TLS alert {sender_alert}, unsupported certificate ({sender_data})"),
	44:  sentence("tls-alert-44", "its last data was TLS alert {sender_alert}, certificate revoked ({sender_data})"),
	45:  sentence("tls-alert-45", "its last data was TLS alert {sender_alert}, certificate expired ({sender_data})"),
	46:  sentence("tls-alert-46", "its last data was TLS alert {sender_alert}, certificate unknown ({sender_data})"),
	47:  sentence("tls-alert-47", "its last data was TLS alert {sender_alert}, illegal parameter ({sender_data})"),
	48:  sentence("tls-alert-48", "its last data was TLS alert {sender_alert}, unknown CA ({sender_data})"),
	50:  sentence("tls-alert-50", "its last data was TLS alert {sender_alert}, decode error ({sender_data})"),
	51:  sentence("tls-alert-51", "its last data was TLS alert {sender_alert}, decrypt error ({sender_data})"),
	70:  sentence("tls-alert-70", "its last data was TLS alert {sender_alert}, protocol version ({sender_data})"),
	71:  sentence("tls-alert-71", "its last data was TLS alert {sender_alert}, insufficient security ({sender_data})"),
	80:  sentence("tls-alert-80", "its last data was TLS alert {sender_alert}, internal error ({sender_data})"),
	90:  sentence("tls-alert-90", "its last data was TLS alert {sender_alert}, user cancelled ({sender_data})"),
	109: sentence("tls-alert-109", "its last data was TLS alert {sender_alert}, missing extension ({sender_data})"),
	112: sentence("tls-alert-112", "its last data was TLS alert {sender_alert}, unrecognised name ({sender_data})"),
	116: sentence("tls-alert-116", "its last data was TLS alert {sender_alert}, certificate required ({sender_data})"),
	120: sentence("tls-alert-120", "its last data was TLS alert {sender_alert}, no application protocol ({sender_data})"),
}
