//go:build amd64 || arm64

package flows

import "unsafe"

// prefetch has the processor fetch the cache line of p, and waits for nothing: a
// load whose value nobody uses would still hold up what comes after it.
//
//go:noescape
func prefetch(p unsafe.Pointer)

// prefetchStanding does so for the lines of c that every segment needs.
//
//go:noescape
func prefetchStanding(c *connection)
