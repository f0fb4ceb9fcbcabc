// Package kernel tells Linux's own reason for each TCP reset that the running
// host sends.
//
// The kernel names the reason at its tracepoint tcp:tcp_send_reset, as a value
// of enum sk_rst_reason (include/net/rstreason.h). The tracepoint sees only
// what the local TCP sends: nothing of resets that arrive, that netfilter's
// REJECT makes, or that a program writes to a raw socket. It is host-wide, over
// all network namespaces.
//
// A Tracer reads what the tracepoint says. A Witness pairs it with the RSTs of a
// capture, and testifies into the cases that are judged.
package kernel
