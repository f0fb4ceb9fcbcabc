package classify

import (
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/packet"
)

var strayProbe = Rule{
	ID:      "stray-probe",
	Family:  FamilyNoListener,
	Title:   "answer to a scanner's odd segment",
	Summary: "A scanner sent a lone segment that belongs to no connection (FIN, NULL, XMAS, ACK or FIN+ACK), and the host answered it with RST.",
	Story:   always(storyStrayProbe),
	Wire: `C > S  FPU seq 0            (XMAS; or F, no flag at all, A, FA)
S > C  R.  seq 0 ack 1      (to a segment without ACK, closed port only)
S > C  R   seq = its ack    (to a segment with ACK, any port)`,
	Confirm: []string{
		"the other segments of the same source: many ports, one lone segment each",
	},
	Advice: []string{
		"Nothing is wrong with the host: that is the answer the standard asks for.",
		"A stateful firewall drops such segments: `ct state invalid drop` in nftables.",
	},
	Refs: []string{
		"RFC 9293, 3.10.7.1 and 3.10.7.2",
		"nmap.org/book/scan-methods-null-fin-xmas-scan.html; the ACK and Maimon scans beside it",
	},
	Over: []Over{
		{ID: "firewall-reject", Why: "the segment is one that only scanners send, which a host refuses as well"},
		{ID: "unnatted-segment", Why: "the segment is one that only scanners send"},
		{ID: "mid-stream", Why: "the segment is one that only scanners send"},
	},
	Harm:       harmless,
	Reasons:    []string{"NO_SOCKET", "TCP_FLAGS"},
	Telling:    TriggerToRST,
	Benign:     true,
	Ways:       ways(WayAnswer),
	Mechanisms: mechanisms(Answer, AnswerWithACK),
	When:       FromMidStream | First | SenderSilent | AnswersSegment,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		if c.Receiver.Bytes != 0 ||
			t.Len != 0 || t.Flags&(packet.SYN|packet.RST) != 0 {
			return None
		}
		fruitless := c.Around.Fruitless
		many := fruitless >= scanTargets
		switch {
		case t.Flags&packet.ACK == 0:
			f.Say(saysFlagsEverySegmentReal)
		case hosts.ToolSYN(t.Window, t.IPID, t.Options) != "" && c.Receiver.Packets <= 2:
			f.Say(saysFirstSegmentConnectionWindow)
		case many && c.Receiver.Packets <= 2:
			f.Say(saysFirstSegmentConnection)
		default:
			return None
		}
		if many {
			f.Say(saysOtherAddressPortPairsRefused)
		}
		f.Say(saysAnswersLater2)
		return Likely
	},
}

var (
	saysFlagsEverySegmentReal        = sentence("flags-every-segment-real", "{trigger} has the flags {trigger_flags}: every segment of a real connection but its first has ACK")
	saysFirstSegmentConnectionWindow = sentence("first-segment-connection-window", "{trigger} is the first segment of its connection, with window {trigger_window} and no options, as scanners make it")
	saysFirstSegmentConnection       = sentence("first-segment-connection", "{trigger} is the first segment of its connection")
	saysOtherAddressPortPairsRefused = sentence("other-address-port-pairs-refused", "{fruitless_others} other address and port pairs refused this host in the same seconds")
	saysAnswersLater2                = sentence("answers-later-2", "{rst} answers it {answer_time} later")
	storyStrayProbe                  = sentence("story-stray-probe", "{receiver} sent {sender} a lone segment that belongs to no connection, as scanners do, and {sender} refused it.")
)
