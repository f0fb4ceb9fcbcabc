package classify

var tlsAlertThenRST = Rule{
	ID:      "tls-alert-then-rst",
	Family:  FamilyUnreadData,
	Title:   "TLS alert, then reset",
	Summary: "A side rejected the TLS handshake with an alert, an unknown certificate or version for instance, and closed with the rest of the peer's messages unread.",
	Story:   say("{X} sent a TLS alert and closed with what {Y} had sent unread: the handshake failed, the reset is only how it ended."),
	Wire: `S > C  P.  ServerHello, certificate ...
C > S  P.  15 03 03 00 02 02 30: alert, fatal, unknown CA
C > S  R.  seq after the alert`,
	Confirm: []string{
		"the alert's number names the reason: 40 handshake failure, 42 to 46 certificate, 48 unknown CA, 70 version, 112 unknown name",
		"the log of the side that sent the alert; `openssl s_client -connect HOST:PORT -servername NAME`",
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
	Narrows: "unread-data-on-close",
	Harm:    func(*Case) Harm { return Harm{Kind: HarmRefused} },
	Reasons: []string{"TCP_ABORT_ON_CLOSE", "TCP_STATE", "TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA"},
	Telling: SenderDataToRST,
	Kinds:   kinds(Active, Reply, ReplyACK),
	Given:   SenderData,
	Match: func(c *Case, f *Findings) Confidence {
		x := c.X
		r := lastRecord(x)
		if c.Before() || !r.fatal() || c.Timing.At[SenderDataToRST] > alertThenRST {
			return None
		}
		confidence, late := Likely, uint64(0)
		if c.Kind != Active {
			if late, confidence = c.dataAfterFIN(); confidence == None {
				return None
			}
		}
		f.Add(alertText(r.body[1]), number(int(r.body[1])), frame(x.DataWhere))
		f.Add("it ends the connection {} after that", dur(c.Timing.At[SenderDataToRST]))
		if c.Kind != Active {
			closedBefore(c, f, late)
		}
		return confidence
	},
}

// alertThenRST is how soon after an alert the end of the connection is its
// consequence.
const alertThenRST = 5e9

// alertText is the evidence for an alert by its description (RFC 8446, 6.2).
func alertText(description byte) string {
	switch description {
	case 10:
		return "its last data was TLS alert {}, unexpected message ({})"
	case 40:
		return "its last data was TLS alert {}, handshake failure ({})"
	case 42:
		return "its last data was TLS alert {}, bad certificate ({})"
	case 43:
		return "its last data was TLS alert {}, unsupported certificate ({})"
	case 44:
		return "its last data was TLS alert {}, certificate revoked ({})"
	case 45:
		return "its last data was TLS alert {}, certificate expired ({})"
	case 46:
		return "its last data was TLS alert {}, certificate unknown ({})"
	case 47:
		return "its last data was TLS alert {}, illegal parameter ({})"
	case 48:
		return "its last data was TLS alert {}, unknown CA ({})"
	case 50:
		return "its last data was TLS alert {}, decode error ({})"
	case 51:
		return "its last data was TLS alert {}, decrypt error ({})"
	case 70:
		return "its last data was TLS alert {}, protocol version ({})"
	case 71:
		return "its last data was TLS alert {}, insufficient security ({})"
	case 80:
		return "its last data was TLS alert {}, internal error ({})"
	case 90:
		return "its last data was TLS alert {}, user cancelled ({})"
	case 109:
		return "its last data was TLS alert {}, missing extension ({})"
	case 112:
		return "its last data was TLS alert {}, unrecognised name ({})"
	case 116:
		return "its last data was TLS alert {}, certificate required ({})"
	case 120:
		return "its last data was TLS alert {}, no application protocol ({})"
	}
	return "its last data was TLS alert {} ({})"
}
