package classify

// loadWindow is how close to a refusal the port must have accepted connections,
// both before and after, to say that the service was there all the time.
const loadWindow = 5e9

var refusalUnderLoad = Rule{
	ID:      "refusal-under-load",
	Family:  FamilyNoListener,
	Title:   "a busy port refused one more connection",
	Summary: "The port accepts connections moments before and after; the host or load balancer refused this one because a queue or a limit was full.",
	Story:   say("{X} refused the connection of {client} while it accepted others within seconds: its queue or its limit of connections was full."),
	Wire: `C > S  S   S > C  S.  accepted
C > S  S   seq 0
S > C  R.  seq 0 ack 1, window 0: one connection too many
C > S  S   S > C  S.  accepted`,
	Confirm: []string{
		"Windows: the listen backlog of the program, and `netstat -s` for failed connection attempts",
		"load balancers: their connection limit, and the count of refused or dropped connections",
		"was the service restarted at this moment? Then it is not load",
	},
	Advice: []string{
		"Accept connections faster, or raise the listen backlog of the program.",
		"Raise the load balancer's connection limit, or add servers behind it.",
		"Let clients try again after a pause; nothing was sent, so it is always safe.",
	},
	Refs: []string{
		"Windows refuses a SYN when the backlog is full; Linux and FreeBSD drop it instead (listen(2), tcp_v4_conn_request)",
	},
	Narrows: "no-listener",
	Confused: []Confusion{
		{"listener-flap", "was the service restarted at this moment?"},
	},
	Telling: SYNToRST,
	Kinds:   kinds(Reply),
	Given:   Refusal,
	Match: func(c *Case, f *Findings) Confidence {
		a := &c.Around
		// An initial TTL of 64 is Linux, BSD or macOS: they drop what is too much.
		if !refusesSYN(c) || c.RST.TTL <= 64 || a.Opened == 0 || a.Reopened == 0 ||
			c.RST.Time-a.Opened > loadWindow || a.Reopened-c.RST.Time > loadWindow {
			return None
		}
		refusal(c, f)
		f.Add("the same port accepted a connection {} before and another {} later", dur(c.RST.Time-a.Opened), dur(a.Reopened-c.RST.Time))
		f.Add("TTL {} is of Windows or a network device: those refuse when a queue is full", number(int(c.RST.TTL)))
		return Likely
	},
}
