package hosts

import "github.com/rstwhy/rstwhy/flows"

// pair is a client and a server's port, and what went between them in connections
// of one shape.
type pair struct {
	client [16]byte
	server flows.Endpoint
	sent   [2]uint32
}

func hashPair(client, server hashes, sent [2]uint32) uint64 {
	return mix(mix(client.addr, server.end), uint64(sent[0])<<32|uint64(sent[1]))
}

// short returns how much each side had sent when that was little enough for a
// health check.
func short(sent [2]uint64) ([2]uint32, bool) {
	return [2]uint32{uint32(sent[0]), uint32(sent[1])}, sent[0] <= probePayload && sent[1] <= probePayload-sent[0]
}

type beatFacts struct {
	n        int
	segments [2]uint32
	last     int64
	mean, m2 float64 // Welford's running mean and sum of squares, of the distances
}

// add takes the end of one more connection into account. Another number of
// segments is another shape, with which the count begins anew; an acknowledgment
// more or less is not.
func (b *beatFacts) add(e *flows.Event) {
	if b.n > 0 && (apart(e.Segments[0], b.segments[0]) > 1 || apart(e.Segments[1], b.segments[1]) > 1) {
		*b = beatFacts{}
	}
	if b.n == 0 {
		b.segments = e.Segments
	} else {
		d := float64(e.Time - b.last)
		delta := d - b.mean
		b.mean += delta / float64(b.n)
		b.m2 += delta * (d - b.mean)
	}
	b.n++
	b.last = e.Time
}

func apart(a, b uint32) uint32 { return max(a, b) - min(a, b) }
