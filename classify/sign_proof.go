package classify

import (
	"bytes"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var bigIPPayload = sign{
	bit: NamesItself, id: "big-ip-payload", proves: true,
	doc:  "an F5 BIG-IP says in the payload why it reset (K13223)",
	when: WithPayload,
	see:  func(c *Case) (*Sentence, bool) { return saysBigIP, isBigIP(c.Payload) },
}

var diagnosticPayload = sign{
	bit: NamesItself, id: "diagnostic-payload", proves: true,
	doc:  "the payload is a diagnostic record (draft-boucadair-tcpm-rst-diagnostic-payload, as tcpdump prints it)",
	when: WithPayload,
	see:  func(c *Case) (*Sentence, bool) { return saysDiagnostic, isDiagnostic(c.Payload) },
}

var netScalerWindow = sign{
	bit: NamesItself, id: "netscaler-window", proves: true,
	doc:  "a Citrix NetScaler says with the window why it reset (CTX200852)",
	when: Offering,
	see:  func(c *Case) (*Sentence, bool) { says := netScaler(c); return says, says != nil },
}

var answeredToo = sign{
	bit: AnsweredToo, id: "answered-too", proves: true,
	doc:  "the same SYN was refused and accepted in one name; a SYN that was sent twice may get both",
	when: FromServer | WentOn,
	see: func(c *Case) (*Sentence, bool) {
		s, first := &c.After.NewSYNACK, &c.After.First[c.Dir.Peer()]
		return saysAnsweredToo, s.Valid() && s.Dir == c.Dir && c.Flow.Handshake == flows.SYNSent &&
			c.Receiver.SYNs == 1 && s.Ack == c.Receiver.ISN+1 && !(first.Valid() && first.Time <= s.Time)
	},
}

var answeredTwice = sign{
	bit: AnsweredTwice, id: "answered-twice", proves: true,
	doc:  "the RST acknowledges a segment, and another RST of the same sender answers it as if it had only come then: had the first come from the sender, the segment would have arrived before it and drawn nothing more",
	when: Followed,
	see:  func(c *Case) (*Sentence, bool) { return saysAnsweredTwice, secondAnswer(c) != nil },
}

// secondAnswer finds a second RST, one that answers a segment which the first
// has acknowledged, nil without one.
func secondAnswer(c *Case) *flows.FollowUp {
	rst := &c.RST
	if c.Missing != 0 || rst.Flags&packet.ACK == 0 || len(c.FollowUps) == 0 || c.Receiver.Retransmissions != 0 || c.Sender.Known.Has(flows.SawFIN) {
		return nil
	}
	f := &c.FollowUps[0]
	for i := 1; f.RST.Seq == rst.Seq && f.RST.Flags == rst.Flags && i < min(len(c.FollowUps), 4); i++ {
		f = &c.FollowUps[i] // that was the first one again: two taps, or `any`
	}
	t := &f.Trigger
	if f.RST.Dir != c.Dir || f.RST.Flags&packet.ACK != 0 || t.Len == 0 || t.Time > rst.Time || rst.Ack.Less(t.End()) {
		return nil
	}
	if s := &c.After.First[c.Dir.Peer()]; s.Valid() && s.Time <= f.RST.Time {
		return nil // it answers what came in between
	}
	// What was still on its way draws a RST of its own: what the first does not
	// acknowledge, and a bare acknowledgment, which nobody acknowledges.
	late := 2*c.roundTrip() + inFlight
	for s := range c.recent {
		if s.Dir != c.Dir && (s.SeqLen() == 0 || rst.Ack.Less(s.End())) && s.Ack == f.RST.Seq && f.RST.Time-s.Time <= late {
			return nil
		}
	}
	return f
}

var reservedBits = sign{
	bit: ReservedBits, id: "reserved-bits", proves: true,
	doc: "bits that no conforming sender sets, and that none of the sender's other segments has",
	see: func(c *Case) (*Sentence, bool) { return saysReservedBits, c.RST.Flags&0xe00 != 0 && !setsReserved(c) },
}

func setsReserved(c *Case) bool {
	for s := range c.recent {
		if s.Dir == c.Dir && s.Flags&0xe00 != 0 {
			return true
		}
	}
	return false
}

var impossibleTimestamp = sign{
	bit: ImpossibleTimestamp, id: "impossible-timestamp", proves: true,
	doc:  "far before or after the clock that the sender has shown",
	when: SenderSpoke,
	see: func(c *Case) (*Sentence, bool) {
		switch behind := ticksBehind(c); {
		case behind > ticksSlack:
			return saysImpossibleTimestamp, true
		default:
			return saysTimestampAhead, behind < 0 && clockAhead(c)
		}
	},
}

// ticksBehind is by how many ticks the RST's timestamp is behind its sender's
// latest, 0 when one of them has none. Windows sends 0 until the first
// acknowledgment.
func ticksBehind(c *Case) int32 {
	if !c.RST.Options.Has(packet.OptTimestamps) || !c.Sender.Known.Has(flows.SawTS) || c.Sender.TSVal == 0 {
		return 0
	}
	return int32(c.Sender.TSVal - c.RST.TSVal)
}

// clockAhead reports whether the RST's timestamp is further ahead of its sender's
// latest than its clock can have come since: at most twice as far as at the pace
// that it has shown, or, where it has shown none, at the fastest in use.
func clockAhead(c *Case) bool {
	ahead := -int64(ticksBehind(c))
	since := c.RST.Time - c.Sender.Latest
	if ahead <= ticksSlack || since < 0 {
		return false
	}
	limit := since / fastestTick
	first, last := shownClock(c)
	if span := last.Time - first.Time; span >= clockSpan {
		limit = min(limit, int64(float64(int32(last.TSVal-first.TSVal))/float64(span)*float64(since)))
	}
	return ahead-ticksSlack > 2*max(limit, 0)
}

// shownClock returns the first and the last of the sender's remembered segments
// that have a timestamp; the zero Segment for none.
func shownClock(c *Case) (first, last flows.Segment) {
	for s := range c.recent {
		if s.Dir != c.Dir || !s.Options.Has(packet.OptTimestamps) || s.TSVal == 0 {
			continue
		}
		if !last.Valid() {
			last = *s
		}
		first = *s
	}
	return first, last
}

// knowsNumbers reports whether the capture holds what it takes to call a number
// impossible: where the streams begin, no holes, and nothing that is answered.
func knowsNumbers(c *Case) bool {
	return c.Missing == 0 && !c.Trigger.Valid() && c.Flow.Handshake >= flows.SYNReceived &&
		c.Flow.Prior.Latest == 0 && !c.before() && !c.scaleCut()
}

// mayRefuseSYNACK reports whether the RST may be a client's that is still waiting
// for its SYN/ACK, and refuses one that the capture does not hold: with the number
// that it acknowledges, whatever that is, and without giving up (RFC 9293,
// 3.10.7.3).
func mayRefuseSYNACK(c *Case) bool {
	return c.Dir == flows.Client && c.RST.Flags&packet.ACK == 0 && !c.Sender.Known.Has(flows.SawPlainAck) && !acksSYN(c.Sender, c.RST.Seq)
}

var impossibleNumber = sign{
	bit: ImpossibleNumber, id: "impossible-number", proves: true,
	doc:  "a sequence number outside anything that either side has sent, offered or acknowledged",
	when: SenderSpoke | First,
	see: func(c *Case) (*Sentence, bool) {
		rst := &c.RST
		switch {
		case !knowsNumbers(c) || rst.Seq == 0 || rst.Seq == c.Receiver.RcvNxt || mayRefuseSYNACK(c):
			return nil, false
		case rst.Seq.Sub(c.Receiver.WindowEdge.Max(c.Sender.SndNxt)) > slack:
			return saysBeyondWindow, true
		}
		return saysBeforeStream, rst.Seq.Less(c.Sender.ISN)
	},
}

var impossibleAck = sign{
	bit: ImpossibleNumber, id: "impossible-ack", proves: true,
	doc:  "an acknowledgment of what the other side never sent, nor was allowed to",
	when: SenderSpoke | First,
	see: func(c *Case) (*Sentence, bool) {
		rst := &c.RST
		switch {
		case !knowsNumbers(c) || rst.Flags&packet.ACK == 0 || rst.Ack == 0:
			return nil, false
		case rst.Ack.Sub(c.Sender.WindowEdge.Max(c.Receiver.SndNxt)) > slack:
			return saysAckBeyondWindow, true
		}
		return saysAckBeforeStream, rst.Ack.Less(c.Receiver.ISN)
	},
}

var soonerFromFarther = sign{
	bit: SoonerFromFarther, id: "sooner-from-farther", proves: true,
	doc: "sooner than its sender's host can answer and from much farther than that is: what answers in another's name on the path is nearer. A box that copies window and IP ID may begin with any TTL",
	see: func(c *Case) (*Sentence, bool) {
		if _, known := hopsOff(c); !known && c.Sender.Spoke() || c.Path.Off > -farHops || c.Timing.At[IdleBefore] >= idleWorthNaming || windowEchoed(c) {
			return nil, false
		}
		if _, echo := idEcho.see(c); echo {
			return nil, false
		}
		_, early := tooEarly.see(c)
		if !early {
			_, early = tooEarlyForData.see(c)
		}
		return saysSoonerFromFarther, early
	},
}

var bothEnds = sign{
	bit: BothEnds, id: "both-ends", proves: true,
	doc:        "each end was reset in the name of the other at once, by one hand: what the two RSTs share is not what the ends have",
	mechanisms: mechanisms(Unexplained, AnswerWithACK, Abort),
	when:       Followed,
	see: func(c *Case) (*Sentence, bool) {
		f := towardsOther(c)
		if f == nil || c.Timing.At[IdleBefore] >= ShortestIdle || goesOn(&c.RST, c.Sender) && c.Path.Off == 0 {
			return nil, false
		}
		rst, x, y := &c.RST, c.Sender, c.Receiver
		id := int32(f.IPID) - int32(rst.IPID)
		sameID := rst.IPID != 0 && f.IPID != 0 && id >= -4 && id <= 4 && !near(rst.IPID, x.IPID) && !near(f.IPID, y.IPID)
		sameWindow := rst.Window != 0 && rst.Window == f.Window && x.Window != y.Window
		sameTTL := rst.TTL == f.TTL && x.TTLMax != 0 && y.TTLMax != 0 && rst.TTL > x.TTLMax && f.TTL > y.TTLMax
		path := c.roundTrip()
		tooClose := path >= 4*shortPath && f.Time-rst.Time < path/4
		return saysBothEnds, sameID || sameWindow || sameTTL || tooClose
	},
}

var bothEndsIdle = sign{
	bit: BothEndsIdle, id: "both-ends-idle", weight: 2,
	doc:        "both ends at once after a silence, as a timer does",
	mechanisms: mechanisms(Unexplained, AnswerWithACK, Abort),
	when:       Followed,
	see: func(c *Case) (*Sentence, bool) {
		return saysBothEndsIdle, towardsOther(c) != nil && c.Timing.At[IdleBefore] >= ShortestIdle
	},
}

// towardsOther finds a RST towards the sender of the first, at the same time,
// that answers nothing either, the first RST and those after it included; nil
// without one.
func towardsOther(c *Case) *flows.Segment {
	if len(c.FollowUps) == 0 || (c.Sender.Known | c.Receiver.Known).Has(flows.SawFIN) || !c.Sender.Spoke() || !c.Receiver.Spoke() {
		return nil
	}
	for i := range min(len(c.FollowUps), followMax) {
		f := &c.FollowUps[i]
		if f.RST.Time-c.RST.Time > together/2 {
			return nil
		}
		if f.RST.Dir == c.Dir {
			continue
		}
		if f.Trigger.Valid() || !f.RST.Valid() || f.RST.Seq == 0 {
			return nil // an answer, that with number 0 to something without ACK
		}
		return &f.RST
	}
	return nil
}

var carriedOn = sign{
	bit: CarriedOn, id: "carried-on", proves: true,
	doc:  "the sender went on with its stream, beyond the RST and in a way that it cannot have sent before it",
	when: WentOn,
	see: func(c *Case) (*Sentence, bool) {
		return saysCarriedOn, wentOn(c) != nil && !tookTrigger(c) && !mayRefuseSYNACK(c)
	},
}

var carriedOnAndTook = sign{
	bit: CarriedOn, id: "carried-on-and-took", proves: true,
	doc:  "the sender went on with its stream, and has taken what the RST seems to answer",
	when: WentOn,
	see: func(c *Case) (*Sentence, bool) {
		return saysCarriedOnAndTook, wentOn(c) != nil && tookTrigger(c) && !mayRefuseSYNACK(c)
	},
}

// wentOn finds a segment of the sender that it cannot have sent before the RST,
// and would not have sent after it; nil without one.
func wentOn(c *Case) *flows.Segment {
	rst, s, x := &c.RST, &c.After.CarriedOn, c.Sender
	if !s.Valid() || s.End().LessEq(rst.Seq) || s.Seq.Sub(x.SndNxt) > priorWindow {
		s = &c.After.Took
	}
	gap := s.Time - rst.Time
	if !s.Valid() || gap <= disorder || gap > int64(flows.Grace) {
		return nil
	}
	// In SYN-SENT and SYN-RECEIVED a wrong acknowledgment draws a RST, and the
	// attempt goes on (RFC 9293, 3.10.7.3 and 3.10.7.4).
	if rst.Flags&packet.ACK == 0 && (c.Flow.Handshake == flows.SYNSent && c.Dir == flows.Client ||
		c.Flow.Handshake == flows.SYNReceived && c.Dir == flows.Server && rst.Seq != x.ISN+1 && x.Bytes == 0) {
		return nil
	}
	if s.IPID != 0 && rst.IPID != 0 && c.countsIDs() {
		if step := rst.IPID - s.IPID; step >= 1 && step <= 64 {
			return nil // sent before the RST, captured after it
		}
	}
	if (s.Options & rst.Options).Has(packet.OptTimestamps) && int32(s.TSVal-rst.TSVal) < 0 && !clockAhead(c) {
		return nil
	}
	if c.laterIsForeign(s) {
		return nil
	}
	return s
}

// laterIsForeign reports whether the RST is the sender's own, and s, which came later
// in its name, is not.
func (c *Case) laterIsForeign(s *flows.Segment) bool {
	return likeness(c, c.RST.TTL, c.RST.IPID) > likeness(c, s.TTL, s.IPID)
}

// likeness is how much a TTL and an IP ID are like those of the sender's segments
// before the RST: each counts where it fits.
func likeness(c *Case, ttl uint8, id uint16) (n int) {
	x := c.Sender
	if p := &c.Path; p.Least <= ttl && ttl <= p.Most {
		n++
	}
	if c.RST.Marks&packet.IPv6 == 0 && x.IPID != 0 && id != x.IPID && (id == 0 && x.IDStep == 0 || near(id, x.IPID)) {
		n++
	}
	return n
}

var bigIPBegins = []byte("BIG-IP:")

func isBigIP(payload []byte) bool { return bytes.HasPrefix(payload, bigIPBegins) }

func isDiagnostic(payload []byte) bool {
	return !isBigIP(payload) && len(payload) == 8 && payload[0] == 0x33 && payload[1] == 0xaa
}
