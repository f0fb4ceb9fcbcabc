package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/rstwhy/rstwhy/flows"
)

// memorySize is a number of octets on the command line, as 512K, 64M or 4G: powers of
// 1024.
type memorySize int64

var (
	errSize  = errors.New("not a size like 64M or 4G")
	errSmall = errors.New("16M is the least")
)

func (*memorySize) Type() string { return "SIZE" }

func (s *memorySize) String() string {
	for _, u := range [...]struct {
		shift int
		name  string
	}{{30, "G"}, {20, "M"}, {10, "K"}} {
		if n := int64(*s); n > 0 && n&(1<<u.shift-1) == 0 {
			return strconv.FormatInt(n>>u.shift, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

func (s *memorySize) Set(text string) error {
	digits := strings.TrimRight(text, "KMG")
	shift, ok := map[string]int{"": 0, "K": 10, "M": 20, "G": 30}[text[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || n < 0 || n > 1<<(62-shift) {
		return errSize
	}
	n <<= shift
	if n < flows.LeastMemory {
		return errSmall
	}
	*s = memorySize(n)
	return nil
}
