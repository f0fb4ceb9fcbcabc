package hosts

import (
	"math/bits"

	"github.com/rstwhy/rstwhy/flows"
)

// spreadKey is a client with one address that it tries, on any port (port is 0), or
// with one port, on any address (addr is zero).
type spreadKey struct {
	client, addr [16]byte
	port         uint16
}

// spreadFacts are the ports, or the addresses, where such tries bore no fruit, each a
// bit of its hash, in this window of time and the one before.
type spreadFacts struct {
	window int64
	seen   [2]uint64
}

// try is one try, counted among those of the server's address, or of its port.
type try struct {
	key  spreadKey
	hash uint64
	bit  uint64
}

// ofAddress and ofPort are the two ways to count a try.
func ofAddress(client, server *flows.Endpoint, c, s hashes) try {
	return try{spreadKey{client: client.Addr, addr: server.Addr}, mix(c.addr, s.addr), mix(uint64(server.Port)+1, 0x6a09e667f3bcc909)}
}

func ofPort(client, server *flows.Endpoint, c, s hashes) try {
	return try{spreadKey{client: client.Addr, port: server.Port}, mix(c.addr, uint64(server.Port)+1), s.addr}
}

// kinEnough is how many tries of one address are plainly a scan of it. Own.
const kinEnough = 16

// spreads keeps which tries of a client belong together.
type spreads struct{ cache[spreadKey, spreadFacts] }

// add counts a try without fruit. Once an address has been tried on many ports, these
// need no count of their own.
func (s *spreads) add(client, server *flows.Endpoint, ch, sh hashes, clock int64) {
	t := ofAddress(client, server, ch, sh)
	if s.mark(&t, clock) < kinEnough {
		t = ofPort(client, server, ch, sh)
		s.mark(&t, clock)
	}
}

// mark adds t, and returns how many of its key there are.
func (s *spreads) mark(t *try, clock int64) int {
	f := s.put(t.hash, &t.key)
	switch w := clock / scanWidth; f.window {
	case w:
	case w - 1:
		f.window, f.seen = w, [2]uint64{0, f.seen[0]}
	default:
		f.window, f.seen = w, [2]uint64{}
	}
	f.seen[0] |= 1 << (t.bit >> 58)
	return f.count()
}

func (f *spreadFacts) count() int { return bits.OnesCount64(f.seen[0] | f.seen[1]) }

// kin is how many ports of the server's address, or addresses with its port,
// whichever are more, the tries without fruit had.
func (s *spreads) kin(client, server *flows.Endpoint, ch, sh hashes) (most int) {
	t := ofAddress(client, server, ch, sh)
	if f := s.get(t.hash, &t.key); f != nil {
		most = f.count()
	}
	if most < kinEnough {
		t = ofPort(client, server, ch, sh)
		if f := s.get(t.hash, &t.key); f != nil {
			most = max(most, f.count())
		}
	}
	return most
}
