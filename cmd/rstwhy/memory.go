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
	n, err := parseSize(text)
	if err != nil {
		return err
	}
	if n < flows.LeastMemory {
		return errSmall
	}
	*s = memorySize(n)
	return nil
}

// bufferSize is a number of octets in the same form, for the kernel's buffer.
type bufferSize int64

// The sizes that a buffer may have: libpcap takes an int.
const (
	leastBuffer = 64 << 10
	mostBuffer  = 1 << 30
)

var errBuffer = errors.New("64K is the least, and 1G the most")

func (*bufferSize) Type() string     { return "SIZE" }
func (s *bufferSize) String() string { return (*memorySize)(s).String() }

func (s *bufferSize) Set(text string) error {
	n, err := parseSize(text)
	if err != nil {
		return err
	}
	if n < leastBuffer || n > mostBuffer {
		return errBuffer
	}
	*s = bufferSize(n)
	return nil
}

// parseSize reads a size.
func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "KMG")
	shift, ok := map[string]int{"": 0, "K": 10, "M": 20, "G": 30}[text[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || n < 0 || n > 1<<(62-shift) {
		return 0, errSize
	}
	return n << shift, nil
}
