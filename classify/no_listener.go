package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var noListener = Rule{
	ID:      "no-listener",
	Family:  FamilyNoListener,
	Title:   "nothing listens on the port",
	Summary: "A SYN reached a host where no process listens on that address and port, and the host refused it.",
	Story: func(c *Case) string {
		const story = "{X} refused the connection that {client} tried to open: nothing listens on port {port} there."
		if c.Timing.Has(SYNToRST) {
			return story + " The refusal took {m:syn_to_rst}."
		}
		return story
	},
	Wire: `C > S  S   seq 0
S > C  R.  seq 0 ack 1, window 0, no options`,
	Confirm: []string{
		"on the server: `ss -ltn 'sport = :PORT'` shows no listener, or one on another address (127.0.0.1 instead of 0.0.0.0 or ::)",
		"`nstat -az TcpOutRsts` on the server grows with each attempt; if it does not, a firewall sent the RST",
	},
	Advice: []string{
		"Start the service, or bind it to the address that clients use: 0.0.0.0 or ::, not 127.0.0.1.",
		"Check the port number in the client, the container's port map, and the targetPort of a Kubernetes Service.",
		"If it happens during deployments: stop sending traffic to an instance before it stops listening.",
	},
	Remedies: []Remedy{
		{"Docker", `The program in the container must listen on 0.0.0.0 or ::, on the second port:
	docker run -p 8080:80 IMAGE`},
		{"Kubernetes", `targetPort of the Service must be the port of the container; which pods take part:
	kubectl get endpointslices -l kubernetes.io/service-name=NAME`},
		{"Go", `":8080" is every address, "localhost:8080" is only for programs on the same host:
	http.ListenAndServe(":8080", nil)`},
		{"Node.js", `Without a host it is every address:
	server.listen(8080);`},
		{"Python", `Flask and Gunicorn listen on 127.0.0.1 by default:
	app.run(host="0.0.0.0")
	gunicorn --bind 0.0.0.0:8000 ...`},
	},
	Refs: []string{
		"RFC 9293, 3.10.7.1: a segment to a closed port is answered with a reset",
		"Linux: tcp_v4_rcv, label no_tcp_socket; connect(2), ECONNREFUSED",
	},
	Confused: []Confusion{
		{"firewall-reject", "look for a REJECT rule with tcp-reset (`nft list ruleset`, `iptables -L -v`), or compare with a capture on the server itself"},
	},
	Reasons: []string{"NO_SOCKET"},
	Telling: SYNToRST,
	Kinds:   kinds(Reply, Unexplained),
	Match: func(c *Case, f *Findings) Confidence {
		if refusesUnseen(c) {
			f.Add("{} has sequence number 0 and acknowledges something: the answer to a segment without ACK, as a SYN is", frame(c.RST.Where()))
			f.Add("the SYN itself is not in the capture")
			return Possible
		}
		if !refusesSYN(c) {
			return None
		}
		refusal(c, f)
		return Likely
	},
}

// refusesUnseen reports whether the RST has the form of a refusal (RFC 9293,
// 3.5.2: sequence number 0 answers a segment without ACK) and the capture holds
// nothing else of the connection.
func refusesUnseen(c *Case) bool {
	return !c.X.Spoke() && !c.Y.Spoke() && !c.Before() &&
		c.RST.Flags&packet.ACK != 0 && c.RST.Seq == 0 && c.RST.Ack != 0
}

// refusesSYN reports whether the RST answers a SYN that was never accepted.
func refusesSYN(c *Case) bool {
	return c.Answers(packet.SYN|packet.ACK, packet.SYN) && c.RST.Flags&packet.ACK != 0 &&
		!c.X.Known.Has(flows.SawSYN) && !c.X.Known.Has(flows.SawFIN)
}

func refusal(c *Case, f *Findings) {
	f.Add("{} asks {} for a connection (SYN, {})", end(c.Dir.Peer()), end(c.Dir), frame(c.Trigger.Where))
	f.Add("{} refuses it {} later, acknowledging exactly that SYN", frame(c.RST.Where()), dur(c.RST.Time-c.Trigger.Time))
	if c.RST.Window == 0 && c.RST.Options == 0 {
		f.Add("the RST has window 0 and no TCP options: an answer without a socket behind it")
	}
	if n := c.Timing.Tries; n > 1 {
		f.Add("the SYN was sent {} times before this answer", number(n))
	}
	again := 0
	for i := range c.Follow {
		if c.Follow[i].RST.Dir == c.Dir {
			again++
		}
	}
	if again > 0 {
		f.Add("the client tried again with the same SYN and was refused {} more times", number(again))
	}
}
