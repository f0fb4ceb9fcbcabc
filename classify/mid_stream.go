package classify

import "github.com/rstwhy/rstwhy/flows"

// fewSegments is how many segments of a connection tell nothing of it yet.
const fewSegments = 4

var midStream = Rule{
	ID:      "mid-stream",
	Family:  FamilyStalePeer,
	Title:   "open before the capture began",
	Summary: "The connection was open before the capture began, and what the capture holds of it is too little to say why it was reset.",
	Story:   say("The connection was open before the capture began; {X} ended it with a RST, and what the capture holds is too little to say why."),
	Wire: `           (the capture begins)
S > C  P.  a segment of an open connection
C > S  R   seq = the ack of that segment, or any other`,
	Confirm: []string{
		"capture longer: from before the connection opens",
		"`ss -tn` on the sender of the RST before and after: did it have the connection?",
	},
	Advice: []string{
		"Capture from before the connection opens; a ring buffer (tcpdump -W -C) can run all the time.",
	},
	Refs: []string{
		"RFC 9293, 3.5.2: what a RST may answer",
	},
	Confused: []Confusion{
		{"firewall-reject", "`nstat -az TcpOutRsts` on the host grows when the host itself sends the RST"},
	},
	Reasons: []string{"NO_SOCKET", "TCP_FLAGS", "TCP_ABORT_ON_DATA", "TCP_TIMEWAIT_SOCKET"},
	Telling: Lifetime,
	Kinds:   kinds(Reply, ReplyACK, Unexplained),
	Given:   Underway,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		if c.Before() || c.Flow.Handshake != flows.MidStream || !x.Spoke() && !y.Spoke() {
			return None
		}
		switch {
		case c.Kind != Unexplained && !x.Spoke():
			// It may have forgotten the connection, closed it, or never had it.
			f.Add("the capture holds nothing that {} had sent in this connection before", end(c.Dir))
		case c.Kind == Unexplained && x.Packets+y.Packets <= fewSegments:
			f.Add("the capture holds {} segments of the connection before {}, and none that it would answer", number(int(x.Packets+y.Packets)), frame(c.RST.Where()))
		default:
			return None
		}
		if t := &c.Trigger; t.Valid() {
			f.Add("{} sends {} ({})", end(c.Dir.Peer()), frame(t.Where), flags(t.Flags))
			f.Add("{} answers it {} later", frame(c.RST.Where()), dur(c.RST.Time-t.Time))
		}
		if y.Known.Has(flows.SawFIN) {
			f.Add("{} had closed its side (FIN, {}): {} may have closed before the capture began", end(c.Dir.Peer()), frame(y.FINWhere), end(c.Dir))
		}
		if n := y.RetransRun; n > 0 {
			f.Add("{} had tried {} times without an answer", end(c.Dir.Peer()), number(int(n)))
		}
		return Possible
	},
}
