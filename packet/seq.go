package packet

// Seq is a TCP sequence or acknowledgment number. Sequence space is a circle
// of 2^32 (RFC 9293, 3.4), so two of them are compared with the methods below
// and never with the operators < and >.
type Seq uint32

// Less reports whether a comes before b: the signed distance from b to a is
// negative. Numbers more than 2^31 apart cannot be ordered.
func (a Seq) Less(b Seq) bool { return int32(a-b) < 0 }

// LessEq reports whether a comes before b or is b.
func (a Seq) LessEq(b Seq) bool { return int32(a-b) <= 0 }

// In reports whether a lies in the half-open interval [lo, hi).
func (a Seq) In(lo, hi Seq) bool { return a-lo < hi-lo }

// Add returns a advanced by n octets.
func (a Seq) Add(n uint32) Seq { return a + Seq(n) }

// Sub returns the signed distance from b to a: positive when a is ahead.
func (a Seq) Sub(b Seq) int32 { return int32(a - b) }

// Max returns the later of a and b.
func (a Seq) Max(b Seq) Seq {
	if a.Less(b) {
		return b
	}
	return a
}
