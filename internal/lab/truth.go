package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"time"
)

// Truth is what is known of one capture without looking at its packets: what
// the recipe did, and why the kernel says it sent each reset.
type Truth struct {
	Recipe   string  `json:"recipe"`
	Vantage  Vantage `json:"vantage"`
	About    string  `json:"about"`    // one sentence: who did what
	Kernel   string  `json:"kernel"`   // version of the Linux that ran it
	LinkType string  `json:"linktype"` // EN10MB or LINUX_SLL2
	Resets   []Reset `json:"resets"`   // every RST of the capture, in its order
	Notes    []Note  `json:"notes"`    // what is to be noted besides resets
}

// Reset is one RST of a capture.
type Reset struct {
	Frame    uint64         `json:"frame"` // from 1
	Time     time.Time      `json:"time"`  // of the frame, UTC
	Sender   netip.AddrPort `json:"sender"`
	Receiver netip.AddrPort `json:"receiver"`
	Cause    Cause          `json:"cause"`
	Kernel   *Word          `json:"kernel"` // nil where the kernel did not speak of it
}

// Word is the kernel's own account of a RST that it sent. See kernel.Event.
type Word struct {
	Reason string `json:"reason"`
	Active bool   `json:"active"`
	State  string `json:"state"`
}

// Vantage is where a capture was taken.
type Vantage string

// The vantages.
const (
	AtClient Vantage = "client" // the client's end of the link
	AtServer Vantage = "server" // the server's end of the link
	AtAny    Vantage = "any"    // all interfaces of the client (tcpdump -i any)
	AtMiddle Vantage = "middle" // between the two, on the client's side of it
)

// Cause is the recipe's intention with a RST, by the id of the rule that
// should find it.
type Cause string

// The causes that recipes provoke. FollowUp is a RST that merely answers a
// segment in flight after the first RST of its connection.
const (
	NoListener        Cause = "no-listener"
	HandshakeAbort    Cause = "handshake-abort"
	UnreadDataOnClose Cause = "unread-data-on-close"
	DataAfterClose    Cause = "data-after-close"
	DeliberateAbort   Cause = "deliberate-abort"
	StaleConnection   Cause = "stale-connection"
	FollowUp          Cause = "follow-up"

	ListenerFlap         Cause = "listener-flap"
	HandshakeAbortActive Cause = "handshake-abort-active"
	HealthCheck          Cause = "health-check"
	Backscatter          Cause = "backscatter"
	BadACKSYNSent        Cause = "bad-ack-syn-sent"
	BadACKSYNReceived    Cause = "bad-ack-syn-received"
	InvalidSYN           Cause = "invalid-syn"
	FastOpenAbort        Cause = "fast-open-abort"
	HandshakePAWS        Cause = "handshake-paws"
	DownloadAbort        Cause = "download-abort"
	ProcessDeath         Cause = "process-death"
	MPTCPFastclose       Cause = "mptcp-fastclose"
	MPTCPReset           Cause = "mptcp-reset"
	EarlyClientClose     Cause = "early-client-close"
	SYNOnFINWait2        Cause = "syn-on-fin-wait2"
	Linger2              Cause = "linger2"
	ListenerClosed       Cause = "listener-closed"
	DisconnectWithData   Cause = "disconnect-with-data"
	FINWait2Timeout      Cause = "fin-wait2-timeout"
	KeepAliveTimeout     Cause = "keep-alive-timeout"
	PortReuseChallenge   Cause = "port-reuse-challenge"
	AcceptQueueOverflow  Cause = "accept-queue-overflow"
	ClosedPortScan       Cause = "closed-port-scan"
	StrayProbe           Cause = "stray-probe"
	FirewallReject       Cause = "firewall-reject"
	HalfOpenScan         Cause = "half-open-scan"
	TLSClientNeverRead   Cause = "tls-client-never-read"
	TLSAlertThenRST      Cause = "tls-alert-then-rst"
	PlaintextToTLSPort   Cause = "plaintext-to-tls-port"
	EarlyResponse        Cause = "early-response"
	KeepAliveRace        Cause = "keep-alive-race"
	CloseNotifyRace      Cause = "close-notify-race"
	AbortAfterResponse   Cause = "abort-after-response"
	AcceptedThenReset    Cause = "accepted-then-reset"
	MiddleboxIdleTimeout Cause = "middlebox-idle-timeout"
	UnnattedSegment      Cause = "unnatted-segment"
	InjectedRST          Cause = "injected-rst"
	BlindRST             Cause = "blind-rst"
)

// Note is something in a capture that is no reset but belongs to the question.
type Note string

// The notes.
const (
	UnansweredSYN   Note = "unanswered-syn"    // SYNs, and not one answer
	AcceptQueueFull Note = "accept-queue-full" // SYN/ACKs repeated although the client had acknowledged
)

// ReadTruth reads the truth file at path.
func ReadTruth(path string) (*Truth, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t := new(Truth)
	if err := json.Unmarshal(b, t); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}
