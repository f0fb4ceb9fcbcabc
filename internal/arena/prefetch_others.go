//go:build !amd64 && !arm64

package arena

import "unsafe"

// Prefetch does nothing on this processor.
func Prefetch(unsafe.Pointer, int) {}

// PrefetchWrite does nothing on this processor.
func PrefetchWrite(unsafe.Pointer, int) {}
