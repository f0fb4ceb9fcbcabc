package classify

var finWait2Timeout = Rule{
	ID:      "fin-wait2-timeout",
	Family:  FamilyDeliberate,
	Title:   "gave up waiting for the peer's FIN",
	Summary: "A side had closed, the other acknowledged it and never closed itself; after a time limit the first reset what was left of the connection.",
	Story:   always(storyFinWait2Timeout),
	Wire: `S > C  F.  the server closes
C > S  .   ack of the FIN; the client never closes
           (60 s on Linux: net.ipv4.tcp_fin_timeout)
S > C  R.  seq = after the FIN`,
	Confirm: []string{
		"the time from FIN to RST is the same on several connections: net.ipv4.tcp_fin_timeout, or the program's own limit for a lingering close",
		"`ss -tn state close-wait` on the other side: connections that its program does not close",
	},
	Advice: []string{
		"The other side leaks: close the connection after reading end of file (CLOSE_WAIT that stays is a missing close()).",
		"Pooled connections: let the pool look for end of file in idle connections.",
	},
	Refs: []string{
		"Linux: tcp_keepalive_timer (TCP_FIN_WAIT2); ip-sysctl, tcp_fin_timeout; tcp(7), TCP_LINGER2",
		"RFC 9293, 3.6",
	},
	Over: []Over{
		{ID: "deliberate-abort", Why: "the sender had closed long before, and its wait ended"},
		{ID: "unread-data-on-close", Why: "all that the peer had sent came before the FIN"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "the closing program: does it abort after a limit of its own (lingering close), or is it gone and the kernel's timer did it?"},
	},
	Harm:       harmless,
	Reasons:    []string{"TCP_STATE"},
	Telling:    FINToRST,
	Benign:     true,
	Silence:    IdleBefore,
	Ways:       ways(WayTimer),
	Mechanisms: mechanisms(Abort),
	When:       SenderFIN | ReceiverNoFIN | ReceiverAck | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		since := c.Timing.At[FINToRST]
		if c.RST.Seq != x.FINEnd || y.RcvNxt != x.FINEnd || y.DataLast > x.FINTime || since < waitedForFIN {
			return None
		}
		f.Say(saysClosedFinAcknowledged)
		f.Say(saysNeverSentFinNor)
		f.Say(saysEndsAfterFin)
		// net.ipv4.tcp_fin_timeout is 60 s unless somebody changed it.
		if since > finTimeoutLeast && since < finTimeoutMost {
			return Likely
		}
		return Possible
	},
}

var (
	saysClosedFinAcknowledged = sentence("closed-fin-acknowledged", "{sender} had closed: FIN in {sender_fin}, acknowledged by {receiver}")
	saysNeverSentFinNor       = sentence("never-sent-fin-nor", "{receiver} never sent a FIN, nor any data since")
	saysEndsAfterFin          = sentence("ends-after-fin", "{rst} ends it {fin_to_rst} after the FIN")
	storyFinWait2Timeout      = sentence("story-fin-wait2-timeout", "{sender} had closed {fin_to_rst} before and {receiver} never closed its side; {sender} stopped waiting. Nothing was in flight.")
)
