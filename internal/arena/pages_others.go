//go:build !linux || rstwhy_heap

package arena

func pages(int) []byte { return nil }

func unmap([]byte) {}
