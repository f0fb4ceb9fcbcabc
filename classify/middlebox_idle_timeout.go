package classify

var middleboxIdleTimeout = Rule{
	ID:      "middlebox-idle-timeout",
	Family:  FamilyStalePeer,
	Title:   "a box on the path forgot the idle connection",
	Summary: "A NAT, load balancer or firewall dropped the idle connection from its table, and it, or the host behind it, refused what came next.",
	Story: func(c *Case) *Sentence {
		if c.Mechanism == Abort {
			return storyMiddleboxIdleTimeoutAbort
		}
		if c.Mechanism != Abort && bracketed(c) {
			return storyIdleTimer
		}
		return storyMiddleboxIdleTimeout
	},
	Wire: `           (silence longer than the box's idle timeout)
C > S  P.  data
S > C  R   often with another TTL, and sooner than the server could answer`,
	Confirm: []string{
		"do several connections die after the same silence?",
		"captures on both ends: a RST that one end got and the other never sent came from between",
	},
	Advice: []string{
		"Send TCP keep-alives more often than the box's idle timeout, or raise that timeout.",
		"Close idle connections in the client before the box forgets them.",
	},
	Remedies: []Remedy{
		keepAliveLinux,
		keepAliveGo,
		keepAliveJava,
		keepAlivePython,
		keepAliveNode,
		keepAlivePostgreSQL,
		{"AWS NLB", `350 s by default, 60 to 6000 s, fixed for TLS listeners:
	aws elbv2 modify-listener-attributes --listener-arn ARN \
	  --attributes Key=tcp.idle_timeout.seconds,Value=3600`},
		{"AWS NAT gateway", "350 s, and no setting: keep-alives."},
		{"AWS EC2", "Security groups forget connections after 432000 s, and after 350 s on instances of Nitro v6: TcpEstablishedTimeout of the network interface."},
		{"Azure Load Balancer", `4 minutes by default, up to 100; with TCP reset both ends learn of it:
	az network lb rule update -g GROUP --lb-name LB -n RULE \
	  --idle-timeout 30 --enable-tcp-reset true`},
		{"Google Cloud", "The firewall forgets idle connections after 600 s, and has no setting: keep-alives."},
		{"Linux as NAT or firewall", `5 days by default, less where somebody set it so:
	sysctl net.netfilter.nf_conntrack_tcp_timeout_established`},
	},
	Refs: []string{
		"AWS NLB and NAT gateway: 350 s; AWS ALB: 60 s; Azure Load Balancer: 240 s (vendors' documentation)",
		"AWS EC2 API reference, ConnectionTrackingConfiguration: 350 s for Nitro v6 (but for P6e-GB200), 432000 s for others",
	},
	Over: []Over{
		{ID: "abort-after-response", Why: "the silence is that of a timer, and the RST shows another origin"},
		{ID: "unread-data-on-close", Why: "the silence is that of a timer, and the RST shows another origin"},
		{ID: "deliberate-abort", Why: "the silence is that of a timer, and the RST shows another origin"},
		{ID: "abort-after-response", Why: "the box says so itself, or the RST shows another origin"},
		{ID: "firewall-reject", Why: "the silence explains why the segment was refused"},
	},
	Confused: []Confusion{
		{"backend-rehash", "do new connections to the same address come with the RST's TTL? Then another server behind a load balancer answered"},
		{"mid-stream", "capture from before the connection opens: had the sender of the RST taken part in it?"},
		{"stale-connection", "uptime of the server process; does its capture show it sending the RST?"},
		{"firewall-reject", "the box's log says whether a rule or an expired session was the reason"},
	},
	Reasons:    []string{"NO_SOCKET"}, // when the box that forgot is a Linux host of its own
	OtherHost:  true,
	Telling:    IdleBefore,
	Silence:    IdleBefore,
	Ways:       ways(WayBox, WayTimer, WayAnswer),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Abort),
	When:       Underway | First | SenderNoFIN | ReceiverNoFIN,
	Match: func(c *Case, f *Findings) Confidence {
		idle := c.Timing.At[IdleBefore]
		sign := showsElsewhere(c)
		long := idle >= idleWorthNaming
		front := c.Mechanism == Abort && fromFront(c)
		bracket := c.Mechanism != Abort && bracketed(c)
		if !long && !bracket && !((sign || front || saysIdle(c)) && idle >= ShortestIdle) {
			return None
		}
		if c.Mechanism == Abort {
			// A host's own timer ends with RST as well; a box ends both sides, or
			// shows that it is another.
			both := otherEnd(c)
			if saysIdle(c) {
				f.Say(saysEndsConnectionAfterSilence)
				f.repeat(c.Origin.Proofs)
				return Likely
			}
			if !front && (!long || both == nil && !sign) {
				return None
			}
			f.Say(saysEndsConnectionAfterSilence)
			if both != nil {
				f.Say(saysEndsNameOtherSide)
			}
		} else {
			if !unknownHere(c) {
				return None
			}
			if c.Trigger.Valid() {
				f.Say(saysConnectionSilentWhenSent)
			} else {
				f.Say(saysConnectionSilentWhenCame)
			}
		}
		if bracket {
			f.Say(saysBracket)
			f.Say(saysPausesOfEach)
		}
		if front {
			f.Say(saysFromFront)
		}
		switch off := c.Path.Off; {
		case off == 1 || off == -1:
			f.Say(saysRstTtlHostOwn)
		case off != 0:
			f.Say(saysRstTtlAnotherBox)
		}
		if tooSoon(c) {
			f.Say(saysComesSoonerHostCanHave)
		}
		if long && (sign || c.Mechanism == Abort) || bracket && timerShown(c) {
			return Likely
		}
		return Possible
	},
}

// timerShown reports whether the pauses that enclose a timer are enough to prefer
// it to a restart in just that time: several were survived and several not; or one
// was not, a long one, a pause of half of it was survived, and the port has gone
// on accepting.
func timerShown(c *Case) bool {
	a := &c.Around
	return a.Survivals > 1 && a.Fatalities > 1 ||
		a.WentOn && a.Fatal >= idleWorthNaming && a.Survived >= a.Fatal/2
}

var (
	saysFromFront                  = sentence("from-front", "the RST has TTL {rst_ttl}, as the SYN/ACK had, and the latest segment before it ({sender_latest}) {sender_ttl}: a box in front of {server} makes the one, and passes on the other")
	saysEndsConnectionAfterSilence = sentence("ends-connection-after-silence", "{rst} ends the connection after {idle_before} of silence, and answers nothing")
	saysEndsNameOtherSide          = sentence("ends-name-other-side", "{other_end_rst} ends it in the name of the other side as well, {rst_to_other_end_rst} later")
	saysConnectionSilentWhenSent   = sentence("connection-silent-when-sent", "the connection had been silent for {idle_before} when {trigger} was sent")
	saysConnectionSilentWhenCame   = sentence("connection-silent-when-came", "the connection had been silent for {idle_before} when {rst} came")
	saysRstTtlHostOwn              = sentence("rst-ttl-host-own", "the RST has TTL {rst_ttl}, the host's own segments {host_ttl_least} to {host_ttl_most}")
	saysRstTtlAnotherBox           = sentence("rst-ttl-another-box", "the RST has TTL {rst_ttl}, the host's own segments {host_ttl_least} to {host_ttl_most}: another box sent it")
	saysComesSoonerHostCanHave     = sentence("comes-sooner-host-can-have", "it comes sooner than the host can have answered")
	storyMiddleboxIdleTimeoutAbort = sentence("story-middlebox-idle-timeout-abort", "The connection had been silent for {idle_before}; a NAT, load balancer or firewall on the path ended it, as it seems by its idle timeout.")
	storyIdleTimer                 = sentence("story-idle-timer", "The connection had been silent for {idle_before}, and its next segment was refused. So far every pause on this port of up to {pause_survived} was survived and none from {pause_fatal} on: most likely an idle timer in between, that of a NAT, load balancer or firewall on the path, forgot the connection.")
	storyMiddleboxIdleTimeout      = sentence("story-middlebox-idle-timeout", "The connection had been silent for {idle_before}; a NAT, load balancer or firewall on the path may have forgotten it, and the next segment was refused.")
)
