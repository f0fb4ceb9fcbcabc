package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var abortAfterResponse = Rule{
	ID:      "abort-after-response",
	Family:  FamilyDeliberate,
	Title:   "aborted when everything had been said",
	Summary: "A side ended the connection with a reset instead of a FIN after the response was complete, or after the other had closed: quick, and harmless.",
	Story: func(c *Case) *Sentence {
		switch {
		case c.bothClosed():
			return storyAbortAfterClose
		case c.Receiver.Known.Has(flows.SawFIN) && c.closedWith(c.Receiver.FINEnd):
			return storyAbortAfterResponse
		case c.leftWith():
			return storyAbortAfterGoodbye
		case c.mayBeWhole():
			return storyAbortAfterResponseCut
		case c.sinceData() > longRead:
			return storyAbortAfterSilence
		}
		return storyAbortAfterResponse2
	},
	Wire: `C > S  P.  request
S > C  P.  the whole response
C > S  .   ack of it
C > S  R.  (HAProxy to a server) or S > C R. (Windows, SO_LINGER 0)`,
	Confirm: []string{
		"the application's log shows a complete response",
		"HAProxy in front of the server: option http-server-close or httpclose aborts each connection to the server by design",
	},
	Advice: []string{
		"Nothing has to be changed: leave these resets out of alarms.",
		"To be rid of them: close with FIN (no SO_LINGER 0); HAProxy: option http-keep-alive, or option forceclose removed.",
	},
	Remedies: []Remedy{
		{"HAProxy", `Keeping the connections to the servers open costs no RST for each request:
	option http-keep-alive`},
		{"Go", "Remove conn.SetLinger(0)."},
		{"Java", "Remove socket.setSoLinger(true, 0)."},
		{"nginx", "reset_timedout_connection off is the default."},
	},
	Refs: []string{
		"HAProxy configuration manual: option http-server-close",
		"RFC 9293, 3.10.5: the ABORT call",
	},
	Over: []Over{
		{ID: "deliberate-abort", Why: "it says when: after everything had been said"},
		{ID: "unread-data-on-close", Why: "what was answered had been read"},
	},
	Confused: []Confusion{
		{"stale-connection", "does the sender's log show the connection until its end? Then it knew it"},
		{"unread-data-on-close", "nstat on the sender: TcpExtTCPAbortOnClose grows when something, perhaps only a TLS close_notify, was left unread, with SO_LINGER 0 as well; TcpExtTCPAbortOnData for SO_LINGER 0 with everything read"},
	},
	Harm: func(c *Case) Harm {
		if c.mayBeWhole() && !c.leftWith() {
			return Harm{}
		}
		return Harm{Kind: HarmNone}
	},
	Reasons:    []string{"TCP_STATE", "TCP_ABORT_ON_CLOSE"},
	Telling:    SenderDataToRST,
	Benign:     true,
	Silence:    IdleBefore,
	Ways:       ways(WayOnPurpose, WayUnread),
	Mechanisms: mechanisms(Abort, AnswerWithACK, Unexplained),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if c.saidNothing() {
			return None // there was no response
		}
		if !x.Known.Has(flows.SawAck) || !y.Known.Has(flows.SawAck) || c.After.Bytes[c.Dir.Peer()] > 0 {
			return None
		}
		if y.ScaledWindow() == 0 && c.Dir == flows.Server {
			return None // the client had stopped reading in the middle
		}
		if c.bothClosed() {
			f.Say(saysBothClosed)
			f.Say(saysBothAcknowledged)
			return Likely
		}
		if y.Known.Has(flows.SawFIN) && c.closedWith(y.FINEnd) {
			return afterPeerClosed(c, f)
		}
		if c.leftWith() && !x.Known.Has(flows.SawFIN) {
			f.Say(saysGoodbyeLast)
			return Likely
		}
		if y.Known.Has(flows.SawFIN) {
			return None
		}
		if c.Mechanism != Abort || x.Known.Has(flows.SawFIN) || !c.gotAll() || c.undelivered() > 0 {
			return None
		}
		switch {
		case c.Dir == flows.Client && messageOf(y) == whole && y.Unanswered > 0 && !inMidst(x):
			f.Say(saysSentResponseLast)
		case c.Dir == flows.Server && messageOf(x) == whole && x.Unanswered > 0 && !inMidst(y) && !c.pipelined():
			f.Say(saysSentResponseLast2)
		case c.mayBeWhole():
			f.Say(saysResponseCut)
			return Possible
		default:
			return None
		}
		f.Say(saysAllAcknowledgedBeforeNothing)
		if c.Timing.At[IdleBefore] >= idleWorthNaming {
			f.Say(saysIdleForLong)
			return Possible
		}
		return Likely
	},
}

// saidNothing reports whether neither side has sent anything, as far as the capture is
// whole.
func (c *Case) saidNothing() bool {
	x, y := c.Sender, c.Receiver
	return !(x.Known | y.Known).Has(flows.SawData) && x.Known.Has(flows.SawSYN) && y.Known.Has(flows.SawSYN) && x.Whole() && y.Whole() &&
		x.Bytes+y.Bytes == 0
}

// goodbyeUnseen reports whether the RST stands a goodbye or two beyond what is seen of
// its sender, whose peer has closed: one may have been missed by the capture.
func goodbyeUnseen(c *Case) bool {
	ahead := c.RST.Seq.Sub(c.Sender.SndNxt)
	return ahead > 0 && ahead <= 2*closeNotifyOld && c.closedWith(c.Receiver.FINEnd)
}

// afterPeerClosed recognises an abort in place of the second FIN. Windows does
// it without the ACK flag as well.
func afterPeerClosed(c *Case, f *Findings) Confidence {
	x, y, rst := c.Sender, c.Receiver, &c.RST
	if x.Known.Has(flows.SawFIN) || !c.closedWith(y.FINEnd) {
		return None
	}
	unseen := goodbyeUnseen(c)
	if rst.Seq != x.SndNxt && !unseen {
		return None
	}
	// A goodbye may lie unread or undelivered; anything else is data lost.
	if c.undelivered() > 0 && !lastRecord(x).isAlert() {
		return None
	}
	f.Say(saysClosedFin)
	if rst.Flags&packet.ACK == 0 {
		f.Say(saysStandsWhereStreamCome)
	} else {
		f.Say(saysAcknowledgesFinStandsWhere)
	}
	if unseen {
		f.Say(saysCountsMoreCaptureHolds)
		return Possible
	}
	if c.Mechanism == Unexplained || y.Unanswered > 0 && c.Dir == flows.Server && !isControl(y, y.Unanswered) {
		return Possible
	}
	return Likely
}

var (
	saysSentResponseLast             = sentence("sent-response-last", "{receiver} had sent its response to the end, {receiver_unanswered}, the last in {receiver_data}")
	saysSentResponseLast2            = sentence("sent-response-last-2", "{sender} had sent its response to the end, {sender_unanswered}, the last in {sender_data}")
	saysAllAcknowledgedBeforeNothing = sentence("all-acknowledged-before-nothing", "all of it was acknowledged before {rst}, and nothing came after")
	saysClosedFin                    = sentence("closed-fin", "{receiver} had closed: FIN in {receiver_fin}")
	saysStandsWhereStreamCome        = sentence("stands-where-stream-come", "{rst} stands where {sender}'s stream had come to, without ACK: Windows and some older systems abort like this")
	saysAcknowledgesFinStandsWhere   = sentence("acknowledges-fin-stands-where", "{rst} acknowledges that FIN and stands where {sender}'s stream had come to: an abort in place of a FIN")
	saysCountsMoreCaptureHolds       = sentence("counts-more-capture-holds", "it counts {rst_beyond_sender} more than the capture holds of {sender}: a goodbye that was not captured")
	saysBothClosed                   = sentence("both-closed", "both sides had closed: FINs in {sender_fin} and {receiver_fin}")
	saysBothAcknowledged             = sentence("both-acknowledged", "each has acknowledged the other's FIN, and with it all that came before")
	saysGoodbyeLast                  = sentence("goodbye-last", "{receiver} had said goodbye in the protocol, {receiver_data}: nobody answers that")
	saysResponseCut                  = sentence("response-cut-by-snapshot", "{server} had answered, and all of it was acknowledged; the capture holds too little of each packet to tell whether the response was complete")
	storyAbortAfterResponseCut       = sentence("story-abort-after-response-cut", "{sender} ended the connection with a reset after the response of {server}, most likely because it was complete.")
	saysIdleForLong                  = sentence("idle-for-long", "the connection had been silent for {idle_before} by then: a timer may have ended it")
	storyAbortAfterClose             = sentence("story-abort-after-close", "Both sides had closed the connection, and each had the other's FIN; {sender} dropped what was left of it with a reset. Everything had been delivered.")
	storyAbortAfterGoodbye           = sentence("story-abort-after-goodbye", "{receiver} had said goodbye; {sender} ended the connection with a reset instead of a FIN. Nothing was left to be answered.")
	storyAbortAfterSilence           = sentence("story-abort-after-silence", "The last response was complete, and acknowledged; {since_data} later {sender} ended the connection, with a reset instead of a FIN.")
	storyAbortAfterResponse          = sentence("story-abort-after-response", "{receiver} had closed the connection; {sender} ended its side with a reset instead of a FIN. Everything had been delivered.")
	storyAbortAfterResponse2         = sentence("story-abort-after-response-2", "{sender} ended the connection with a reset as soon as the response was complete, instead of a FIN. Everything had been delivered.")
)
