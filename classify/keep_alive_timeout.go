package classify

import "github.com/rstwhy/rstwhy/flows"

var keepAliveTimeout = Rule{
	ID:      "keep-alive-timeout",
	Family:  FamilyTimeout,
	Title:   "keep-alive probes got no answer",
	Summary: "A host probed an idle connection, got no answer, and gave it up: the peer had vanished, or a box on the path had forgotten the connection.",
	Story:   always(storyKeepAliveTimeout),
	Wire: `           (silence: the keep-alive time)
S > C  .   seq one below: a probe, no answer
S > C  .   another, one interval later, no answer
S > C  R.  one interval after the last`,
	Confirm: []string{
		"`nstat -az TcpExtTCPAbortOnTimeout TcpExtTCPKeepAlive` on the sender grows",
		"`ss -tno` shows timer:(keepalive,...) on the connection before",
		"was the peer switched off, moved or cut off in that time? Do other connections through the same NAT or firewall die alike?",
	},
	Advice: []string{
		"If the peer lives: a NAT or firewall forgot the connection before the first probe; probe earlier (TCP_KEEPIDLE, net.ipv4.tcp_keepalive_time) than its idle timeout.",
		"If the peer was gone: keep-alive did its work.",
	},
	Remedies: []Remedy{
		keepAliveLinux,
		keepAliveGo,
		keepAliveJava,
		keepAlivePython,
		keepAliveNode,
		keepAlivePostgreSQL,
	},
	Refs: []string{
		"RFC 9293, 3.8.4; RFC 1122, 4.2.3.6",
		"Linux: tcp_keepalive_timer; tcp(7): TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT",
	},
	Harm:    pushed,
	Reasons: []string{"TCP_KEEPALIVE_TIMEOUT"},
	Over: []Over{
		{ID: "deliberate-abort", Why: "probes that got no answer came before it, at one beat"},
		{ID: "unread-data-on-close", Why: "probes that got no answer came before it, at one beat"},
	},
	Telling:    IdleBefore,
	Ways:       ways(WayTimer),
	Mechanisms: mechanisms(Abort),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		if x.Probes == 0 || c.undelivered() > 0 ||
			y.Known.Has(flows.SawAck) && y.ScaledWindow() == 0 {
			return None // with a closed window they ask whether it has opened
		}
		probes := int64(x.Probes)
		last := c.RST.Time - x.ProbeLast
		var interval int64
		if probes > 1 {
			interval = (x.ProbeLast - x.ProbeFirst) / (probes - 1)
			if last > interval+interval/2 {
				return None
			}
		}
		f.Say(saysSentProbesWithoutAnswer)
		if y.Spoke() {
			f.Say(saysLastHeardBeforeFirst)
		}
		if interval > 0 {
			f.Say(saysProbesApartComesAfter)
		} else {
			f.Say(saysComesAfterProbe)
		}
		if probes > 1 {
			return Certain
		}
		return Likely
	},
}

var (
	saysSentProbesWithoutAnswer = sentence("sent-probes-without-answer", "{sender} sent {probes} probes without an answer, the first {probing_for} before the RST")
	saysLastHeardBeforeFirst    = sentence("last-heard-before-first", "{receiver} was last heard of in {receiver_latest}, {silence_before_probe} before the first probe")
	saysProbesApartComesAfter   = sentence("probes-apart-comes-after", "the probes are {probe_interval} apart, and {rst} comes {last_probe_to_rst} after the last")
	saysComesAfterProbe         = sentence("comes-after-probe", "{rst} comes {last_probe_to_rst} after the probe")
	storyKeepAliveTimeout       = sentence("story-keep-alive-timeout", "{sender} sent keep-alive probes on the idle connection, {receiver} answered none of them, and {sender} gave it up. The reset itself most likely reached nobody.")
)
