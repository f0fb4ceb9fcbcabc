package classify

import "slices"

// Testimony is the word of the kernel of a host on a RST: whether it sent it,
// and why. The zero value is that nobody was asked.
type Testimony struct {
	Word   Word
	Reason string // name in enum sk_rst_reason without its prefix, "NO_SOCKET"; with Spoke
	Active bool   // the kernel aborted a socket by itself; otherwise it answered a segment
	State  string // TCP state of the socket, "" without one
}

// Word says whether a kernel knows of a RST.
type Word uint8

// The words of a kernel.
const (
	Unasked Word = iota // no kernel was asked that could have sent the RST
	Silent              // the kernel of the sending address has not sent it: a packet filter or a program with a raw socket did
	Spoke               // it has, and says why
)

// allows reports whether t leaves room for r: a kernel that has sent the RST
// for one of its reasons, or none where no TCP sends it.
func (t *Testimony) allows(r *Rule) bool {
	switch t.Word {
	case Silent:
		return len(r.Reasons) == 0
	case Spoke:
		return slices.Contains(r.Reasons, t.Reason)
	}
	return true
}
