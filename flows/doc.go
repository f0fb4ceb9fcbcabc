// Package flows follows TCP connections: the handshake, the sequence space of
// either side, what each side looked like on the wire, and every reset together
// with the segment it answers and what came after it.
//
// A Table is fed batches of packet.Header and gives back an Output: events, from
// which package hosts learns, Notes of handshakes without an answer, and Resets that
// have settled: a fixed grace of capture time after the RST, or the end of the
// input. It judges nothing; that is what package classify is for. All times are
// nanoseconds by the clock of the capture, which is the latest time any segment
// has shown so far and never runs backwards.
//
// Read segment.go, side.go, flow.go and reset.go for what others see.
// connection.go is what a Table keeps of it, table.go and follow.go are how, and
// population.go and memory.go where.
package flows
