package flows

import (
	"net/netip"

	"github.com/rstwhy/rstwhy/packet"
)

// Endpoint is one end of a connection. IPv4 addresses are IPv4-mapped.
type Endpoint struct {
	Addr [16]byte
	Port uint16
}

// AddrPort returns e in the standard library's type.
func (e Endpoint) AddrPort() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(e.Addr).Unmap(), e.Port)
}

// Handshake is how far the three-way handshake has come.
type Handshake uint8

// The stages of the handshake.
const (
	MidStream   Handshake = iota // no SYN was captured
	SYNSent                      // a SYN
	SYNReceived                  // a SYN/ACK
	Established                  // the SYN/ACK was acknowledged
)

// Earlier is what is kept of the connection that used the same addresses and
// ports before.
type Earlier struct {
	SndNxt, RcvNxt [2]packet.Seq
	Known          [2]Known
	Latest         int64 // 0 when there was none
}

// Flow is one use of a pair of addresses and ports, from its SYN, or from the
// first segment that the capture holds, as it stood at some moment.
type Flow struct {
	Ends      [2]Endpoint // by Dir
	Zone      uint32      // packet.Header.Zone
	Handshake Handshake
	// Guessed says that no SYN told which side is the client: the higher port
	// was taken for it.
	RolesGuessed bool
	// Retried says that the client sent the same SYN again after a RST, its own or
	// the server's, and that no other RST has come since: a new try.
	Retried bool
	// Refused says that a repeated SYN/ACK showed that the server had not taken
	// the client's acknowledgment (accept queue full).
	Refused  bool
	HistoryN uint8            // letters of Letters that are valid; the others are 0
	RecentN  uint8            // segments of Segments that are valid; the others are zero
	Letters  [HistoryLen]byte // see History
	Start    int64            // first segment, nanoseconds since the Unix epoch
	Side     [2]Side          // by Dir
	Prior    Earlier
	Segments [RecentLen]Segment // the latest first; see Recent
}

// Recent returns the i-th latest segment, 0 being the latest, or nil when the
// connection had fewer or they are forgotten.
func (f *Flow) Recent(i int) *Segment {
	if i < 0 || i >= int(f.RecentN) {
		return nil
	}
	return &f.Segments[i]
}

// History is the connection in Zeek's letters, each once a direction, upper
// case for the client: s SYN, h SYN/ACK, a ACK, d data, f FIN, r RST,
// t retransmission, g gap, k keep-alive probe.
func (f *Flow) History() string { return string(f.Letters[:f.HistoryN]) }

// RTTServer is the time from the last SYN to the SYN/ACK: the capture point to
// the server and back. It is 0 when one of them was not captured.
func (f *Flow) RTTServer() int64 {
	c, s := &f.Side[Client], &f.Side[Server]
	return rttServer(c.Known, s.Known, &c.Opening, &s.Opening)
}

// RTTClient is the time from the SYN/ACK to its acknowledgment: the capture
// point to the client and back. It is 0 when one of them was not captured.
func (f *Flow) RTTClient() int64 {
	c, s := &f.Side[Client], &f.Side[Server]
	return rttClient(c.Known, s.Known, &c.Opening, &s.Opening)
}

func rttServer(knownC, knownS Known, c, s *Opening) int64 {
	if !knownC.Has(SawSYN) || !knownS.Has(SawSYN) {
		return 0
	}
	if s.SYNFirst >= c.SYNLast {
		return s.SYNFirst - c.SYNLast
	}
	return max(0, s.SYNFirst-c.SYNFirst)
}

func rttClient(knownC, knownS Known, c, s *Opening) int64 {
	if !knownS.Has(SawSYN) || !knownC.Has(SawPlainAck) {
		return 0
	}
	return max(0, c.AckFirst-s.SYNFirst)
}

// Patience is how long after a segment that reached the side d a RST of it can be
// its answer, in nanoseconds, SYNs and SYN/ACKs apart: those cannot be answered
// by another RST.
func (f *Flow) Patience(d Dir) int64 {
	if d == Client {
		return patience(f.RTTClient())
	}
	return patience(f.RTTServer())
}

func patience(rtt int64) int64 { return max(int64(answerUnmeasured), answerRounds*rtt) }
