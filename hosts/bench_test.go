package hosts

import (
	"encoding/binary"
	"testing"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// BenchmarkRefusal is what a refused SYN of a scan costs: two events, and the
// view when it has settled, after thousands of others.
func BenchmarkRefusal(b *testing.B) {
	const late = 8192
	m := New()
	ends := func(i int) [2]flows.Endpoint {
		server := end(0, uint16(i))
		binary.BigEndian.PutUint16(server.Addr[13:], uint16(i>>8))
		return [2]flows.Endpoint{end(66, uint16(40000+i%200)), server}
	}
	r := &flows.Reset{Dir: flows.Server}
	r.Flow.Handshake = flows.SYNSent
	var a Around
	b.ReportAllocs()
	seen := 0
	for i := 0; b.Loop(); i++ {
		at := int64(1e18) + int64(i)*250e3
		e := flows.Event{Kind: flows.Asked, Clock: at, Time: at, Ends: ends(i)}
		m.Observe(&e)
		e.Kind, e.Dir, e.First, e.Refusal, e.Flags = flows.WasReset, flows.Server, true, true, packet.RST|packet.ACK
		m.Observe(&e)
		r.Flow.Ends, r.RST.Time = ends(i-late), at-late*250e3
		m.Around(r, Ports|Host|Refused, &a)
		seen += a.Fruitless
	}
	if seen == 0 {
		b.Fatal("no fruitless try was seen")
	}
}
