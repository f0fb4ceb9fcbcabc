package classify

// flapWindow is how far away in time an accepted connection may be to say that
// a port comes and goes, rather than that a service was moved.
const flapWindow = 3600e9

var listenerFlap = Rule{
	ID:      "listener-flap",
	Family:  FamilyNoListener,
	Title:   "the service was away for a while",
	Summary: "The port refused this connection but accepted others before or after it: the service was restarting, or had just stopped.",
	Story: func(c *Case) string {
		switch a := &c.Around; {
		case a.Opened != 0 && a.Reopened != 0:
			return "{X} refused the connection of {client}, but accepted others before and after it: nothing listened on port {port} for a while."
		case a.Reopened != 0:
			return "{X} refused the connection of {client} and accepted others later: nothing listened on port {port} yet."
		}
		return "{X} refused the connection of {client}, but had accepted others before: nothing listens on port {port} any more."
	},
	Wire: `C > S  S   S > C  S.  an earlier connection is accepted
           (the service stops)
C > S  S   seq 0
S > C  R.  seq 0 ack 1, window 0, no options
           (the service is back)
C > S  S   S > C  S.  a later connection is accepted`,
	Confirm: []string{
		"the service's log, `systemctl status` or `kubectl get events`: did it stop, crash or roll over at this time?",
		"`ss -ltn` on the server, again and again during a deployment: is the listener missing for a moment?",
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
		"Kubernetes documentation: pod termination and container lifecycle hooks",
	},
	Narrows: "no-listener",
	Confused: []Confusion{
		{"refusal-under-load", "is the service up all the time? Then its queue or a load balancer's limit refused the connection"},
	},
	Reasons: []string{"NO_SOCKET"},
	Telling: SYNToRST,
	Kinds:   kinds(Reply),
	Given:   Refusal,
	Match: func(c *Case, f *Findings) Confidence {
		if !refusesSYN(c) || c.Around.Opened|c.Around.Reopened == 0 {
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
		if before >= 0 {
			f.Add("the same port had accepted a connection {} before", dur(before))
		}
		if after >= 0 {
			f.Add("the same port accepted a connection {} later", dur(after))
		}
		if n := c.Around.Refusals; n > 1 {
			f.Add("it refused {} connections in all", number(n))
		}
		return Likely
	},
}
