package arena

import "unsafe"

// Prefetch has the processor fetch so many cache lines of 64 octets, at least
// one, from p on, and waits for none of them: a load whose value nobody uses
// would hold up what comes after it. Any address will do.
func Prefetch[T any](p *T, lines int) { prefetch(unsafe.Pointer(p), lines) }

// PrefetchWrite is Prefetch for lines that will be written to and that another
// core had last: writing waits until the line is this core's own, and that takes
// longer than all else that is done to it.
func PrefetchWrite[T any](p *T, lines int) { prefetchWrite(unsafe.Pointer(p), lines) }
