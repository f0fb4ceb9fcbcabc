package classify

import "github.com/rstwhy/rstwhy/flows"

const (
	// checkBeats is how many probes it takes to speak of a beat.
	checkBeats = 3
	// Intervals at which checks are made: load balancers allow a tenth of a
	// second to some minutes (HAProxy inter, AWS 5 to 300 s).
	checkFastest, checkSlowest = 100e6, 900e9
	// checkLasts is how long one check takes at most.
	checkLasts = 10e9
)

var healthCheck = Rule{
	ID:      "health-check",
	Family:  FamilyHandshakeAbort,
	Title:   "a health check that ends with RST",
	Summary: "A load balancer or monitor connects at a fixed beat to see whether the port answers, and ends each check with a RST by design.",
	Story:   say("{client} checks port {port} of {server} at a fixed beat and ends each check with a RST, which saves both a closed connection."),
	Wire: `C > S  S   S > C  S.  the port answers
C > S  R   or R., sometimes after the ACK, or after a tiny request
           (and again one interval later)`,
	Confirm: []string{
		"the address is a load balancer's or a monitor's, and its check interval is the beat given here",
		"HAProxy: `check` and `inter`; keepalived: TCP_CHECK; F5: tcp_half_open; AWS: health check settings",
	},
	Advice: []string{
		"Nothing to do: it is by design, and no request is lost.",
		"If it fills the server's log, leave the checker's address, or connections without a request, out of it.",
	},
	Remedies: []Remedy{
		{"HAProxy as the server", `Leave connections without a request out of its log:
	option dontlognull`},
		{"keepalived", "TCP_CHECK ends with RST; HTTP_GET asks for a page instead."},
		{"AWS NLB", "Health checks of protocol HTTP in place of TCP ask for a page of the target."},
	},
	Refs: []string{
		"HAProxy configuration manual: check, inter, option tcp-check",
		"keepalived: TCP_CHECK sets SO_LINGER with timeout 0",
	},
	Narrows: "deliberate-abort",
	Harm:    noHarm,
	Confused: []Confusion{
		{"unread-data-on-close", "is it a checker's address? A program that polls and closes without reading looks the same"},
	},
	Reasons: []string{"TCP_STATE", "NO_SOCKET", "TCP_ABORT_ON_CLOSE"},
	Telling: Lifetime,
	Kinds:   kinds(Reply, ReplyACK, Active),
	Given:   FromClient | SenderSYN,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		if c.Dir != flows.Client || c.Before() || !x.Known.Has(flows.SawSYN) || !y.Known.Has(flows.SawSYN) ||
			y.Known.Has(flows.SawFIN) || c.Timing.At[SYNToRST] > checkLasts || x.Bytes > 4<<10 || y.Bytes > 12<<10 {
			return None
		}
		if x.Bytes > 0 && y.Bytes == 0 {
			return None // it asked and did not wait for the answer
		}
		a := &c.Around
		bare := c.Kind == Active && x.Bytes+y.Bytes == 0 && c.Timing.At[SYNACKToRST] < 1e9
		probes, every, spread := a.Probes()
		beat := probes >= checkBeats && every >= checkFastest && every <= checkSlowest && spread < every/5
		switch {
		case beat:
			f.Add("{} has connected {} times like this to the same port, every {}, give or take {}", end(c.Dir), number(probes), dur(every), dur(spread))
		case bare && probes > 1 && every >= checkFastest:
			f.Add("{} has connected {} times like this to the same port", end(c.Dir), number(probes))
		case bare:
			f.Add("{} connects and aborts {} after the SYN/ACK; there is no beat to see yet", end(c.Dir), dur(c.Timing.At[SYNACKToRST]))
			return Possible
		default:
			return None
		}
		if n := x.Bytes + y.Bytes; n == 0 {
			f.Add("neither side sent any data")
		} else {
			f.Add("they exchanged {} in all, and the answer had come", octets(n))
		}
		f.Add("{} ends it {} after the SYN", frame(c.RST.Where()), dur(c.Timing.At[SYNToRST]))
		return Likely
	},
}
