// Package lab provokes each cause of a reset with real programs on a real
// Linux, and records captures of it with the kernel's own word as truth beside
// them.
//
// A Recipe is one provocation. It runs on a Pair: a client and a server, each
// in a network namespace of its own, joined by a link. The namespaces have no
// names and no trace on disk: they go with the process that made them.
//
// To add a recipe, write a function that returns one, and add a line to the
// list in recipes.go. It needs root, tcpdump, and a kernel whose tracepoint
// tcp_send_reset carries a reason (Linux 6.12).
package lab
