package classify

// Who says whose hand a RST came from. That a RST bears a host's address
// proves nothing.
type Who uint8

// The origins.
const (
	WhoUnknown Who = iota // nothing speaks for or against the address it bears
	Endpoint              // it looks like the endpoint's other segments
	AnotherBox            // a load balancer, NAT or firewall answered in its name
	Forged                // the endpoint itself disproves it, or its numbers are impossible
)

// String is the word in reports and JSON.
func (w Who) String() string {
	return [...]string{"unknown", "endpoint", "another-box", "forged"}[w]
}

// Origin is who really sent a RST and what tells.
type Origin struct {
	Who    Who
	Device string // what the box calls itself or is known by, "" when nothing names it
	// Hard indicators prove a third party, each alone. Soft ones count together.
	Hard, Soft Findings
}

// originOf looks for another hand than the endpoint's.
func originOf(c *Case) Origin {
	return Origin{}
}
