package classify

var refusalUnderLoad = Rule{
	ID:      "refusal-under-load",
	Family:  FamilyNoListener,
	Title:   "a busy port refused one more connection",
	Summary: "The port accepts connections moments before and after; the host or load balancer refused this one because a queue or a limit was full.",
	Story: func(c *Case) *Sentence {
		switch a := &c.Around; {
		case refusesWrongly(c):
			return storyRefusalUnheard
		case a.Opened == 0 || a.Reopened == 0:
			return storyRefusalWhileServing
		}
		return storyRefusalUnderLoad
	},
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
		"Windows refuses a SYN when the backlog is full, and so do small stacks and load balancers at their limit; Linux drops it (listen(2), tcp_v4_conn_request)",
	},
	Over: []Over{
		{ID: "listener-flap", Why: "so short a time is no restart"},
	},
	Confused: []Confusion{
		{"listener-flap", "was the service restarted at this moment?"},
	},
	Telling:    SYNToRST,
	Ways:       ways(WayRefusal, WayBox),
	Mechanisms: mechanisms(Answer, Unexplained),
	When:       FromServer | First,
	Match: func(c *Case, f *Findings) Confidence {
		a := &c.Around
		if refusesWrongly(c) && a.Opened|a.Reopened != 0 {
			f.Say(saysWrongRefusalForm)
			if c.refusedInVain() {
				saysAgain(c, f)
			}
			saysPortAccepts(c, f)
			if c.Path.Known && c.Path.Off == 0 {
				f.Say(saysRefusalOfHost)
				return Likely
			}
			return Possible
		}
		if refusesUnseen(c) && c.RST.TTL > 64 && c.RST.TTL <= 128 {
			f.Say(saysTTLOfWindows)
			return Possible
		}
		if !c.Facts.Has(Refusal) || refusalNumberOf(c) == numberHeld {
			return None
		}
		if likeLinux(c) {
			return None // it drops what is too much
		}
		refusal(c, f)
		switch {
		case c.RST.TTL <= 64:
			if a.Opened == 0 && a.Reopened == 0 {
				return None
			}
			saysPortAccepts(c, f)
			f.Say(saysNotOfLinux)
			return Possible
		case a.Opened != 0 && a.Reopened != 0 && c.RST.Time-a.Opened <= loadWindow && a.Reopened-c.RST.Time <= loadWindow:
			f.Say(saysSamePortAcceptedConnectionBefore)
			f.Say(saysTtlWindowsNetworkDevice)
			return Likely
		case c.RST.TTL > 128 || c.RST.Seq != 0 || showsElsewhere(c):
			return None // Windows begins with 128
		case portConverses(c, f):
			f.Say(saysTtlWindowsNetworkDevice)
			return Likely
		}
		f.Say(saysTTLOfWindows)
		return Possible
	},
}

var (
	saysNotOfLinux                       = sentence("refusal-not-of-linux", "the IP header of {rst} (TTL {rst_ttl}, ID {rst_ip_id}) is not that of a Linux host, which would drop a SYN that its queue has no room for")
	saysTTLOfWindows                     = sentence("ttl-of-windows", "TTL {rst_ttl} is of Windows: that refuses when the listener's queue is full, as if nothing listened")
	saysRefusalOfHost                    = sentence("refusal-as-far-as-host", "the refusal comes from as far away as the port's SYN/ACKs: TTL {rst_ttl}")
	saysSamePortAcceptedConnectionBefore = sentence("same-port-accepted-connection-before", "the same port accepted a connection {opened_to_rst} before and another {rst_to_reopened} later")
	saysTtlWindowsNetworkDevice          = sentence("ttl-windows-network-device", "TTL {rst_ttl} is of Windows or a network device: those refuse when a queue is full")
	storyRefusalUnheard                  = sentence("story-refusal-unheard", "{server} refused the SYN of {client} on a port that accepts others, as small stacks do when their queue is full, but in a form that {client} has to ignore: it hangs instead of failing.")
	storyRefusalWhileServing             = sentence("story-refusal-while-serving", "{server} refused the connection of {client}. A Windows host does so when the queue of a listener on port {server_port} is full, and somebody does listen.")
	storyRefusalUnderLoad                = sentence("story-refusal-under-load", "{sender} refused the connection of {client} while it accepted others within seconds: its queue or its limit of connections was full.")
)
