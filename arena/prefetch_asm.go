//go:build amd64 || arm64

package arena

import "unsafe"

// Prefetch has the processor fetch so many cache lines of 64 octets, at least
// one, from p on, and waits for none of them: a load whose value nobody uses
// would hold up what comes after it. Any address will do.
//
//go:noescape
func Prefetch(p unsafe.Pointer, lines int)
