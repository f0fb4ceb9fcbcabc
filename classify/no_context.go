package classify

import "github.com/rstwhy/rstwhy/packet"

var noContext = Rule{
	ID:      "no-context",
	Family:  FamilyStalePeer,
	Mend:    NotExplained,
	Title:   "a lone RST",
	Summary: "The capture holds no other segment of the connection, so that nothing can be said about the reason.",
	Story:   always(storyNoContext),
	Wire: `           (nothing)
S > C  R   any numbers
           (nothing)`,
	Confirm: []string{
		"was the capture filtered for RSTs alone, or for one direction? Then take it again without the filter",
		"does the receiver know of such a connection? If not: backscatter of forged addresses, or a port that was used before",
	},
	Advice: []string{
		"Capture whole connections: `tcpdump 'host A and port B'` instead of a filter on flags.",
		"A lone RST at the beginning of a capture is the end of something older: leave it.",
	},
	Refs: []string{
		"RFC 9293, 3.5.3: a RST without a connection is dropped",
		"Moore, Voelker, Savage, Inferring Internet Denial-of-Service Activity, 2001: backscatter",
	},
	Harm:       harmUnknown,
	Reasons:    everyReason,
	OtherHost:  true,
	Telling:    Lifetime,
	Silence:    IdleBefore,
	Ways:       ways(WayAnswer, WayUnread, WayOnPurpose, WayTimer, WayBox, WayRefusal, WayForgery),
	Mechanisms: mechanisms(Unexplained),
	When:       First | SenderSilent | ReceiverSilent,
	Match: func(c *Case, f *Findings) Confidence {
		if refusesUnseen(c) {
			return None
		}
		rst := &c.RST
		f.Say(saysFirstSegmentConnectionCapture)
		f.Say(saysFlagsWindowTtl)
		switch {
		case rst.Flags&packet.ACK != 0 && rst.Options.Has(packet.OptTimestamps):
			f.Say(saysAckTimestampsSocketConnection)
		case rst.Flags&packet.ACK != 0:
			f.Say(saysAckSocketAbortedConnection)
		case rst.Ack != 0:
			f.Say(saysAckAnswersSegmentAcknowledgment)
		default:
			f.Say(saysAckAnswersSegmentCapture)
		}
		if n := len(c.FollowUps); n > 0 {
			f.Say(saysMoreRstsSameConnection)
		}
		if c.After.NewSYN.Valid() {
			f.Say(saysNewConnectionSameAddresses)
		}
		return Possible
	},
}

var (
	saysFirstSegmentConnectionCapture   = sentence("first-segment-connection-capture", "{rst} is the first segment of its connection in the capture")
	saysFlagsWindowTtl                  = sentence("flags-window-ttl", "it has flags {rst_flags}, window {rst_window}, TTL {rst_ttl}")
	saysAckTimestampsSocketConnection   = sentence("ack-timestamps-socket-connection", "it has an ACK and timestamps: a socket that had the connection open aborted it")
	saysAckSocketAbortedConnection      = sentence("ack-socket-aborted-connection", "it has an ACK: a socket aborted its connection, or some device answered")
	saysAckAnswersSegmentAcknowledgment = sentence("ack-answers-segment-acknowledgment", "it has no ACK: it answers a segment; the acknowledgment field is filled all the same, as Windows does")
	saysAckAnswersSegmentCapture        = sentence("ack-answers-segment-capture", "it has no ACK: it answers a segment that is not in the capture")
	saysMoreRstsSameConnection          = sentence("more-rsts-same-connection", "{further_rsts} more RSTs of the same connection follow")
	saysNewConnectionSameAddresses      = sentence("new-connection-same-addresses", "a new connection on the same addresses and ports begins after it ({new_syn})")
	storyNoContext                      = sentence("story-no-context", "A RST from {sender} to {receiver}, and nothing else of the connection: the capture began too late, a filter left the rest out, or the RST belongs to nobody here.")
)
