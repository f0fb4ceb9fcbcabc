package classify

import (
	"time"

	"github.com/rstwhy/rstwhy/flows"
)

var healthCheck = Rule{
	ID:      "health-check",
	Family:  FamilyHandshakeAbort,
	Title:   "a health check that ends with RST",
	Summary: "A load balancer or monitor connects at a fixed beat to see whether the port answers, and ends each check with a RST by design.",
	Story: func(c *Case) *Sentence {
		if steadyBeat(c) {
			return storyHealthCheck
		}
		return storyLikeHealthCheck
	},
	Wire: `C > S  S   S > C  S.  the port answers
C > S  R   or R., sometimes after the ACK, or after a tiny request
           (and again one interval later)`,
	Confirm: []string{
		"the address is a load balancer's or a monitor's, and its check interval is the beat given here",
		"HAProxy: `check` and `inter`; keepalived: TCP_CHECK, in old releases; F5: tcp_half_open; AWS: health check settings",
	},
	Advice: []string{
		"Nothing to do: it is by design, and no request is lost.",
		"If it fills the server's log, leave the checker's address, or connections without a request, out of it.",
	},
	Remedies: []Remedy{
		{"HAProxy as the server", `Leave connections without a request out of its log:
	option dontlognull`},
		{"keepalived", "TCP_CHECK of old releases ends with RST; later ones close with FIN, unless a greeting of the server lies unread. HTTP_GET asks for a page instead."},
		{"AWS NLB", "Health checks of protocol HTTP in place of TCP ask for a page of the target."},
	},
	Refs: []string{
		"HAProxy configuration manual: check, inter, option tcp-check",
		"keepalived: core/layer4.c, socket_bind_connect: SO_LINGER with 5 s in releases of 2017, with 0 in those of 2002",
	},
	Harm: harmless,
	Over: []Over{
		{ID: "deliberate-abort", Why: "the beat shows a checker", Told: true},
		{ID: "unread-data-on-close", Why: "the beat shows a checker"},
		{ID: "abort-after-response", Why: "the beat shows a checker", Told: true},
		{ID: "handshake-abort", Why: "the beat shows a checker", Told: true},
		{ID: "handshake-abort-active", Why: "the beat shows a checker", Told: true},
		{ID: "half-open-scan", Why: "the beat shows a checker, and one port only", Told: true},
	},
	Confused: []Confusion{
		{"deliberate-abort", "does the client come back at a fixed beat, all day? Then it is a checker; a program that aborts when it is done comes when it has something to do"},
		{"abort-after-response", "does the client come back with the same request at a fixed beat, all day?"},
		{"handshake-abort", "does the client come back to the same port at a fixed beat? Then it asks for no more than the SYN/ACK"},
		{"half-open-scan", "is it a checker's address, and comes it back to the same port at a fixed beat?"},
		{"unread-data-on-close", "is it a checker's address? A program that polls and closes without reading looks the same"},
	},
	Reasons:    []string{"TCP_STATE", "NO_SOCKET", "TCP_ABORT_ON_CLOSE"},
	Telling:    Lifetime,
	Benign:     true,
	Ways:       ways(WayOnPurpose, WayUnread, WayAnswer),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Abort),
	When:       FromClient | SenderSYN | ReceiverSYN | SenderNoFIN | ReceiverNoFIN | First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		bare := x.Bytes+y.Bytes == 0
		switch {
		case c.Timing.At[SYNToRST] > checkLasts || x.Bytes > checkRequestMax || y.Bytes > checkAnswerMax:
			return None
		case x.SYNRepeated() || y.SYNRepeated() || c.triedAgain() || c.Timing.At[SYNToSYNACK] >= checkBare || answersSlowly(c) && c.Facts.Has(SYNACKDropped):
			return None // that the answer was slow or lost is a reason of its own
		case toolSYN(c) || askedFromElsewhere(c) && c.Facts.Has(SYNACKDropped):
			return None // no operating system makes such a SYN, or it was sent elsewhere
		case y.Bytes == 0 && x.Bytes > 0 || y.Bytes > 0 && !c.gotAll() || c.undelivered() > 0 || c.After.Bytes[c.Dir.Peer()] > 0:
			return None // it did not wait for the whole answer
		case !bare && (c.Timing.At[ReceiverDataToRST] >= checkBare || messageOf(y) == partial || messageOf(y) == endUnknown):
			return None // it ends once it has its answer
		case bare && c.Timing.At[SYNACKToRST] >= checkBare || c.Facts.Has(WentOn):
			return None
		case c.Mechanism != Abort && !bare:
			return None
		case c.Mechanism != Abort && !steadyBeat(c) && (c.Timing.At[SYNToSYNACK] >= connectPatience || c.Around.Fruitless > 2):
			return None // a client that had stopped waiting, or a scanner
		}
		a := &c.Around
		if !bare && a.Beats < 2 && y.Unanswered < y.Bytes {
			return None // of several exchanges, and no other like it
		}
		// Only who wants nothing else but an answer keeps the last ACK back.
		inPlaceOfACK := bare && c.Mechanism == Abort && !x.Known.Has(flows.SawPlainAck)
		confidence := Possible
		switch {
		case steadyBeat(c):
			f.Say(saysConnectedTimesLikeSame)
			confidence = Likely
		case a.Beats > 1 && a.Beat < checkFastest || c.Missing != 0:
			return None
		case a.Beats < 2:
			f.Say(saysNoOtherLikeIt)
		case inPlaceOfACK:
			f.Say(saysConnectedTimesLikeSamePort)
			confidence = Likely
		default:
			f.Say(saysTooFewForBeat)
		}
		if bare {
			f.Say(saysNeitherSideSentAny)
		} else {
			f.Say(saysTheyExchangedAllAnswer)
		}
		f.Say(saysEndsAfterSyn)
		return confidence
	},
}

// steadyBeat reports whether the client has come back with the same often enough,
// and at so even a period, that chance is no answer; and whether it is one that
// somebody would set. What takes its own time, as a job that goes through a list,
// has another.
func steadyBeat(c *Case) bool {
	a := &c.Around
	return a.Beats >= checkBeats && a.Beat >= checkFastest && a.Beat <= checkSlowest &&
		a.BeatSpread < a.Beat/checkSteady && roundPeriod(a.Beat)
}

// roundPeriod reports whether d is a period that a person would set, as a timer
// keeps it, which may be late but is not early: some tenths or quarters of a
// second, halves above one second, fives above ten, and half minutes above two
// minutes.
func roundPeriod(d int64) bool {
	const second, early = int64(time.Second), int64(2 * time.Millisecond)
	late := early + min(d/checkLate, checkLatest)
	near := func(unit int64) bool { return (d+early)%unit <= early+late }
	switch {
	case d < second-early:
		return near(second/10) || near(second/4)
	case d < 10*second-early:
		return near(second / 2)
	case d < 120*second-early:
		return near(5 * second)
	}
	return near(30 * second)
}

var (
	saysConnectedTimesLikeSame     = sentence("connected-times-like-same", "{sender} has connected {beats} times like this to the same port, every {beat}, give or take {beat_spread}, with as many bytes each way")
	saysConnectedTimesLikeSamePort = sentence("connected-times-like-same-port", "{sender} has connected {beats} times like this to the same port")
	saysNoOtherLikeIt              = sentence("no-other-like-it", "{sender} ends the connection once it has what it asked for, as checks do; no other like it was seen before, and so no beat")
	saysTooFewForBeat              = sentence("too-few-for-beat", "{sender} has connected {beats} times like this to the same port, with as many bytes each way: that is no beat yet of which a person could have set the period")
	saysNeitherSideSentAny         = sentence("neither-side-sent-any", "neither side sent any data")
	saysTheyExchangedAllAnswer     = sentence("they-exchanged-all-answer", "they exchanged {both_bytes} in all, and the answer had come")
	saysEndsAfterSyn               = sentence("ends-after-syn", "{rst} ends it {syn_to_rst} after the SYN")
	storyLikeHealthCheck           = sentence("story-like-health-check", "{client} connected to port {server_port} of {server} and ended the connection with a RST as soon as it had its answer, as checks do.")
	storyHealthCheck               = sentence("story-health-check", "{client} checks port {server_port} of {server} at a fixed beat and ends each check with a RST, which saves both a closed connection.")
)
