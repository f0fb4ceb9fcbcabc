package classify

var injectedRST = Rule{
	ID:      "injected-rst",
	Family:  FamilyInjected,
	Title:   "a third party forged the RST",
	Summary: "Something between the two ends, or beside them, sent a RST in an end's name; that end had not reset anything.",
	Story: func(c *Case) string {
		switch {
		case c.Origin.Signs.Has(CarriedOn):
			return "Somebody sent {Y} a RST in the name of {X}, but {X} carried on: it had reset nothing."
		case c.Origin.Signs.Has(AnsweredToo):
			return "Somebody refused the connection in the name of {X}, and {X} itself accepted it a moment later."
		case c.Origin.Signs.Has(AnsweredTwice):
			return "Somebody reset the connection in the name of {X}, and {X}, which was reset as well or never knew it, answered the same segment later."
		case c.Origin.Signs.Has(BothEnds):
			return "Somebody reset both ends at once, each in the name of the other."
		}
		return "Somebody sent {Y} a RST in the name of {X} that {X}'s own stack would not make."
	},
	Wire: `C > S  P.  a request
S > C  R.  in time, but with a TTL, an IP ID or a window that are not S's
S > C  P.  the response of S, which knows of no reset`,
	Confirm: []string{
		"capture on both ends at once: a RST that one end got and the other never sent was made between them",
		"send the same request over another path (a VPN, another provider) and see whether the RST stays away",
		"`nstat -az TcpOutRsts` on the host in whose name it was sent does not grow",
	},
	Advice: []string{
		"Ask who runs an IPS, a content filter or a firewall with active response on the path: Suricata and Snort reset like this when told to.",
		"Look for a tool on the end itself: programs that evade filters send RSTs in their own connection, and scanners on raw sockets do as well. TTL and IP ID are then the host's own.",
		"What is blocked by name is let through where the name is encrypted (TLS Encrypted Client Hello) or the path is (VPN).",
	},
	Remedies: []Remedy{
		{"Suricata", `Which rules reset, and which of them did:
	grep -rn '^reject' /etc/suricata/rules /var/lib/suricata/rules
	jq 'select(.event_type == "alert")' /var/log/suricata/eve.json`},
		{"Snort 3", "Rules with the action reject, and the active module's settings."},
		{"Linux", `To see on a test host whether the connection lives without it, drop RSTs with its TTL:
	nft add rule inet filter input ip ttl 65-67 tcp flags rst drop`},
	},
	Refs: []string{
		"Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets, NDSS 2009",
		"RFC 3360: Inappropriate TCP Resets Considered Harmful",
		"RFC 5961, 3: which RSTs a receiver takes",
	},
	Confused: []Confusion{
		{"firewall-reject", "a filter that rejects throws the segment away: does the other end ever acknowledge it?"},
		{"blind-rst", "does the RST follow something that its sender saw, or come at any time? Who sees the connection need not guess"},
		{"middlebox-idle-timeout", "a box that forgot the connection resets it only after a silence; do others die after the same one?"},
	},
	Telling: TriggerToRST,
	Kinds:   kinds(Reply, ReplyACK, Active, Unexplained),
	Match: func(c *Case, f *Findings) Confidence {
		o := &c.Origin
		if o.Who != Forged || o.Signs.Hard() == 0 {
			return None
		}
		for i := range o.Hard {
			f.Add(o.Hard[i].Format, o.Hard[i].Args[:]...)
		}
		for i := range o.Soft {
			f.Add(o.Soft[i].Format, o.Soft[i].Args[:]...)
		}
		if x := c.X; c.RST.IPID != 0 && c.RST.IPID == x.IPID && c.RST.TTL == x.TTL && c.RST.Window == x.Window {
			f.Add("TTL {}, IP ID {} and window {} are those of the sender's own segments: look for a tool on that host", number(int(x.TTL)), number(int(x.IPID)), number(int(x.Window)))
			return Likely
		}
		// One hard indicator may be the work of a broken stack, a broken capture or
		// a program with a raw socket; what differs in kind is not.
		if h := o.Signs.Hard(); h&(h-1) != 0 || o.Signs.weight() > 1 {
			return Certain
		}
		return Likely
	},
}
