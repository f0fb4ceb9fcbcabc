package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var segmentAfterClose = Rule{
	ID:      "segment-after-close",
	Family:  FamilyDataAfterClose,
	Title:   "last words to a side that had closed",
	Summary: "One side had closed and forgotten the connection; the other's own FIN, or an ACK, came after that. It carried no data: nothing was lost.",
	Story:   say("{X} had closed the connection and kept nothing of it; what {Y} sent to end its own side, without any data, was answered with a reset. Nothing was lost."),
	Wire: `S > C  F.  the server closes
C > S  .   ack of the FIN
           (the server's FIN_WAIT2 ends: after 60 s on Linux)
C > S  F.  the client closes too
S > C  R   seq = the ack of that segment`,
	Confirm: []string{
		"the time from the FIN to the late segment is longer than the closing side keeps half-closed connections: net.ipv4.tcp_fin_timeout on Linux (60 s), less on load balancers",
		"the application's log shows no error",
	},
	Advice: []string{
		"Nothing is lost. To be rid of it: close a connection soon after its end of file was read.",
	},
	Refs: []string{
		"RFC 9293, 3.10.7.1",
		"Linux: tcp_fin_timeout in ip-sysctl",
	},
	Confused: []Confusion{
		{"linger2", "the option TCP_LINGER2 below 0 in the closing program (`strace -e setsockopt`)"},
	},
	Harm:    harmless,
	Reasons: []string{"NO_SOCKET", "TCP_FLAGS"},
	Telling: FINToTrigger,
	Kinds:   kinds(Reply, ReplyACK),
	Given:   SenderFIN,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		if c.Before() || !x.Known.Has(flows.SawFIN) || c.Answers(packet.SYN, packet.SYN) {
			return None
		}
		if !c.Trigger.Valid() || c.late() > 0 {
			return None
		}
		if c.RST.Flags&packet.ACK == 0 && c.RST.Seq != x.FINEnd && !y.Known.Has(flows.SawFIN) {
			return None // an ACK that is older than the FIN says nothing of the close
		}
		f.Add("{} closes: FIN in {}", end(c.Dir), frame(x.FINWhere))
		if c.Trigger.Flags&packet.FIN != 0 {
			f.Add("{} closes too, {} later: FIN in {}, without data", end(c.Dir.Peer()), dur(c.Trigger.Time-x.FINTime), frame(c.Trigger.Where))
		} else {
			f.Add("{} sends an ACK without data in {}, {} later", end(c.Dir.Peer()), frame(c.Trigger.Where), dur(c.Trigger.Time-x.FINTime))
		}
		f.Add("{} answers it {} later; {} no longer has the connection", frame(c.RST.Where()), dur(c.RST.Time-c.Trigger.Time), end(c.Dir))
		f.Add("everything that {} had sent was acknowledged before", end(c.Dir.Peer()))
		return Likely
	},
}
