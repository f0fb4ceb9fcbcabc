package lab

import (
	"encoding/binary"
	"errors"
	"net"
	"time"

	"github.com/google/gopacket/layers"
	"golang.org/x/sys/unix"
)

// behindRouter is r with a router between the two hosts, captured on it.
func behindRouter(r Recipe) Recipe {
	r.Name += "-router"
	r.About += " (seen by a router)"
	r.Link = Link{Router: true}
	r.Vantages = []Vantage{AtMiddle}
	return r
}

// connectAndAbort opens a connection to the service and aborts it before the
// third segment of the handshake, which TCP_QUICKACK of 0 holds back.
func (e *Env) connectAndAbort() {
	fd, err := e.connectFD(func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0); err != nil {
			return err
		}
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
	check(err, "connecting")
	check(unix.Close(fd), "client closes")
}

func handshakeAbortActive() Recipe {
	return Recipe{
		Name:     "handshake-abort-active",
		About:    "the client connects with TCP_QUICKACK of 0 and aborts (SO_LINGER 0) before it has acknowledged the SYN/ACK",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: HandshakeAbortActive, Reason: "TCP_STATE", Active: true}},
		Steps: func(e *Env) {
			e.Listen()
			e.connectAndAbort()
		},
	}
}

func healthCheck() Recipe {
	return Recipe{
		Name:     "health-check",
		About:    "a load balancer's check, five times a second apart: it connects with TCP_QUICKACK of 0 and aborts (SO_LINGER 0) when the SYN/ACK is there",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: HealthCheck, Reason: "TCP_STATE", Active: true, Many: true}},
		Steps: func(e *Env) {
			e.Listen()
			e.connectAndAbort()
			for range 4 {
				e.Pause(time.Second)
				e.connectAndAbort()
			}
		},
	}
}

func healthCheckConnect() Recipe {
	return Recipe{
		Name:     "health-check-connect",
		About:    "a load balancer's check, five times a second apart: it completes the handshake, sends nothing and aborts (SO_LINGER 0)",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: HealthCheck, Reason: "TCP_STATE", Active: true, Many: true}},
		Steps: func(e *Env) {
			ln := e.Listen()
			for i := range 5 {
				if i > 0 {
					e.Pause(time.Second)
				}
				client := e.Dial()
				server := ln.Accept()
				client.Abort()
				server.AwaitReset()
			}
		},
	}
}

func backscatter() Recipe {
	return Recipe{
		Name:     "backscatter",
		About:    "SYN/ACKs reach five closed ports of the server, which sent no SYN: somebody else used its address",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: Backscatter, Reason: "NO_SOCKET", Many: true}},
		Steps: func(e *Env) {
			f := e.Forge(Client)
			for i := range uint16(5) {
				s := f.segment(443, 50000+1021*i)
				s.SYN, s.ACK, s.Seq, s.Ack = true, true, 3000000000+uint32(i)<<20, 1000000000+uint32(i)<<21
				s.Options = []layers.TCPOption{mss}
				f.Send(s)
				f.awaitRST()
				e.Pause(20 * time.Millisecond)
			}
		},
	}
}

func backscatterOpen() Recipe {
	return Recipe{
		Name:     "backscatter-open-port",
		About:    "a SYN/ACK reaches the port of the server where its service listens",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: Backscatter, Reason: "TCP_FLAGS"}},
		Steps: func(e *Env) {
			e.Listen()
			f := e.Forge(Client)
			s := f.segment(443, servicePort)
			s.SYN, s.ACK, s.Seq, s.Ack, s.Options = true, true, 3000000000, 1000000000, []layers.TCPOption{mss}
			f.Send(s)
			f.awaitRST()
		},
	}
}

func badACKSYNSent() Recipe {
	return Recipe{
		Name:     "bad-ack-syn-sent",
		About:    "a box before the server answers the SYN with an acknowledgment of something else, as an anti-flood device does, and the next SYN rightly",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: BadACKSYNSent, Reason: "TCP_INVALID_ACK_SEQUENCE"}},
		Steps: func(e *Env) {
			f := e.Forge(Server)
			connected := e.connect()
			bad := f.synACK(f.awaitSYN())
			bad.Ack += 123456789
			f.Send(bad)
			f.awaitRST()
			f.Send(f.synACK(f.awaitSYN()))
			connected()
		},
	}
}

func badACKSYNReceived() Recipe {
	return Recipe{
		Name:     "bad-ack-syn-received",
		About:    "the last ACK of a handshake acknowledges what the server did not send; the right one follows and the connection is made",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: BadACKSYNReceived, Reason: "TCP_FLAGS"}},
		Steps: func(e *Env) {
			ln := e.Listen()
			f := e.Forge(Client)
			f.Send(f.syn(firstClientPort, 1000000000))
			good := f.answer(f.awaitSYN())
			bad := good
			bad.Ack += 123456789
			f.Send(bad)
			f.awaitRST()
			f.Send(good)
			ln.Accept()
		},
	}
}

func invalidSYN() Recipe {
	return Recipe{
		Name:     "invalid-syn",
		About:    "a second SYN with another sequence number, inside the window, reaches the server before the handshake is done",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: InvalidSYN, Reason: "INVALID_SYN"}},
		Steps: func(e *Env) {
			e.Listen()
			f := e.Forge(Client)
			f.Send(f.syn(firstClientPort, 1000000000))
			f.awaitSYN()
			e.Pause(100 * time.Millisecond)
			f.Send(f.syn(firstClientPort, 1000005000))
			f.awaitRST()
		},
	}
}

func handshakePAWS() Recipe {
	return Recipe{
		Name:     "handshake-paws",
		About:    "the SYN/ACK echoes a timestamp that the client never sent",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: HandshakePAWS, Reason: "TCP_RFC7323_PAWS"}},
		Steps: func(e *Env) {
			f := e.Forge(Server)
			connected := e.connect()
			syn := f.awaitSYN()
			good := f.synACK(syn)
			echo := func(ts uint32) layers.TCPOption {
				data := binary.BigEndian.AppendUint32(nil, 2000000000)
				return layers.TCPOption{
					OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10,
					OptionData: binary.BigEndian.AppendUint32(data, ts),
				}
			}
			var ts uint32
			for _, o := range syn.Options {
				if o.OptionType == layers.TCPOptionKindTimestamps {
					ts = binary.BigEndian.Uint32(o.OptionData)
				}
			}
			bad := good
			bad.Options = []layers.TCPOption{mss, echo(ts + 1000000)}
			f.Send(bad)
			f.awaitRST()
			e.Pause(50 * time.Millisecond)
			good.Options = []layers.TCPOption{mss, echo(ts)}
			f.Send(good)
			connected()
		},
	}
}

func fastOpenAbort() Recipe {
	return Recipe{
		Name:     "fast-open-abort",
		About:    "the client's SYN carries data (TCP Fast Open); the server accepts at once and closes with the data unread, before the last ACK of the handshake",
		Link:     Link{Delay: 20 * time.Millisecond},
		Vantages: bothEnds,
		Resets: []Expect{
			{From: Server, Cause: FastOpenAbort, Reason: "TCP_ABORT_ON_CLOSE", Active: true},
			{From: Server, Cause: FollowUp, Reason: "TCP_FLAGS"},
		},
		Steps: func(e *Env) {
			// Both sides of it, without a cookie.
			e.Sysctl(Client, "net/ipv4/tcp_fastopen", "5")
			e.Sysctl(Server, "net/ipv4/tcp_fastopen", "514")
			ln := e.listen(net.ListenConfig{Control: control(func(fd int) error {
				return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16)
			})}, e.service(servicePort).String())
			// With this option connect(2) returns at once, and the first write
			// goes out with the SYN.
			client := e.dialWith(e.nextClient(), func(fd int) error {
				return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1)
			})
			client.Write(100)
			ln.Accept().Close()
			client.AwaitReset()
		},
	}
}

// overfill makes four connections to a service that accepts none and has room
// for three.
func (e *Env) overfill() {
	e.Dial()
	e.Dial()
	// Both SYNs must arrive before either ACK: the link's delay sees to that.
	// Both connect, as far as the client can tell.
	one, two := e.connect(), e.connect()
	one()
	two()
}

func acceptQueueOverflow() Recipe {
	return Recipe{
		Name:     "accept-queue-overflow",
		About:    "two connections fill the accept queue but for one place and two more race for it: the server resets the last one (tcp_abort_on_overflow)",
		Link:     Link{Delay: 20 * time.Millisecond},
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: AcceptQueueOverflow, Reason: "INVALID_SYN"}},
		Steps: func(e *Env) {
			e.Sysctl(Server, "net/ipv4/tcp_abort_on_overflow", "1")
			e.Listen().Backlog(2)
			e.overfill()
		},
	}
}

func acceptQueueOverflowFixed() Recipe {
	return Recipe{
		Name:     "accept-queue-overflow-fixed",
		About:    "four connections at a time find room in a longer accept queue; no reset",
		Link:     Link{Delay: 20 * time.Millisecond},
		Vantages: []Vantage{AtClient},
		Steps: func(e *Env) {
			e.Sysctl(Server, "net/ipv4/tcp_abort_on_overflow", "1")
			ln := e.Listen()
			ln.Backlog(128)
			e.overfill()
			for range 4 {
				ln.Accept()
			}
		},
	}
}

// initialSeq makes a socket that is not connected begin with the sequence
// number seq.
func initialSeq(seq int) func(fd int) error {
	return func(fd int) error {
		for _, o := range [][2]int{
			{unix.TCP_REPAIR, 1},
			{unix.TCP_REPAIR_QUEUE, 2}, // TCP_SEND_QUEUE
			{unix.TCP_QUEUE_SEQ, seq},
			{unix.TCP_REPAIR, -1}, // TCP_REPAIR_OFF_NO_WP
		} {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, o[0], o[1]); err != nil {
				return err
			}
		}
		return nil
	}
}

func portReuse() Recipe {
	return Recipe{
		Name:     "port-reuse",
		About:    "the client crashes and connects again from the same port, while the server still has the old connection: challenge ACK, reset, and a second SYN that succeeds",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: PortReuseChallenge, Reason: "TCP_INVALID_ACK_SEQUENCE"}},
		Steps: func(e *Env) {
			ln := e.Listen()
			from := e.nextClient()
			client := e.dialWith(from, initialSeq(1000000000))
			server := ln.Accept()
			exchange(client, server)
			client.Vanish()
			e.Pause(500 * time.Millisecond)
			again := e.dialWith(from, initialSeq(1500000000))
			server.AwaitReset()
			exchange(again, ln.Accept())
		},
	}
}

func portReuseTimeWait() Recipe {
	return Recipe{
		Name:     "port-reuse-time-wait",
		About:    "a client without timestamps, whose sequence number is below the last, uses a port again that the server still has in TIME_WAIT",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: PortReuseChallenge, Reason: "TCP_INVALID_ACK_SEQUENCE"}},
		Steps: func(e *Env) {
			e.Sysctl(Client, "net/ipv4/tcp_timestamps", "0")
			ln := e.Listen()
			from := e.nextClient()
			client := e.dialWith(from, initialSeq(1000000000))
			server := ln.Accept()
			exchange(client, server)
			server.Close()
			client.ReadEOF()
			client.Close()
			e.Pause(200 * time.Millisecond)
			again := e.dialWith(from, initialSeq(900000000))
			exchange(again, ln.Accept())
		},
	}
}

func synOnFINWait2() Recipe {
	return Recipe{
		Name:     "syn-on-fin-wait2",
		About:    "the server closes; the client crashes before it does, and connects again from the same port with a sequence number inside the old window",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: SYNOnFINWait2, Reason: "TCP_TIMEWAIT_SOCKET"}},
		Steps: func(e *Env) {
			ln := e.Listen()
			from := e.nextClient()
			client := e.dialWith(from, initialSeq(1000000000))
			server := ln.Accept()
			exchange(client, server)
			server.Close()
			client.ReadEOF()
			e.Pause(100 * time.Millisecond) // the FIN is acknowledged
			client.Vanish()
			d := net.Dialer{Deadline: e.deadline, Control: control(initialSeq(1000010000))}
			c, err := e.dialBy(d, from, servicePort)
			if err == nil {
				c.Close()
				err = errors.New("it succeeded")
			} else if errors.Is(err, unix.ECONNREFUSED) {
				return
			}
			check(err, "connecting again")
		},
	}
}

func resetAhead() Recipe {
	return Recipe{
		Name:     "reset-ahead",
		About:    "the client's last data is lost on the way and it aborts (SO_LINGER 0): the server challenges a reset that is ahead of what it has, and the reset that answers the challenge ends the connection",
		Vantages: bothEnds,
		Resets: []Expect{
			{From: Client, Cause: DeliberateAbort, Reason: "TCP_STATE", Active: true},
			{From: Client, Cause: FollowUp, Reason: "NO_SOCKET"},
		},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			e.Filter("tcp flags & (psh | rst) == psh drop")
			client.Write(100)
			client.Abort()
			server.AwaitReset()
		},
	}
}
