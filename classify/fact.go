package classify

import "github.com/rstwhy/rstwhy/flows"

// Facts is a set of plain facts of a case, which rules take as given: a rule is
// not asked about a case that lacks one of its own. In a scan that leaves ten
// of fifty.
type Facts uint8

// The facts of a case.
const (
	FromClient Facts = 1 << iota // the RST came from the client
	FromServer                   // or from the server
	SenderSYN                    // its sender's SYN, or SYN/ACK, was captured
	SenderData                   // its sender has sent payload
	SenderFIN                    // its sender has sent a FIN
	Refusal                      // it answers a SYN that was never accepted
	Underway                     // the handshake was complete, or nothing of it was captured
	AfterRST                     // there was a RST in the connection before
)

// Has reports whether every fact of want holds.
func (f Facts) Has(want Facts) bool { return f&want == want }

func factsOf(c *Case) Facts {
	f := FromClient
	if c.Dir == flows.Server {
		f = FromServer
	}
	known := c.X.Known
	if known.Has(flows.SawSYN) {
		f |= SenderSYN
	}
	if known.Has(flows.SawData) {
		f |= SenderData
	}
	if known.Has(flows.SawFIN) {
		f |= SenderFIN
	}
	if refusesSYN(c) {
		f |= Refusal
	}
	if h := c.Flow.Handshake; h == flows.Established || h == flows.MidStream {
		f |= Underway
	}
	if c.Before() {
		f |= AfterRST
	}
	return f
}
