// Package packet turns one captured frame into one Header: link layers,
// tunnels, IPv4 and IPv6, TCP, and the serial arithmetic of sequence numbers.
//
// It is the bottom of rstwhy: it imports none of the other packages, and every
// other package speaks in its types. Read next: capture, which fills batches
// of headers, and flows, which follows connections through them.
package packet
