package classify

import "github.com/rstwhy/rstwhy/flows"

// Stage is how far the client had come when the first RST was sent, in the
// words of Cloudflare Radar and of "Global, Passive Detection of Connection
// Tampering" (SIGCOMM 2023), so that figures can be compared with theirs. It
// looks at the client's segments only, and says nothing of the cause.
type Stage uint8

// The stages.
const (
	NoStage Stage = iota // the client's SYN was not captured
	PostSYN              // a SYN and nothing else
	PostACK              // the handshake, no payload
	PostPSH              // one segment with payload
	LaterOn              // more than one
)

// String is the stage in JSON, "" for NoStage.
func (s Stage) String() string {
	return [...]string{"", "post-syn", "post-ack", "post-psh", "later"}[s]
}

func stageOf(c *Case) Stage {
	client := &c.Flow.Side[flows.Client]
	switch {
	case !client.Known.Has(flows.SawSYN):
		return NoStage
	case client.Known.Has(flows.SawData) && client.DataFirst != client.DataLast:
		return LaterOn
	case client.Known.Has(flows.SawData):
		return PostPSH
	case client.Known.Has(flows.SawPlainAck):
		return PostACK
	}
	return PostSYN
}
