package classify

var retransmissionTimeout = Rule{
	ID:      "retransmission-timeout",
	Family:  FamilyTimeout,
	Title:   "gave up after sending again and again",
	Summary: "A host sent the same data again and again without an answer and gave up with a reset, as macOS and the BSDs do; Linux gives up in silence.",
	Story:   say("{X} sent the same data again and again, {Y} never acknowledged it, and {X} gave up. The peer or the path was gone; the reset most likely reached nobody."),
	Wire: `S > C  P.  data
S > C  P.  the same again, after longer and longer pauses
S > C  R.  (macOS, FreeBSD; Linux sends nothing)`,
	Confirm: []string{
		"was the peer switched off, moved or cut off in that time?",
		"had the connection been idle for minutes when the data was sent? Then a NAT, load balancer or firewall may have forgotten it without a word, as Azure's do after 240 s",
		"the sender runs macOS, iOS or a BSD, or a program with a time limit of its own",
	},
	Advice: []string{
		"Look for the loss: the path, a firewall that dropped the connection, a large packet that does not fit (MTU).",
		"If it had been idle: TCP keep-alives more often than the idle timeout of the box, or let the box say so (Azure Load Balancer: TCP reset on idle).",
		"Let the client open a new connection and try again.",
	},
	Refs: []string{
		"RFC 9293, 3.8.3; RFC 1122, 4.2.3.5",
		"FreeBSD and XNU: tcp_timer_rexmt, tcp_drop(ETIMEDOUT)",
	},
	Confused: []Confusion{
		{"deliberate-abort", "the sender's system: Linux itself never does this, so there a program with a time limit did"},
	},
	Harm:    pushed,
	Telling: SenderDataToRST,
	Kinds:   kinds(Active),
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		if !c.aborted() || x.RetransRun < 3 || c.Undelivered() == 0 || y.Spoke() && y.Latest > x.RetransFirst {
			return None
		}
		tried := c.RST.Time - x.RetransFirst
		if tried < triedFor {
			return None
		}
		f.Add("{} sent data again {} times without an answer, for {}", end(c.Dir), number(int(x.RetransRun)), dur(tried))
		if y.Spoke() {
			f.Add("{} was last heard of in {}, {} before the first repetition", end(c.Dir.Peer()), frame(y.LatestWhere), dur(x.RetransFirst-y.Latest))
		}
		f.Add("{} of it were never acknowledged", octets(c.Undelivered()))
		return Likely
	},
}

// triedFor is the least time for which a system tries again before it gives up:
// RFC 1122, 4.2.3.5 asks for 100 s, small systems take less.
const triedFor = 5e9
