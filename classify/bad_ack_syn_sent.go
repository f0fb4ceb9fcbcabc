package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var badACKSYNSent = Rule{
	ID:      "bad-ack-syn-sent",
	Family:  FamilyHandshakeAbort,
	Title:   "the SYN/ACK acknowledged something else",
	Summary: "The SYN/ACK acknowledged a number that the client had not sent; the client refused it and went on trying.",
	Story:   say("{Y} answered the SYN of {X} with a SYN/ACK for another number; {X} refused that and tries on."),
	Wire: `C > S  S   seq 0
S > C  S.  seq 0 ack 12345, not 1
C > S  R   seq 12345
C > S  S   seq 0, again within milliseconds (Linux)`,
	Confirm: []string{
		"is there a SYN proxy or a DDoS protection before the server that tests clients in this way?",
		"a capture on the server: is the SYN/ACK there the same? If not, a box on the path made it or changed it",
	},
	Advice: []string{
		"If a DDoS protection does it to test clients, nothing: the next SYN succeeds.",
		"Otherwise look for a box that rewrites sequence numbers in one direction only, or for two hosts with the same address.",
	},
	Refs: []string{
		"RFC 9293, 3.10.7.3: SYN-SENT, an unacceptable ACK is answered with a reset",
		"Linux: tcp_rcv_synsent_state_process, SKB_DROP_REASON_TCP_INVALID_ACK_SEQUENCE",
	},
	Harm:    harmUnlessAccepted,
	Reasons: []string{"TCP_INVALID_ACK_SEQUENCE"},
	Telling: SYNToSYNACK,
	Kinds:   kinds(Reply),
	Given:   FromClient | SenderSYN,
	Match: func(c *Case, f *Findings) Confidence {
		if !dropsSYNACK(c) || acksSYN(c.X, c.Trigger.Ack) {
			return None
		}
		f.Add("{} asks for a connection (SYN, {})", end(c.Dir), frame(c.X.SYNWhere))
		f.Add("the SYN/ACK ({}) acknowledges a number {} from the one it should", frame(c.Trigger.Where), number(int(c.Trigger.Ack.Sub(c.X.ISN+1))))
		f.Add("{} refuses it {} later, with just that number", frame(c.RST.Where()), dur(c.RST.Time-c.Trigger.Time))
		triesAgain(c, f)
		return Certain
	},
}

// triesAgain adds what the client did next, after it had refused an answer to
// its SYN. Linux sends the SYN again within two ticks.
func triesAgain(c *Case, f *Findings) bool {
	again := &c.After.First[c.Dir]
	if !again.Valid() || again.Flags&(packet.SYN|packet.ACK) != packet.SYN {
		return false
	}
	f.Add("it sends the same SYN again {} later ({})", dur(again.Time-c.RST.Time), frame(again.Where))
	if s := &c.After.NewSYNACK; s.Valid() && s.Dir != c.Dir {
		f.Add("and gets its connection: SYN/ACK in {}", frame(s.Where))
	}
	return true
}

// inSYNSent reports whether the RST is a client's, which waits for the answer
// to its SYN.
func inSYNSent(c *Case) bool {
	return c.Dir == flows.Client && !c.Before() && c.X.Known.Has(flows.SawSYN) && !c.X.Known.Has(flows.SawPlainAck) && c.Trigger.Valid()
}
