package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// harmOf is the default: what was in flight, refused, or perhaps never read.
// What a server leaves unanswered is a request lost; what a client does not get
// whole is a response cut.
func harmOf(c *Case) Harm {
	switch c.Flow.Handshake {
	case flows.SYNSent, flows.SYNReceived:
		if c.Effect == Ignored && c.After.NewSYNACK.Valid() {
			return Harm{Kind: HarmNone} // the connection came about all the same
		}
		return Harm{Kind: HarmRefused}
	}
	if c.Effect == Ignored && c.After.CarriedOn.Valid() {
		return Harm{Kind: HarmNone} // both sides carried on
	}
	if c.Missing.Has(MissingSender | MissingReceiver) {
		return Harm{}
	}
	x, y := c.Sender, c.Receiver
	own := c.undelivered()
	refused := c.refused()
	if c.Flow.RolesGuessed {
		// Who is the client is not known, so neither is what is a request.
		if n := own + refused; n > 0 {
			return Harm{Kind: HarmBytes, Lost: n}
		}
		if c.Mechanism == Abort && y.Unanswered > 0 && !c.probablyRead() {
			return Harm{Kind: HarmBytes, Lost: y.Unanswered}
		}
		return Harm{Kind: HarmNone}
	}
	if c.Dir == flows.Client {
		unread := refused
		if c.Mechanism == Abort && !c.probablyRead() {
			unread = max(refused, y.Unanswered+c.Late(flows.Server))
		}
		switch {
		case unread > 0:
			return Harm{Kind: HarmCut, Lost: unread, Of: max(unread, y.Unanswered+c.Late(flows.Server))}
		case x.Unanswered > 0:
			return Harm{Kind: HarmRequest, Lost: x.Unanswered} // it did not wait for the answer
		}
		return Harm{Kind: HarmNone}
	}
	switch {
	case c.Mechanism == Abort && own > 0:
		return Harm{Kind: HarmCut, Lost: own, Of: max(own, x.Unanswered)}
	case c.Mechanism == Abort && x.Unanswered > 0 && y.Known.Has(flows.SawAck) && y.ScaledWindow() == 0:
		return Harm{} // the client had stopped reading: how much was to come is not known
	case refused > 0 && c.Mechanism != Abort:
		return Harm{Kind: HarmRequest, Lost: refused} // what came before the close was read
	case refused+y.Unanswered > 0:
		return Harm{Kind: HarmRequest, Lost: max(refused, y.Unanswered+c.Late(flows.Client))}
	case c.Mechanism == Abort && c.pipelined():
		return Harm{} // of several requests, the answer tells that one was read
	case own > 0:
		return Harm{Kind: HarmCut, Lost: own, Of: max(own, x.Unanswered)}
	}
	return Harm{Kind: HarmNone}
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
