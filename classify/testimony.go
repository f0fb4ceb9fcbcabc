package classify

import (
	"slices"
	"strings"
)

// Testimony is the word of the kernel of a host on a RST: whether it sent it,
// and why. The zero value is that nobody was asked.
type Testimony struct {
	Word   Word   `json:"word"`
	Reason string `json:"reason"` // name in enum sk_rst_reason without its prefix, "NO_SOCKET"; with Spoke
	Active bool   `json:"active"` // the kernel aborted a socket by itself; otherwise it answered a segment
	State  string `json:"state"`  // TCP state of the socket, "" without one

	// Of a socket that was aborted: the octets that no program had read, and whether it
	// had SO_LINGER with a time of 0.
	Unread uint32 `json:"unread,omitempty"`
	Linger bool   `json:"linger,omitempty"`
	// Who did it, where a program did: its name, its number, whether it was ending, and
	// by which signal, 0 for none.
	Process string `json:"process,omitempty"`
	PID     int32  `json:"pid,omitempty"`
	Exiting bool   `json:"exiting,omitempty"`
	Signal  int    `json:"signal,omitempty"`
}

// Word says whether a kernel knows of a RST.
type Word uint8

// The words of a kernel.
const (
	Unasked Word = iota // no kernel was asked that could have sent the RST
	Silent              // the TCP of the host whose address the RST bears has not sent it: a packet filter, a program with a raw socket or another machine did
	Spoke               // it has, and says why
)

// String is the word in JSON.
func (w Word) String() string { return [...]string{"unasked", "silent", "spoke"}[w] }

// everyReason is what Linux 6.18 says of resets: the names of enum sk_rst_reason
// (include/net/rstreason.h), but for NOT_SPECIFIED and ERROR, which tell nothing.
var everyReason = strings.Fields(`NO_SOCKET TCP_INVALID_ACK_SEQUENCE TCP_RFC7323_PAWS TCP_TOO_OLD_ACK
	TCP_ACK_UNSENT_DATA TCP_FLAGS TCP_OLD_ACK TCP_ABORT_ON_DATA TCP_TIMEWAIT_SOCKET INVALID_SYN
	TCP_ABORT_ON_CLOSE TCP_ABORT_ON_LINGER TCP_ABORT_ON_MEMORY TCP_STATE TCP_KEEPALIVE_TIMEOUT
	TCP_DISCONNECT_WITH_DATA MPTCP_RST_EUNSPEC MPTCP_RST_EMPTCP MPTCP_RST_ERESOURCE MPTCP_RST_EPROHIBIT
	MPTCP_RST_EWQ2BIG MPTCP_RST_EBADPERF MPTCP_RST_EMIDDLEBOX`)

// allows reports whether t leaves room for r. A kernel that has sent the RST does
// so for its reason; where that tells nothing, or is newer than everyReason, it
// still leaves only what a host's TCP sends. One that has not sent it leaves what
// no TCP sends, or that of another machine.
func (t *Testimony) allows(r *Rule) bool {
	switch t.Word {
	case Silent:
		return len(r.Reasons) == 0 || r.OtherHost
	case Spoke:
		if t.destroyed() {
			return r.Destroyed
		}
		if !slices.Contains(everyReason, t.Reason) {
			return len(r.Reasons) > 0
		}
		return slices.Contains(r.Reasons, t.Reason)
	}
	return true
}

// destroyed reports whether another program than its owner ended the socket (SOCK_DESTROY
// of sock_diag(7), as by ss -K): close(2) changes the state before it aborts, and timers
// abort sockets that were closed.
func (t *Testimony) destroyed() bool {
	return t.Word == Spoke && t.Active && t.Reason == "TCP_STATE" && (t.State == "TCP_ESTABLISHED" || t.State == "TCP_CLOSE_WAIT")
}

// ways are those in which the RST came about by t, all where it does not say.
func (t *Testimony) ways() Ways {
	switch {
	case t.Word != Spoke || !slices.Contains(everyReason, t.Reason):
		return allWays
	case !t.Active:
		return ways(WayAnswer, WayRefusal)
	}
	if t.Reason == "TCP_STATE" && t.State == "TCP_FIN_WAIT2" {
		return ways(WayOnPurpose, WayTimer) // tcp_keepalive_timer of an orphan
	}
	switch t.Reason {
	case "TCP_ABORT_ON_CLOSE":
		return ways(WayUnread)
	case "TCP_STATE", "TCP_ABORT_ON_LINGER", "TCP_DISCONNECT_WITH_DATA":
		return ways(WayOnPurpose)
	case "TCP_KEEPALIVE_TIMEOUT", "TCP_ABORT_ON_MEMORY":
		return ways(WayTimer)
	}
	return aborts
}

var becauseKernel = sentence("because-kernel", "the kernel that sent it says why, and that is another way")

// confirms reports whether t says of r what it would not say of any cause.
func (t *Testimony) confirms(r *Rule) bool {
	return t.Word == Spoke && slices.Contains(r.Reasons, t.Reason) && len(r.Reasons) < len(everyReason)
}
