package field

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// talk is a Talk that is being held.
type talk struct {
	*Talk
	w        *world
	deadline time.Time

	mu       sync.Mutex
	r        *rand.Rand
	port     uint16 // the next of its clients
	service  uint16 // its server's first
	listener *listener
}

// stop is the panic of a script that cannot go on; it is none of the script's
// faults when the path loses segments.
type stop struct{ error }

func giveUp(err error, format string, args ...any) {
	if err != nil {
		panic(stop{fmt.Errorf(format+": %w", append(args, err)...)})
	}
}

// guard runs fn to its end or to its stop.
func guard(fn func()) (err error) {
	defer func() {
		switch x := recover().(type) {
		case nil:
		case stop:
			err = x.error
		default:
			err = fmt.Errorf("%v\n%s", x, debug.Stack())
		}
	}()
	fn()
	return nil
}

// hold runs the talk's script.
func (w *world) hold(t *Talk) error {
	x := &talk{
		Talk: t, w: w, deadline: time.Now().Add(talkTime), r: rand.New(rand.NewPCG(t.Seed, 3)),
		port: uint16(firstClientPort + clientPorts*t.N), service: uint16(firstService + servicePorts*t.N),
	}
	if t.Shared != 0 {
		x.service = t.Shared
	}
	return guard(func() { scripts[t.Kind](x) })
}

// talkTime is the longest that a talk may take.
const talkTime = 22 * time.Second

// Chance. A script draws in more than one goroutine.

func (t *talk) n(n int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.r.IntN(n)
}

// size is a number of octets, small more often than large.
func (t *talk) size() int { return 1 + t.n(1<<(3+t.n(11))) }

func (t *talk) between(a, b time.Duration) time.Duration {
	return a + time.Duration(t.n(int(b-a)+1))
}

func (t *talk) sleep(a, b time.Duration) { time.Sleep(t.between(a, b)) }

// settle waits until what was sent has arrived and was answered.
func (t *talk) settle() { time.Sleep(t.w.Path.RTT() + 60*time.Millisecond) }

const (
	ms  = time.Millisecond
	sec = time.Second
)

// server is the address at which the talk's service is reached.
func (t *talk) server() netip.AddrPort {
	return netip.AddrPortFrom(serverAddr(t.Server, t.IPv6), t.service)
}

// nextPort is a port of the client that was not used before.
func (t *talk) nextPort() uint16 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.port++
	if int(t.port) >= firstClientPort+clientPorts*(t.N+1) {
		panic(stop{errors.New("no port is left")})
	}
	return t.port - 1
}

func (t *talk) local(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(clientAddr(t.Client, t.IPv6), port)
}

// conn is one end of a connection. Its methods go on after an error: the other
// end may have done anything.
type conn struct {
	*net.TCPConn
	t *talk
}

func (t *talk) conn(c *net.TCPConn) *conn {
	c.SetDeadline(t.deadline)
	t.w.keep(c)
	return &conn{c, t}
}

// try connects, from a port and to an address, within patience, or returns why
// not.
func (t *talk) try(h *host, from, to netip.AddrPort, patience time.Duration, control func(fd int) error) (c *conn, err error) {
	d := net.Dialer{
		LocalAddr: net.TCPAddrFromAddrPort(from), Timeout: min(patience, time.Until(t.deadline)), KeepAlive: -1,
		Control: func(_, _ string, rc syscall.RawConn) (err error) {
			rc.Control(func(fd uintptr) {
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
				if control != nil {
					err = control(int(fd))
				}
			})
			return err
		},
	}
	d.SetMultipathTCP(false)
	err = h.do(func() error {
		nc, err := d.Dial("tcp", to.String())
		if err != nil {
			return err
		}
		c = t.conn(nc.(*net.TCPConn))
		return nil
	})
	return c, err
}

// dial connects to the talk's service; without a connection the talk ends.
func (t *talk) dial() *conn {
	c, err := t.try(t.w.client, t.local(t.nextPort()), t.server(), 15*sec, nil)
	giveUp(err, "connecting")
	return c
}

// listener is a service, or the talk's share of one.
type listener struct {
	t      *talk
	ln     *net.TCPListener // nil of a shared one
	shared chan *net.TCPConn
}

// listen starts the talk's service.
func (t *talk) listen() *listener {
	if t.Shared != 0 {
		return &listener{t: t, shared: t.w.hubs.of(t)}
	}
	return t.listenOn(t.w.server, t.server())
}

func (t *talk) listenOn(h *host, at netip.AddrPort) *listener {
	l := &listener{t: t}
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false) // the kernel gives other reasons for an MPTCP socket
	err := h.do(func() error {
		ln, err := lc.Listen(context.Background(), "tcp", at.String())
		if err != nil {
			return err
		}
		l.ln = ln.(*net.TCPListener)
		return nil
	})
	giveUp(err, "listening")
	l.ln.SetDeadline(t.deadline)
	t.w.keep(l.ln)
	return l
}

// accept takes the next connection.
func (l *listener) accept() *conn {
	if l.ln == nil {
		select {
		case c := <-l.shared:
			return l.t.conn(c)
		case <-time.After(time.Until(l.t.deadline)):
			panic(stop{errors.New("nobody came")})
		}
	}
	c, err := l.ln.AcceptTCP()
	giveUp(err, "accepting")
	return l.t.conn(c)
}

// backlog says how many connections may wait.
func (l *listener) backlog(n int) {
	rc, err := l.ln.SyscallConn()
	giveUp(err, "backlog")
	rc.Control(func(fd uintptr) { err = unix.Listen(int(fd), n) })
	giveUp(err, "backlog")
}

// serve starts the service and runs fn with each connection.
func (t *talk) serve(fn func(c *conn)) *listener {
	l := t.listen()
	t.w.work.Go(func() {
		guard(func() {
			for {
				c := l.accept()
				t.w.work.Go(func() { guard(func() { fn(c) }) })
			}
		})
	})
	return l
}

// connect gives both ends of a connection to the talk's service.
func (t *talk) connect() (client, server *conn) {
	l := t.listener
	if l == nil {
		l = t.listen()
		t.listener = l
	}
	client = t.dial()
	return client, l.accept()
}

// send writes n octets of no meaning.
func (c *conn) send(n int) { c.say(strings.Repeat("x", n)) }

func (c *conn) say(s string) { c.Write([]byte(s)) }

// take reads n octets, and not one more.
func (c *conn) take(n int) bool {
	_, err := io.ReadFull(c.TCPConn, make([]byte, n))
	return err == nil
}

// drain reads to the end.
func (c *conn) drain() { io.Copy(io.Discard, c.TCPConn) }

// control calls fn with the socket.
func (c *conn) control(fn func(fd int) error) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var fnErr error
	if err := rc.Control(func(fd uintptr) { fnErr = fn(int(fd)) }); err != nil {
		return err
	}
	return fnErr
}

func (c *conn) set(level, option, value int) {
	giveUp(c.control(func(fd int) error { return unix.SetsockoptInt(fd, level, option, value) }), "setsockopt %d", option)
}

// unread waits until n octets lie in the receive queue.
func (c *conn) unread(n int) {
	c.poll(func(fd int) bool {
		have, err := unix.IoctlGetInt(fd, unix.SIOCINQ)
		return err != nil || have >= n
	})
}

// acked waits until everything written is acknowledged.
func (c *conn) acked() {
	c.poll(func(fd int) bool {
		left, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		return err != nil || left == 0
	})
}

func (c *conn) poll(done func(fd int) bool) {
	for until := time.Now().Add(8 * sec); time.Now().Before(until); time.Sleep(2 * ms) {
		ok := false
		if err := c.control(func(fd int) error { ok = done(fd); return nil }); err != nil || ok {
			return
		}
	}
}

// abort is close(2) after SO_LINGER with a time of 0.
func (c *conn) abort() {
	c.SetLinger(0)
	c.Close()
}

// vanish takes the connection away without a packet, as a crash of the host does.
func (c *conn) vanish() {
	c.set(unix.IPPROTO_TCP, unix.TCP_REPAIR, 1)
	c.Close()
}

// child is a process that holds connections.
type child struct{ cmd *exec.Cmd }

// handOver gives connections to a process that sleeps: it alone holds them.
func (t *talk) handOver(conns ...*conn) *child {
	cmd := exec.Command("sleep", fmt.Sprint(lifetime.Seconds()))
	for _, c := range conns {
		f, err := c.File()
		giveUp(err, "handing over")
		defer f.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	giveUp(cmd.Start(), "handing over")
	for _, c := range conns {
		c.TCPConn.Close()
	}
	p := &child{cmd}
	t.w.keep(p)
	return p
}

// Close kills the process, if it still lives, and waits for its end.
func (p *child) Close() error {
	if p.cmd.ProcessState != nil {
		return nil
	}
	if err := p.cmd.Process.Kill(); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); !errors.As(err, &exit) {
		return err
	}
	return nil
}

// nft adds a rule, or an element, on a host.
func (t *talk) nft(h *host, format string, args ...any) {
	giveUp(h.run(fmt.Sprintf(format, args...)+"\n", "nft", "-f", "-"), "nft")
}

// watch shows fn every segment of the talk that passes between client and router,
// from now on. fn must not block.
func (t *talk) watch(fn func(fromClient bool, s segment)) {
	for i := range t.w.watch {
		w := &t.w.watch[i]
		w.mu.Lock()
		w.all[t.N] = func(s segment) { fn(i == 0, s) }
		w.mu.Unlock()
	}
}

// forge sends an IPv4 packet from the router, whoever its sender is said to be.
func (t *talk) forge(s segment, payload []byte) {
	err := unix.Sendto(t.w.raw, s.packet(payload), 0, &unix.SockaddrInet4{Addr: s.dst.Addr().As4()})
	giveUp(err, "forging")
}

// rawClient is a raw socket of the client's host, for segments of its own
// address.
func (t *talk) rawClient() func(segment) {
	fd := -1
	giveUp(t.w.client.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	}), "raw socket")
	t.w.keep(os.NewFile(uintptr(fd), "raw"))
	return func(s segment) {
		giveUp(unix.Sendto(fd, s.packet(nil), 0, &unix.SockaddrInet4{Addr: s.dst.Addr().As4()}), "sending")
	}
}

// mssOption is an option that every SYN has.
var mssOption = []byte{2, 4, 5, 0xb4}

// hubs are the services that several talks share.
type hubs struct {
	mu    sync.Mutex
	talks map[int]chan *net.TCPConn
}

func newHubs(w *world) (*hubs, error) {
	h := &hubs{talks: map[int]chan *net.TCPConn{}}
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	err := w.server.do(func() error {
		for _, port := range sharedPorts {
			ln, err := lc.Listen(context.Background(), "tcp", fmt.Sprintf(":%d", port))
			if err != nil {
				return err
			}
			w.keep(ln)
			go h.accept(w, ln)
		}
		return nil
	})
	return h, err
}

func (h *hubs) accept(w *world, ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		h.mu.Lock()
		n, _ := talkOf(c.RemoteAddr().(*net.TCPAddr).AddrPort().Port())
		to := h.talks[n]
		h.mu.Unlock()
		if to == nil {
			w.keep(c)
			continue
		}
		to <- c.(*net.TCPConn)
	}
}

func (h *hubs) of(t *talk) chan *net.TCPConn {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.talks[t.N] == nil {
		h.talks[t.N] = make(chan *net.TCPConn, clientPorts)
	}
	return h.talks[t.N]
}

// tlsConfigs are those of a server with a certificate of its own making, and of a
// client that trusts everybody.
var tlsConfigs = sync.OnceValues(func() (server, client *tls.Config) {
	cert, err := selfSigned()
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}, &tls.Config{InsecureSkipVerify: true}
})

// random is a number as an ISN would be.
func (t *talk) random() uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.r.Uint32()
}
