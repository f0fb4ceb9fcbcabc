package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// harmOf is the default. Harm follows from the effect, then from whether anybody
// still wanted the connection, then from what was in flight, refused, or perhaps
// never read. What a server leaves unanswered is a request lost; what a client
// does not get whole is a response cut.
func harmOf(c *Case) Harm {
	switch c.Flow.Handshake {
	case flows.SYNSent, flows.SYNReceived:
		if c.Effect == Ignored && c.After.NewSYNACK.Valid() {
			return Harm{Kind: HarmNone} // the connection came about all the same
		}
		if c.Receiver.Spoke() || c.receivedData() == 0 {
			return harmInHandshake(c)
		}
	}
	if c.Effect == Ignored && c.After.CarriedOn.Valid() || c.bothClosed() {
		return Harm{Kind: HarmNone} // both sides carried on, or neither was left
	}
	if c.Missing.Has(MissingSender | MissingReceiver) {
		return Harm{}
	}
	h := c.harmOfData()
	if h.Kind == HarmNone && c.Effect != Ignored && c.wanted() {
		return Harm{Kind: HarmSession}
	}
	return h
}

// wanted reports whether the connection was one that somebody who did not end
// it still wanted, as far as the capture tells: it was open, nobody had taken
// leave, and the exchange of which it consisted was not over.
func (c *Case) wanted() bool {
	x, y := c.Sender, c.Receiver
	switch {
	case (x.Known | y.Known).Has(flows.SawFIN), c.before():
		return false
	case tookLeave(x), tookLeave(y):
		return false
	case messageOf(c.server()) == whole && !c.Flow.RolesGuessed && c.client().Unanswered == 0:
		return false // every request that is known had its response
	case c.Origin.Who != AnotherBox && c.Origin.Who != Forged && c.Dir == flows.Client && !c.Flow.RolesGuessed && c.Mechanism == Abort:
		return false // the client itself left; servers wait for nobody
	case c.Origin.Who != AnotherBox && c.Origin.Who != Forged && c.Dir == flows.Server && c.Mechanism == Abort &&
		y.Unanswered == 0 && x.Unanswered > 0 && c.Timing.At[SenderDataToRST] < soonAfter:
		return false // the server answered, and closed in one step with it
	}
	return true
}

// harmOfData is what was in flight, refused or unread.
func (c *Case) harmOfData() Harm {
	x, y := c.Sender, c.Receiver
	own := c.undelivered()
	refused := c.refused()
	if isControl(y, refused) {
		refused = 0 // a goodbye, or too short for an answer
	}
	asked := y.Unanswered
	if isControl(y, asked) {
		asked = 0
	}
	if c.Flow.RolesGuessed {
		// Who is the client is not known, so neither is what is a request.
		if n := own + refused; n > 0 {
			return Harm{Kind: HarmBytes, Lost: n}
		}
		if c.Mechanism == Abort && asked > 0 && !c.probablyRead() {
			return Harm{Kind: HarmBytes, Lost: asked, Unread: asked}
		}
		return Harm{Kind: HarmNone}
	}
	if c.Dir == flows.Client {
		return c.harmOfAnswer(refused, asked)
	}
	switch {
	case c.Mechanism == Abort && own > 0:
		return c.cut(own, x)
	case c.Mechanism == Abort && x.Unanswered > 0 && y.Known.Has(flows.SawAck) && y.ScaledWindow() == 0:
		return Harm{} // the client had stopped reading: how much was to come is not known
	case refused > 0 && c.Mechanism != Abort:
		return Harm{Kind: HarmRequest, Lost: refused} // what came before the close was read
	case refused+asked > 0:
		return Harm{Kind: HarmRequest, Lost: max(refused, asked+c.Late(flows.Client))}
	case missingOfMessage(x) > 0 && c.Mechanism == Abort:
		return c.cut(0, x)
	case c.Mechanism == Abort && c.unfinished(x):
		return Harm{}
	case c.Mechanism == Abort && c.pipelined():
		return Harm{} // of several requests, the answer tells that one was read
	case own > 0:
		return c.cut(own, x)
	}
	return Harm{Kind: HarmNone}
}

// harmOfAnswer is harmOfData for a RST of the client: what of the server's
// refused octets and of those that came after the client's last word was an
// answer.
func (c *Case) harmOfAnswer(refused, answered uint64) Harm {
	x, y := c.Sender, c.Receiver
	switch {
	case refused > 0 || missingOfMessage(y) > 0 && c.Mechanism == Abort:
		return c.cut(refused, y)
	case c.Mechanism == Abort && inMidst(x):
		return Harm{} // what the server had said may be unread
	case c.Mechanism == Abort && answered > 0 && c.unfinished(y):
		return Harm{}
	case c.Mechanism == Abort && answered > 0 && !c.probablyRead():
		return Harm{Kind: HarmCut, Lost: answered, Of: answered, Unread: answered}
	case x.Unanswered > 0 && !isControl(x, x.Unanswered):
		return Harm{Kind: HarmRequest, Lost: x.Unanswered} // it did not wait for the answer
	}
	return Harm{Kind: HarmNone}
}

// unfinished reports whether nothing tells whether more of the response of s was
// to come.
func (c *Case) unfinished(s *flows.Side) bool {
	p := messageOf(s)
	return s.Unanswered > 0 && (p == endUnknown || p == endCut)
}

// cut is the harm of a response of s of which n octets were sent and not
// acknowledged, and what its head names besides was never sent.
func (c *Case) cut(n uint64, s *flows.Side) Harm {
	n += missingOfMessage(s)
	return Harm{Kind: HarmCut, Lost: n, Of: max(n, s.Unanswered+missingOfMessage(s))}
}

// refused is how many octets of the receiver's payload the RST's sender never
// acknowledged, those that came after the RST with them.
func (c *Case) refused() uint64 {
	x, y := c.Sender, c.Receiver
	n := c.Late(c.Dir.Peer())
	if !x.Known.Has(flows.SawAck) && c.RST.Flags&packet.ACK == 0 {
		return n
	}
	taken := x.RcvNxt
	if c.RST.Flags&packet.ACK != 0 && (!x.Known.Has(flows.SawAck) || taken.Less(c.RST.Ack)) && c.RST.Ack.LessEq(y.SndNxt) && c.Mechanism == Abort {
		taken = c.RST.Ack
	}
	open := y.SndNxt.Sub(taken)
	if y.Known.Has(flows.SawFIN) {
		open--
	}
	// Never more than was sent, whatever the numbers say.
	return n + uint64(max(0, min(int64(open), int64(y.Bytes))))
}

// pushed is the harm of a side that only sends: what it sent last.
func pushed(c *Case) Harm {
	if n := c.undelivered(); n > 0 {
		return Harm{Kind: HarmBytes, Lost: n}
	}
	return Harm{Kind: HarmNone}
}

// harmUnlessAccepted is no harm where the client got its connection after all.
func harmUnlessAccepted(c *Case) Harm {
	if c.After.NewSYNACK.Valid() {
		return Harm{Kind: HarmNone}
	}
	return Harm{}
}
