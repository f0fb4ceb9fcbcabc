package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// Way is one of the few ways in which a RST can come about. A case has a set of
// them: those that no fact excludes.
type Way uint8

// The ways.
const (
	WayAnswer    Way = iota // a stack answers a segment of a connection that it does not have, or has closed
	WayUnread               // the owner aborts, and leaves data unread
	WayOnPurpose            // the owner aborts because a program, a timer of it or an administrator wants it
	WayTimer                // the owner's stack gives the connection up: nobody answers
	WayRefusal              // a stack refuses a SYN
	WayBox                  // another box sends it in the host's name
	WayForgery              // somebody forges it
	NumWays
)

var wayNames = [NumWays]string{"answer", "abort-unread-data", "abort-on-purpose", "abort-by-timer", "refusal-of-syn", "another-box", "forgery"}

// String is the word in JSON.
func (w Way) String() string { return wayNames[w] }

// Ways is a set of ways.
type Ways uint8

func ways(ws ...Way) (s Ways) {
	for _, w := range ws {
		s |= 1 << w
	}
	return s
}

// Has reports whether w is in the set.
func (s Ways) Has(w Way) bool { return s>>w&1 != 0 }

const (
	allWays = Ways(1<<NumWays - 1)
	aborts  = Ways(1<<WayUnread | 1<<WayOnPurpose | 1<<WayTimer)
	// otherHands are the ways in which it is not the owner's stack that sends
	otherHands = Ways(1<<WayBox | 1<<WayForgery)
)

// Exclusion is ways in which a RST did not come about, and the fact that makes
// them impossible.
type Exclusion struct {
	Ways    Ways
	Because Evidence
}

// elimination is what is left of the ways, and why the others are not. It is
// bound to facts only for the verdict.
type elimination struct {
	possible Ways
	excluded [NumWays]excluded
	n        int // how many of them there are
}

type excluded struct {
	ways    Ways
	because *Sentence
}

// not excludes what is in s and not excluded yet.
func (e *elimination) not(s Ways, because *Sentence) {
	if s &= e.possible; s == 0 {
		return
	}
	e.possible &^= s
	e.excluded[e.n] = excluded{s, because}
	e.n++
}

// readmit takes back that because excludes s.
func (e *elimination) readmit(s Ways, because *Sentence) {
	for i := range e.excluded[:e.n] {
		if x := &e.excluded[i]; x.because == because {
			e.possible |= x.ways & s
			x.ways &^= s
		}
	}
}

// eliminate excludes each way that a fact of c makes impossible, as far as the
// capture is whole.
func eliminate(c *Case) (e elimination) {
	e.possible = allWays
	notAnswer(c, &e)
	if e.possible&aborts != 0 {
		notAbort(c, &e)
	}
	switch {
	case refusesUnseen(c):
		e.not(ways(WayForgery), becauseNoForger) // nothing of the host is seen to hold it against
	case c.Origin.Signs == 0 && !c.Sender.Spoke():
		e.not(otherHands, becauseNoSign)
	default:
		notAnother(c, &e)
	}
	return e
}

func notAnswer(c *Case, e *elimination) {
	rst := &c.RST
	if refusesUnseen(c) {
		e.not(aborts, becauseNoConnection)
		return // of a SYN, or of another segment without ACK
	}
	if c.Facts.Has(Refusal) || refusesWrongly(c) || refusesSecond(c) {
		e.not(ways(WayAnswer), becauseSYNRefused)
		e.not(aborts, becauseNoConnection)
		if c.Facts.Has(Refusal) && refusalNumberOf(c) == numberFresh {
			e.not(ways(WayRefusal), saysNumberFresh)
		}
		return
	}
	e.not(ways(WayRefusal), becauseNoSYN)
	if clearsHalfOpen(c) {
		e.not(ways(WayAnswer), saysBareNumber)
		e.not(aborts, becauseNoConnection)
		return
	}
	switch {
	case c.Mechanism != Abort:
	case rst.Options.Has(packet.OptTimestamps):
		e.not(ways(WayAnswer), becauseTimestamps)
	case ownWindow(c.Reset) && c.Reset.Trigger.Window != rst.Window && (c.Sender.Window != c.Sender.SYNWindow || !answersOctets(c.Reset)):
		// One that never changes may be all that a small stack has.
		e.not(ways(WayAnswer), becauseOwnWindow)
	case rst.Flags&packet.ACK == 0 && c.Reset.Trigger.Valid():
	case c.Missing.Has(MissingReceiver | MissingSegments):
	default:
		answered := answersWithACK(c.Reset)
		switch {
		case rst.Flags&packet.ACK == 0 || !answered.Valid():
			e.not(ways(WayAnswer), becauseNothingOpen)
		case usesTimestamps(c.Reset) && !tookLeave(c.Receiver) && rst.Time-c.Sender.Latest > max(2*c.roundTrip(), aMoment):
			// Without the timestamps of the connection it looks made of the segment.
		case !c.Sender.Known.Has(flows.SawFIN) && c.spokeJustNow():
			e.not(ways(WayAnswer), becauseWasThere)
		}
	}
}

// answersOctets reports whether r may answer a segment that takes numbers: one without
// them is answered by no stack that has the connection.
func answersOctets(r *flows.Reset) bool {
	answered := answersWithACK(r)
	return r.Trigger.SeqLen() > 0 || answered.Valid() && answered.SeqLen() > 0
}

func notAbort(c *Case, e *elimination) {
	rst, x := &c.RST, c.Sender
	switch {
	case c.Mechanism == Unexplained && x.Spoke() && c.Missing == 0 && !goodbyeUnseen(c):
		e.not(aborts, becauseElsewhere)
	case c.Mechanism == Unexplained || c.Mechanism == Abort:
	case c.Trigger.Valid() && c.Trigger.Flags&packet.ACK == 0:
		e.not(aborts, becauseNoNumber)
	case !x.Spoke() && c.Receiver.Known.Has(flows.SawSYN):
		e.not(aborts, becauseNoConnection)
	case x.Spoke() && rst.Seq != x.SndNxt && !c.Missing.Has(MissingSender|MissingSegments):
		e.not(aborts, becauseElsewhere)
	case rst.Flags&packet.ACK == 0 && rst.Window == 0 && likeLinux(c):
		e.not(aborts, becauseLinuxBare)
	case c.Trigger.Valid() && c.Timing.At[IdleBefore] >= ShortestIdle && c.Trigger.Flags&packet.SYN == 0:
		e.not(aborts, becauseDrawn)
	case x.Known.Has(flows.SawFIN) && c.Trigger.Valid():
		e.not(aborts, becauseClosed)
	case c.Trigger.Flags&packet.SYN != 0:
		e.not(aborts, becauseHandshake)
	case rst.Flags&packet.ACK == 0 && rst.Window == 0 && c.answersUnseen():
		e.not(ways(WayUnread), becauseBareUnread)
	}
	switch {
	case c.Flow.Handshake == flows.SYNSent && c.Dir == flows.Client && !x.Known.Has(flows.SawPlainAck):
		e.not(ways(WayUnread), becauseNoneTaken)
	case c.Missing.Has(MissingReceiver|MissingSegments|MissingHandshake) || !c.Receiver.Spoke():
	case c.receivedData() == 0 && c.Receiver.Bytes == 0:
		e.not(ways(WayUnread), becauseNoData)
	case bareAfterAnswer(c):
		e.not(ways(WayUnread), saysAnsweredLast)
	case c.receivedData() == 0 && rst.Flags&packet.ACK != 0:
		e.not(ways(WayUnread), becauseNoneTaken)
	}
	if !c.Missing.Has(MissingSender) && x.Whole() {
		notTimer(c, e)
	}
}

// notTimer excludes that the sender's stack gave the connection up: that leaves
// repetitions, probes, or a FIN or SYN/ACK that waited.
func notTimer(c *Case, e *elimination) {
	x := c.Sender
	switch {
	case c.bothClosed():
		e.not(ways(WayTimer), saysBothClosed) // nothing waits for an answer
	case x.Probes > 0 || x.Known.Has(flows.SawFIN) && c.Timing.At[FINToRST] >= waitedForFIN:
	case c.Dir == flows.Server && c.Flow.Handshake == flows.SYNReceived && uint32(x.SYNs) == x.Packets:
	case x.RetransRun > 0 && c.RST.Time-x.RetransFirst >= triedFor:
	case c.Flow.Handshake == flows.MidStream && c.undelivered() > 0 && c.RST.Time-x.DataLast >= triedFor:
		// What it sent last may have been a copy already, and the next one not captured.
	case x.RetransRun > 0:
		e.not(ways(WayTimer), becauseTriedShort)
	case x.Known.Has(flows.SawFIN):
		e.not(ways(WayTimer), becauseFINShort)
	default:
		e.not(ways(WayTimer), becauseNotTried)
	}
}

func notAnother(c *Case, e *elimination) {
	x, rst, signs := c.Sender, &c.RST, c.Origin.Signs
	switch {
	case signs.Has(NamesItself):
		e.not(allWays&^ways(WayBox), becauseNamesItself)
	case signs.Proofs() != 0:
		e.not(allWays&^otherHands, becauseProofs)
	case signs.Has(BothEndsIdle) && signs.weight() >= enough:
		e.not(allWays&^otherHands, becauseBothAtOnce)
	case signs.Any(OtherDistance):
		e.not(allWays&^otherHands, becauseOtherDistance)
	case fromFront(c) && c.Mechanism == Abort:
		e.not(allWays&^otherHands, becauseFromFront)
	case c.Origin.Who == AnotherBox && c.Mechanism == Abort:
		e.not(allWays&^otherHands, becauseSigns)
	case c.Facts.Has(SYNACKDropped) && toolSYN(c):
		e.not(ways(WayBox), becauseToolSYN)
	case signs.weight() >= enough || !x.Spoke():
	case c.countsIDs() && rst.IPID != x.IPID && near(rst.IPID, x.IPID):
		e.not(otherHands, becauseIDGoesOn)
	case c.Path.Known && c.Path.Off == 0 && rst.Options.Has(packet.OptTimestamps) && x.Known.Has(flows.SawTS) && rst.TSVal-x.TSVal < 1<<20:
		e.not(otherHands, becauseClockGoesOn)
	case c.Path.Known && c.Path.Off == 0 && (c.Mechanism == Abort || !likeLinux(c) || !unknownHere(c) || onlyAccepted(c)):
		e.not(ways(WayBox), becauseSameDistance)
	}
	if !maybeForged(c, e) {
		e.not(ways(WayForgery), becauseNoForger)
	}
}

// maybeForged reports whether something is seen that a forger does. Small stacks refuse
// with the SYN's own number as well.
func maybeForged(c *Case, e *elimination) bool {
	rst, signs := &c.RST, c.Origin.Signs
	switch {
	case signs.Any((proofSigns | forgerSigns) &^ WrongRefusal):
		return true
	case c.inTalk() && c.open() && c.Path.Known && (c.Path.Off != 0 && (c.After.CarriedOn.Valid() || tookTrigger(c)) || c.unlikeTTL()):
		return true // it has not come as far as its sender's segments
	case c.open() && c.After.CarriedOn.Valid() && c.After.CarriedOn.Time-rst.Time > disorder && !c.laterIsForeign(&c.After.CarriedOn):
		return true // unless the path has put it before what was sent earlier
	case len(c.FollowUps) > 1 && c.Mechanism == Unexplained && c.Sender.Spoke() && guessesOf(c).n >= 3:
		return true // several of one sender stand nowhere
	case c.Mechanism != Abort:
		return false
	case c.inTalk() && signs != 0 && e.possible.Has(WayBox):
		return true // what may be a box's in the middle of talk may be a forger's
	}
	return usesTimestamps(c.Reset) && !rst.Options.Has(packet.OptTimestamps) && rst.Window != 0 && rst.Window != c.Sender.Window
}

// unlikeTTL reports whether the RST began with another TTL than its sender's segments.
func (c *Case) unlikeTTL() bool {
	begins := func(ttl uint8) int { return int(ttl) + hops(ttl, c.lowTTL()) }
	x := c.Sender
	return x.TTLMax != 0 && begins(c.RST.TTL) != begins(x.TTLMin) && begins(c.RST.TTL) != begins(x.TTLMax)
}

// inTalk reports whether the connection was in use just before the RST: no box forgets
// one so soon.
func (c *Case) inTalk() bool {
	idle := c.Timing.At[IdleBefore]
	return idle >= 0 && idle < ShortestIdle
}

// The reasons for which a way is excluded.
var (
	becauseSYNRefused    = sentence("because-syn-refused", "{rst} refuses a SYN")
	becauseNoConnection  = sentence("because-no-connection", "{sender} had no connection to abort, as far as the capture tells")
	becauseNoSYN         = sentence("because-no-syn", "{rst} answers no SYN")
	becauseTimestamps    = sentence("because-timestamps", "{rst} has timestamps: an answer is made without a socket, and has none")
	becauseNothingOpen   = sentence("because-nothing-open", "{receiver} had sent nothing that {rst} can answer: what it sent last had its answer, has other numbers, or is too old")
	becauseElsewhere     = sentence("because-elsewhere", "{rst} stands {rst_seq_from_sender} from where {sender}'s stream had come to, and an abort stands there")
	becauseLinuxBare     = sentence("because-linux-bare", "{rst} has no ACK and the IP header of a Linux host, and Linux aborts with ACK")
	becauseClosed        = sentence("because-closed", "{sender} had closed before (FIN, {sender_fin}), and {rst} answers {trigger}")
	becauseHandshake     = sentence("because-handshake", "{rst} answers {trigger}, a part of the handshake")
	becauseBareUnread    = sentence("because-bare-unread", "{rst} has neither ACK nor window, and repeats an acknowledgment")
	becauseNoData        = sentence("because-no-data", "{receiver} had sent no data")
	saysAnsweredLast     = sentence("because-answered", "{sender} had sent its answer ({sender_data}), and {receiver} nothing after that")
	becauseNoneTaken     = sentence("because-none-taken", "{sender} had acknowledged nothing of {receiver}")
	becauseNotTried      = sentence("because-not-tried", "{sender} was not sending anything again, nor probing")
	becauseIDGoesOn      = sentence("because-id-goes-on", "its IP ID, {rst_ip_id}, goes on where {sender}'s had come to, {sender_ip_id}")
	becauseClockGoesOn   = sentence("because-clock-goes-on", "it has come as far as {sender}'s other segments, and its timestamp goes on where theirs had come to")
	becauseSameDistance  = sentence("because-same-distance", "its TTL, {rst_ttl}, is that of {sender}'s other segments or means as many hops")
	becauseOwnWindow     = sentence("because-own-window", "{rst} offers {sender}'s own window, {rst_window}: an answer is made without a socket that has one")
	becauseDrawn         = sentence("because-drawn", "{rst} comes {answer_time} after {trigger}, which ended a silence of {idle_before}")
	becauseFromFront     = sentence("because-from-front", "it has TTL {rst_ttl} as the SYN/ACK had, and {sender_latest} {sender_ttl}: the box in front of {sender} made it")
	becauseToolSYN       = sentence("because-tool-syn", "a program made the SYN ({client_syn}) itself: the TTL of that tells nothing of its host")
	becauseNoForger      = sentence("because-no-forger", "nothing is seen that a forger does and no stack or box")
	becauseNamesItself   = sentence("because-names-itself", "the RST names the box that sent it")
	becauseProofs        = sentence("because-proofs", "a proof of another hand than {sender}'s is seen")
	becauseSigns         = sentence("because-signs", "{rst} is unlike {sender}'s other segments in too much for it to be one of them")
	becauseBothAtOnce    = sentence("because-both-at-once", "{rst} and {towards_other} reset both ends at once after {idle_before} of silence, and more speaks for a box between them")
	becauseOtherDistance = sentence("because-other-distance", "{rst} has TTL {rst_ttl}, and {sender}'s host has shown {host_ttl_least} to {host_ttl_most}: it has not come as far")
	becauseNoNumber      = sentence("because-no-number", "{rst} acknowledges just {trigger}, which has no ACK, as an answer does")
	becauseWasThere      = sentence("because-was-there", "{sender} had been in the connection a moment before ({sender_latest}), without closing")
	becauseTriedShort    = sentence("because-tried-short", "{sender} had been sending again for {retransmitting_for} only")
	becauseFINShort      = sentence("because-fin-short", "{sender} had waited for {fin_to_rst} after its FIN only")
	becauseNoSign        = sentence("because-no-sign", "no sign of another hand is seen")
	becauseProven        = sentence("because-proven", "the evidence of the verdict leaves no room for it")
)

// general is the cause that stands for a way where nothing more is known, and
// what would tell it.
type general struct{ id, tell string }

// generalOf is that of w, one of those that are left.
func generalOf(c *Case, w Way, left Ways) general {
	switch w {
	case WayAnswer:
		switch {
		case refusesUnseen(c):
			return general{"stray-probe", "a capture that holds the other direction: was it a SYN, or a scanner's FIN, NULL or Xmas probe?"}
		case c.Sender.Known.Has(flows.SawFIN), c.Missing != 0 && c.Sender.Bytes > 0 && c.spokeJustNow() && c.RST.Flags&packet.ACK == 0 && !c.After.CarriedOn.Valid():
			return general{"data-after-close", "a capture beside the sender of the RST: does a segment come in just before it?"}
		case !c.Sender.Spoke() || c.Flow.Handshake == flows.MidStream && c.Mechanism == Unexplained:
			return general{"mid-stream", "a capture that begins before the connection opens"}
		}
		return general{"stale-connection", "a capture beside the sender of the RST: does a segment come in just before it? Then it answered that"}
	case WayUnread:
		return general{"unread-data-on-close", "`nstat -az TcpExtTCPAbortOnClose` on the sender grows when data was left unread"}
	case WayOnPurpose:
		return general{"deliberate-abort", "`strace -e setsockopt,close` on the program, or its log: did it end the connection?"}
	case WayTimer:
		if c.Sender.RetransRun > 0 || c.undelivered() > 0 {
			return general{"retransmission-timeout", "`nstat -az TcpExtTCPAbortOnTimeout` on the sender grows when it gave up"}
		}
		return general{"keep-alive-timeout", "`nstat -az TcpExtTCPAbortOnTimeout` on the sender grows when it gave up"}
	case WayRefusal:
		return general{"no-listener", "`ss -ltn` on the host: is there a listener on the port?"}
	case WayBox:
		if c.Mechanism == Abort && !c.inTalk() {
			return general{"middlebox-idle-timeout", ownOrNot}
		}
		if x := c.Sender; c.Dir == flows.Client && x.Known.Has(flows.SawSYN) && uint32(x.SYNs) == x.Packets && c.After.Segments[c.Dir] == 0 {
			return general{"backscatter", "do more SYNs come in this client's name from elsewhere? Then somebody forges its address, and the RST is its owner's"}
		}
		if c.Mechanism == Unexplained && c.Sender.Spoke() || c.Mechanism == Abort && left.Has(WayForgery) {
			break // what rejects answers something, and what forgets had silence
		}
		return general{"firewall-reject", ownOrNot}
	}
	return general{"injected-rst", ownOrNot}
}
