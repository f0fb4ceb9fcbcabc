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
	Story: func(c *Case) *Sentence {
		if c.unseenAfterFIN() || c.closedUnseen() {
			return storySegmentAfterCloseUnseen
		}
		if c.Trigger.Len > 0 && c.Trigger.Flags&packet.FIN == 0 {
			return storySegmentAfterCloseCopy
		}
		return storySegmentAfterClose
	},
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
		{"data-after-close", "a capture on the other side, or in both directions: did what was refused carry data?"},
		{"early-client-close", "a capture on the other side, or in both directions: did what was refused carry data?"},
		{"linger2", "the option TCP_LINGER2 below 0 in the closing program (`strace -e setsockopt`)"},
	},
	Harm:       harmless,
	Reasons:    []string{"NO_SOCKET", "TCP_FLAGS"},
	Telling:    FINToTrigger,
	Benign:     true,
	Silence:    IdleBeforeFIN,
	Ways:       ways(WayAnswer),
	Mechanisms: mechanisms(Answer, AnswerWithACK),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if !c.Trigger.Valid() || !x.Known.Has(flows.SawFIN) {
			return afterUnseenCloseBare(c, f)
		}
		if c.answers(packet.SYN, packet.SYN) {
			return None
		}
		if c.late() > 0 {
			if c.Trigger.Len > 0 || c.Trigger.Flags&packet.FIN == 0 || c.RST.Seq != x.FINEnd {
				return None
			}
			f.Say(saysClosesFin3)
			f.Say(saysClosesTooLaterFin)
			return Possible // the data may have got lost
		}
		if c.RST.Flags&packet.ACK == 0 && c.RST.Seq != x.FINEnd && !y.Known.Has(flows.SawFIN) && c.Trigger.Len == 0 {
			return None // an ACK that is older than the FIN says nothing of the close
		}
		f.Say(saysClosesFin3)
		if c.Trigger.Len > 0 && c.Trigger.Flags&packet.FIN == 0 {
			f.Say(saysSendsOldCopy)
		} else if c.Trigger.Flags&packet.FIN != 0 {
			f.Say(saysClosesTooLaterFin)
		} else {
			f.Say(saysSendsAckWithoutData)
		}
		f.Say(saysAnswersLaterLongerConnection)
		f.Say(saysEverythingSentAcknowledgedBefore)
		return Likely
	},
}

// afterUnseenCloseBare is the same where the capture lacks the segment, or the
// FIN. A host that had its FIN acknowledged sends one segment more without
// data, its own FIN: several were refused, and one of them had data.
func afterUnseenCloseBare(c *Case, f *Findings) Confidence {
	switch {
	case c.unseenAfterFIN() && c.Mechanism == Answer && furtherRSTs(c) == 0 && c.RST.Seq == c.Sender.FINEnd:
		closedUnseenBefore(c, f)
		return Possible
	case c.closedUnseen() && c.Trigger.Valid() && c.Trigger.Len == 0:
		closedUnseenBefore(c, f)
		return Likely
	}
	return None
}

var (
	saysSendsOldCopy                     = sentence("sends-old-copy", "{receiver} sends {trigger_len} in {trigger} that {sender} had taken already: a second copy")
	storySegmentAfterCloseUnseen         = sentence("story-segment-after-close-unseen", "{sender} had closed the connection and kept nothing of it; {receiver} sent something after that, without data as it seems, and was answered with a reset.")
	storySegmentAfterCloseCopy           = sentence("story-segment-after-close-copy", "{sender} had closed the connection and kept nothing of it; a second copy of what it had already taken from {receiver} came after that and was answered with a reset. Nothing was lost.")
	saysClosesFin3                       = sentence("closes-fin-3", "{sender} closes: FIN in {sender_fin}")
	saysClosesTooLaterFin                = sentence("closes-too-later-fin", "{receiver} closes too, {fin_to_answered} later: FIN in {trigger}, without data")
	saysSendsAckWithoutData              = sentence("sends-ack-without-data", "{receiver} sends an ACK without data in {trigger}, {fin_to_answered} later")
	saysAnswersLaterLongerConnection     = sentence("answers-later-longer-connection", "{rst} answers it {answer_time} later; {sender} no longer has the connection")
	saysEverythingSentAcknowledgedBefore = sentence("everything-sent-acknowledged-before", "everything that {receiver} had sent was acknowledged before")
	storySegmentAfterClose               = sentence("story-segment-after-close", "{sender} had closed the connection and kept nothing of it; what {receiver} sent to end its own side, without any data, was answered with a reset. Nothing was lost.")
)
