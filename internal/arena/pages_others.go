//go:build !linux

package arena

func pages(int) []byte { return nil }

func unmap([]byte) {}
