package flows

import (
	"bytes"

	"github.com/rstwhy/rstwhy/packet"
)

// isCopy reports whether h is the frame before it of the same side, captured a
// second time. An IP ID of 0 proves nothing: Linux sends it on many segments.
func (c *connection) isCopy(m *memory, h *packet.Header, d Dir) bool {
	if h.IPID == 0 || h.Marks&packet.IPv6 != 0 || h.Time-c.latest() > int64(copyWindow) {
		return false
	}
	// What is new in its stream, or acknowledges something new, is no copy. That
	// spares most segments the search.
	if s := &c.side[d]; s.Known&SawSegment != 0 &&
		(s.SndNxt.Less(h.End()) || h.Flags&packet.ACK != 0 && s.Known&SawAck != 0 && s.RcvNxt.Less(h.Ack)) {
		return false
	}
	for i := range 4 {
		s := m.recent(c, i)
		if s == nil || h.Time-s.Time > int64(copyWindow) {
			return false
		}
		if s.Dir == d && s.IPID == h.IPID && s.Seq == h.Seq && s.Ack == h.Ack && s.Len == h.Len && s.Flags == h.Flags {
			return true
		}
	}
	return false
}

// update takes a segment without RST into account.
func (c *connection) update(m *memory, h *packet.Header, d Dir) {
	s, p := &c.side[d], &c.side[d.Peer()]
	if c.isCopy(m, h, d) {
		inc16(&m.rare(c).side[d].Duplicates)
		return
	}
	first := s.Known&SawSegment == 0
	syn := h.Flags&packet.SYN != 0
	end := h.End()
	oldMax := s.SndNxt

	if first && !syn && p.Known&SawAck != 0 && h.Seq == p.RcvNxt-1 && h.Len <= 1 {
		// It stands where a probe does, behind what the capture lacks.
		s.SndNxt, first = p.RcvNxt, false
	}
	switch {
	case syn:
		c.syn(m, h, d)
		if first || s.SndNxt.Less(end) {
			s.SndNxt = end
		}
	case first:
		s.SndNxt = end
	case h.SeqLen() <= 1 && h.Flags&(packet.FIN|packet.ACK) == packet.ACK && h.Seq == s.SndNxt-1 && h.Len <= 1:
		// RFC 9293, 3.8.4: a keep-alive probe repeats the octet before SND.NXT.
		r := &m.rare(c).side[d]
		if s.Probes == 0 {
			r.ProbeFirst = h.Time
		}
		inc16(&s.Probes)
		r.ProbeLast = h.Time
		c.write(letterProbe, d)
	case h.SeqLen() == 0:
	case s.SndNxt.Less(h.Seq):
		inc16(&m.rare(c).side[d].Gaps)
		c.write(letterGap, d)
		s.SndNxt = end
	case end.LessEq(s.SndNxt):
		r := &m.rare(c).side[d]
		inc32(&r.Retransmissions)
		if s.RetransRun == 0 {
			r.RetransFirst = h.Time
		}
		inc16(&s.RetransRun)
		c.write(letterRetransmission, d)
	default:
		s.SndNxt = end
	}

	s.Known |= SawSegment
	inc32(&s.Packets)
	s.Latest, s.LatestFrame = h.Time, h.Ref()
	if p.Probes|p.RetransRun != 0 { // mostly there is nothing to write
		p.Probes = 0
		// Who speaks and acknowledges nothing new has not got what is sent again.
		if h.Flags&packet.ACK == 0 || s.Known&SawAck == 0 || s.RcvNxt.Less(h.Ack) || p.SndNxt.LessEq(h.Ack) {
			p.RetransRun = 0
		}
	}

	if h.Flags&packet.ACK != 0 {
		c.acknowledge(m, h, d)
	}
	if h.Len > 0 {
		c.data(h, d, first, oldMax)
		if h.Ack != p.SndNxt || p.Known&SawMessage|Known(h.Message) != 0 { // mostly there is nothing to note
			c.midst(m, h, d)
		}
	}
	if h.Flags&packet.FIN != 0 && s.Known&SawFIN == 0 {
		s.Known |= SawFIN
		r := &m.rare(c).side[d]
		r.FINEnd, r.FINTime, r.FINFrame = end, h.Time, h.Ref()
		c.write(letterFIN, d)
	}
	s.observe(h, syn)
	m.remember(c, h, d)
}

func (c *connection) syn(m *memory, h *packet.Header, d Dir) {
	s, p, o := &c.side[d], &c.side[d.Peer()], &c.opening[d]
	if s.SYNs == 0 {
		o.ISN, o.SYNFirst, o.SYNFrame = h.Seq, h.Time, h.Ref()
		o.SYNOptions, o.SYNWindow, o.TTLSYN, o.SYNFlags = h.Options, h.Window, h.TTL, h.Flags
		if h.Options&packet.OptMSS != 0 {
			o.MSS = h.MSS
		}
		if h.Options&packet.OptScale != 0 {
			o.SYNScale = min(h.Scale, 14) // RFC 7323, 2.3
		}
	}
	if s.SYNs > 0 && s.Known&SawPlainAck == 0 && h.Flags&packet.ACK == 0 && (s.Known|p.Known)&SawRST != 0 {
		// What answered the try before is not the connection that comes now.
		c.marks |= isRetried | isTriedAgain
		c.handshake = SYNSent
		*p, c.stream[d.Peer()] = Standing{Known: p.Known & SawRST}, Stream{}
		c.opening[d.Peer()] = Opening{}
		if c.rare != 0 {
			m.rare(c).side[d.Peer()] = Rare{}
		}
	}
	inc16(&s.SYNs)
	o.SYNLast = h.Time
	s.Known |= SawSYN
	if h.Marks&packet.RightChecksum != 0 {
		s.Known |= SawRightSum
	}
	if h.Flags&packet.ACK != 0 {
		c.write(letterSYNACK, d)
		c.synAck(h, d)
		c.learnISN(h, d.Peer())
	} else {
		c.write(letterSYN, d)
	}
}

func (c *connection) synAck(h *packet.Header, d Dir) {
	s, p := &c.side[d], &c.side[d.Peer()]
	if c.handshake < SYNReceived {
		c.handshake = SYNReceived
	}
	if c.marks&isRetried != 0 {
		// The RST ended the try before this one: what comes now is another
		// connection, although the SYN is the same.
		c.marks &^= isRetried | isClosing
		s.Known &^= SawRST
		p.Known &^= SawRST
		c.rstFrame = 0
	}
	o := &c.opening[d]
	if o.SYNOptions&c.opening[d.Peer()].SYNOptions&packet.OptScale != 0 {
		s.Scale, p.Scale = o.SYNScale, c.opening[d.Peer()].SYNScale
	}
	if s.SYNs > 1 && p.Known&SawPlainAck != 0 && h.Seq == o.ISN && h.Time-c.opening[d.Peer()].AckFirst > int64(reordered) {
		c.marks |= isRefused
	}
}

// learnISN takes what h acknowledges for the SYN of the side d, of which nothing
// was captured.
func (c *connection) learnISN(h *packet.Header, d Dir) {
	if s := &c.side[d]; s.Known&(SawSegment|SawSYN|PeerISN) == 0 {
		s.Known |= PeerISN
		c.opening[d].ISN = h.Ack - 1
	}
}

func (c *connection) acknowledge(m *memory, h *packet.Header, d Dir) {
	s, p := &c.side[d], &c.side[d.Peer()]
	if h.Flags&packet.SYN == 0 {
		if s.Known&SawPlainAck == 0 {
			s.Known |= SawPlainAck
			o := &c.opening[d]
			o.AckFirst, o.AckFrame = h.Time, h.Ref()
			if c.handshake == SYNSent && d == Client {
				c.learnISN(h, Server)
			}
		}
		if h.Len == 0 && h.Flags&packet.FIN == 0 {
			c.write(letterACK, d)
		}
		switch {
		case c.handshake == Established:
		case c.handshake == SYNReceived && d == Client && p.Known&SawSYN != 0 && h.Len == 0 && h.Ack != c.opening[Server].ISN+1:
			// not the acknowledgment the server waits for
		case c.handshake == SYNReceived && d == Client:
			c.handshake = Established
		case c.handshake == SYNSent && d == Client:
			// The SYN/ACK was not captured, but the client has seen it.
			c.handshake = Established
		}
	}
	if s.Known&SawAck == 0 || s.RcvNxt.Less(h.Ack) {
		s.RcvNxt = h.Ack
	}
	window := uint32(h.Window)
	if h.Flags&packet.SYN == 0 {
		window <<= s.Scale
	}
	s.WindowEdge = h.Ack.Add(window)
	s.Known |= SawAck
	if c.handshake == Established || c.handshake == MidStream {
		if p.Known&SawSegment != 0 && p.SndNxt.Less(h.Ack) {
			p.SndNxt = h.Ack
			p.Known |= AckedUnseen
		}
	}
	if h.Options&packet.OptSACK != 0 {
		if r := &m.rare(c).side[d]; s.Known&SawSACK == 0 || r.SACKRight.Less(h.SACKRight) {
			r.SACKRight = h.SACKRight
			s.Known |= SawSACK
		}
	}
}

func (c *connection) data(h *packet.Header, d Dir, first bool, oldMax packet.Seq) {
	s, p := &c.side[d], &c.side[d.Peer()]
	end := h.Seq.Add(h.Len)
	fresh := h.Len
	if !first && h.Flags&packet.SYN == 0 {
		if end.LessEq(oldMax) {
			return
		}
		fresh = min(fresh, uint32(end-oldMax))
	}
	w := &c.stream[d]
	if s.Known&SawData == 0 {
		s.Known |= SawData
		o := &c.opening[d]
		o.DataFirst = h.Time
		w.First, o.FirstN = h.Peek, h.PeekN
		c.write(letterData, d)
	}
	w.LastBytes, s.LastN = h.Peek, h.PeekN
	w.DataLast, w.DataFrame = h.Time, h.Ref()
	w.Bytes += uint64(fresh)
	w.Unanswered += uint64(fresh)
	s.Known |= unanswered
	if p.Known&unanswered != 0 {
		c.stream[d.Peer()].Unanswered = 0
		p.Known &^= unanswered | Crossed
	}
}

// midst notes what the payload h says of the messages of both sides, where it is
// new.
//
//go:noinline
func (c *connection) midst(m *memory, h *packet.Header, d Dir) {
	if c.stream[d].DataFrame != h.Ref() {
		return
	}
	if c.crosses(m, h, d) {
		c.side[d.Peer()].Known |= Crossed
	}
	if h.Message != 0 {
		c.message(m, h, d)
	}
}

// crosses reports whether the peer of d was in the middle of what it sends when d
// sent the payload h.
func (c *connection) crosses(m *memory, h *packet.Header, d Dir) bool {
	p := &c.side[d.Peer()]
	if p.Known&SawData == 0 {
		return false
	}
	if p.Known&SawMessage != 0 {
		switch r := &m.rare(c).side[d.Peer()]; {
		case r.Message&(packet.MessageLength|packet.MessageLastChunk) == 0:
			if r.Message&(packet.MessageChunked|packet.MessageCut) != 0 {
				return true
			}
		case p.SndNxt.LessEq(r.MessageEnd):
			return p.SndNxt.Less(r.MessageEnd)
		}
	}
	end := p.SndNxt
	if p.Known&SawFIN != 0 {
		end--
	}
	return h.Flags&packet.ACK != 0 && h.Ack.Less(end)
}

// message notes where the HTTP/1 message ends that h begins, or ends. What only
// looks like the start of one inside of the body of another is none.
func (c *connection) message(m *memory, h *packet.Header, d Dir) {
	s, r := &c.side[d], &m.rare(c).side[d]
	inside := r.Message&packet.MessageLength != 0 && h.Seq.Less(r.MessageEnd)
	if h.Message&packet.MessageHead != 0 && !inside {
		s.Known |= SawMessage
		r.Message = h.Message &^ packet.MessageLastChunk
		r.MessageEnd = h.Seq.Add(h.MessageLen)
		if h.Message&packet.MessageHeadAlone != 0 && bytes.HasPrefix(c.stream[d.Peer()].LastBytes[:], []byte("HEAD ")) {
			r.Message, r.MessageEnd = packet.MessageHead|packet.MessageLength|h.Message&packet.MessageClose, h.Seq.Add(h.Len)
		}
	}
	if h.Message&packet.MessageLastChunk != 0 && r.Message&packet.MessageChunked != 0 {
		r.Message |= packet.MessageLastChunk
		r.MessageEnd = h.Seq.Add(h.Len)
	}
}

// observe keeps what tells one host or device from another.
func (s *Standing) observe(h *packet.Header, syn bool) {
	s.Window = h.Window
	s.FlowLabel = h.FlowLabel
	if h.Options&packet.OptTimestamps != 0 {
		s.Known |= SawTS
		s.TSVal = h.TSVal
	}
	if h.Marks&(packet.IPv6|packet.DF) == 0 {
		inc16(&s.NoDF)
	}
	if !syn {
		s.TTL, s.TOS = h.TTL, h.TOS
		if s.TTLMin == 0 || h.TTL < s.TTLMin {
			s.TTLMin = h.TTL
		}
		s.TTLMax = max(s.TTLMax, h.TTL)
		if h.Marks&packet.IPv6 == 0 {
			switch step := h.IPID - s.IPID; {
			case h.IPID == 0:
			case s.IPID != 0 && step >= 1 && step <= 64:
				inc16(&s.IDStep)
			default:
				inc16(&s.IDJump)
			}
		}
	}
	if h.IPID != 0 {
		s.IPID = h.IPID
	}
}

// wasReset notes the RST h of the side d.
func (c *connection) wasReset(m *memory, h *packet.Header, d Dir) {
	c.write(letterRST, d)
	c.marks &^= isTriedAgain
	s := &c.side[d]
	if s.Known&SawRST != 0 {
		return
	}
	s.Known |= SawRST
	if c.rstFrame == 0 {
		c.rstDir, c.rstTime, c.rstFrame = d, h.Time, h.Ref()
		return
	}
	r := &m.rare(c).side[d]
	r.RSTTime, r.RSTFrame = h.Time, h.Ref()
}
