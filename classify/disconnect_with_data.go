package classify

import "github.com/rstwhy/rstwhy/packet"

var disconnectWithData = Rule{
	ID:      "disconnect-with-data",
	Family:  FamilyDeliberate,
	Title:   "dropped with data it could not send",
	Summary: "The peer had closed its side and stopped reading; the program gave up with data still waiting to be sent.",
	Story:   always(storyDisconnectWithData),
	Wire: `S > C  .   data until the client's window is full
C > S  F.  the client closes its side, but does not read
S > C  R.  where the window ended; the server's FIN never left`,
	Confirm: []string{
		"`ss -tn` on the sender just before: state LAST-ACK or CLOSING with a non-zero Send-Q",
		"`strace -e setsockopt,connect,close` on the program: SO_LINGER 0, or connect() to AF_UNSPEC",
	},
	Advice: []string{
		"Find why the receiver stopped reading; data that it did not read is lost.",
		"Give up a slow reader with a time limit and a FIN where that is enough.",
	},
	Refs: []string{
		"Linux: tcp_disconnect, SK_RST_REASON_TCP_DISCONNECT_WITH_DATA",
	},
	Over: []Over{
		{ID: "deliberate-abort", Why: "the peer had closed and its window was full"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "the kernel's reason (tracepoint tcp_send_reset): TCP_DISCONNECT_WITH_DATA, or TCP_STATE when nothing was left to send"},
	},
	Harm:       harmUnknown, // how much never left is not known
	Reasons:    []string{"TCP_DISCONNECT_WITH_DATA"},
	Telling:    SenderDataToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayOnPurpose),
	Mechanisms: mechanisms(Abort),
	When:       SenderData | First | SenderNoFIN | ReceiverFIN | ReceiverAck,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		room := y.WindowEdge.Sub(x.SndNxt)
		if c.RST.Flags&packet.ACK == 0 || room >= oneSegment || room >= int32(max(y.MSS, 1)) && y.MSS != 0 {
			return None
		}
		f.Say(saysClosedSideFin)
		f.Say(saysWindowRoomMoreCould)
		abortNumbers(c, f)
		return Likely
	},
}

var (
	saysClosedSideFin       = sentence("closed-side-fin", "{receiver} had closed its side: FIN in {receiver_fin}")
	saysWindowRoomMoreCould = sentence("window-room-more-could", "its window had room for {window_room} more: {sender} could not go on")
	storyDisconnectWithData = sentence("story-disconnect-with-data", "{receiver} had closed its sending side and read no more; {sender}, with data still to be sent, dropped the connection.")
)
