//go:build !amd64 && !arm64

package flows

import "unsafe"

func prefetch(unsafe.Pointer) {}

func prefetchStanding(*connection) {}
