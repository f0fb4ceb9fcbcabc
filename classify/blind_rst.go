package classify

var blindRST = Rule{
	ID:      "blind-rst",
	Family:  FamilyInjected,
	Title:   "somebody guesses sequence numbers",
	Summary: "RSTs whose numbers nobody in the connection uses: somebody who cannot see it tries to end it by guessing.",
	Story: func(c *Case) *Sentence {
		switch {
		case c.Effect == Accepted && c.Taken != 0:
			return storyBlindRstHit
		case c.Effect == Accepted:
			return storyBlindRst3
		case c.Effect == Challenged || c.After.Challenge.Valid() && c.Origin.Signs.Has(CarriedOn):
			return storyBlindRst
		case c.Effect == Ignored:
			return storyBlindRst2
		}
		return storyBlindRst3
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
	Over: []Over{
		{ID: "injected-rst", Why: "it says what kind of third party: one that guesses"},
	},
	Confused: []Confusion{
		{"injected-rst", "do the numbers miss by far? Who sees the connection need not guess"},
	},
	Harm: func(c *Case) Harm {
		if c.Effect == Accepted || c.Effect == EffectUnknown {
			return harmOf(c)
		}
		return Harm{Kind: HarmNone}
	},
	Telling:    Lifetime,
	Ways:       ways(WayForgery),
	Mechanisms: mechanisms(Abort, Unexplained),
	When:       Underway | ReceiverAck | AnswersNothing,
	Needs:      MissingSender | MissingReceiver,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.Sender, c.Receiver
		exact := c.RST.Seq == y.RcvNxt || c.RST.Seq == x.SndNxt
		if exact || c.Mechanism == Abort && c.Origin.Signs.Proofs() == 0 {
			return None
		}
		g := guessesOf(c)
		goesOn := wentOnAfter(c, g.last)
		alive := c.Origin.Signs.Has(CarriedOn) || g.n >= 3 && goesOn
		off := c.RST.Seq.Sub(y.RcvNxt)
		if off < 0 {
			f.Say(saysOctetsBeforeNumberWaits)
		} else {
			f.Say(saysOctetsBeyondNumberWaits)
		}
		if g.n >= 3 {
			if g.stride != 0 {
				f.Say(saysRstsSequenceNumberFurther)
			} else {
				f.Say(saysRstsDifferentSequenceNumbers)
			}
		}
		if s := &c.After.Challenge; s.Valid() {
			f.Say(saysAsksBackAck)
		}
		if c.Taken != 0 && c.exactLater() != nil {
			f.Say(saysGuessHits)
		}
		if gone, _ := c.denies(); gone != nil {
			f.Say(saysConnectionGone)
		}
		if goesOn && !c.Origin.Signs.Has(CarriedOn) {
			f.Say(saysSenderGoesOn)
		}
		f.repeat(c.Origin.Proofs)
		// Who sees the connection sends a few as well, at once or when something
		// passes, each a little farther on, lest the stream overtake them.
		atOnce := g.last-c.RST.Time < int64(g.n)*disorder
		sighted := g.n < manyGuesses && max(off, -off) < guessesNear && (atOnce || !c.outOfTheBlue())
		switch {
		case g.n >= 3 && alive && !sighted:
			return Certain
		case g.n >= 3 && !sighted && (alive || g.stride != 0 && c.Missing == 0), alive && c.outOfTheBlue():
			return Likely
		case alive, g.n >= 3 && !sighted && c.Missing == 0:
			return Possible
		}
		return None
	},
}

// wentOnAfter reports whether the RSTs' sender went on with its stream after the
// time at, just where it had come to.
func wentOnAfter(c *Case, at int64) bool {
	s := &c.After.CarriedOn
	return s.Valid() && s.Time-at > disorder && s.Seq == c.Sender.SndNxt
}

// outOfTheBlue reports whether nothing happened just before the RST that its
// sender may have seen.
func (c *Case) outOfTheBlue() bool {
	s := c.Flow.Recent(0)
	return s == nil || c.RST.Time-s.Time > together
}

var (
	saysOctetsBeforeNumberWaits      = sentence("octets-before-number-waits", "{rst} is {rst_seq_before_receiver} octets before the number that {receiver} waits for")
	saysOctetsBeyondNumberWaits      = sentence("octets-beyond-number-waits", "{rst} is {rst_seq_from_receiver} octets beyond the number that {receiver} waits for")
	saysRstsSequenceNumberFurther    = sentence("rsts-sequence-number-further", "{guesses} RSTs in {guesses_span}, the sequence number {guess_stride} further on each time")
	saysRstsDifferentSequenceNumbers = sentence("rsts-different-sequence-numbers", "{guesses} RSTs in {guesses_span} with different sequence numbers, none of which {receiver} waits for")
	saysAsksBackAck                  = sentence("asks-back-ack", "{receiver} asks back with an ACK: {challenge_ack}")
	saysGuessHits                    = sentence("guess-hits", "{taken_rst} has the number that {receiver} waits for")
	saysConnectionGone               = sentence("connection-gone", "{receiver} answers what {sender} sends next with a RST, {denying_rst}: it no longer has the connection")
	saysSenderGoesOn                 = sentence("sender-goes-on", "{sender} goes on where its stream had come to after that: {carried_on}")
	storyBlindRstHit                 = sentence("story-blind-rst-hit", "Somebody who cannot see the connection guessed at it in the name of {sender}, and hit: {taken_rst} ended it.")
	storyBlindRst                    = sentence("story-blind-rst", "Somebody who cannot see the connection guessed at it in the name of {sender}; {receiver} asked back instead of closing.")
	storyBlindRst2                   = sentence("story-blind-rst-2", "Somebody who cannot see the connection guessed at it in the name of {sender}; {receiver} took no notice.")
	storyBlindRst3                   = sentence("story-blind-rst-3", "Somebody who cannot see the connection seems to have guessed at it in the name of {sender}.")
)
