package flows

import "github.com/rstwhy/rstwhy/packet"

// batch follows the segments of b.
func (t *Table) batch(b *packet.Batch, to *consumer) {
	hs := b.Headers
	note := 0
	t.ahead.start(&t.population, hs)
	for i := range hs {
		h := &hs[i]
		switch {
		case h.Time < t.clock:
			t.stats.backwards(t.clock - h.Time)
		case h.Time < t.wake:
			t.clock = h.Time
		default:
			t.advance(h.Time, to)
		}
		if i%group == 0 {
			t.ahead.group(&t.population, hs, i/group)
		}
		var payload []byte
		if h.Flags&packet.RST != 0 {
			for note < len(b.Notes) && b.Notes[note].Header < i {
				note++
			}
			if note < len(b.Notes) && b.Notes[note].Header == i {
				payload = b.Notes[note].Text[:b.Notes[note].N]
			}
		}
		hash, hint := t.ahead.of(i)
		t.segment(h, hash, hint, payload, to)
	}
}

// segment follows h: to the connection it belongs to, or to a new one.
func (t *Table) segment(h *packet.Header, hash, hint uint32, payload []byte, to *consumer) {
	// A few segments take only so much: asking now and then will do. When, must
	// not depend on where batches end.
	if t.stats.Segments++; t.stats.Segments%group == 0 && t.population.taken() > t.config.MaxMemory {
		t.evict(to)
	}
	p := &t.population
	slot, d, ok := p.find(h, hash, hint)
	if !ok {
		slot, d = t.enter(h, hash, to)
	}
	c := p.at(slot)
	if ok && h.Flags&packet.SYN != 0 && c.startsAnew(h, d) {
		prior, early := c.earlier(&p.memory), c.early(&p.memory, h, d)
		if c.marks&isWatched != 0 {
			t.pending.watched(p, c).watch(h, d)
		}
		t.leave(slot, t.clock)
		was := d
		slot, d = t.enter(h, hash, to)
		if d != was {
			prior = prior.turned()
		}
		c = p.at(slot)
		p.memory.rare(c).prior = prior
		if early.Valid() {
			*p.memory.next(c) = early
		}
	}
	if h.Flags&packet.RST != 0 {
		t.reset(c, slot, h, d, payload, to)
		return
	}
	if c.marks&isWatched != 0 {
		if c.marks&isTriedAgain != 0 && c.handshake == SYNReceived && h.Flags&packet.SYN == 0 {
			c.marks &^= isWatched // what comes of the new try is another connection
		} else {
			t.pending.watched(p, c).watch(h, d)
		}
	}
	syns, was := c.side[d].SYNs, c.handshake
	closes := h.Flags&packet.FIN != 0 && c.known()&SawFIN == 0
	if c.quiet(d) && h.Flags&(packet.SYN|packet.ACK) == packet.ACK && h.Ack == c.side[d.Peer()].SndNxt {
		if pause := c.pause(&p.memory, d); pause > 0 {
			c.event(Survived, h, d, t.clock, &t.out).Pause = pause
		}
	}
	c.update(&p.memory, h, d)
	if h.Flags&packet.SYN != 0 && syns == 0 {
		k := Asked
		if h.Flags&packet.ACK != 0 {
			k = Answered
		}
		e := c.event(k, h, d, t.clock, &t.out)
		e.RTT = c.rttServer()
	}
	if was == SYNReceived && c.handshake == Established {
		e := c.event(Completed, h, d, t.clock, &t.out)
		e.RTT, e.RTTServer = c.rttClient(), c.rttServer()
	}
	both := c.side[0].Known & c.side[1].Known
	if both&SawData != 0 && c.marks&isConversing == 0 {
		c.marks |= isConversing
		c.event(Conversed, h, d, t.clock, &t.out)
	}
	if closes {
		c.event(Closed, h, d, t.clock, &t.out)
	}
	if both&SawFIN != 0 && c.marks&isClosing == 0 {
		t.closing(c, slot, closedFor)
	}
}

// enter makes a connection whose first segment is h.
func (t *Table) enter(h *packet.Header, hash uint32, to *consumer) (slot uint32, d Dir) {
	if t.population.live >= t.config.MaxConnections {
		t.evict(to)
	}
	t.stats.Connections++
	if h.Flags&packet.SYN == 0 {
		t.stats.MidStream++
	}
	slot, d = t.population.enter(h, hash)
	t.wheel.put(after(t.clock, firstLook), leaving{slot, t.population.at(slot).gen})
	return slot, d
}

// leave takes the connection of slot out of the table, at that time of the clock.
func (t *Table) leave(slot uint32, at int64) {
	c, m := t.population.at(slot), &t.population.memory
	if n, ok := c.note(m, at); ok {
		t.out.note(n)
	}
	t.stats.left(c, m)
	t.population.remove(slot)
}

// reset follows the RST h.
func (t *Table) reset(c *connection, slot uint32, h *packet.Header, d Dir, payload []byte, to *consumer) {
	t.stats.RSTs++
	p := &t.population
	e := c.event(WasReset, h, d, t.clock, &t.out)
	e.First = c.known()&SawRST == 0
	if c.known()&SawData != 0 {
		e.Sent = [2]uint64{c.stream[0].Bytes, c.stream[1].Bytes}
	}
	e.Segments = [2]uint32{c.side[0].Packets, c.side[1].Packets}
	e.Settled = c.settled(h, d)
	if c.quiet(d) && c.disowns(h, d) {
		e.Pause = c.pause(&p.memory, d)
	}
	e.Spoke = c.side[d].Known&SawData != 0
	e.Acted = c.acted(&p.memory, d.Peer())
	e.RTT = c.rttTo(d)
	if c.side[Client].Known&SawPlainAck != 0 {
		e.Completed = c.opening[Client].AckFirst
	} else if c.side[Server].Known&SawSYN != 0 {
		e.Completed = c.opening[Server].SYNFirst
	}
	e.Stray = c.handshake == MidStream
	e.Refusal = c.handshake <= SYNSent && c.side[d].SYNs == 0 && h.Flags&packet.ACK != 0 && c.side[d.Peer()].SYNs > 0
	if e.Refusal {
		e.RTT = max(0, h.Time-c.opening[d.Peer()].SYNLast)
	}
	if e.First && c.marks&isWatched == 0 {
		t.stats.Reset++
	}
	q := &t.pending
	again := c.marks&isTriedAgain != 0
	var r *Reset
	if c.marks&isWatched != 0 {
		w := q.at(c.open)
		r = q.watched(p, c)
		rst := segmentOf(h, d)
		trigger := c.trigger(&p.memory, &rst, r.FollowUps, &r.Trigger)
		switch {
		case len(r.FollowUps) >= FollowUpMax,
			t.clock-w.latest > int64(Grace),
			// What a new try meets may be something else than the one before did.
			again && c.handshake == SYNReceived && !alike(r, &rst, &trigger):
			r = nil // it settles when it is due
		default:
			*q.answer(r) = FollowUp{rst, trigger}
			w.latest = t.clock
			w.again = w.again || again
		}
	}
	if r == nil {
		if q.len() == waitMax {
			t.stats.SettledEarly++
			t.settle(t.clock, false, to)
		}
		w := q.push()
		c.open = q.next - 1
		c.marks |= isWatched
		w.due, w.slot, w.dir, w.rst = t.clock+int64(Grace), slot, d, *h
		w.known, w.historyN, w.retried = c.side[d].Known, c.historyN, again
		w.made, w.latest, w.until, w.again = 0, t.clock, t.clock+int64(refusedFor), false
		if len(payload) > 0 {
			q.watched(p, c).Payload = append([]byte(nil), payload...)
		}
	}
	c.wasReset(&p.memory, h, d)
	keep := resetFor
	if c.packets() <= 4 && c.handshake <= SYNSent && !c.holdsEarlier(&p.memory) {
		keep = closedFor
	}
	t.closing(c, slot, keep)
}

// alike reports whether rst is sent by the same side as the first RST of r, in
// answer to a segment of the same kind.
func alike(r *Reset, rst, trigger *Segment) bool {
	return rst.Dir == r.Dir && (trigger.Flags^r.Trigger.Flags)&(packet.SYN|packet.ACK) == 0
}

// settle ends the watch over the oldest reset that waits.
func (t *Table) settle(at int64, end bool, to *consumer) {
	r := t.pending.pop(&t.population)
	r.After.Settled, r.After.AtEnd = at, end
	t.out.reset(r)
	if len(t.out.Resets) >= pieceMax {
		t.handOver(to)
	}
}
