package field

import (
	"slices"
	"strings"
)

// Role is one of the hosts of a world.
type Role string

// The roles. Forgers and packet filters sit on the router, or on the host whose
// name they use.
const (
	Client Role = "client"
	Router Role = "router"
	Server Role = "server"
)

// Maker is what made a RST.
type Maker string

// The makers. What a kernel's tracepoint does not speak of was made by a packet
// filter or by a program on a raw socket, and the script says by which.
const (
	Kernel Maker = "kernel"
	Reject Maker = "reject"
	Forger Maker = "forger"
)

// Facts are what is known of one RST without rstwhy: the kernel's word, the
// script, and what the capture at the very host that sent it shows.
type Facts struct {
	Kind string `json:"kind"` // of the script
	Role Role   `json:"role"` // in whose name it is: Client opened the connection
	By   Maker  `json:"by"`

	Stack string `json:"stack"` // of the sender

	// Of the kernel's event, see kernel.Event, or of the stack's own account in
	// the same words.
	Reason string `json:"reason,omitempty"`
	Active bool   `json:"active,omitempty"`
	State  string `json:"state,omitempty"`
	Unread uint32 `json:"unread,omitempty"` // octets
	Linger bool   `json:"linger,omitempty"` // SO_LINGER with a time of 0

	// Of the sender's own capture, up to the RST.
	Trigger   string  `json:"trigger,omitempty"` // of a reply: syn, synack, data, fin or ack
	Octets    int     `json:"octets,omitempty"`  // of the trigger's payload
	Gap       bool    `json:"gap,omitempty"`     // segments before the trigger did not arrive
	Later     bool    `json:"later,omitempty"`   // there was a RST of this connection before
	SenderFIN bool    `json:"sender_fin,omitempty"`
	PeerFIN   bool    `json:"peer_fin,omitempty"`
	Sent      uint64  `json:"sent,omitempty"`     // octets of payload by the sender
	Received  uint64  `json:"received,omitempty"` // and by its peer, as far as they came
	Age       float64 `json:"age,omitempty"`      // seconds since the connection's SYN
}

// View is what a capture shows of the connection of a RST.
type View struct {
	SYN   bool `json:"syn"`   // its SYN or SYN/ACK is there
	Alone bool `json:"alone"` // no other segment of it is there
	First bool `json:"first"` // the first RST of it that is there
}

// circumstances are the causes that a script makes true of the first RST of a
// connection, by the role in whose name that RST is. The words of each cause are
// held against what the script does. Causes that follow from the facts alone are
// not repeated here: see mechanism.
var circumstances = map[string]map[Role][]string{
	"closed-port":     {},
	"refused-retries": {},
	// The service was away for a while, and was there before and after.
	"listener-flap":    {Server: {"listener-flap"}},
	"connect-scan":     {Server: {"closed-port-scan"}, Client: {"half-open-scan"}},
	"syn-scan":         {Server: {"closed-port-scan"}, Client: {"half-open-scan"}},
	"stray-probe":      {Server: {"stray-probe"}},
	"unread-server":    {},
	"unread-client":    {},
	"download-abort":   {Client: {"download-abort"}},
	"linger-client":    {Client: {"abort-after-response"}}, // after the whole response
	"linger-server":    {Server: {"abort-after-response"}},
	"linger-no-answer": {},
	"linger-idle":      {},
	"kill-one":         {Server: {"process-death"}},
	"kill-many":        {Server: {"process-death"}},
	"kill-read":        {},
	"ss-kill":          {Server: {"deliberate-abort"}, Client: {"deliberate-abort"}},
	"listener-closed":  {Server: {"listener-closed"}},
	"client-timeout":   {Client: {"early-client-close"}},
	"data-after-close": {},
	"keep-alive-race":  {Server: {"keep-alive-race"}},
	"connect-timeout":  {Client: {"handshake-abort"}},
	"probe-active":     {Client: {"handshake-abort-active"}},
	// The shape is that of one probe, and it comes back at a beat.
	"health-check-active": {Client: {"health-check", "handshake-abort-active"}},
	"health-check-linger": {Client: {"health-check"}},
	"health-check-http":   {Client: {"health-check", "abort-after-response"}},
	"keep-alive-timeout":  {},
	"user-timeout":        {},
	"vanished-server":     {},
	"vanished-client":     {},
	"queue-overflow":      {Server: {"accept-queue-overflow"}},
	"reject-host":         {},
	"reject-router":       {},
	"reject-midstream":    {},
	"forger-to-client":    {},
	"forger-to-both":      {},
	"forger-burst":        {},
	"forger-late":         {},
	"forger-blind":        {Client: {"blind-rst"}, Server: {"blind-rst"}},
	"old-tuple":           {Client: {"port-reuse-challenge"}},
	"syn-on-fin-wait2":    {Server: {"syn-on-fin-wait2"}},
	"http-413":            {Server: {"early-response"}},
	"http-pipeline":       {},
	"http-keep-alive":     {},
	"http2-goaway":        {},
	"tls-never-read":      {Client: {"tls-client-never-read"}},
	"tls-client-refused":  {Server: {"tls-alert-then-rst"}},
	"tls-server-refused":  {Client: {"tls-alert-then-rst"}, Server: {"close-notify-race"}},
	"tls-clean":           {Client: {"close-notify-race"}, Server: {"close-notify-race"}},
	"plain-to-tls":        {Server: {"plaintext-to-tls-port"}},
	// The server goes on with its answer after the client has gone.
	"half-close":        {Client: {"download-abort"}},
	"shutdown-both":     {},
	"linger2":           {Client: {"linger2"}, Server: {"linger2"}},
	"proxy-no-backend":  {},
	"proxy-client-left": {},
	// The box forgot the connection, and it or the host behind it refuses.
	"idle-box":       {Client: {"middlebox-idle-timeout"}, Server: {"middlebox-idle-timeout"}},
	"nat-lost-entry": {Client: {"unnatted-segment"}, Server: {"middlebox-idle-timeout"}},
	"nat":            {},
	"upload-abort":   {},
	// The words of listener-flap: it refused this one and accepted others after.
	"fast-retry":     {Server: {"listener-flap"}},
	"crossing-close": {},
	"delayed-accept": {},
	"drop-host":      {},
	"clean":          {},
	"backscatter":    {Client: {"backscatter"}, Server: {"backscatter"}},
	"second-syn":     {Server: {"invalid-syn"}},
	"bad-synack":     {Client: {"bad-ack-syn-sent"}},
	"bad-last-ack":   {Server: {"bad-ack-syn-received"}},
	"random-talk":    {},

	"stack-closed-port":      {},
	"stack-queue-full":       {},
	"stack-unread":           {},
	"stack-abort":            {Server: {"abort-after-response"}},
	"stack-abort-idle":       {},
	"stack-abort-request":    {},
	"stack-data-after-close": {},
	"stack-vanished":         {},
	"stack-gives-up":         {},

	"netstack-closed-port":      {},
	"netstack-unread":           {},
	"netstack-abort":            {Server: {"abort-after-response"}},
	"netstack-no-answer":        {},
	"netstack-data-after-close": {},
}

// Right is every cause that is true of a RST with the facts, in a capture with
// the view. A verdict is right when it is one of them.
func Right(f *Facts, v View) []string {
	right := mechanismCauses(f)
	// What a side does of its own accord it does for the script's reason, also
	// when a RST went before.
	if !f.Later || f.Active || f.By == Forger {
		right = append(right, circumstances[f.Kind][f.Role]...)
	}
	if f.Later {
		right = append(right, "follow-up")
		// Where the first RST is not in the capture, the connection is simply
		// one that the host no longer has; and it had ended it.
		if v.First && f.By == Kernel && !f.Active {
			right = append(right, "stale-connection", "data-after-close", "segment-after-close")
			right = append(right, circumstances[f.Kind][f.Role]...)
			if f.Role == Client && f.SenderFIN && f.Sent > 0 {
				right = append(right, "early-client-close")
			}
		}
	}
	if !v.SYN {
		right = append(right, "mid-stream")
	}
	if v.Alone {
		right = append(right, "no-context")
	}
	slices.Sort(right)
	return slices.Compact(right)
}

// Cause is the one of the causes that are true of f that says most: what the
// script does, where it says anything of the RST, or how the RST came about.
func (f *Facts) Cause() string {
	if !f.Later || f.Active || f.By == Forger {
		if c := circumstances[f.Kind][f.Role]; len(c) > 0 {
			return c[0]
		}
	}
	if f.Later && f.By == Kernel {
		return "follow-up"
	}
	if c := mechanismCauses(f); len(c) > 0 {
		return c[0]
	}
	return "no cause"
}

// mechanismCauses are the causes that follow from how the RST came about, as
// include/net/rstreason.h and net/ipv4/tcp*.c tell it, and RFC 9293 3.10.
func mechanismCauses(f *Facts) (right []string) {
	say := func(causes ...string) { right = append(right, causes...) }
	switch {
	case f.By == Reject:
		say("firewall-reject")
		return
	case f.By == Forger:
		say("injected-rst")
		return
	case f.Active:
		switch f.Reason {
		case "TCP_ABORT_ON_CLOSE":
			say("unread-data-on-close")
		case "TCP_ABORT_ON_LINGER":
			say("linger2")
		case "TCP_ABORT_ON_MEMORY":
			say("memory-pressure")
		case "TCP_KEEPALIVE_TIMEOUT":
			say("keep-alive-timeout")
		case "TCP_DISCONNECT_WITH_DATA":
			say("disconnect-with-data")
		case "RETRANSMISSION_TIMEOUT":
			say("retransmission-timeout")
		}
		if f.Linger {
			say("deliberate-abort") // also with octets unread, which the kernel names first
		}
		// "accepted the connection and ended it at once without a byte of answer"
		if f.Role == Server && f.Sent == 0 && f.Age < 1.5 && f.Kind != "listener-closed" {
			say("accepted-then-reset")
		}
		// "a reset instead of a FIN ... after the other had closed"
		if f.PeerFIN && f.Sent > 0 {
			say("abort-after-response")
		}
		return
	}
	switch f.Reason {
	case "TCP_INVALID_ACK_SEQUENCE":
		if f.Trigger == "synack" {
			say("bad-ack-syn-sent")
		} else {
			say("port-reuse-challenge")
		}
		return
	case "TCP_RFC7323_PAWS":
		say("handshake-paws")
		return
	case "BACKLOG_FULL":
		say("refusal-under-load")
		return
	case "INVALID_SYN":
		return // the script says which of two
	}
	switch f.Trigger {
	case "syn":
		if f.Reason == "NO_SOCKET" {
			say("no-listener")
		}
	case "synack":
	default:
		// A TLS client or server that says close_notify: 2 octets, encrypted.
		if strings.HasPrefix(f.Kind, "tls-") || strings.HasPrefix(f.Kind, "http2-") {
			if f.SenderFIN && f.Octets >= 23 && f.Octets <= 31 {
				say("close-notify-race")
			}
		}
		nothing := f.Trigger != "data" && !f.Gap
		switch {
		case f.Later:
		case f.SenderFIN && nothing, f.Reason == "TCP_TIMEWAIT_SOCKET" && nothing:
			say("segment-after-close")
		case f.SenderFIN, f.Reason == "TCP_TIMEWAIT_SOCKET", f.Reason == "TCP_ABORT_ON_DATA":
			say("data-after-close")
			if f.Gap && f.Trigger != "data" {
				say("segment-after-close")
			}
			// "the client closed its socket ... while the server was still to
			// answer"
			if f.Role == Client && f.Sent > 0 {
				say("early-client-close")
			}
		case f.Kind != "stray-probe" && f.Kind != "syn-scan" && f.Kind != "bad-last-ack": // segments of no connection
			say("stale-connection")
		}
	}
	return
}

// Mechanism is how a RST came about, in the words of rstwhy's mechanism: answer
// or abort. A forger's is neither, and empty. So is gVisor's to what comes behind
// its FIN: it aborts the endpoint as an answer, and either word is true.
func (f *Facts) Mechanism() string {
	switch {
	case f.By == Forger, f.Stack == "gVisor" && !f.Active && f.SenderFIN:
		return ""
	case f.Active:
		return "abort"
	}
	return "answer"
}
