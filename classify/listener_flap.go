package classify

var listenerFlap = Rule{
	ID:      "listener-flap",
	Family:  FamilyNoListener,
	Title:   "the service was away for a while",
	Summary: "The port refused this connection but accepted others before or after it: the service was restarting, or had just stopped.",
	Story: func(c *Case) *Sentence {
		switch a := &c.Around; {
		case a.Opened != 0 && a.Reopened != 0:
			return storyListenerFlap
		case a.Reopened != 0:
			return storyListenerFlap2
		}
		return storyListenerFlap3
	},
	Wire: `C > S  S   S > C  S.  an earlier connection is accepted
           (the service stops)
C > S  S   seq 0
S > C  R.  seq 0 ack 1, window 0, no options
           (the service is back)
C > S  S   S > C  S.  a later connection is accepted`,
	Confirm: []string{
		"the service's log, `systemctl status` or `kubectl get events`: did it stop, crash or roll over at this time?",
		"`ss -ltn 'sport = :{server_port}'` on the server, again and again during a deployment: is the listener missing for a moment?",
	},
	Advice: []string{
		"Take the instance out of the load balancer before it stops listening: in Kubernetes a preStop sleep longer than the endpoints take to spread.",
		"Hand the listening socket over instead of closing it: systemd socket activation, or SO_REUSEPORT with the new process started first.",
		"Let clients try again on connection refused; nothing was sent, so it is always safe.",
	},
	Remedies: []Remedy{
		drainKubernetes,
		socketActivation,
		reloadNginx,
		{"HAProxy", `The same, with master-worker mode as packages set it up:
	systemctl reload haproxy`},
	},
	Refs: []string{
		"RFC 9293, 3.10.7.1; Linux: tcp_v4_rcv, label no_tcp_socket",
		"Kubernetes documentation: pod termination and container lifecycle hooks; KEP-3960, sleep action of preStop (on by default since 1.30, stable in 1.34)",
	},
	Over: []Over{
		{ID: "no-listener", Why: "the port accepts connections at other times"},
	},
	Confused: []Confusion{
		{"refusal-under-load", "is the service up all the time? Then its queue or a load balancer's limit refused the connection"},
	},
	Reasons:    []string{"NO_SOCKET"},
	Telling:    SYNToRST,
	Ways:       ways(WayRefusal),
	Mechanisms: mechanisms(Answer),
	When:       Refusal,
	Match: func(c *Case, f *Findings) Confidence {
		if c.Around.Opened|c.Around.Reopened == 0 || c.RST.Seq != 0 {
			return None
		}
		before, after := int64(-1), int64(-1)
		if t := c.Around.Opened; t != 0 {
			before = c.RST.Time - t
		}
		if t := c.Around.Reopened; t != 0 {
			after = t - c.RST.Time
		}
		if before < 0 && after < 0 || before > flapWindow || after > flapWindow {
			return None
		}
		refusal(c, f)
		saysPortAccepts(c, f)
		if n := c.Around.Refusals; n > 1 {
			f.Say(saysRefusedConnectionsAll)
		}
		if setApart(c) != nil {
			return Possible
		}
		return Likely
	},
}

var (
	saysRefusedConnectionsAll = sentence("refused-connections-all", "it refused {refusals} connections in all")
	storyListenerFlap         = sentence("story-listener-flap", "{sender} refused the connection of {client}, but accepted others before and after it: nothing listened on port {server_port} for a while.")
	storyListenerFlap2        = sentence("story-listener-flap-2", "{sender} refused the connection of {client} and accepted others later: nothing listened on port {server_port} yet.")
	storyListenerFlap3        = sentence("story-listener-flap-3", "{sender} refused the connection of {client}, but had accepted others before: nothing listens on port {server_port} any more.")
)
