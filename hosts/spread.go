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

// tries are the two keys of one try with their hashes: the ports of the server's
// address, and the addresses with the server's port.
type tries [2]struct {
	key  spreadKey
	hash uint64
	bit  uint64
}

func triesOf(client, server *flows.Endpoint, c, s hashes) (t tries) {
	port := mix(uint64(server.Port)+1, 0x6a09e667f3bcc909)
	t[0].key = spreadKey{client: client.Addr, addr: server.Addr}
	t[0].hash, t[0].bit = mix(c.addr, s.addr), port
	t[1].key = spreadKey{client: client.Addr, port: server.Port}
	t[1].hash, t[1].bit = mix(c.addr, port), s.addr
	return t
}

// spreads keeps which tries of a client belong together.
type spreads struct{ cache[spreadKey, spreadFacts] }

func (s *spreads) add(t *tries, clock int64) {
	w := clock / scanWidth
	for i := range t {
		f := s.put(t[i].hash, &t[i].key)
		switch f.window {
		case w:
		case w - 1:
			f.seen = [2]uint64{0, f.seen[0]}
		default:
			f.seen = [2]uint64{}
		}
		f.window = w
		f.seen[0] |= 1 << (t[i].bit >> 58)
	}
}

// kin is how many ports of the server's address, or addresses with its port,
// whichever are more, the tries without fruit had.
func (s *spreads) kin(t *tries) (most int) {
	for i := range t {
		if f := s.get(t[i].hash, &t[i].key); f != nil {
			most = max(most, bits.OnesCount64(f.seen[0]|f.seen[1]))
		}
	}
	return most
}
