package flows

import "math"

// Config are the limits of a Table. Its zero value works.
type Config struct {
	// MaxMemory is how many octets connections may take, with what is
	// remembered of their segments and the index; beyond it the idlest leave
	// early. 0 means DefaultMemory; less than LeastMemory counts as that. Not in
	// it are resets that wait, some 40 MB at most, and room that was given back
	// and is kept: up to half as much again when a flood of short connections
	// gives way to as many long ones.
	MaxMemory int64
	// MaxConnections is how many connections are followed at once; beyond it
	// the idlest leave early. 0 sets no limit but that of MaxMemory.
	MaxConnections int
}

// complete returns c with what its zero values mean.
func (c Config) complete() Config {
	if c.MaxMemory == 0 {
		c.MaxMemory = DefaultMemory
	}
	c.MaxMemory = max(c.MaxMemory, LeastMemory)
	if c.MaxConnections == 0 {
		c.MaxConnections = math.MaxInt
	}
	return c
}
