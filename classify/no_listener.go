package classify

var noListener = Rule{
	ID:      "no-listener",
	Family:  FamilyNoListener,
	Title:   "nothing listens on the port",
	Summary: "A SYN reached a host where no process listens on that address and port, and the host refused it.",
	Story: func(c *Case) *Sentence {
		if c.Timing.Has(SYNToRST) {
			return storyNoListenerAfter
		}
		return storyNoListener
	},
	Wire: `C > S  S   seq 0
S > C  R.  seq 0 ack 1, window 0, no options`,
	Confirm: []string{
		"on the server: `ss -ltn 'sport = :{server_port}'` shows no listener, or one on another address (127.0.0.1 instead of 0.0.0.0 or ::)",
		"`nstat -az TcpOutRsts` on the server grows with each attempt; if it does not, a firewall sent the RST",
	},
	Advice: []string{
		"Start the service, or bind it to the address that clients use: 0.0.0.0 or ::, not 127.0.0.1.",
		"Check the port number in the client, the container's port map, and the targetPort of a Kubernetes Service.",
		"If it happens during deployments: stop sending traffic to an instance before it stops listening.",
	},
	Remedies: []Remedy{
		{"Docker", `The program in the container must listen on 0.0.0.0 or ::, on the second port:
	docker run -p 8080:80 IMAGE`},
		{"Kubernetes", `targetPort of the Service must be the port of the container; which pods take part:
	kubectl get endpointslices -l kubernetes.io/service-name=NAME`},
		{"Go", `":8080" is every address, "localhost:8080" is only for programs on the same host:
	http.ListenAndServe(":8080", nil)`},
		{"Node.js", `Without a host it is every address:
	server.listen(8080);`},
		{"Python", `Flask and Gunicorn listen on 127.0.0.1 by default:
	app.run(host="0.0.0.0")
	gunicorn --bind 0.0.0.0:8000 ...`},
	},
	Refs: []string{
		"RFC 9293, 3.10.7.1: a segment to a closed port is answered with a reset",
		"Linux: tcp_v4_rcv, label no_tcp_socket; connect(2), ECONNREFUSED",
	},
	Confused: []Confusion{
		{"firewall-reject", "look for a REJECT rule with tcp-reset (`nft list ruleset`, `iptables -L -v`), or compare with a capture on the server itself"},
		{"closed-port-scan", "the client's host scans others: ask who runs it, and what it wanted of this port"},
		{"refusal-under-load", "on the server: `netstat -ano` shows a listener on the port when its queue was full"},
	},
	Reasons:    []string{"NO_SOCKET"},
	Telling:    SYNToRST,
	Ways:       ways(WayRefusal),
	Mechanisms: mechanisms(Answer, Unexplained),
	Match: func(c *Case, f *Findings) Confidence {
		if refusesUnseen(c) {
			f.Say(saysSequenceNumberAcknowledgesSomething)
			f.Say(saysSynItselfCapture)
			return Possible
		}
		if refusesWrongly(c) && c.Around.Opened|c.Around.Reopened == 0 {
			f.Say(saysWrongRefusalForm)
			return Possible
		}
		if !refusesSYN(c) || c.RST.Seq != 0 {
			return None // who has no socket has no number
		}
		if a := &c.Around; a.Opened != 0 && a.Reopened != 0 && c.RST.Time-a.Opened <= loadWindow && a.Reopened-c.RST.Time <= loadWindow {
			return None // somebody listened before and after
		}
		refusal(c, f)
		if portConverses(c, f) || setApart(c) != nil {
			return Possible
		}
		return Likely
	},
}

var (
	storyNoListener                         = sentence("story-no-listener", "{sender} refused the connection that {client} tried to open: nothing listens on port {server_port} there.")
	storyNoListenerAfter                    = sentence("story-no-listener-after", "{sender} refused the connection that {client} tried to open: nothing listens on port {server_port} there. The refusal took {syn_to_rst}.")
	saysSequenceNumberAcknowledgesSomething = sentence("sequence-number-acknowledges-something", "{rst} has sequence number 0 and acknowledges something: the answer to a segment without ACK, as a SYN is")
	saysSynItselfCapture                    = sentence("syn-itself-capture", "the SYN itself is not in the capture")
)
