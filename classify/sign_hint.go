package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var otherDistance = sign{
	bit: OtherDistance, id: "other-distance", weight: 2,
	doc:  "so many hops away as none of the sender's other segments; hops and not TTLs, as answers of a stack have the host's default TTL, whatever a program has set on its socket",
	when: SenderSpoke,
	see: func(c *Case) (*Sentence, bool) {
		off, known := hopsOff(c)
		return saysOtherDistance, known && off >= 2
	},
}

var farOff = sign{
	bit: FarOff, id: "far-off", weight: 1,
	doc:  "five hops or more of difference, which no other route explains: one segment of the host is enough to say so",
	when: SenderSpoke,
	see: func(c *Case) (*Sentence, bool) {
		off, known := hopsOff(c)
		return nil, known && off >= farHops
	},
}

// hopsOff is by how many hops the RST is nearer or farther than all that its
// sender's host has shown, and whether that is enough to tell.
func hopsOff(c *Case) (off int, known bool) {
	off = max(c.Path.Off, -c.Path.Off)
	if !c.Path.Known || !c.Path.Steady {
		return off, false
	}
	return off, knowsDistance(c.Sender) || off >= farHops && !rawSYN(c)
}

// rawSYN reports whether all that is known of the RST's sender is the TTL of a
// SYN, and the RST answers what came back: a scanner makes its SYNs itself, and
// the stack of its host knows nothing of them.
func rawSYN(c *Case) bool {
	return c.Sender.TTLMin == 0 && c.Dir == flows.Client && c.Mechanism == Answer
}

// knowsDistance reports whether a side has sent enough, SYNs apart, to know how
// far away it is.
func knowsDistance(x *flows.Side) bool {
	return x.Packets-min(x.Packets, uint32(x.SYNs)) >= baseline && x.TTLMin != 0
}

var nearerThanHost = sign{
	bit: Nearer, id: "nearer", weight: 1,
	doc:  "one hop nearer than all of the sender's other segments",
	when: SenderSpoke,
	see: func(c *Case) (*Sentence, bool) {
		rst, x := &c.RST, c.Sender
		_, known := hopsOff(c)
		return saysNearer, known && c.Path.Off == 1 && x.TTLMin == x.TTLMax && rst.TTL > x.TTLMax && rst.TTL-x.TTLMax == 1
	},
}

var otherDistanceThanElsewhere = sign{
	bit: OtherDistance, id: "other-distance-than-elsewhere", weight: 2,
	doc:  "so many hops away as none of the host's SYN/ACKs in other connections, when this one has too little",
	when: FromServer | SenderSilent,
	see: func(c *Case) (*Sentence, bool) {
		return saysOtherDistanceThanElsewhere, c.Path.Off >= 2 || c.Path.Off <= -2
	},
}

var tooEarly = sign{
	bit: TooEarly, id: "too-early", weight: 2,
	doc:  "sooner after what it answers than the path to the sender allows",
	when: AnswersSegment,
	see: func(c *Case) (*Sentence, bool) {
		rst := &c.RST
		rtt := c.pathTo()
		if rtt < shortPath || rst.Flags&packet.ACK != 0 && !c.answers(packet.SYN|packet.ACK, packet.SYN) {
			return nil, false
		}
		for s := range c.recent {
			same := s.Ack == rst.Seq && s.Flags&packet.ACK != 0 || s.Frame == c.Trigger.Frame || rst.Seq == 0 && s.Flags&packet.SYN != 0
			if s.Dir == c.Dir || !same {
				continue
			}
			age := rst.Time - s.Time
			if age >= rtt/2 && age <= 3*rtt+lateTrigger {
				return nil, false
			}
		}
		age := rst.Time - c.Trigger.Time
		return saysTooEarly, age >= 0 && age < rtt/2
	},
}

var tooEarlyForData = sign{
	bit: TooEarly, id: "too-early-for-data", weight: 2,
	doc: "it acknowledges data that cannot have arrived yet",
	see: func(c *Case) (*Sentence, bool) {
		rst := &c.RST
		if rst.Flags&packet.ACK == 0 || !c.Receiver.Spoke() || c.answers(packet.SYN|packet.ACK, packet.SYN) {
			return nil, false
		}
		rtt := c.pathTo()
		s := acknowledgedData(c)
		if rtt < shortPath || s == nil || c.Receiver.Retransmissions != 0 {
			return nil, false // an earlier try may have arrived
		}
		age := rst.Time - s.Time
		return saysTooEarlyForData, age >= 0 && age < rtt/2
	},
}

// acknowledgedData is the receiver's latest segment with payload that the RST
// acknowledges to its end, nil when it is forgotten.
func acknowledgedData(c *Case) *flows.Segment {
	for s := range c.recent {
		if s.Dir != c.Dir && s.Len != 0 && s.End() == c.RST.Ack {
			return s
		}
	}
	return nil
}

// copied is the segment whose fields a filter would have put into the RST: the
// one that it answers, or the latest where its numbers answer none, as a filter
// that answers in both directions has none; nil when neither can be.
func copied(c *Case) *flows.Segment {
	if c.Trigger.Valid() {
		return &c.Trigger
	}
	t := c.Flow.Recent(0)
	if t == nil || c.Mechanism == Abort && c.RST.Options.Has(packet.OptTimestamps) || c.RST.Time-t.Time > together {
		return nil
	}
	return t
}

var idEcho = sign{
	bit: IDEcho, id: "ip-id-echo", weight: 2,
	doc: "the IP ID of the segment it answers, out of the sender's own order",
	see: func(c *Case) (*Sentence, bool) {
		rst := &c.RST
		if rst.IPID <= 1 || rst.Marks&packet.IPv6 != 0 {
			return nil, false
		}
		t := copied(c)
		return saysIDEcho, t != nil && rst.IPID == t.IPID && t.Dir != c.Dir && !near(rst.IPID, c.Sender.IPID)
	},
}

var windowEcho = sign{
	bit: WindowEcho, id: "window-echo", weight: 1,
	doc:  "the window of the segment it answers, unlike the sender's own",
	when: Offering,
	see:  func(c *Case) (*Sentence, bool) { return saysWindowEcho, windowEchoed(c) },
}

func windowEchoed(c *Case) bool {
	if c.RST.Window == 0 {
		return false
	}
	t := copied(c)
	return t != nil && c.RST.Window == t.Window && t.Dir != c.Dir && (!c.Sender.Spoke() || c.Sender.Window != c.RST.Window)
}

var notCopied = sign{
	bit: NotCopied, id: "tos-not-copied", weight: 1,
	doc:        "TOS or flow label zero, where the segment it answers has one: packet filters leave it so",
	mechanisms: mechanisms(Answer),
	when:       AnswersSegment,
	see: func(c *Case) (*Sentence, bool) {
		// A window echoed by a box of its own says enough of who made it.
		if windowEchoed(c) && (isBigIP(c.Payload) || isDiagnostic(c.Payload) || netScaler(c) != nil || c.RST.Marks&(packet.IPv6|packet.DF) != 0 || c.RST.Options != 0) {
			return nil, false
		}
		v6 := c.RST.Marks.Has(packet.IPv6)
		return saysNotCopied, c.RST.TOS == 0 && c.Trigger.TOS&^3 != 0 || v6 && c.RST.FlowLabel == 0 && c.Sender.FlowLabel != 0
	},
}

var noDF = sign{
	bit: NoDF, id: "no-df", weight: 1,
	doc:  "without Don't Fragment, unlike all the sender's other segments",
	when: SenderSpoke,
	see: func(c *Case) (*Sentence, bool) {
		return saysNoDF, c.RST.Marks&(packet.IPv6|packet.DF) == 0 && c.Sender.Packets >= baseline && c.Sender.NoDF == 0
	},
}

var noTimestamps = sign{
	bit: NoTimestamps, id: "no-timestamps", weight: 1,
	doc:        "an abort without the timestamps of its connection; answers of a stack have none",
	mechanisms: mechanisms(Abort, AnswerWithACK),
	when:       SenderSpoke,
	see: func(c *Case) (*Sentence, bool) {
		return saysNoTimestamps, usesTimestamps(c.Reset) && c.RST.Options&(packet.OptTimestamps|packet.OptBroken) == 0
	},
}

var otherID = sign{
	bit: OtherID, id: "other-ip-id", weight: 1,
	doc:        "an abort whose IP ID is not the next of the sender's counter; a host's one counter for all may have gone far",
	mechanisms: mechanisms(Abort, AnswerWithACK),
	when:       SenderSpoke,
	see: func(c *Case) (*Sentence, bool) {
		return saysOtherID, c.countsIDs() && c.RST.IPID-c.Sender.IPID > 1<<12
	},
}

var wrongRefusal = sign{
	bit: WrongRefusal, id: "wrong-refusal", weight: 2, forger: true,
	doc:  "it acknowledges the SYN's own number; clients ignore that",
	when: FromServer | SenderSilent,
	see: func(c *Case) (*Sentence, bool) {
		return saysWrongRefusal, c.Flow.Handshake == flows.SYNSent && c.RST.Flags&packet.ACK != 0 && c.RST.Ack == c.Receiver.ISN
	},
}

var ahead = sign{
	bit: Ahead, id: "ahead", weight: 1, forger: true,
	doc:        "beyond what the sender had sent, though in the window",
	mechanisms: mechanisms(Unexplained, Answer, AnswerWithACK),
	when:       SenderSpoke | First,
	see: func(c *Case) (*Sentence, bool) {
		rst := &c.RST
		return saysAhead, knowsNumbers(c) && rst.Seq != 0 && rst.Seq != c.Receiver.RcvNxt &&
			rst.Seq.Sub(c.Receiver.WindowEdge.Max(c.Sender.SndNxt)) <= slack && !rst.Seq.Less(c.Sender.ISN) && rst.Seq.Sub(c.Sender.SndNxt) > 0
	},
}

var notAdvanced = sign{
	bit: NotAdvanced, id: "not-advanced", weight: 1, forger: true,
	doc:  "at the beginning of the sender's own latest data, not after it",
	when: SenderData,
	see: func(c *Case) (*Sentence, bool) {
		rst := &c.RST
		if rst.Flags&packet.ACK == 0 || c.Trigger.Valid() || rst.Seq == c.Receiver.RcvNxt || !rst.Seq.Less(c.Sender.SndNxt) {
			return nil, false
		}
		s := latestData(c)
		return saysNotAdvanced, s != nil && s.Seq == rst.Seq
	},
}

// latestData is the latest segment of the sender with payload, nil when it is
// forgotten.
func latestData(c *Case) *flows.Segment {
	for s := range c.recent {
		if s.Dir == c.Dir && s.Len > 0 {
			return s
		}
	}
	return nil
}

var windowOnAnswer = sign{
	bit: WindowOnAnswer, id: "window-on-answer", weight: 1, forger: true,
	doc: "an answer without ACK that offers another window than its sender did; most stacks offer none",
	// An abort may (RFC 9293, 3.10.5).
	mechanisms: mechanisms(Answer, Unexplained),
	when:       Offering,
	see: func(c *Case) (*Sentence, bool) {
		rst := &c.RST
		return saysWindowOnAnswer, rst.Window != 0 && rst.Flags&packet.ACK == 0 && rst.Window != c.Trigger.Window && rst.Window != c.Sender.Window &&
			!isBigIP(c.Payload) && !isDiagnostic(c.Payload) && netScaler(c) == nil
	},
}

var damaged = sign{
	bit: Damaged, id: "damaged", weight: 1, forger: true,
	doc: "the checksum is wrong on the wire: a stack drops it",
	see: func(c *Case) (*Sentence, bool) { return saysDamaged, badChecksum(c) },
}

var copiedNumber = sign{
	bit: CopiedNumber, id: "copied-number", weight: 2,
	doc:        "a bare RST to a SYN that had no answer, with the SYN's own sequence number; a stack that refuses sends 0 and acknowledges the SYN (RFC 9293, 3.10.7.1)",
	mechanisms: mechanisms(Unexplained),
	when:       FromServer | SenderSilent | ClientSYN,
	see: func(c *Case) (*Sentence, bool) {
		return saysCopiedNumber, clearsHalfOpen(c) && c.RST.Seq == c.client().ISN
	},
}
