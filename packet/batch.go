package packet

// Skip says why a frame gave no Header. The zero value means that it gave one.
type Skip uint8

// The reasons to skip a frame. Each is counted and every count is reported.
const (
	Decoded          Skip = iota
	NotIP                 // ARP, LLDP, spanning tree: no IP in the frame
	NotTCP                // IP, but UDP, ICMP and the like
	Fragment              // a later fragment: it has no TCP header
	CutShort              // the capture holds too little of the frame to read its TCP header
	Malformed             // a length or version that contradicts itself
	UnknownLink           // a link type that rstwhy does not read
	EncryptedPayload      // IPsec ESP: TCP may be inside, unseen
	NumSkips
)

// String names the reason in the words of the report.
func (s Skip) String() string {
	return [...]string{
		"decoded", "not IP", "not TCP", "later IP fragment", "cut short before the end of the TCP header",
		"malformed", "unknown link type", "encrypted (ESP)",
	}[s]
}

// Batch is a run of frames in the order of the capture. A source fills it, the
// table reads it, and the same batch is filled again: nothing may keep a
// pointer into it.
type Batch struct {
	Headers []Header // the TCP segments
	Frames  uint64   // all frames read into this batch, also those skipped
	Bytes   uint64   // their length on the wire
	Skipped [NumSkips]uint64
	// First is the time of the first frame, Last the latest of any. Without a
	// frame, a live source sets both to the host's clock; a file leaves them 0.
	First, Last int64
	// Notes hold the whole captured payload of resets that carried one, in the
	// order of their headers, at most NoteLen octets each.
	Notes []Note
}

// NoteLen is how much of a RST's payload is kept.
const NoteLen = 128

// Note is the payload of a RST: RFC 9293, 3.5.3 allows it, and load balancers
// explain themselves there.
type Note struct {
	Header int // index into Batch.Headers
	N      int
	Text   [NoteLen]byte
}

// Reset empties b and keeps its memory.
func (b *Batch) Reset() {
	*b = Batch{Headers: b.Headers[:0], Notes: b.Notes[:0]}
}
