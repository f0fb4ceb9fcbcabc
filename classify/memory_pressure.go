package classify

var memoryPressure = Rule{
	ID:      "memory-pressure",
	Family:  FamilyDeliberate,
	Title:   "kernel short of memory for closed sockets",
	Summary: "Too many closed sockets still had data or FINs to deliver, or TCP's memory was used up; the kernel gave this one up with a reset.",
	Story:   always(storyMemoryPressure),
	Wire: `S > C  F.  the program closes; the FIN is not acknowledged
S > C  R.  seq = after the FIN: at once, or instead of sending again`,
	Confirm: []string{
		"`nstat -az TcpExtTCPAbortOnMemory` on the sender grows",
		"`dmesg`: \"too many orphaned sockets\", \"out of memory -- consider tuning tcp_mem\"",
		"`cat /proc/net/sockstat`: orphan and mem against net.ipv4.tcp_max_orphans and net.ipv4.tcp_mem",
	},
	Advice: []string{
		"Find what leaves so many connections closed and unacknowledged: clients that vanish, an attack.",
		"Raise net.ipv4.tcp_max_orphans and net.ipv4.tcp_mem, or lower net.ipv4.tcp_orphan_retries.",
	},
	Remedies: []Remedy{
		{"Linux", `Less patience with connections that nobody owns any more, and twice the room that there is (the default grows with memory: 131072 with 23 GB):
	now=$(sysctl -n net.ipv4.tcp_max_orphans)
	sysctl -w net.ipv4.tcp_max_orphans=$((2 * now))
	sysctl -w net.ipv4.tcp_orphan_retries=3`},
	},
	Refs: []string{
		"Linux: tcp_check_oom, tcp_out_of_resources; ip-sysctl, tcp_max_orphans",
	},
	Over: []Over{
		{ID: "unread-data-on-close", Why: "the FIN had not been acknowledged, and the close came before it"},
		{ID: "deliberate-abort", Why: "the FIN had not been acknowledged"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "`nstat -az TcpExtTCPAbortOnMemory` grows only when memory was the reason"},
	},
	Reasons:    []string{"TCP_ABORT_ON_MEMORY"},
	Telling:    FINToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayTimer, WayOnPurpose),
	Mechanisms: mechanisms(Abort),
	When:       SenderFIN | ReceiverAck | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if !linuxAbort(c) || x.FINEnd.LessEq(y.RcvNxt) || y.Unanswered > 0 {
			return None
		}
		switch since := c.Timing.At[FINToRST]; {
		case x.RetransRun > 0:
			f.Say(saysSentSegmentsAgainSince)
		case since < atOnce:
			f.Say(saysAbortsAfterFinWhich)
		default:
			return None
		}
		abortNumbers(c, f)
		if burst := c.Around.Burst; burst > 1 {
			f.Say(saysConnectionsSenderResetWithin)
			return Likely
		}
		return Possible
	},
}

var (
	saysSentSegmentsAgainSince       = sentence("sent-segments-again-since", "{sender} had sent {sender_retransmissions_unanswered} segments again since its FIN ({sender_fin}) without an answer")
	saysAbortsAfterFinWhich          = sentence("aborts-after-fin-which", "{sender} aborts {fin_to_rst} after its FIN ({sender_fin}), which nobody had acknowledged")
	saysConnectionsSenderResetWithin = sentence("connections-sender-reset-within", "{burst} connections of this sender were reset within {burst_span}")
	storyMemoryPressure              = sentence("story-memory-pressure", "{sender} had closed, and gave the connection up before {receiver} could acknowledge that: the kernel does so when it holds too many closed sockets, or too little memory for TCP.")
)
