package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var linger2 = Rule{
	ID:      "linger2",
	Family:  FamilyDataAfterClose,
	Title:   "closed without waiting for the peer's FIN",
	Summary: "A program closed its side and did not want to wait for the other's: with TCP_LINGER2 below 0 the kernel resets as soon as its FIN is acknowledged.",
	Story: func(c *Case) *Sentence {
		if !c.Receiver.Spoke() {
			return storyLinger2Unseen
		}
		return storyLinger2
	},
	Wire: `S > C  F.  the server closes
C > S  .   ack of the FIN, no data
S > C  R   seq = that ack (closed before the ACK came)
       or  R.  seq = that ack, window as usual (closed after it)`,
	Confirm: []string{
		"`strace -e setsockopt,shutdown,close` on the program: TCP_LINGER2 with a value below 0, or SO_LINGER 0 after shutdown()",
		"`nstat -az TcpExtTCPAbortOnLinger` grows for the form with ACK",
	},
	Advice: []string{
		"Remove TCP_LINGER2; net.ipv4.tcp_fin_timeout limits FIN_WAIT2 for all sockets.",
		"Nothing is lost unless the other side still had something to send.",
	},
	Refs: []string{
		"tcp(7), TCP_LINGER2; Linux: __tcp_close (TCP_FIN_WAIT2), tcp_rcv_state_process (TCP_FIN_WAIT1)",
	},
	Over: []Over{
		{ID: "deliberate-abort", Why: "it says how: by an option of the closing side"},
		{ID: "segment-after-close", Why: "what is answered is the ACK of the FIN itself"},
		{ID: "unread-data-on-close", Why: "all that the peer had sent came before the FIN"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "`nstat -az TcpExtTCPAbortOnLinger` grows for TCP_LINGER2 and stays as it is for SO_LINGER 0"},
		{"segment-after-close", "the closing program does not set TCP_LINGER2: then its stack keeps no half-closed connections"},
	},
	Reasons:    []string{"TCP_ABORT_ON_DATA", "TCP_ABORT_ON_LINGER"},
	Telling:    FINToRST,
	Silence:    IdleBeforeFIN,
	Ways:       ways(WayAnswer, WayTimer, WayOnPurpose),
	Mechanisms: mechanisms(Answer, Abort),
	When:       SenderFIN | ReceiverNoFIN | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if c.RST.Seq != x.FINEnd {
			return None
		}
		if !y.Spoke() {
			return linger2Unseen(c, f)
		}
		if !y.Known.Has(flows.SawAck) || y.RcvNxt != x.FINEnd {
			return None
		}
		if c.Mechanism == Abort {
			if !linuxAbort(c) || y.DataLast > x.FINTime || c.Timing.At[FINToRST] >= waitedForFIN {
				return None
			}
			f.Say(saysSentFinBeforeAcknowledged)
			f.Say(saysAbortsWhileOtherSide)
			return Possible
		}
		t := &c.Trigger
		if t.Flags&^packet.PSH != packet.ACK || t.Len != 0 || t.Ack != x.FINEnd || t.Frame != y.LatestFrame || acknowledgedBefore(c) {
			return None
		}
		f.Say(saysClosesFin2)
		f.Say(saysAcknowledgesJustWithoutData)
		f.Say(saysAnswersAckLaterNothing)
		return Likely
	},
}

// linger2Unseen is the same where the capture holds nothing of the other side: its
// acknowledgment of the FIN made the host abort.
func linger2Unseen(c *Case, f *Findings) Confidence {
	if c.Mechanism != Abort || !linuxAbort(c) || c.Timing.At[FINToRST] >= waitedForFIN {
		return None
	}
	f.Say(saysClosesFin2)
	f.Say(saysStandsBehindFIN)
	return Possible
}

var (
	storyLinger2Unseen              = sentence("story-linger2-unseen", "{sender} had sent its FIN and, instead of waiting for {receiver} to close, reset the connection: TCP_LINGER2 below 0, or a second, abortive close.")
	saysStandsBehindFIN             = sentence("stands-behind-fin", "{rst} stands just behind the FIN, {fin_to_rst} later; the capture holds nothing of {receiver}")
	saysSentFinBeforeAcknowledged   = sentence("sent-fin-before-acknowledged", "{sender} had sent its FIN {fin_to_rst} before ({sender_fin}), and {receiver} had acknowledged it")
	saysAbortsWhileOtherSide        = sentence("aborts-while-other-side", "{rst} aborts while the other side may still send: the FIN was not the end for the program")
	saysClosesFin2                  = sentence("closes-fin-2", "{sender} closes: FIN in {sender_fin}")
	saysAcknowledgesJustWithoutData = sentence("acknowledges-just-without-data", "{receiver} acknowledges just that in {trigger}, without data")
	saysAnswersAckLaterNothing      = sentence("answers-ack-later-nothing", "{rst} answers the ACK {answer_time} later: nothing was kept to wait for the other FIN")
	storyLinger2                    = sentence("story-linger2", "{sender} had sent its FIN and, once that was acknowledged, reset the connection instead of waiting for {receiver} to close: TCP_LINGER2 below 0, or a second, abortive close.")
)
