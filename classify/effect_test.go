package classify

import (
	"testing"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// open is an established connection at 1 s: the client has sent 1000:1100, the
// server 5000:5300, and each acknowledged what it got. The server's window ends
// at 51100, the client's at 55300.
func open() *flows.Reset {
	r := &flows.Reset{Dir: flows.Server}
	f := &r.Flow
	f.Handshake = flows.Established
	known := flows.SawSegment | flows.SawSYN | flows.SawAck | flows.SawPlainAck | flows.SawData
	f.Side[flows.Client] = flows.Side{
		Standing: flows.Standing{Known: known, SndNxt: 1100, RcvNxt: 5300, WindowEdge: 55300, Window: 50000, Latest: 1e9 + 5e6, SYNs: 1, Packets: 4},
		Stream:   flows.Stream{Bytes: 100, DataLast: 1e9 + 3e6},
		Opening:  flows.Opening{ISN: 999, SYNFirst: 1e9, SYNLast: 1e9, AckFirst: 1e9 + 2e6},
	}
	f.Side[flows.Server] = flows.Side{
		Standing: flows.Standing{Known: known, SndNxt: 5300, RcvNxt: 1100, WindowEdge: 51100, Window: 50000, Latest: 1e9 + 4e6, SYNs: 1, Packets: 3},
		Stream:   flows.Stream{Bytes: 300, Unanswered: 300, DataLast: 1e9 + 4e6},
		Opening:  flows.Opening{ISN: 4999, SYNFirst: 1e9 + 1e6, SYNLast: 1e9 + 1e6},
	}
	r.RST = packet.Header{Time: 1e9 + 10e6, Frame: 9, Seq: 5300, Ack: 1100, Flags: packet.RST | packet.ACK, Window: 500}
	return r
}

func TestEffect(t *testing.T) {
	later := func(ns int64, seg flows.Segment) flows.Segment {
		seg.Time, seg.Frame, seg.Flags = 1e9+10e6+ns, 10, packet.ACK
		return seg
	}
	tests := map[string]struct {
		change func(r *flows.Reset)
		want   Effect
	}{
		"exact":            {func(r *flows.Reset) {}, Accepted},
		"ack is no matter": {func(r *flows.Reset) { r.RST.Ack = 77 }, Accepted},
		"ahead in window":  {func(r *flows.Reset) { r.RST.Seq += 1000 }, Challenged},
		"behind":           {func(r *flows.Reset) { r.RST.Seq -= 1000 }, Ignored},
		"beyond window":    {func(r *flows.Reset) { r.RST.Seq = 55301 }, Ignored},
		"at what is on its way": {func(r *flows.Reset) {
			r.Sender().SndNxt = 5400
			r.RST.Seq = 5400
		}, Accepted},
		"in the middle of what is on its way": {func(r *flows.Reset) {
			r.Sender().SndNxt = 5400
			r.RST.Seq = 5350
		}, EffectUnknown},
		"one less after the FIN": {func(r *flows.Reset) {
			r.Sender().SndNxt, r.Sender().FINEnd = 5301, 5301
			r.Sender().Known |= flows.SawFIN
			r.Receiver().RcvNxt = 5301
		}, Accepted},
		"right edge of SACK": {func(r *flows.Reset) {
			r.Sender().SndNxt = 5400
			r.Receiver().SACKRight, r.RST.Seq = 5500, 5500
			r.Receiver().Known |= flows.SawSACK
		}, Accepted},
		"receiver carries on": {func(r *flows.Reset) { r.After.Latest[flows.Client] = r.RST.Time + 3e8 }, Ignored},
		"in flight":           {func(r *flows.Reset) { r.After.Latest[flows.Client] = r.RST.Time + 1e6 }, Accepted},
		"last data lost, challenged": {func(r *flows.Reset) {
			r.Sender().SndNxt, r.RST.Seq = 5400, 5400
			r.After.Challenge = later(1e6, flows.Segment{Ack: 5300})
		}, Challenged},
		"an ACK that was on its way": {func(r *flows.Reset) {
			r.Sender().SndNxt, r.RST.Seq = 5400, 5400
			r.After.Challenge = later(1e6, flows.Segment{Ack: 5350})
		}, Accepted},
		"SYN refused": {func(r *flows.Reset) {
			r.Flow.Handshake = flows.SYNSent
			*r.Sender() = flows.Side{}
			r.RST.Seq, r.RST.Ack = 0, 1000
		}, Accepted},
		"SYN refused without ACK": {func(r *flows.Reset) {
			r.Flow.Handshake = flows.SYNSent
			*r.Sender() = flows.Side{}
			r.RST.Flags = packet.RST
		}, Ignored},
		"SYN refused with a wrong ACK": {func(r *flows.Reset) {
			r.Flow.Handshake = flows.SYNSent
			*r.Sender() = flows.Side{}
			r.RST.Seq, r.RST.Ack = 0, 999
		}, Ignored},
		"half open, in the window": {func(r *flows.Reset) {
			r.Flow.Handshake = flows.SYNReceived
			r.Dir = flows.Client
			r.RST.Seq = 1100 + 500
		}, Accepted},
		"nobody heard of": {func(r *flows.Reset) { *r.Receiver() = flows.Side{} }, EffectUnknown},
	}
	for name, test := range tests {
		r := open()
		test.change(r)
		c := Case{Reset: r}
		c.measure()
		if c.Effect != test.want {
			t.Errorf("%s: %v, want %v", name, c.Effect, test.want)
		}
	}
}

func TestHarm(t *testing.T) {
	segment := func(r *flows.Reset, seq packet.Seq, n uint32) {
		r.Trigger = flows.Segment{Time: r.RST.Time - 1e6, Frame: 8, Seq: seq, Len: n, Ack: r.Sender().SndNxt, Flags: packet.ACK, Dir: r.Dir.Peer()}
		r.RST.Flags, r.RST.Seq, r.RST.Ack = packet.RST, r.Sender().SndNxt, 0
		y := r.Receiver()
		y.SndNxt, y.Bytes, y.Unanswered = seq.Add(n), y.Bytes+uint64(n), uint64(n)
		r.Sender().Unanswered = 0
	}
	tests := map[string]struct {
		change func(r *flows.Reset)
		want   Harm
	}{
		"everything delivered": {func(r *flows.Reset) {}, Harm{Kind: HarmNone}},
		"response in flight": {func(r *flows.Reset) {
			x := r.Sender()
			x.SndNxt, x.Bytes, x.Unanswered, r.RST.Seq = 5800, 800, 800, 5800
		}, Harm{Kind: HarmCut, Lost: 500, Of: 800}},
		"request unread": {func(r *flows.Reset) {
			y := r.Receiver()
			y.SndNxt, y.Bytes, y.Unanswered = 1150, 150, 50
			r.Sender().RcvNxt, r.RST.Ack, r.Sender().Unanswered = 1150, 1150, 0
		}, Harm{Kind: HarmRequest, Lost: 50}},
		"request refused": {func(r *flows.Reset) { segment(r, 1100, 40) }, Harm{Kind: HarmRequest, Lost: 40}},
		"client leaves before the answer": {func(r *flows.Reset) {
			r.Dir = flows.Client
			r.Sender().Unanswered, r.Receiver().Unanswered = 100, 0
			r.Receiver().Bytes, r.Receiver().SndNxt, r.Sender().RcvNxt = 0, 5000, 5000
			r.RST.Seq, r.RST.Ack = 1100, 5000
		}, Harm{Kind: HarmRequest, Lost: 100}},
		"client has its answer": {func(r *flows.Reset) {
			r.Dir = flows.Client
			r.RST.Seq, r.RST.Ack = 1100, 5300
		}, Harm{Kind: HarmNone}},
		"answer refused by a client": {func(r *flows.Reset) {
			r.Dir = flows.Client
			segment(r, 5300, 200)
			r.Receiver().Unanswered = 500
		}, Harm{Kind: HarmCut, Lost: 200, Of: 500}},
		"a connection that did not come about": {func(r *flows.Reset) {
			r.Flow.Handshake, r.RST.Ack = flows.SYNSent, r.Receiver().ISN+1
		}, Harm{Kind: HarmRefused}},
		"a refusal that its client ignores": {func(r *flows.Reset) {
			r.Flow.Handshake, r.RST.Ack = flows.SYNSent, r.Receiver().ISN
		}, Harm{Kind: HarmHang}},
		"a refusal that did not arrive": {func(r *flows.Reset) {
			r.Flow.Handshake, r.RST.Ack, r.Receiver().TTLSYN = flows.SYNSent, r.Receiver().ISN+1, 64
			r.After.SYNAgain, r.After.SYNsAgain = flows.Segment{Frame: 9, Time: r.RST.Time + 1e9}, 1
		}, Harm{Kind: HarmHang}},
		"who is who is not known": {func(r *flows.Reset) {
			r.Flow.RolesGuessed = true
			x := r.Sender()
			x.SndNxt, x.Bytes, x.Unanswered, r.RST.Seq = 5800, 800, 800, 5800
		}, Harm{Kind: HarmBytes, Lost: 500}},
		"one side is missing":         {func(r *flows.Reset) { *r.Receiver() = flows.Side{} }, Harm{}},
		"a client that does not read": {func(r *flows.Reset) { r.Receiver().Window = 0 }, Harm{}},
	}
	for name, test := range tests {
		r := open()
		test.change(r)
		c := Case{Reset: r}
		c.measure()
		if got := harmOf(&c); got != test.want {
			t.Errorf("%s: %v lost %d of %d, want %v lost %d of %d", name, got.Kind, got.Lost, got.Of, test.want.Kind, test.want.Lost, test.want.Of)
		}
	}
}
