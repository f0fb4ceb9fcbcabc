// Package field measures rstwhy on conversations that its rules were not
// written for: real programs on real kernels do random things to each other,
// dozens at once, over a random path, and a random capture of it is judged.
//
// The plan of a run follows from its seed alone. Kernels and schedulers are not
// deterministic, so a second run of one plan gives other packets; what a run
// recorded is kept, and can be judged again.
//
// The truth about a RST is the kernel's own word where a kernel sent it, and the
// script's where a packet filter or a forger did. The table in truth.go says
// which causes are then right. It is written from the RFCs, the sources of Linux
// and what the scripts do, and knows nothing of the rules that are measured.
package field
