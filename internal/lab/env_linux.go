package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Ports of every recipe: clients count up from the first.
const (
	servicePort     = 8080
	closedPort      = 81
	firstClientPort = 40000
)

// Env is what the steps of a recipe act with. Its methods do not return errors:
// the first that fails ends the recipe, as a testing.T ends a test.
type Env struct {
	pair     *Pair
	ipv6     bool
	deadline time.Time
	port     uint16 // of the next connection of the client
	files    string // directory of the programs, see dir
}

// failed is the panic of a step that went wrong.
type failed struct{ error }

// check ends the recipe when err is not nil. The words say which step it was.
func check(err error, format string, args ...any) {
	if err != nil {
		panic(failed{fmt.Errorf(format+": %w", append(args, err)...)})
	}
}

// Pause lets time pass without a packet.
func (e *Env) Pause(d time.Duration) { time.Sleep(d) }

// network and the addresses are those of the family that the recipe runs over.
func (e *Env) network() string {
	if e.ipv6 {
		return "tcp6"
	}
	return "tcp4"
}

func (e *Env) addr(h *Host) netip.Addr {
	if e.ipv6 {
		return h.IPv6
	}
	return h.IPv4
}

// service is where the server is, or should be, reached.
func (e *Env) service(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(e.addr(e.pair.Server), port)
}

// nextClient is an end that the client has not used yet.
func (e *Env) nextClient() netip.AddrPort {
	e.port++
	return netip.AddrPortFrom(e.addr(e.pair.Client), e.port-1)
}

// Listener is a service of the server.
type Listener struct {
	*net.TCPListener
	e *Env
}

// Listen starts a service on servicePort.
func (e *Env) Listen() *Listener {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // the kernel gives other reasons for an MPTCP socket
	return e.listen(lc, e.service(servicePort).String())
}

// listen starts a service of the server with a socket of lc's kind.
func (e *Env) listen(lc net.ListenConfig, at string) *Listener {
	l := &Listener{e: e}
	err := e.pair.Server.Do(func() error {
		ln, err := lc.Listen(context.Background(), e.network(), at)
		if err != nil {
			return err
		}
		l.TCPListener = ln.(*net.TCPListener)
		return nil
	})
	check(err, "listening")
	check(l.SetDeadline(e.deadline), "listening")
	e.pair.open = append(e.pair.open, l)
	return l
}

// Backlog sets how many connections may wait to be accepted; Linux admits one
// more.
func (l *Listener) Backlog(n int) {
	rc, err := l.SyscallConn()
	check(err, "backlog")
	var listenErr error
	check(rc.Control(func(fd uintptr) { listenErr = unix.Listen(int(fd), n) }), "backlog")
	check(listenErr, "backlog")
}

// Accept takes the next connection.
func (l *Listener) Accept() *Conn {
	c, err := l.AcceptTCP()
	check(err, "accepting")
	return l.e.conn(c, Server)
}

// Stop ends the service.
func (l *Listener) Stop() { check(l.Close(), "closing the listener") }

// dial connects the client to a port of the server. It may run in a goroutine
// of its own, so it returns its error.
func (e *Env) dial(from netip.AddrPort, port uint16, deadline time.Time) (*net.TCPConn, error) {
	return e.dialBy(net.Dialer{Deadline: deadline}, from, port)
}

// dialBy is dial with a socket of d's kind.
func (e *Env) dialBy(d net.Dialer, from netip.AddrPort, port uint16) (c *net.TCPConn, err error) {
	err = e.pair.Client.Do(func() error {
		d.LocalAddr = net.TCPAddrFromAddrPort(from)
		nc, err := d.Dial(e.network(), e.service(port).String())
		if err != nil {
			return err
		}
		c = nc.(*net.TCPConn)
		return nil
	})
	return c, err
}

// Dial connects the client to the service.
func (e *Env) Dial() *Conn {
	c, err := e.dial(e.nextClient(), servicePort, e.deadline)
	check(err, "connecting")
	return e.conn(c, Client)
}

// DialFails connects the client to a port of the server, which must end with
// the error want within the time given.
func (e *Env) DialFails(port uint16, within time.Duration, want error) {
	c, err := e.dial(e.nextClient(), port, time.Now().Add(within))
	if err == nil {
		c.Close()
		err = errors.New("it succeeded")
	} else if errors.Is(err, want) {
		return
	}
	check(err, "connecting, which should fail with %q", want)
}

// Connect starts the service and gives both ends of one connection to it.
func (e *Env) Connect() (client, server *Conn) {
	ln := e.Listen()
	return e.Dial(), ln.Accept()
}

// Conn is one end of a connection.
type Conn struct {
	tcp  *net.TCPConn
	role Role
	e    *Env
}

func (e *Env) conn(c *net.TCPConn, role Role) *Conn {
	check(c.SetDeadline(e.deadline), "deadline")
	e.pair.open = append(e.pair.open, c)
	return &Conn{c, role, e}
}

// Write sends n octets of no meaning.
func (c *Conn) Write(n int) { c.WriteString(strings.Repeat("x", n)) }

// WriteString sends s.
func (c *Conn) WriteString(s string) {
	_, err := c.tcp.Write([]byte(s))
	check(err, "%s writes %d octets", c.role, len(s))
}

// Read takes n octets, and not one more, out of the receive queue.
func (c *Conn) Read(n int) {
	_, err := io.ReadFull(c.tcp, make([]byte, n))
	check(err, "%s reads %d octets", c.role, n)
}

// ReadEOF takes the peer's FIN. There must be nothing before it.
func (c *Conn) ReadEOF() {
	n, err := c.tcp.Read(make([]byte, 1))
	if n != 0 || err == nil {
		err = errors.New("there was an octet")
	} else if err == io.EOF {
		return
	}
	check(err, "%s waits for the end", c.role)
}

// AwaitReset reads until the peer's reset ends the connection. Linux first
// gives what had arrived before it.
func (c *Conn) AwaitReset() {
	_, err := io.Copy(io.Discard, c.tcp)
	if err == nil {
		err = io.EOF
	} else if errors.Is(err, unix.ECONNRESET) {
		return
	}
	check(err, "%s waits for a reset", c.role)
}

// control calls fn with c's socket.
func (c *Conn) control(what string, fn func(fd int) error) {
	rc, err := c.tcp.SyscallConn()
	check(err, "%s %s", c.role, what)
	var fnErr error
	check(rc.Control(func(fd uintptr) { fnErr = fn(int(fd)) }), "%s %s", c.role, what)
	check(fnErr, "%s %s", c.role, what)
}

// AwaitUnread waits until at least n octets lie in the receive queue, and reads
// none of them.
func (c *Conn) AwaitUnread(n int) {
	c.await(fmt.Sprintf("waits for %d octets", n), func(fd int) (bool, error) {
		have, err := unix.IoctlGetInt(fd, unix.SIOCINQ)
		return have >= n, err
	})
}

// AwaitAcked waits until the peer has acknowledged everything written.
func (c *Conn) AwaitAcked() {
	c.await("waits for acknowledgment", func(fd int) (bool, error) {
		left, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
		return left == 0, err
	})
}

// await polls: the kernel tells nobody when these change.
func (c *Conn) await(what string, done func(fd int) (bool, error)) {
	for {
		var ok bool
		c.control(what, func(fd int) (err error) {
			ok, err = done(fd)
			return err
		})
		if ok {
			return
		}
		if time.Now().After(c.e.deadline) {
			check(os.ErrDeadlineExceeded, "%s %s", c.role, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// Close is close(2).
func (c *Conn) Close() { check(c.tcp.Close(), "%s closes", c.role) }

// Abort is close(2) after SO_LINGER with a time of 0.
func (c *Conn) Abort() {
	check(c.tcp.SetLinger(0), "%s sets SO_LINGER", c.role)
	c.Close()
}

// Vanish takes the connection away without a packet, as a crash of the host
// does (TCP_REPAIR, then close).
func (c *Conn) Vanish() {
	c.control("sets TCP_REPAIR", func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1)
	})
	c.Close()
}

// Process is a program of its own that holds one end of a connection.
type Process struct {
	cmd  *exec.Cmd
	conn *Conn
}

// Handover gives c to a process that sleeps, the way inetd gives a connection
// to its servers. Until that process is killed, c may still be used.
func (c *Conn) Handover() *Process {
	f, err := c.tcp.File()
	check(err, "%s hands over", c.role)
	defer f.Close()
	cmd := exec.Command("sleep", lifetime)
	cmd.ExtraFiles = []*os.File{f}
	check(cmd.Start(), "%s hands over", c.role)
	// Start may have made the socket, which both share, block.
	c.control("hands over", func(fd int) error { return unix.SetNonblock(fd, true) })
	p := &Process{cmd, c}
	c.e.pair.open = append(c.e.pair.open, p)
	return p
}

// Kill sends SIGKILL to the process that alone holds the connection, and waits
// for its end.
func (p *Process) Kill() {
	p.conn.Close()
	check(p.Close(), "killing the %s", p.conn.role)
}

// Close kills the process if it still lives.
func (p *Process) Close() error {
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

// Filter adds a rule to a packet filter on what the server receives, in the
// words of nft(8).
func (e *Env) Filter(rule string) { e.FilterAt(Server, "input", rule) }

// FilterAt adds a rule to a packet filter of a host, at one of the hooks of
// nft(8).
func (e *Env) FilterAt(role Role, hook, rule string) {
	e.Nft(role, "table inet lab {\n chain "+hook+" {\n  type filter hook "+hook+" priority 0\n  "+rule+"\n }\n}\n")
}

// Nft gives a host a script of nft(8).
func (e *Env) Nft(role Role, script string) {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	e.run(role, cmd)
}

// Command runs a program on a host to its end, which must be a good one.
func (e *Env) Command(role Role, name string, args ...string) {
	e.run(role, exec.Command(name, args...))
}

func (e *Env) run(role Role, cmd *exec.Cmd) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	check(e.host(role).Start(cmd), "starting %s", cmd.Path)
	if err := cmd.Wait(); err != nil {
		check(err, "%s: %s", strings.Join(cmd.Args, " "), strings.TrimSpace(out.String()))
	}
}

func (e *Env) host(role Role) *Host {
	switch role {
	case Client:
		return e.pair.Client
	case Server:
		return e.pair.Server
	}
	return e.pair.Middle
}

// Sysctl sets a value below /proc/sys for one host.
func (e *Env) Sysctl(role Role, name, value string) {
	check(e.host(role).Do(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0) }), "sysctl %s", name)
}
