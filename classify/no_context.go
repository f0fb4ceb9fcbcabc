package classify

import "github.com/rstwhy/rstwhy/packet"

var noContext = Rule{
	ID:      "no-context",
	Family:  FamilyStalePeer,
	Title:   "a lone RST",
	Summary: "The capture holds no other segment of the connection, so that nothing can be said about the reason.",
	Story:   say("A RST from {X} to {Y}, and nothing else of the connection: the capture began too late, a filter left the rest out, or the RST belongs to nobody here."),
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
	Harm:    func(*Case) Harm { return Harm{} },
	Telling: Lifetime,
	Kinds:   kinds(Unexplained),
	Match: func(c *Case, f *Findings) Confidence {
		if c.Before() || c.X.Spoke() || c.Y.Spoke() || refusesUnseen(c) {
			return None
		}
		rst := &c.RST
		f.Add("{} is the first segment of its connection in the capture", frame(rst.Where()))
		f.Add("it has flags {}, window {}, TTL {}", flags(rst.Flags), number(int(rst.Window)), number(int(rst.TTL)))
		switch {
		case rst.Flags&packet.ACK != 0 && rst.Options.Has(packet.OptTimestamps):
			f.Add("it has an ACK and timestamps: a socket that had the connection open aborted it")
		case rst.Flags&packet.ACK != 0:
			f.Add("it has an ACK: a socket aborted its connection, or some device answered")
		case rst.Ack != 0:
			f.Add("it has no ACK: it answers a segment; the acknowledgment field is filled all the same, as Windows does")
		default:
			f.Add("it has no ACK: it answers a segment that is not in the capture")
		}
		if n := len(c.Follow); n > 0 {
			f.Add("{} more RSTs of the same connection follow", number(n))
		}
		if c.After.NewSYN.Valid() {
			f.Add("a new connection on the same addresses and ports begins after it ({})", frame(c.After.NewSYN.Where))
		}
		return Possible
	},
}
