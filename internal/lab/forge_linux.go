package lab

import (
	"net"
	"os"

	"github.com/google/gopacket/layers"
)

// Forger speaks TCP in the place of a host, one segment after the other. What
// reaches the host's own TCP is dropped meanwhile.
type Forger struct {
	e      *Env
	role   Role
	frames *os.File
	id     uint16
}

// Forge makes one host speak only as the recipe says.
func (e *Env) Forge(role Role) *Forger {
	e.silence(role)
	f := &Forger{e: e, role: role}
	h := e.host(role)
	err := h.Do(func() error {
		dev, err := net.InterfaceByName(h.Interface)
		if err != nil {
			return err
		}
		f.frames, err = openFrames(h.Interface, dev.Index)
		return err
	})
	check(err, "forging at the %s", role)
	check(f.frames.SetDeadline(e.deadline), "forging at the %s", role)
	e.pair.open = append(e.pair.open, f.frames)
	return f
}

// segment is one from a port of the forger's to a port of the other host, with
// nothing in it.
func (f *Forger) segment(from, to uint16) Segment {
	other := Server
	if f.role == Server {
		other = Client
	}
	return Segment{
		From:   f.role,
		Sender: f.e.addr(f.e.host(f.role)), Receiver: f.e.addr(f.e.host(other)),
		TTL: 64, DF: true,
		TCP: layers.TCP{SrcPort: layers.TCPPort(from), DstPort: layers.TCPPort(to), Window: 64240},
	}
}

// answer is an ACK of everything up to the end of s.
func (f *Forger) answer(s Segment) Segment {
	a := f.segment(uint16(s.DstPort), uint16(s.SrcPort))
	a.ACK, a.Seq, a.Ack = true, s.Ack, s.Next()
	return a
}

// Send puts a segment on the link.
func (f *Forger) Send(s Segment) {
	f.id++
	s.ID = f.id
	frame, err := f.e.pair.frame(s)
	check(err, "forging at the %s", f.role)
	_, err = f.frames.Write(frame)
	check(err, "forging at the %s", f.role)
}

// Await returns the next segment from the other host for which ok is true.
func (f *Forger) Await(what string, ok func(s *Segment) bool) Segment {
	buf := make([]byte, 1<<16)
	for {
		n, err := f.frames.Read(buf)
		check(err, "%s waits for %s", f.role, what)
		if s, tcp := decodeSegment("", append([]byte(nil), buf[:n]...)); tcp && ok(&s) {
			return s
		}
	}
}

func (f *Forger) awaitSYN() Segment {
	return f.Await("a SYN", func(s *Segment) bool { return s.SYN })
}

func (f *Forger) awaitRST() Segment {
	return f.Await("a RST", func(s *Segment) bool { return s.RST })
}

// mss is the option of every SYN.
var mss = layers.TCPOption{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{1460 >> 8, 1460 & 0xff}}

// syn is the start of a connection to the service.
func (f *Forger) syn(from uint16, seq uint32) Segment {
	s := f.segment(from, servicePort)
	s.SYN, s.Seq, s.Options = true, seq, []layers.TCPOption{mss}
	return s
}

// synACK is the answer that a listener would give to s.
func (f *Forger) synACK(s Segment) Segment {
	a := f.answer(s)
	a.SYN, a.Seq, a.Options = true, 3000000000, []layers.TCPOption{mss}
	return a
}

// connect starts to connect the client to the service, and returns a function
// that waits for it to be done.
func (e *Env) connect() (wait func() *Conn) {
	type result struct {
		c   *net.TCPConn
		err error
	}
	done := make(chan result, 1)
	from := e.nextClient()
	go func() {
		c, err := e.dial(from, servicePort, e.deadline)
		done <- result{c, err}
	}()
	return func() *Conn {
		r := <-done
		check(r.err, "connecting")
		return e.conn(r.c, Client)
	}
}
