package classify

import "github.com/rstwhy/rstwhy/flows"

// scanPatience is the longest wait for a SYN/ACK after which its RST still looks
// like a scanner's: a client with a timeout waits longer.
const scanPatience = 250e6

var halfOpenScan = Rule{
	ID:      "half-open-scan",
	Family:  FamilyHandshakeAbort,
	Title:   "a SYN scan met an open port",
	Summary: "A port scanner sent a SYN, learned from the SYN/ACK that the port is open, and dropped the connection at once.",
	Story:   say("{client} scans ports: it dropped the connection as soon as the SYN/ACK had told that port {port} of {server} is open."),
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
	Narrows: "handshake-abort",
	Harm:    noHarm,
	Reasons: []string{"NO_SOCKET"},
	Telling: SYNToSYNACK,
	Kinds:   kinds(Reply, ReplyACK),
	Given:   FromClient | SenderSYN,
	Match: func(c *Case, f *Findings) Confidence {
		if !dropsSYNACK(c) || !acksSYN(c.X, c.Trigger.Ack) {
			return None
		}
		if c.X.SYNs > 1 || c.Trigger.Time-c.X.SYNFirst > scanPatience || c.X.Known.Has(flows.SawData) || !scans(c, f) {
			return None
		}
		f.Add("the SYN/ACK ({}) comes {} after the SYN", frame(c.Trigger.Where), dur(c.Trigger.Time-c.X.SYNFirst))
		f.Add("{} drops the connection {} later", frame(c.RST.Where()), dur(c.RST.Time-c.Trigger.Time))
		return Likely
	},
}
