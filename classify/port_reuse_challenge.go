package classify

import "github.com/rstwhy/rstwhy/packet"

var portReuseChallenge = Rule{
	ID:      "port-reuse-challenge",
	Family:  FamilyStalePeer,
	Title:   "the SYN met an older connection",
	Summary: "The client's SYN met a connection that the other side still had on the same addresses and ports; the client cleared it with a RST and tried again.",
	Story: func(c *Case) string {
		if c.After.NewSYNACK.Valid() {
			return "{Y} still had an older connection on the addresses and ports that {X} used again; {X} cleared it with this RST and got its new connection."
		}
		return "{Y} still had an older connection on the addresses and ports that {X} used again; {X} cleared it with this RST."
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
	Harm:    harmUnlessAccepted,
	Reasons: []string{"TCP_INVALID_ACK_SEQUENCE"},
	Telling: SYNToRST,
	Kinds:   kinds(Reply),
	Given:   FromClient | SenderSYN,
	Match: func(c *Case, f *Findings) Confidence {
		t := &c.Trigger
		if !inSYNSent(c) || t.Flags&(packet.SYN|packet.ACK) != packet.ACK || acksSYN(c.X, t.Ack) {
			return None
		}
		f.Add("{} asks for a connection (SYN, {})", end(c.Dir), frame(c.X.SYNWhere))
		f.Add("the answer ({}) is no SYN/ACK but an ACK of an older connection: its number is {} from the one it should be", frame(t.Where), number(int(t.Ack.Sub(c.X.ISN+1))))
		if p := &c.Flow.Prior; p.Latest != 0 && t.Ack == p.Max[c.Dir] {
			f.Add("that is where the connection before on these addresses and ports had come to, {} earlier", dur(c.X.SYNFirst-p.Latest))
		}
		f.Add("{} refuses it {} later, with just that number: it ends the older connection", frame(c.RST.Where()), dur(c.RST.Time-t.Time))
		triesAgain(c, f)
		return Certain
	},
}

// harmUnlessAccepted is no harm where the client got its connection after all.
func harmUnlessAccepted(c *Case) Harm {
	if c.After.NewSYNACK.Valid() {
		return Harm{Kind: HarmNone}
	}
	return Harm{}
}
