package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var portReuseChallenge = Rule{
	ID:      "port-reuse-challenge",
	Family:  FamilyStalePeer,
	Title:   "the SYN met an older connection",
	Summary: "The client's SYN met a connection that the other side still had on the same addresses and ports; the client cleared it with a RST and tried again.",
	Story: func(c *Case) *Sentence {
		switch {
		case c.Dir == flows.Server:
			return storyPortStillHeld
		case c.After.NewSYNACK.Valid():
			return storyPortReuseChallenge
		}
		return storyPortReuseChallenge2
	},
	Wire: `C > S  S   seq 0
S > C  .   ack 98765: of the older connection, not 1
C > S  R   seq 98765: ends the older connection
C > S  S   seq 0, again within milliseconds (Linux)
S > C  S.  seq 0 ack 1`,
	Confirm: []string{
		"`ss -tn` on the server: a connection of the same client address and port that is older than the client's",
		"did the client's host crash or restart, or does a NAT give the same port to several hosts?",
	},
	Advice: []string{
		"Nothing to do if it is rare: the RST is right, and the new connection comes about.",
		"If it is frequent: TCP keep-alives on the server, so that it notices clients that are gone, and a NAT that waits longer before it uses a port again.",
		"Where the server refuses the SYN: let the client connect from another port, or wait until TIME_WAIT is over (1 to 4 minutes); programs that bind a fixed or reserved port (NFS, rsh) meet this after each reconnect.",
		"Leave net.ipv4.tcp_timestamps on: with it a port that is in TIME_WAIT can be used again without this.",
	},
	Remedies: []Remedy{
		{"Linux", `On the server, notice clients that are gone; on the client, use more ports and keep timestamps:
	sysctl -w net.ipv4.tcp_keepalive_time=60
	sysctl -w net.ipv4.ip_local_port_range='15000 65000'
	sysctl -w net.ipv4.tcp_timestamps=1`},
		{"Cloud NAT", "More ports for each host, or more addresses for the NAT, so that a port rests longer before it is used again."},
	},
	Refs: []string{
		"RFC 5961, 4.2: a SYN on an open connection is answered with a challenge ACK; RFC 9293, 3.5.1",
		"Linux: tcp_send_challenge_ack, tcp_rcv_synsent_state_process",
	},
	Harm: func(c *Case) Harm {
		if c.Dir == flows.Server {
			return harmInHandshake(c)
		}
		return harmUnlessAccepted(c)
	},
	Over: []Over{
		{ID: "bad-ack-syn-sent", Why: "its number is where the connection before had come to", Told: true},
	},
	Confused: []Confusion{
		{"firewall-reject", "`ss -tan` on the server: is there an older connection with the client's address and port? Else look for the counter of a rule that rejects"},
	},
	Reasons:    []string{"TCP_INVALID_ACK_SEQUENCE"},
	Telling:    SYNToRST,
	Benign:     true,
	Silence:    IdleBefore,
	Ways:       ways(WayAnswer, WayRefusal),
	Mechanisms: mechanisms(Answer),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		if !t.Valid() {
			return challengedUnseen(c, f)
		}
		if c.Facts.Has(Refusal) {
			return stillHeld(c, f)
		}
		if !inSYNSent(c) || t.Flags&(packet.SYN|packet.ACK) != packet.ACK || acksSYN(c.Sender, t.Ack) || c.ofThisStream(t) {
			return None
		}
		f.Say(saysAsksConnectionSyn5)
		f.Say(saysAnswerSynAckBut)
		if p := &c.Flow.Prior; p.Latest != 0 && t.Ack == p.SndNxt[c.Dir] {
			f.Say(saysWhereConnectionBeforeThese)
		}
		f.Say(saysRefusesLaterJustNumberEnds)
		triesAgain(c, f)
		return Certain
	},
}

// ofThisStream reports whether s goes on with the stream that its side's SYN/ACK
// began: what came between is not in the capture, and it is of no older connection.
func (c *Case) ofThisStream(s *flows.Segment) bool {
	y := &c.Flow.Side[s.Dir]
	return y.Known.Has(flows.SawSYN) && s.Seq-y.ISN-1 < 1<<20
}

// challengedUnseen is what a bare RST of a client in SYN-SENT tells where the
// segment that it answers is not in the capture, and its number is where the
// connection before on these addresses and ports had come to.
func challengedUnseen(c *Case, f *Findings) Confidence {
	if !refusesOther(c.Reset) {
		return None
	}
	f.Say(saysAsksConnectionSyn5)
	if p := &c.Flow.Prior; p.Latest == 0 || !p.Known[c.Dir].Has(flows.SawSegment) || p.SndNxt[c.Dir] != c.RST.Seq {
		return Possible
	}
	f.Say(saysEndsPrior)
	triesAgain(c, f)
	return Likely
}

// stillHeld recognises the refusal of a SYN by a server that holds an older
// connection on the same addresses and ports: only that has a number.
func stillHeld(c *Case, f *Findings) Confidence {
	number := refusalNumberOf(c)
	switch number {
	case numberHeld, numberSame, numberOther:
	default:
		return None
	}
	f.Say(saysAsks)
	f.Say(saysRefuses)
	switch number {
	case numberHeld:
		f.Say(saysNumberHeld)
		f.Say(saysPriorBeforeSYN)
		return Likely
	case numberSame:
		f.Say(saysNumberSame)
		return Likely
	}
	f.Say(saysNumberOther)
	return Possible
}

var (
	saysEndsPrior                  = sentence("ends-prior", "{rst} stands where the connection before on these addresses and ports had come to, {prior_to_syn} before the SYN: it answers an ACK of that connection, which the capture does not hold")
	saysPriorBeforeSYN             = sentence("prior-before-syn", "the latest segment of that connection was seen {prior_to_trigger} before {trigger}")
	storyPortStillHeld             = sentence("story-port-still-held", "{server} still held an older connection on the addresses and ports that {client} used again, in TIME_WAIT or half open, and refused the SYN with that one's number. Another port, or a wait, helps the client.")
	saysAsksConnectionSyn5         = sentence("asks-connection-syn-5", "{sender} asks for a connection (SYN, {sender_syn})")
	saysAnswerSynAckBut            = sentence("answer-syn-ack-but", "the answer ({trigger}) is no SYN/ACK but an ACK of an older connection: its number is {trigger_ack_from_isn} from the one it should be")
	saysWhereConnectionBeforeThese = sentence("where-connection-before-these", "that is where the connection before on these addresses and ports had come to, {prior_to_syn} earlier")
	saysRefusesLaterJustNumberEnds = sentence("refuses-later-just-number-ends", "{rst} refuses it {answer_time} later, with just that number: it ends the older connection")
	storyPortReuseChallenge        = sentence("story-port-reuse-challenge", "{receiver} still had an older connection on the addresses and ports that {sender} used again; {sender} cleared it with this RST and got its new connection.")
	storyPortReuseChallenge2       = sentence("story-port-reuse-challenge-2", "{receiver} still had an older connection on the addresses and ports that {sender} used again; {sender} cleared it with this RST.")
)
