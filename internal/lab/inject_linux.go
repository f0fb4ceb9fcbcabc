package lab

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// path is what an injector sees and does on a link with a relay.
type path struct {
	to    map[Role]io.Writer
	watch atomic.Pointer[func(Segment) []Segment]
}

// Segment is a TCP segment on the path: one that an injector sees, or one that
// it forges.
type Segment struct {
	From Role // who sent it, or in whose name it is
	layers.TCP
	Sender, Receiver netip.Addr
	TTL              uint8 // or hop limit
	ID               uint16
	DF               bool
	Len              int // of the payload, in octets
}

// OnPath shows fn every TCP segment as it passes the middle of the link, which
// must have a Delay, and injects what fn returns. Each direction calls fn from
// a goroutine of its own.
func (e *Env) OnPath(fn func(Segment) []Segment) {
	if e.pair.path.to == nil {
		check(errors.New("the link has no delay"), "watching the path")
	}
	e.pair.path.watch.Store(&fn)
}

// Next is the sequence number after s.
func (s *Segment) Next() uint32 {
	n := s.Seq + uint32(s.Len)
	if s.SYN {
		n++
	}
	if s.FIN {
		n++
	}
	return n
}

// passed decodes a frame and shows it to the injector, if there is one.
func (p *Pair) passed(from Role, frame []byte) {
	fn := p.path.watch.Load()
	if fn == nil {
		return
	}
	if s, ok := decodeSegment(from, frame); ok {
		for _, forged := range (*fn)(s) {
			p.inject(forged) // what is not sent, the capture will lack
		}
	}
}

// decodeSegment takes an Ethernet frame apart; ok is false when it is not TCP.
func decodeSegment(from Role, frame []byte) (s Segment, ok bool) {
	pkt := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	tcp, ok := pkt.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if !ok {
		return s, false
	}
	s = Segment{From: from, TCP: *tcp, Len: len(tcp.Payload)}
	switch ip := pkt.NetworkLayer().(type) {
	case *layers.IPv4:
		s.TTL, s.ID, s.DF = ip.TTL, ip.Id, ip.Flags&layers.IPv4DontFragment != 0
		s.Sender, _ = netip.AddrFromSlice(ip.SrcIP)
		s.Receiver, _ = netip.AddrFromSlice(ip.DstIP)
	case *layers.IPv6:
		s.TTL = ip.HopLimit
		s.Sender, _ = netip.AddrFromSlice(ip.SrcIP)
		s.Receiver, _ = netip.AddrFromSlice(ip.DstIP)
	}
	return s, true
}

// reset is a RST towards s's sender in the name of its receiver, at the sequence
// number that the sender expects next. It looks like one of Linux that knows no
// connection.
func (s Segment) reset() Segment {
	r := Segment{From: Server, Sender: s.Receiver, Receiver: s.Sender, TTL: 64, DF: true}
	if s.From == Server {
		r.From = Client
	}
	r.TCP = layers.TCP{SrcPort: s.DstPort, DstPort: s.SrcPort, Seq: s.Ack, RST: true}
	return r
}

// onward is a RST towards s's receiver in the name of its sender, at s itself,
// which is still on its way.
func (s Segment) onward() Segment {
	r := Segment{From: s.From, Sender: s.Sender, Receiver: s.Receiver, TTL: 64, DF: true}
	r.TCP = layers.TCP{SrcPort: s.SrcPort, DstPort: s.DstPort, Seq: s.Seq, RST: true}
	return r
}

// Inject puts a forged segment on the link, towards the host that it is not
// from. It arrives at once: the injector is nearer than the other end.
func (e *Env) Inject(s Segment) { check(e.pair.inject(s), "injecting") }

func (p *Pair) inject(s Segment) error {
	frame, err := p.frame(s)
	if err != nil {
		return err
	}
	to := Client
	if s.From == Client {
		to = Server
	}
	_, err = p.path.to[to].Write(frame)
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// frame is s in an Ethernet frame from its sender to the other host.
func (p *Pair) frame(s Segment) ([]byte, error) {
	to, from := p.Client, p.Server
	if s.From == Client {
		to, from = p.Server, p.Client
	}
	eth := layers.Ethernet{SrcMAC: from.hardwareAddr, DstMAC: to.hardwareAddr, EthernetType: layers.EthernetTypeIPv4}
	var ip interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	}
	if s.Sender.Is4() {
		v4 := &layers.IPv4{
			Version: 4, TTL: s.TTL, Id: s.ID, Protocol: layers.IPProtocolTCP,
			SrcIP: net.IP(s.Sender.AsSlice()), DstIP: net.IP(s.Receiver.AsSlice()),
		}
		if s.DF {
			v4.Flags = layers.IPv4DontFragment
		}
		ip = v4
	} else {
		eth.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{
			Version: 6, HopLimit: s.TTL, NextHeader: layers.IPProtocolTCP,
			SrcIP: net.IP(s.Sender.AsSlice()), DstIP: net.IP(s.Receiver.AsSlice()),
		}
	}
	tcp := s.TCP
	if err := tcp.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, &eth, ip, &tcp)
	return buf.Bytes(), err
}
