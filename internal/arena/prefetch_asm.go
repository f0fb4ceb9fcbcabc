//go:build amd64 || arm64

package arena

import "unsafe"

//go:noescape
func prefetch(p unsafe.Pointer, lines int)

//go:noescape
func prefetchWrite(p unsafe.Pointer, lines int)
