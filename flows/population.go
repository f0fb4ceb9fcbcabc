package flows

import (
	"github.com/rstwhy/rstwhy/internal/arena"
	"github.com/rstwhy/rstwhy/packet"
)

// population is the connections that are followed: where each is, and what it
// has in memory besides.
type population struct {
	index       index
	connections arena.Slab[connection]
	memory      memory
	live        int
}

func newPopulation(a *arena.Arena) (p population) {
	p.index = newIndex(a)
	p.connections = arena.NewSlab[connection](a)
	p.memory = memory{arena.NewSlab[piece](a), arena.NewSlab[rares](a)}
	return p
}

// taken is how many octets count against Config.MaxMemory.
func (p *population) taken() int64 {
	return p.connections.Taken() + int64(len(p.index.words))*8 + p.memory.taken()
}

func (p *population) at(slot uint32) *connection { return p.connections.At(slot) }

// find returns the place of h's connection, and which side of it has sent h.
// The hint is a place, +1, where it may be.
func (p *population) find(h *packet.Header, hash, hint uint32) (slot uint32, d Dir, ok bool) {
	if hint != 0 {
		if c := p.at(hint - 1); c.marks&isLive != 0 {
			if d, ok = c.sends(h); ok {
				return hint - 1, d, true
			}
		}
	}
	x := &p.index
	for i := hash & x.mask(); x.words[i] != 0; i = (i + 1) & x.mask() {
		w := x.words[i]
		if uint32(w>>32) != hash {
			continue
		}
		slot = uint32(w) - 1
		if d, ok = p.at(slot).sends(h); ok {
			return slot, d, true
		}
	}
	return 0, 0, false
}

// sends reports whether h is a segment of c, and of which side.
func (c *connection) sends(h *packet.Header) (Dir, bool) {
	if c.zone != h.Zone {
		return 0, false
	}
	a, b := &c.ends[Client], &c.ends[Server]
	if a.Port == h.SrcPort && b.Port == h.DstPort && a.Addr == h.Src && b.Addr == h.Dst {
		return Client, true
	}
	return Server, b.Port == h.SrcPort && a.Port == h.DstPort && b.Addr == h.Src && a.Addr == h.Dst
}

// enter makes a connection whose first segment is h, and says which side of it
// has sent h.
func (p *population) enter(h *packet.Header, hash uint32) (uint32, Dir) {
	slot := p.connections.Take()
	c := p.at(slot)
	gen := c.gen + 1
	*c = connection{} // in place; with values it would be built elsewhere and copied
	c.gen, c.hash, c.marks, c.zone, c.start = gen, hash, isLive, h.Zone, h.Time

	d := Client
	switch h.Flags & (packet.SYN | packet.ACK) {
	case packet.SYN:
		c.handshake = SYNSent
	case packet.SYN | packet.ACK:
		d = Server
	default:
		c.marks |= isGuessed
		if h.SrcPort < h.DstPort {
			d = Server
		}
	}
	c.ends[d] = Endpoint{h.Src, h.SrcPort}
	c.ends[d.Peer()] = Endpoint{h.Dst, h.DstPort}
	p.index.insert(hash, slot)
	p.live++
	return slot, d
}

// remove forgets the connection of slot.
func (p *population) remove(slot uint32) {
	c := p.at(slot)
	p.index.remove(c.hash, slot)
	p.memory.forget(c)
	c.marks = 0
	p.connections.Give(slot)
	p.live--
}
