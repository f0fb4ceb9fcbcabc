package classify

import "github.com/rstwhy/rstwhy/flows"

var blindRST = Rule{
	ID:      "blind-rst",
	Family:  FamilyInjected,
	Title:   "somebody guesses sequence numbers",
	Summary: "RSTs whose numbers nobody in the connection uses: somebody who cannot see it tries to end it by guessing.",
	Story: func(c *Case) string {
		switch {
		case c.Effect == Challenged || c.After.Challenge.Valid() && c.Origin.Signs.Has(CarriedOn):
			return "Somebody who cannot see the connection guessed at it in the name of {X}; {Y} asked back instead of closing."
		case c.Effect == Ignored:
			return "Somebody who cannot see the connection guessed at it in the name of {X}; {Y} took no notice."
		}
		return "Somebody who cannot see the connection seems to have guessed at it in the name of {X}."
	},
	Wire: `S > C  R   a number in or near the window, not the one that C waits for
C > S  .   the challenge ACK of RFC 5961
S > C  R   the next guess, often a window further on
S > C  P.  the real S carries on`,
	Confirm: []string{
		"`nstat -az TcpExtTCPChallengeACK` on the receiver grows",
		"a capture near the host in whose name they come does not hold the RSTs",
	},
	Advice: []string{
		"Nothing, while the connection lives: the exact-match rule of RFC 5961 has done its work.",
		"Filter packets with forged source addresses at the edge of the network (BCP 38), and protect BGP sessions with TCP-AO or MD5 and GTSM.",
		"On systems without RFC 5961 a number anywhere in the window is enough: update them.",
	},
	Refs: []string{
		"RFC 5961, 3: blind reset attack using the RST bit",
		"RFC 4953: Defending TCP Against Spoofing Attacks",
		"Linux: tcp_validate_incoming, tcp_send_challenge_ack",
	},
	Narrows: "injected-rst",
	Confused: []Confusion{
		{"injected-rst", "do the numbers miss by far? Who sees the connection need not guess"},
	},
	Harm: func(c *Case) Harm {
		if c.Effect == Accepted || c.Effect == EffectUnknown {
			return harmOf(c)
		}
		return Harm{Kind: HarmNone}
	},
	Telling: Lifetime,
	Kinds:   kinds(Active, Unexplained),
	Given:   Underway,
	Needs:   LacksSender | LacksReceiver,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		exact := c.RST.Seq == y.Ack || c.RST.Seq == x.Max
		if exact || c.Kind == Active && c.Origin.Signs.Hard() == 0 || c.Trigger.Valid() || !y.Known.Has(flows.SawAck) ||
			c.Flow.Handshake != flows.Established && c.Flow.Handshake != flows.MidStream {
			return None
		}
		alive := c.Origin.Signs.Has(CarriedOn)
		g := guessesOf(c)
		if off := c.RST.Seq.Sub(y.Ack); off < 0 {
			f.Add("{} is {} octets before the number that {} waits for", frame(c.RST.Where()), number(-int(off)), end(c.Dir.Peer()))
		} else {
			f.Add("{} is {} octets beyond the number that {} waits for", frame(c.RST.Where()), number(int(off)), end(c.Dir.Peer()))
		}
		if g.n >= 3 {
			if g.stride != 0 {
				f.Add("{} RSTs in {}, the sequence number {} further on each time", number(g.n), dur(g.last-c.RST.Time), number(int(g.stride)))
			} else {
				f.Add("{} RSTs in {} with different sequence numbers, none of which {} waits for", number(g.n), dur(g.last-c.RST.Time), end(c.Dir.Peer()))
			}
		}
		if s := &c.After.Challenge; s.Valid() {
			f.Add("{} asks back with an ACK: {}", end(c.Dir.Peer()), frame(s.Where))
		}
		for i := range c.Origin.Hard {
			f.Add(c.Origin.Hard[i].Format, c.Origin.Hard[i].Args[:]...)
		}
		switch {
		case g.n >= 3 && alive:
			return Certain
		case g.n >= 3 && (alive || g.stride != 0 && c.Lacks == 0), alive && c.outOfTheBlue():
			return Likely
		case alive, g.n >= 3 && c.Lacks == 0:
			return Possible
		}
		return None
	},
}

// outOfTheBlue reports whether nothing happened just before the RST that its
// sender may have seen.
func (c *Case) outOfTheBlue() bool {
	s := c.Flow.Recent(0)
	return s == nil || c.RST.Time-s.Time > together
}

// guesses are RSTs of one sender that stand nowhere.
type guesses struct {
	n      int
	stride int32 // from each to the next, 0 when it varies
	last   int64
}

// guessesMax is how many are looked at: more say nothing more.
const guessesMax = 64

func guessesOf(c *Case) guesses {
	g := guesses{n: 1, last: c.RST.Time}
	seq, steady := c.RST.Seq, true
	for i := range c.Follow {
		a := &c.Follow[i]
		if a.RST.Dir != c.Dir || a.Trigger.Valid() || a.RST.Seq == seq || a.RST.Seq == c.Y.Ack || a.RST.Seq == c.X.Max {
			continue
		}
		step := a.RST.Seq.Sub(seq)
		if g.n > 1 && step != g.stride {
			steady = false
		}
		g.stride, seq, g.last = step, a.RST.Seq, a.RST.Time
		if g.n++; g.n == guessesMax {
			break
		}
	}
	if !steady || g.n < 3 {
		g.stride = 0
	}
	return g
}
