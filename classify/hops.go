package classify

// hostTTL is the lowest and highest TTL that the RST's sender has shown: in its
// segments of this connection, in its SYN or SYN/ACK, or else in its SYN/ACKs in
// other connections. Both are 0 when it has shown none.
func (c *Case) hostTTL() (lo, hi uint8) {
	switch {
	case c.X.TTLMax != 0:
		return c.X.TTLMin, c.X.TTLMax
	case c.X.TTLSYN != 0:
		return c.X.TTLSYN, c.X.TTLSYN
	}
	return c.Around.TTL, c.Around.TTL
}

// nearer is by how many hops the RST's origin is nearer to the capture point
// than the host whose address it bears, negative when it is farther. It is 0
// when it is neither, or the host has shown no TTL.
func (c *Case) nearer() int {
	lo, hi := c.hostTTL()
	if hi == 0 || c.RST.TTL >= lo && c.RST.TTL <= hi {
		return 0
	}
	low := hi <= 32 && c.RST.TTL <= 32
	a, b, h := hops(lo, low), hops(hi, low), hops(c.RST.TTL, low)
	switch {
	case max(a, b, h) > farthest:
		return 0
	case h < min(a, b):
		return min(a, b) - h
	case h > max(a, b):
		return max(a, b) - h
	}
	return 0
}
