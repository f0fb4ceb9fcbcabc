package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/hosts"
	"github.com/rstwhy/rstwhy/packet"
)

// scanTargets is how many ports that refuse, or are dropped in the handshake,
// make a scan of it: more than a client with a list of servers would try when
// all of them are down.
const scanTargets = 16

var closedPortScan = Rule{
	ID:      "closed-port-scan",
	Family:  FamilyNoListener,
	Title:   "a scan met a closed port",
	Summary: "A port scanner asked for a connection to a port on which nothing listens, and the host refused it.",
	Story:   say("{client} scans ports, and {server} is closed: the refusal took {m:syn_to_rst}."),
	Wire: `C > S  S   seq 0, window 1024, no options but MSS (nmap)
S > C  R.  seq 0 ack 1, window 0, no options
           (the same with the next port)`,
	Confirm: []string{
		"ask who runs the client: a security scan of your own, or a stranger",
		"the other connections of the same client: many ports or hosts, one SYN each",
	},
	Advice: []string{
		"Nothing is wrong with the server: the port is closed, and the host says so.",
		"If the scan is unwanted, block its source, or drop instead of refusing.",
	},
	Refs: []string{
		"nmap.org/book/synscan.html: TCP SYN scan",
		"masscan, src/templ-pkt.c; zmap, src/probe_modules: what their SYNs look like",
	},
	Narrows: "no-listener",
	Harm:    noHarm,
	Reasons: []string{"NO_SOCKET"},
	Telling: SYNToRST,
	Kinds:   kinds(Reply),
	Given:   Refusal,
	Match: func(c *Case, f *Findings) Confidence {
		if !refusesSYN(c) || !scans(c, f) {
			return None
		}
		refusal(c, f)
		return Likely
	},
}

func noHarm(*Case) Harm { return Harm{Kind: HarmNone} }

// scans reports whether the client looks like a port scanner: by its SYN, or by
// the company it keeps.
func scans(c *Case, f *Findings) bool {
	s := &c.Flow.Side[flows.Client]
	if !s.Known.Has(flows.SawSYN) {
		return false
	}
	tool := hosts.ToolSYN(s.SYNWindow, synIPID(c), s.SYNOptions) != ""
	if tool {
		f.Add("the SYN ({}) is one that a scanner makes, not an operating system: window {}", frame(s.SYNWhere), number(int(s.SYNWindow)))
	}
	fruitless := c.Around.Fruitless()
	many := fruitless >= scanTargets
	if many {
		f.Add("{} other address and port pairs refused this client or were dropped by it, in the same seconds", number(fruitless-1))
	}
	return tool || many
}

// synIPID is the IP ID of the client's first SYN, 0 when it is forgotten.
func synIPID(c *Case) uint16 {
	for i := range flows.RecentLen {
		s := c.Flow.Recent(i)
		if s == nil {
			break
		}
		if s.Flags&(packet.SYN|packet.ACK) == packet.SYN && s.Dir == flows.Client {
			return s.IPID
		}
	}
	return 0
}
