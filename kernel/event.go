package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// ErrUnsupported is returned by Open where the running kernel cannot name the
// reason of a reset: it is not Linux, it is older than the reasons (Linux 6.10
// for replies, 6.12 for aborts), or it was built without BTF or BPF. It matches
// errors.ErrUnsupported.
var ErrUnsupported = fmt.Errorf("kernel: this kernel does not name the reasons of resets: %w", errors.ErrUnsupported)

// Event is one reset that the local TCP sent.
type Event struct {
	// Time is the wall clock when the tracepoint fired. A reply is reported
	// just before it is handed to the network, an abort just after.
	Time time.Time

	// Sender is this host's end and Receiver the peer. IPv4-mapped addresses
	// are unmapped.
	Sender, Receiver netip.AddrPort

	// Reason is the name in enum sk_rst_reason without its prefix, such as
	// "NO_SOCKET" or "TCP_ABORT_ON_CLOSE". A value without a name is written
	// "REASON_42".
	Reason string

	// Active says that a socket was aborted. Otherwise the reset answers a
	// segment.
	Active bool

	// State is the socket's state, such as "TCP_CLOSE" or "TCP_LISTEN", and
	// empty where there was no socket. The paths of close(2) change the state
	// before they send, so an aborted connection is mostly TCP_CLOSE already.
	State string

	// Netns is the inode number of the network namespace, as
	// /proc/PID/ns/net shows it, and 0 when it was not known.
	Netns uint32

	// Of an abort, and zero for a reply: the octets that had arrived in order
	// and that no program has read (rcv_nxt - copied_seq, less the peer's FIN),
	// and whether the socket has SO_LINGER with a time of 0.
	Unread uint32
	Linger bool

	// Process and PID are the program that aborted the socket, where it did so by a
	// system call or by ending: "" and 0 for a reply, and for an abort of a timer's,
	// which interrupt whoever runs. Another program may do it (ss -K).
	Process string
	PID     int32
	// Exiting says that the program was ending, which closes its sockets, and Signal
	// which signal ended it, 0 for none.
	Exiting bool
	Signal  int
}

// String gives e on one line.
func (e Event) String() string {
	kind := "reply"
	if e.Active {
		kind = "abort"
	}
	s := fmt.Sprintf("%s > %s %s %s", e.Sender, e.Receiver, kind, e.Reason)
	if e.State != "" {
		s += " " + e.State
	}
	return s
}

// states are the names of sk_state, from include/net/tcp_states.h. The numbers
// are part of the kernel's interface to user space (sock_diag).
var states = [...]string{
	1: "TCP_ESTABLISHED", 2: "TCP_SYN_SENT", 3: "TCP_SYN_RECV", 4: "TCP_FIN_WAIT1",
	5: "TCP_FIN_WAIT2", 6: "TCP_TIME_WAIT", 7: "TCP_CLOSE", 8: "TCP_CLOSE_WAIT",
	9: "TCP_LAST_ACK", 10: "TCP_LISTEN", 11: "TCP_CLOSING", 12: "TCP_NEW_SYN_RECV",
	13: "TCP_BOUND_INACTIVE",
}

func stateName(n uint8) string {
	switch {
	case n == 0:
		return ""
	case int(n) < len(states):
		return states[n]
	}
	return fmt.Sprintf("STATE_%d", n)
}
