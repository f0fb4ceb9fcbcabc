package classify

import "github.com/rstwhy/rstwhy/flows"

var keepAliveTimeout = Rule{
	ID:      "keep-alive-timeout",
	Family:  FamilyTimeout,
	Title:   "keep-alive probes got no answer",
	Summary: "A host probed an idle connection, got no answer, and gave it up: the peer had vanished, or a box on the path had forgotten the connection.",
	Story:   say("{X} sent keep-alive probes on the idle connection, {Y} answered none of them, and {X} gave it up. The reset itself most likely reached nobody."),
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
	Telling: IdleBefore,
	Kinds:   kinds(Active),
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		if !c.aborted() || x.Probes == 0 || c.Undelivered() > 0 ||
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
		f.Add("{} sent {} probes without an answer, the first {} before the RST", end(c.Dir), number(int(probes)), dur(c.RST.Time-x.ProbeFirst))
		if y.Spoke() {
			f.Add("{} was last heard of in {}, {} before the first probe", end(c.Dir.Peer()), frame(y.LatestWhere), dur(x.ProbeFirst-y.Latest))
		}
		if interval > 0 {
			f.Add("the probes are {} apart, and {} comes {} after the last", dur(interval), frame(c.RST.Where()), dur(last))
		} else {
			f.Add("{} comes {} after the probe", frame(c.RST.Where()), dur(last))
		}
		if probes > 1 {
			return Certain
		}
		return Likely
	},
}
