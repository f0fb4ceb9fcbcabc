package classify

var closedPortScan = Rule{
	ID:      "closed-port-scan",
	Family:  FamilyNoListener,
	Title:   "a scan met a closed port",
	Summary: "A port scanner asked for a connection to a port on which nothing listens, and the host refused it.",
	Story:   always(storyClosedPortScan),
	Wire: `C > S  S   seq 0, window 1024, no options but MSS (nmap)
S > C  R.  seq 0 ack 1, window 0, no options
           (the same with the next port)`,
	Confirm: []string{
		"ask who runs the client: a security scan of your own, or a stranger",
		"the other connections of the same client: many ports or hosts, one SYN each",
	},
	Advice: []string{
		"Nothing is wrong with the server: the port is closed, and the host says so.",
		"If the scan is unwanted, block its source, or drop instead of refusing.",
	},
	Refs: []string{
		"nmap.org/book/synscan.html: TCP SYN scan",
		"masscan, src/templ-pkt.c; zmap, src/probe_modules: what their SYNs look like",
	},
	Over: []Over{
		{ID: "no-listener", Told: true, Why: "the client is a scanner, which nobody has to serve"},
		{ID: "listener-flap", Why: "a scanner proves nothing about a service"},
	},
	Harm:       harmless,
	Reasons:    []string{"NO_SOCKET"},
	Telling:    SYNToRST,
	Benign:     true,
	Ways:       ways(WayRefusal),
	Mechanisms: mechanisms(Answer),
	When:       Refusal,
	Match: func(c *Case, f *Findings) Confidence {
		sure := scans(c, f)
		if sure == None || sure == Possible && c.Around.Fruitless < scanTargets {
			return None
		}
		refusal(c, f)
		if a := &c.Around; !toolSYN(c) && (a.Refusals >= askedAgain || a.Opened|a.Reopened != 0) {
			f.Say(saysPortAskedAgain)
			return Possible // who scans asks a port once or twice; and somebody listened, or will
		}
		return sure
	},
}

var (
	saysPortAskedAgain  = sentence("port-asked-again", "this port refused {refusals} connections in all")
	storyClosedPortScan = sentence("story-closed-port-scan", "{client} scans ports, and {server} is closed: the refusal took {syn_to_rst}.")
)
