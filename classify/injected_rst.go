package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var injectedRST = Rule{
	ID:      "injected-rst",
	Family:  FamilyInjected,
	Title:   "a third party forged the RST",
	Summary: "Something between the two ends, or beside them, sent a RST in an end's name; that end had not reset anything.",
	Story: func(c *Case) *Sentence {
		switch {
		case c.Origin.Signs.Proofs() == 0:
			return storyInjectedRst6
		case c.Origin.Signs.Has(CarriedOn):
			return storyInjectedRst
		case c.Origin.Signs.Has(AnsweredToo):
			return storyInjectedRst2
		case c.Origin.Signs.Has(AnsweredTwice):
			return storyInjectedRst3
		case c.Origin.Signs.Has(BothEnds):
			return storyInjectedRst4
		}
		return storyInjectedRst5
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
		{"Linux", `To see on a test host whether the connection lives without it, drop RSTs with its TTL (66 and its neighbours here):
	nft add table inet test
	nft 'add chain inet test in { type filter hook input priority 0; }'
	nft add rule inet test in ip ttl 65-67 tcp flags rst drop`},
	},
	Refs: []string{
		"Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets, NDSS 2009",
		"RFC 3360: Inappropriate TCP Resets Considered Harmful",
		"RFC 5961, 3: which RSTs a receiver takes",
	},
	Over: []Over{
		{ID: "segment-after-close", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "abort-after-response", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "accepted-then-reset", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "backend-rehash", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "plaintext-to-tls-port", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "accept-queue-overflow", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "deliberate-abort", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "firewall-reject", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "listener-closed", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "listener-flap", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "no-listener", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "stale-connection", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "tls-client-never-read", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "unread-data-on-close", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "closed-port-scan", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "download-abort", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "early-response", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "middlebox-idle-timeout", Why: "a proof of a third party outranks what the host may have done"},
		{ID: "mid-stream", Why: "a proof of a third party outranks what the host may have done"},
	},
	Confused: []Confusion{
		{"firewall-reject", "a filter that rejects throws the segment away: does the other end ever acknowledge it?"},
		{"accept-queue-overflow", "`nstat -az TcpExtListenOverflows` on the server grows when its queue was full"},
		{"backend-rehash", "captures on both ends: does the RST leave a server behind the address, or a box on the way?"},
		{"blind-rst", "does the RST follow something that its sender saw, or come at any time? Who sees the connection need not guess"},
		{"middlebox-idle-timeout", "a box that forgot the connection resets it only after a silence; do others die after the same one?"},
	},
	Telling:    TriggerToRST,
	Ways:       ways(WayForgery, WayBox),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Abort, Unexplained),
	Match: func(c *Case, f *Findings) Confidence {
		o := &c.Origin
		if o.Who != Forged || o.Signs.Proofs() == 0 {
			return unproven(c, f)
		}
		f.repeat(o.Proofs)
		f.repeat(o.Hints)
		if x := c.Sender; c.RST.IPID != 0 && c.RST.IPID == x.IPID && c.RST.TTL == x.TTL && c.RST.Window == x.Window {
			f.Say(saysTtlIpIdWindow)
			return Likely
		}
		switch o.Signs.Proofs() {
		case SoonerFromFarther:
			return Likely // a box may begin with any TTL
		case SteppedCopies:
			if nearCopy(c) != nil {
				return Likely // or the capture lacks the last data of an odd stack
			}
		}
		knows := c.RST.Seq == c.Receiver.RcvNxt || c.RST.Flags&packet.ACK != 0 && c.RST.Ack == c.Receiver.SndNxt
		if g := guessesOf(c); g.n >= 3 && !knows {
			return Likely // or somebody guesses who cannot see the connection
		}
		// One hard indicator may be the work of a broken stack, a broken capture or
		// a program with a raw socket; what differs in kind is not.
		if h := o.Signs.Proofs(); h&(h-1) != 0 || o.Signs.weight() > 1 {
			return Certain
		}
		return Likely
	},
}

// unproven recognises what no stack of the sender, and no filter, has a reason
// for: a RST that answers nothing, and that a living connection ignores; and one
// from much farther away than the sender, where a filter would be nearer.
func unproven(c *Case, f *Findings) Confidence {
	o := &c.Origin
	switch s := &c.After.First[c.Dir]; {
	case c.Mechanism == Unexplained && c.Facts.Has(Underway|First|WentOn) && (c.Effect == Ignored || c.Effect == Challenged) &&
		s.Valid() && c.After.Latest[c.Dir]-c.RST.Time > max(carriedOnFor, 2*c.roundTrip()):
		f.Say(saysLivesOn)
		f.repeat(o.Hints)
		return Possible
	case o.Who == AnotherBox && o.Signs.Has(OtherDistance|FarOff) && c.Path.Off < 0 && (c.Dir == flows.Server || knowsDistance(c.Sender)) && !o.Signs.Any(NamesItself|WindowEcho|IDEcho) &&
		c.Timing.At[IdleBefore] < idleWorthNaming && !c.Sender.Known.Has(flows.SawFIN):
		f.Say(saysNoFilterIsFarther)
		f.repeat(o.Hints)
		return Possible
	}
	return None
}

var (
	saysLivesOn           = sentence("lives-on", "{rst} answers nothing in the capture and changed nothing: {sender} still speaks {rst_to_sender_spoke} after it")
	saysNoFilterIsFarther = sentence("no-filter-is-farther", "it comes from farther than {sender}, {rst_hops} hops where {sender} is {host_hops} away: a filter on the path would be nearer")
	saysTtlIpIdWindow     = sentence("ttl-ip-id-window", "TTL {sender_ttl}, IP ID {sender_ip_id} and window {sender_window} are those of the sender's own segments: look for a tool on that host")
	storyInjectedRst      = sentence("story-injected-rst", "Somebody sent {receiver} a RST in the name of {sender}, but {sender} carried on: it had reset nothing.")
	storyInjectedRst2     = sentence("story-injected-rst-2", "Somebody refused the connection in the name of {sender}, and {sender} itself accepted it a moment later.")
	storyInjectedRst3     = sentence("story-injected-rst-3", "Somebody reset the connection in the name of {sender}, and {sender}, which was reset as well or never knew it, answered the same segment later.")
	storyInjectedRst4     = sentence("story-injected-rst-4", "Somebody reset both ends at once, each in the name of the other.")
	storyInjectedRst6     = sentence("story-injected-rst-6", "{receiver} got a RST in the name of {sender} that looks like a third party's; nothing in the packets proves it.")
	storyInjectedRst5     = sentence("story-injected-rst-5", "Somebody sent {receiver} a RST in the name of {sender} that {sender}'s own stack would not make.")
)
