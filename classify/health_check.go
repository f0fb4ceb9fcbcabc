package classify

var healthCheck = Rule{
	ID:      "health-check",
	Family:  FamilyHandshakeAbort,
	Title:   "a health check that ends with RST",
	Summary: "A load balancer or monitor connects at a fixed beat to see whether the port answers, and ends each check with a RST by design.",
	Story:   always(storyHealthCheck),
	Wire: `C > S  S   S > C  S.  the port answers
C > S  R   or R., sometimes after the ACK, or after a tiny request
           (and again one interval later)`,
	Confirm: []string{
		"the address is a load balancer's or a monitor's, and its check interval is the beat given here",
		"HAProxy: `check` and `inter`; keepalived: TCP_CHECK; F5: tcp_half_open; AWS: health check settings",
	},
	Advice: []string{
		"Nothing to do: it is by design, and no request is lost.",
		"If it fills the server's log, leave the checker's address, or connections without a request, out of it.",
	},
	Remedies: []Remedy{
		{"HAProxy as the server", `Leave connections without a request out of its log:
	option dontlognull`},
		{"keepalived", "TCP_CHECK ends with RST; HTTP_GET asks for a page instead."},
		{"AWS NLB", "Health checks of protocol HTTP in place of TCP ask for a page of the target."},
	},
	Refs: []string{
		"HAProxy configuration manual: check, inter, option tcp-check",
		"keepalived: TCP_CHECK sets SO_LINGER with timeout 0",
	},
	Harm: harmless,
	Over: []Over{
		{ID: "deliberate-abort", Why: "the beat shows a checker"},
		{ID: "unread-data-on-close", Why: "the beat shows a checker"},
		{ID: "abort-after-response", Why: "the beat shows a checker"},
		{ID: "handshake-abort", Why: "the beat shows a checker"},
		{ID: "handshake-abort-active", Why: "the beat shows a checker", Told: true},
		{ID: "half-open-scan", Why: "the beat shows a checker, and one port only"},
	},
	Confused: []Confusion{
		{"unread-data-on-close", "is it a checker's address? A program that polls and closes without reading looks the same"},
	},
	Reasons:    []string{"TCP_STATE", "NO_SOCKET", "TCP_ABORT_ON_CLOSE"},
	Telling:    Lifetime,
	Benign:     true,
	Mechanisms: mechanisms(Answer, AnswerWithACK, Abort),
	When:       FromClient | SenderSYN | ReceiverSYN | ReceiverNoFIN | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if c.Timing.At[SYNToRST] > checkLasts || x.Bytes > checkRequestMax || y.Bytes > checkAnswerMax {
			return None
		}
		if x.SYNs > 1 || c.triedAgain() {
			return None // a check does not need a second SYN
		}
		if toolSYN(c) || askedFromElsewhere(c) && c.Facts.Has(SYNACKDropped) {
			return None // no operating system makes such a SYN, or it was sent elsewhere
		}
		if x.Bytes > 0 && y.Bytes == 0 {
			return None // it asked and did not wait for the answer
		}
		a := &c.Around
		bare := c.Mechanism == Abort && x.Bytes+y.Bytes == 0 && c.Timing.At[SYNACKToRST] < checkBare
		beat := a.Beats >= checkBeats && a.Beat >= checkFastest && a.Beat <= checkSlowest && a.BeatSpread < a.Beat/5
		switch {
		case beat:
			f.Say(saysConnectedTimesLikeSame)
		case bare && a.Beats > 1 && a.Beat >= checkFastest:
			f.Say(saysConnectedTimesLikeSamePort)
		case bare:
			f.Say(saysConnectsAbortsAfterSyn)
			return Possible
		default:
			return None
		}
		if n := x.Bytes + y.Bytes; n == 0 {
			f.Say(saysNeitherSideSentAny)
		} else {
			f.Say(saysTheyExchangedAllAnswer)
		}
		f.Say(saysEndsAfterSyn)
		return Likely
	},
}

var (
	saysConnectedTimesLikeSame     = sentence("connected-times-like-same", "{sender} has connected {beats} times like this to the same port, every {beat}, give or take {beat_spread}")
	saysConnectedTimesLikeSamePort = sentence("connected-times-like-same-port", "{sender} has connected {beats} times like this to the same port")
	saysConnectsAbortsAfterSyn     = sentence("connects-aborts-after-syn", "{sender} connects and aborts {synack_to_rst} after the SYN/ACK; there is no beat to see yet")
	saysNeitherSideSentAny         = sentence("neither-side-sent-any", "neither side sent any data")
	saysTheyExchangedAllAnswer     = sentence("they-exchanged-all-answer", "they exchanged {both_bytes} in all, and the answer had come")
	saysEndsAfterSyn               = sentence("ends-after-syn", "{rst} ends it {syn_to_rst} after the SYN")
	storyHealthCheck               = sentence("story-health-check", "{client} checks port {server_port} of {server} at a fixed beat and ends each check with a RST, which saves both a closed connection.")
)
