package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// exchange is a request of 100 octets and a response of 200, both read in full.
func exchange(client, server *Conn) {
	client.Write(100)
	server.Read(100)
	server.Write(200)
	client.Read(200)
	server.AwaitAcked()
}

// setsockopt sets an option of TCP's.
func (c *Conn) setsockopt(option, value int) {
	c.control(fmt.Sprintf("sets option %d", option), func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, option, value)
	})
}

// dialWith connects the client to the service from an end of its own choice,
// after prepare has had the socket.
func (e *Env) dialWith(from netip.AddrPort, prepare func(fd int) error) *Conn {
	d := net.Dialer{Deadline: e.deadline, Control: control(prepare)}
	c, err := e.dialBy(d, from, servicePort)
	check(err, "connecting")
	return e.conn(c, Client)
}

// control makes fn what net.Dialer and net.ListenConfig ask for.
func control(fn func(fd int) error) func(string, string, syscall.RawConn) error {
	return func(_, _ string, rc syscall.RawConn) error {
		var fnErr error
		if err := rc.Control(func(fd uintptr) { fnErr = fn(int(fd)) }); err != nil {
			return err
		}
		return fnErr
	}
}

// CloseWrite is shutdown(2) with SHUT_WR.
func (c *Conn) CloseWrite() { check(c.tcp.CloseWrite(), "%s shuts its sending side", c.role) }

func adminKill() Recipe {
	return Recipe{
		Name:     "admin-kill",
		About:    "an operator of the server ends an established connection with ss -K",
		Needs:    []string{"ss"},
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: DeliberateAbort, Reason: "TCP_STATE", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			e.Pause(200 * time.Millisecond)
			e.Command(Server, "ss", "-K", "sport", "=", ":"+strconv.Itoa(servicePort), "dport", "=", ":"+strconv.Itoa(firstClientPort))
			client.AwaitReset()
		},
	}
}

func disconnect() Recipe {
	return Recipe{
		Name:     "disconnect",
		About:    "the client dissolves its connection with connect(AF_UNSPEC) to use the socket again",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: DeliberateAbort, Reason: "TCP_STATE", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			client.control("disconnects", disconnectFD)
			server.AwaitReset()
		},
	}
}

// disconnectFD is connect(2) to an address of the family AF_UNSPEC.
func disconnectFD(fd int) error {
	// golang.org/x/sys/unix has no address of that family.
	var unspec [unix.SizeofSockaddrInet4]byte
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&unspec)), unsafe.Sizeof(unspec))
	if errno != 0 {
		return errno
	}
	return nil
}

func disconnectWithData() Recipe {
	return Recipe{
		Name:     "disconnect-with-data",
		About:    "the client stops reading and closes its sending side; the server closes too, with data it could not send yet, and then aborts (SO_LINGER 0)",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: DisconnectWithData, Reason: "TCP_DISCONNECT_WITH_DATA", Active: true}},
		Steps: func(e *Env) {
			ln := e.Listen()
			// A small receive buffer is soon full.
			client := e.dialWith(e.nextClient(), func(fd int) error {
				return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
			})
			server := ln.Accept()
			server.Write(30000)
			e.Pause(100 * time.Millisecond)
			client.CloseWrite()
			server.ReadEOF()
			server.CloseWrite() // LAST_ACK, with the FIN behind data that is not sent
			server.Abort()
			client.AwaitReset()
		},
	}
}

func listenerClosed() Recipe {
	return Recipe{
		Name:     "listener-closed",
		About:    "the service stops listening while two connections wait to be accepted",
		Vantages: []Vantage{AtClient, AtServer, AtAny},
		Resets:   []Expect{{From: Server, Cause: ListenerClosed, Reason: "TCP_STATE", Active: true, Many: true}},
		Steps: func(e *Env) {
			ln := e.Listen()
			one, two := e.Dial(), e.Dial()
			e.Pause(100 * time.Millisecond)
			ln.Stop()
			one.AwaitReset()
			two.AwaitReset()
		},
	}
}

func listenerClosedRequests() Recipe {
	return Recipe{
		Name:     "listener-closed-requests",
		About:    "the service stops listening while two connections wait to be accepted, each with a request sent; a third finds the port closed",
		Vantages: bothEnds,
		Resets: []Expect{
			{From: Server, Cause: ListenerClosed, Reason: "TCP_STATE", Active: true, Many: true},
			{From: Server, Cause: ListenerFlap, Reason: "NO_SOCKET"},
		},
		Steps: func(e *Env) {
			ln := e.Listen()
			one, two := e.Dial(), e.Dial()
			one.WriteString(getRequest)
			two.WriteString(getRequest)
			one.AwaitAcked()
			two.AwaitAcked()
			ln.Stop()
			one.AwaitReset()
			two.AwaitReset()
			e.DialFails(servicePort, time.Second, unix.ECONNREFUSED)
		},
	}
}

func listenerClosedFixed() Recipe {
	return Recipe{
		Name:     "listener-closed-fixed",
		About:    "the service accepts and answers the two connections that wait before it stops listening; no reset",
		Vantages: []Vantage{AtServer},
		Steps: func(e *Env) {
			ln := e.Listen()
			one, two := e.Dial(), e.Dial()
			one.WriteString(getRequest)
			two.WriteString(getRequest)
			one.AwaitAcked()
			two.AwaitAcked()
			servers := []*Conn{ln.Accept(), ln.Accept()}
			ln.Stop()
			for _, s := range servers {
				s.Read(len(getRequest))
				s.WriteString(noContent)
				s.Close()
			}
			for _, c := range []*Conn{one, two} {
				c.Read(len(noContent))
				c.ReadEOF()
				c.Close()
			}
		},
	}
}

const (
	getRequest = "GET / HTTP/1.1\r\nHost: server\r\n\r\n"
	noContent  = "HTTP/1.1 204 No Content\r\n\r\n"
)

func linger2Close() Recipe {
	return Recipe{
		Name:     "linger2-close",
		About:    "the server, with TCP_LINGER2 of -1, shuts its sending side, and closes when the FIN is acknowledged",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: Linger2, Reason: "TCP_ABORT_ON_LINGER", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			server.setsockopt(unix.TCP_LINGER2, -1)
			server.CloseWrite()
			client.ReadEOF()
			server.AwaitAcked() // the FIN too
			server.Close()
		},
	}
}

func linger2ACK() Recipe {
	return Recipe{
		Name:     "linger2-ack",
		About:    "the server, with TCP_LINGER2 of -1, closes; its FIN is acknowledged after that, and the ACK is answered with a reset",
		Link:     Link{Delay: 10 * time.Millisecond},
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: Linger2, Reason: "TCP_ABORT_ON_DATA"}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			server.setsockopt(unix.TCP_LINGER2, -1)
			server.Close()
		},
	}
}

func finWait2Timeout() Recipe {
	return Recipe{
		Name:     "fin-wait2-timeout",
		About:    "the server closes and the client does not; tcp_fin_timeout, 62 s at the close, is lowered meanwhile, so the timer aborts the server's end 2 s after its FIN",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: FINWait2Timeout, Reason: "TCP_STATE", Active: true}},
		Steps: func(e *Env) {
			const sysctl = "net/ipv4/tcp_fin_timeout"
			client, server := e.Connect()
			exchange(client, server)
			// Up to 60 s a bucket waits and is silent at its end. Beyond, the
			// socket waits for the time above 60 s, and then looks again.
			e.Sysctl(Server, sysctl, "62")
			server.Close()
			client.ReadEOF()
			e.Pause(500 * time.Millisecond)
			e.Sysctl(Server, sysctl, "60")
		},
	}
}

func processDeath() Recipe {
	return Recipe{
		Name:     "process-death",
		About:    "the server's process is killed (SIGKILL) with a request unread on each of four connections, and nobody listens when a fifth is tried",
		Vantages: bothEnds,
		Resets: []Expect{
			{From: Server, Cause: ProcessDeath, Reason: "TCP_ABORT_ON_CLOSE", Active: true, Many: true},
			{From: Server, Cause: ListenerFlap, Reason: "NO_SOCKET"},
		},
		Steps: func(e *Env) {
			ln := e.Listen()
			var clients, servers []*Conn
			for range 4 {
				client := e.Dial()
				server := ln.Accept()
				exchange(client, server)
				client.WriteString(getRequest)
				server.AwaitUnread(len(getRequest))
				clients, servers = append(clients, client), append(servers, server)
			}
			check(e.inherit(ln, servers).Close(), "killing the server")
			for _, c := range clients {
				c.AwaitReset()
			}
			e.DialFails(servicePort, time.Second, unix.ECONNREFUSED)
		},
	}
}

// inherit gives a listener and connections to a process that sleeps, and that
// holds them alone.
func (e *Env) inherit(ln *Listener, conns []*Conn) *Process {
	p := &Process{cmd: exec.Command("sleep", lifetime)}
	give := func(f *os.File, err error) {
		check(err, "handing over")
		p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, f)
	}
	give(ln.File())
	for _, c := range conns {
		give(c.tcp.File())
	}
	check(p.cmd.Start(), "handing over")
	for _, f := range p.cmd.ExtraFiles {
		f.Close()
	}
	ln.Stop()
	for _, c := range conns {
		c.Close()
	}
	e.pair.open = append(e.pair.open, p)
	return p
}

func shutdownBoth() Recipe {
	return Recipe{
		Name:     "shutdown-both",
		About:    "the server shuts both sides of its socket (SHUT_RDWR) and keeps it open; the client writes 200 ms later",
		Vantages: []Vantage{AtClient, AtServer, AtAny},
		Resets:   []Expect{{From: Server, Cause: DataAfterClose, Reason: "TCP_ABORT_ON_DATA"}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			server.control("shuts both sides", func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) })
			client.ReadEOF()
			e.Pause(200 * time.Millisecond)
			client.Write(100)
		},
	}
}

func unreadAfterShutdown() Recipe {
	return Recipe{
		Name:     "unread-after-shutdown",
		About:    "the server shuts its sending side after its response, gets another 100 octets, and closes without reading them",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: UnreadDataOnClose, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			server.CloseWrite()
			client.ReadEOF()
			client.Write(100)
			server.AwaitUnread(100)
			server.Close()
		},
	}
}

func shutdownRead() Recipe {
	return Recipe{
		Name:     "shutdown-read",
		About:    "the server shuts its receiving side (SHUT_RD), which resets nothing: what the client writes is still acknowledged, and is unread when the server closes",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: UnreadDataOnClose, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			server.control("shuts its receiving side", func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RD) })
			client.Write(100)
			client.AwaitAcked()
			e.Pause(200 * time.Millisecond)
			server.Close()
			client.AwaitReset()
		},
	}
}

func halfCloseMisuse() Recipe {
	return Recipe{
		Name:     "half-close-misuse",
		About:    "the client closes right after its request, meaning to say that it is complete, and the response finds nobody",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: EarlyClientClose, Reason: "TCP_TIMEWAIT_SOCKET"}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			client.Write(100)
			client.Close()
			server.Read(100)
			server.ReadEOF()
			e.Pause(100 * time.Millisecond)
			server.Write(200)
		},
	}
}

func halfCloseMisuseFixed() Recipe {
	return Recipe{
		Name:     "half-close-misuse-fixed",
		About:    "the client shuts only its sending side after its request (SHUT_WR), reads the response to its end and then closes; no reset",
		Vantages: []Vantage{AtClient},
		Steps: func(e *Env) {
			client, server := e.Connect()
			client.Write(100)
			client.CloseWrite()
			server.Read(100)
			server.ReadEOF()
			e.Pause(100 * time.Millisecond)
			server.Write(200)
			server.Close()
			client.Read(200)
			client.ReadEOF()
			client.Close()
		},
	}
}

func dataAfterCloseTTL() Recipe {
	return Recipe{
		Name:     "data-after-close-ttl",
		About:    "the server sends with a TTL of 255 (IP_TTL, as BGP's GTSM wants it) and closes; the client writes 200 ms later and is reset with the host's own TTL of 64",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: DataAfterClose, Reason: "TCP_TIMEWAIT_SOCKET"}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			server.control("sets IP_TTL", func(fd int) error {
				return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, 255)
			})
			exchange(client, server)
			server.Close()
			client.ReadEOF()
			e.Pause(200 * time.Millisecond)
			client.Write(100)
		},
	}
}

func listenerClosedHandshake() Recipe {
	return Recipe{
		Name:     "listener-closed-handshake",
		About:    "the service stops listening while the last ACK of a handshake is on its way",
		Link:     Link{Delay: 20 * time.Millisecond},
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: ListenerClosed, Reason: "NO_SOCKET"}},
		Steps: func(e *Env) {
			ln := e.Listen()
			client := e.Dial() // its ACK takes 20 ms
			ln.Stop()
			client.AwaitReset()
		},
	}
}
