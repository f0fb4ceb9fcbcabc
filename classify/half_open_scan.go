package classify

import "github.com/rstwhy/rstwhy/flows"

var halfOpenScan = Rule{
	ID:      "half-open-scan",
	Family:  FamilyHandshakeAbort,
	Title:   "a SYN scan met an open port",
	Summary: "A port scanner sent a SYN, learned from the SYN/ACK that the port is open, and dropped the connection at once.",
	Story:   always(storyHalfOpenScan),
	Wire: `C > S  S   seq 0, window 1024, no options but MSS (nmap)
S > C  S.  seq 0 ack 1
C > S  R   seq 1, window 0, no options`,
	Confirm: []string{
		"ask who runs the client: a security scan of your own, or a stranger",
		"the other connections of the same client: many ports or hosts, one SYN each",
	},
	Advice: []string{
		"Nothing is wrong with the server: the port is open, and the scanner knows it now.",
		"If the scan is unwanted, block its source or limit new connections from one address.",
	},
	Refs: []string{
		"nmap.org/book/synscan.html: the scanner's own kernel sends the RST",
	},
	Over: []Over{
		{ID: "handshake-abort", Why: "the client is a scanner, which does not wait", Told: true},
	},
	Confused: []Confusion{
		{"backscatter", "does the client know of the scan? Else somebody forges its address"},
		{"handshake-abort", "is the client a scanner, or a program with a connect timeout? Ask who runs it"},
	},
	Harm:       harmless,
	Reasons:    []string{"NO_SOCKET"},
	Telling:    SYNToSYNACK,
	Benign:     true,
	Ways:       ways(WayAnswer),
	Mechanisms: mechanisms(Answer, AnswerWithACK),
	When:       SYNACKDropped,
	Match: func(c *Case, f *Findings) Confidence {
		if !c.Trigger.Valid() {
			if c.Sender.SYNs > 1 || c.RST.Time-c.Sender.SYNFirst > scanPatience && !toolSYN(c) || scans(c, f) == None {
				return None
			}
			f.Say(saysDropsUnseen)
			return Possible
		}
		if !acksSYN(c.Sender, c.Trigger.Ack) || c.triedAgain() && !toolSYN(c) {
			return None
		}
		if c.Sender.SYNs > 1 && !c.Flow.Retried || c.Sender.Known.Has(flows.SawData) {
			return None
		}
		sure := scans(c, f)
		switch {
		case sure == None, !toolSYN(c) && c.Trigger.Time-c.Sender.SYNFirst > scanPatience:
			return None // who scans with sockets has a timeout
		case answersSlowly(c):
			f.Say(saysAnsweredSlowly)
			sure = Possible
		case askedFromElsewhere(c) && hops(c.RST.TTL, c.lowTTL()) > 0:
			f.Say(saysOtherTTLThan)
			if asksOnePort(c) && c.Around.Asks >= floodAsks {
				f.Say(saysAsksOnePort)
				sure = Possible
			}
		}
		f.Say(saysSynAckComesAfter)
		f.Say(saysDropsConnectionLater)
		return sure
	},
}

var (
	saysSynAckComesAfter     = sentence("syn-ack-comes-after", "the SYN/ACK ({trigger}) comes {syn_to_trigger} after the SYN")
	saysDropsConnectionLater = sentence("drops-connection-later", "{rst} drops the connection {answer_time} later")
	saysDropsUnseen          = sentence("drops-unseen-syn-ack", "{rst}, {sender_syn_to_rst} after the SYN, has no ACK and the number after the SYN: it repeats the acknowledgment of a SYN/ACK, which the capture lacks")
	storyHalfOpenScan        = sentence("story-half-open-scan", "{client} scans ports: it dropped the connection as soon as the SYN/ACK had told that port {server_port} of {server} is open.")
)
