//go:build !amd64 && !arm64

package arena

import "unsafe"

// This processor is not asked for anything.

func prefetch(unsafe.Pointer, int) {}

func prefetchWrite(unsafe.Pointer, int) {}
