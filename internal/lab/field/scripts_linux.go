package field

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// scripts are what the kinds do.
var scripts map[string]func(*talk)

func init() {
	scripts = map[string]func(*talk){
		"clean":               clean,
		"random-talk":         randomTalk,
		"closed-port":         func(t *talk) { t.refused(1) },
		"refused-retries":     func(t *talk) { t.refused(2 + t.n(5)) },
		"listener-flap":       listenerFlap,
		"connect-scan":        connectScan,
		"unread-server":       unreadServer,
		"unread-client":       unreadClient,
		"download-abort":      downloadAbort,
		"upload-abort":        uploadAbort,
		"linger-client":       lingerClient,
		"linger-server":       lingerServer,
		"linger-no-answer":    lingerNoAnswer,
		"linger-idle":         lingerIdle,
		"kill-one":            func(t *talk) { t.kill(1) },
		"kill-many":           func(t *talk) { t.kill(3 + t.n(5)) },
		"kill-read":           killRead,
		"ss-kill":             ssKill,
		"listener-closed":     listenerClosed,
		"client-timeout":      clientTimeout,
		"data-after-close":    dataAfterClose,
		"keep-alive-race":     keepAliveRace,
		"connect-timeout":     connectTimeout,
		"probe-active":        func(t *talk) { t.probes(1, 0) },
		"health-check-active": func(t *talk) { t.probes(5+t.n(6), t.between(700*ms, 2*sec)) },
		"health-check-linger": func(t *talk) { t.checks("") },
		"health-check-http":   func(t *talk) { t.checks("GET /health HTTP/1.1\r\nHost: s\r\n\r\n") },
		"keep-alive-timeout":  keepAliveTimeout,
		"user-timeout":        userTimeout,
		"vanished-server":     func(t *talk) { t.vanished(Server) },
		"vanished-client":     func(t *talk) { t.vanished(Client) },
		"queue-overflow":      queueOverflow,
		"half-close":          halfClose,
		"shutdown-both":       shutdownBoth,
		"linger2":             linger2,
		"crossing-close":      crossingClose,
		"delayed-accept":      delayedAccept,
		"old-tuple":           oldTuple,
		"syn-on-fin-wait2":    synOnFINWait2,
		"fast-retry":          fastRetry,
	}
	for name, fn := range appScripts() {
		scripts[name] = fn
	}
	for name, fn := range boxScripts() {
		scripts[name] = fn
	}
	for name, fn := range stackScripts() {
		scripts[name] = fn
	}
	for name, fn := range netstackScripts() {
		scripts[name] = fn
	}
}

// exchange is some requests and their answers.
func (t *talk) exchange(c, s *conn, rounds int) {
	for range rounds {
		n, m := t.size(), t.size()
		c.send(n)
		s.take(n)
		s.send(m)
		c.take(m)
	}
}

// clean is a connection that ends as it should, of either side.
func clean(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, t.n(4))
	a, b := c, s
	if t.n(2) == 0 {
		a, b = s, c
	}
	t.sleep(0, 300*ms)
	a.CloseWrite()
	b.drain()
	b.Close()
	a.drain()
	a.Close()
}

// randomTalk has each side do a few things by chance, whatever the other does.
func randomTalk(t *talk) {
	c, s := t.connect()
	side := func(c *conn) {
		for range 2 + t.n(4) {
			switch t.n(6) {
			case 0, 1:
				c.send(t.size())
			case 2:
				t.sleep(0, 800*ms)
			case 3, 4:
				c.SetReadDeadline(time.Now().Add(t.between(1*ms, 700*ms)))
				c.Read(make([]byte, 1+t.n(3000)))
			case 5:
				if t.n(3) == 0 {
					c.CloseWrite()
				}
			}
		}
		switch t.n(3) {
		case 0:
			c.abort()
		case 1:
			c.CloseWrite()
			c.SetReadDeadline(time.Now().Add(t.between(1*ms, 2*sec)))
			c.drain()
			c.Close()
		default:
			c.Close()
		}
	}
	t.w.work.Go(func() { guard(func() { side(s) }) })
	side(c)
	t.settle()
}

// refused connects to a port on which nothing listens.
func (t *talk) refused(times int) {
	for i := range times {
		if i > 0 {
			t.sleep(20*ms, 2500*ms)
		}
		if c, err := t.try(t.w.client, t.local(t.nextPort()), t.server(), 5*sec, nil); err == nil {
			c.Close()
		}
	}
}

func listenerFlap(t *talk) {
	l := t.listen()
	c := t.dial()
	s := l.accept()
	t.exchange(c, s, 1)
	c.Close()
	s.drain()
	s.Close()
	l.ln.Close()
	t.refused(1 + t.n(3))
	t.sleep(50*ms, 500*ms)
	c, s = t.connect()
	t.exchange(c, s, 1)
	c.Close()
	s.drain()
	s.Close()
}

// connectScan asks for many ports with the calls of a program.
func connectScan(t *talk) {
	to := t.server()
	open := t.n(3)
	for i := range open {
		t.listenOn(t.w.server, netip.AddrPortFrom(to.Addr(), t.service+uint16(3*i)))
	}
	for i := range servicePorts {
		c, err := t.try(t.w.client, t.local(t.nextPort()), netip.AddrPortFrom(to.Addr(), t.service+uint16(i)), 2*sec, nil)
		if err == nil {
			c.abort()
		}
	}
}

func unreadServer(t *talk) {
	c, s := t.connect()
	rounds := t.n(3)
	t.exchange(c, s, rounds)
	n := 1 + t.n(9000)
	c.send(n)
	s.unread(n)
	if t.n(2) == 0 {
		s.take(n / 2)
	}
	t.sleep(0, sec)
	s.Close()
	t.settle()
	c.drain()
	c.Close()
}

func unreadClient(t *talk) {
	c, s := t.connect()
	c.send(100)
	s.take(100)
	n := 1 + t.n(9000)
	s.send(n)
	c.unread(n)
	t.sleep(0, sec)
	c.Close()
	t.settle()
	s.drain()
	s.Close()
}

func downloadAbort(t *talk) {
	c, s := t.connect()
	c.send(200)
	s.take(200)
	t.w.work.Go(func() {
		for range 60 {
			if _, err := s.Write(make([]byte, 8000)); err != nil {
				break
			}
			time.Sleep(10 * ms)
		}
		s.Close()
	})
	c.take(1000 + t.n(60000))
	c.Close()
	t.settle()
}

// uploadAbort is a client that goes while it is still sending: by FIN, or killed.
func uploadAbort(t *talk) {
	c, s := t.connect()
	t.w.work.Go(func() { s.drain(); s.Close() })
	for range 5 + t.n(20) {
		c.send(5000)
		time.Sleep(5 * ms)
	}
	if t.n(2) == 0 {
		c.abort()
	} else {
		c.Close()
	}
	t.settle()
}

func lingerClient(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1+t.n(3))
	t.sleep(0, 200*ms)
	c.abort()
	t.settle()
	s.drain()
	s.Close()
}

func lingerServer(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1+t.n(3))
	s.acked()
	t.sleep(0, 200*ms)
	s.abort()
	t.settle()
	c.drain()
	c.Close()
}

// lingerNoAnswer takes the request, or does not, and aborts.
func lingerNoAnswer(t *talk) {
	c, s := t.connect()
	if t.n(3) > 0 {
		n := t.size()
		c.send(n)
		s.unread(n)
		if t.n(2) == 0 {
			s.take(n)
		}
	}
	t.sleep(0, 400*ms)
	s.abort()
	t.settle()
	c.drain()
	c.Close()
}

// lingerIdle aborts a connection on which nothing is going on, of either side.
func lingerIdle(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1+t.n(3))
	t.sleep(2*sec, 5*sec)
	if t.n(2) == 0 {
		c, s = s, c
	}
	c.abort()
	t.settle()
	s.drain()
	s.Close()
}

// kill ends the process that holds the server's ends with requests unread.
func (t *talk) kill(n int) {
	l := t.listen()
	var clients, servers []*conn
	for range n {
		clients = append(clients, t.dial())
		servers = append(servers, l.accept())
	}
	p := t.handOver(servers...)
	for _, c := range clients {
		c.send(t.size())
	}
	t.settle()
	t.sleep(0, 500*ms)
	l.ln.Close()
	p.Close()
	t.settle()
	for _, c := range clients {
		c.drain()
		c.Close()
	}
}

// killRead kills a process that had read everything; its client writes on.
func killRead(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1)
	p := t.handOver(s)
	p.Close()
	t.settle()
	t.sleep(0, sec)
	c.send(t.size())
	t.settle()
	c.drain()
	c.Close()
}

func ssKill(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1+t.n(2))
	t.sleep(0, sec)
	h, port := t.w.server, c.LocalAddr().String()
	which := "dst"
	if t.n(2) == 0 {
		h, which = t.w.client, "src"
	}
	giveUp(h.run("", "ss", "-K", which, port), "ss")
	t.settle()
	c.drain()
	c.Close()
	s.drain()
	s.Close()
}

func listenerClosed(t *talk) {
	l := t.listen()
	var clients []*conn
	for range 1 + t.n(5) {
		c := t.dial()
		if t.n(2) == 0 {
			c.send(t.size())
		}
		clients = append(clients, c)
	}
	t.settle()
	t.sleep(0, 2*sec)
	l.ln.Close()
	t.settle()
	for _, c := range clients {
		c.drain()
		c.Close()
	}
}

// clientTimeout is a client that closes before the answer comes.
func clientTimeout(t *talk) {
	c, s := t.connect()
	n := t.size()
	c.send(n)
	s.take(n)
	t.sleep(50*ms, 2*sec)
	c.Close()
	t.settle()
	t.sleep(0, sec)
	s.send(t.size())
	t.settle()
	s.drain()
	s.Close()
}

// dataAfterClose is a server that closes after its answer, and a client that
// writes on.
func dataAfterClose(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1+t.n(3))
	s.Close()
	t.settle()
	t.sleep(0, 2*sec)
	c.send(t.size())
	t.settle()
	c.drain()
	c.Close()
}

// keepAliveRace uses an idle connection just when the server closes it: the
// request has left before the FIN has come.
func keepAliveRace(t *talk) {
	c, s := t.connect()
	for range 1 + t.n(2) {
		c.say("GET / HTTP/1.1\r\nHost: s\r\n\r\n")
		s.take(27)
		s.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		c.take(40)
	}
	s.acked()
	idle := t.between(1500*ms, 5*sec)
	time.Sleep(idle)
	t.w.work.Go(func() { s.Close() })
	// Within one way of the path, so that they cross.
	if d := t.w.Path.Delay; d > 0 {
		t.sleep(0, d*3/4)
	}
	c.say("GET / HTTP/1.1\r\nHost: s\r\n\r\n")
	t.settle()
	c.drain()
	c.Close()
}

// connectTimeout gives up before the SYN/ACK can have come.
func connectTimeout(t *talk) {
	t.listen()
	rtt := 2 * t.w.Path.Delay
	if rtt < 8*ms {
		return // nobody is as impatient as that
	}
	for range 1 + t.n(3) {
		c, err := t.try(t.w.client, t.local(t.nextPort()), t.server(), t.between(rtt/5, rtt*7/10), nil)
		if err == nil {
			c.Close()
		}
		t.settle()
	}
}

// probes connect and abort in the place of the handshake's last ACK, as HAProxy's
// checks do.
func (t *talk) probes(n int, beat time.Duration) {
	t.listen()
	for i := range n {
		next := time.Now().Add(beat)
		c, err := t.try(t.w.client, t.local(t.nextPort()), t.server(), 5*sec, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0)
		})
		if err == nil {
			c.abort()
		}
		if i < n-1 {
			time.Sleep(time.Until(next))
		}
	}
	t.settle()
}

// checks connect at a beat, ask or do not, and abort.
func (t *talk) checks(request string) {
	t.serve(func(c *conn) {
		if request != "" {
			c.take(len(request))
			c.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
		c.drain()
		c.Close()
	})
	beat := t.between(700*ms, 2*sec)
	for range 5 + t.n(6) {
		next := time.Now().Add(beat)
		c, err := t.try(t.w.client, t.local(t.nextPort()), t.server(), 5*sec, nil)
		if err == nil {
			if request != "" {
				c.say(request)
				c.take(40)
			}
			c.abort()
		}
		time.Sleep(time.Until(next))
	}
	t.settle()
}

// keepAliveTimeout is a peer that does not answer probes any more.
func keepAliveTimeout(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1)
	if t.n(2) == 0 {
		c, s = s, c
	}
	c.acked()
	t.settle()
	c.set(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	c.set(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 1+t.n(3))
	c.set(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 1)
	c.set(unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 1+t.n(4))
	t.nft(t.w.router, "add element inet f dropped { %d }", t.service)
	c.drain()
	c.Close()
	t.settle()
}

// userTimeout gives up in silence; the peer hears of it when it speaks.
func userTimeout(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1)
	s.acked()
	c.set(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 800+t.n(1500))
	t.nft(t.w.router, "add element inet f dropped { %d }", t.service)
	c.send(t.size())
	c.drain() // until the timer ends it
	c.Close()
	t.nft(t.w.router, "delete element inet f dropped { %d }", t.service)
	t.sleep(0, sec)
	s.send(t.size())
	t.settle()
	s.drain()
	s.Close()
}

// vanished takes one end away as a crash does, and lets the other speak.
func (t *talk) vanished(who Role) {
	c, s := t.connect()
	t.exchange(c, s, 1+t.n(3))
	c.acked()
	s.acked()
	t.settle()
	t.sleep(0, 2*sec)
	if who == Client {
		c, s = s, c
	}
	s.vanish()
	c.send(t.size())
	t.settle()
	c.drain()
	c.Close()
}

// queueOverflow has more connections than may wait.
func queueOverflow(t *talk) {
	l := t.listen()
	l.backlog(t.n(2))
	var clients []*conn
	for range 4 + t.n(4) {
		c, err := t.try(t.w.client, t.local(t.nextPort()), t.server(), 3*sec, nil)
		if err != nil {
			continue
		}
		if t.n(2) == 0 {
			c.send(t.size())
		}
		clients = append(clients, c)
	}
	t.sleep(500*ms, 3*sec)
	for range len(clients) {
		l.ln.SetDeadline(time.Now().Add(200 * ms))
		if s, err := l.ln.AcceptTCP(); err == nil {
			t.w.keep(s)
		}
	}
}

// halfClose has a server that goes on after the client's FIN, and a client that
// has had enough.
func halfClose(t *talk) {
	c, s := t.connect()
	n := t.size()
	c.send(n)
	c.CloseWrite()
	s.take(n)
	for range 1 + t.n(4) {
		s.send(t.size())
		t.sleep(0, 100*ms)
	}
	if t.n(2) == 0 {
		t.settle()
	}
	c.Close()
	t.settle()
	s.send(10)
	s.Close()
	t.settle()
}

func shutdownBoth(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1)
	s.control(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) })
	t.settle()
	c.send(t.size())
	t.settle()
	c.drain()
	c.Close()
}

func linger2(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1)
	if t.n(2) == 0 {
		c, s = s, c
	}
	c.set(unix.IPPROTO_TCP, unix.TCP_LINGER2, -1)
	if t.n(2) == 0 {
		c.CloseWrite()
		t.settle()
	}
	c.Close()
	t.settle()
	s.drain()
	s.Close()
}

// crossingClose has both sides end at about the same time, one with data.
func crossingClose(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1)
	if t.n(2) == 0 {
		c, s = s, c
	}
	t.w.work.Go(func() { s.Close() })
	t.sleep(0, t.w.Path.Delay+ms)
	if t.n(2) == 0 {
		c.send(t.size())
	}
	c.Close()
	t.settle()
}

// delayedAccept is a client that does not wait for a program to take it.
func delayedAccept(t *talk) {
	l := t.listen()
	c := t.dial()
	n := t.size()
	c.send(n)
	c.acked()
	t.sleep(100*ms, 2*sec)
	if t.n(2) == 0 {
		c.abort()
	} else {
		c.Close()
	}
	t.settle()
	s := l.accept()
	s.take(n)
	s.send(t.size())
	t.settle()
	s.Close()
	t.settle()
}

// oldTuple comes again from the same port while the server still has the old
// connection.
func oldTuple(t *talk) {
	l := t.listen()
	port := t.nextPort()
	c, err := t.try(t.w.client, t.local(port), t.server(), 10*sec, nil)
	giveUp(err, "connecting")
	s := l.accept()
	t.exchange(c, s, 1)
	c.acked()
	t.settle()
	c.vanish()
	t.sleep(0, sec)
	c, err = t.try(t.w.client, t.local(port), t.server(), 10*sec, nil)
	giveUp(err, "connecting again")
	s = l.accept()
	t.exchange(c, s, 1)
	c.Close()
	s.drain()
	s.Close()
}

// synOnFINWait2 does the same to a server that had closed.
func synOnFINWait2(t *talk) {
	l := t.listen()
	port := t.nextPort()
	c, err := t.try(t.w.client, t.local(port), t.server(), 10*sec, nil)
	giveUp(err, "connecting")
	s := l.accept()
	t.exchange(c, s, 1)
	s.Close()
	t.settle()
	c.vanish()
	if c, err = t.try(t.w.client, t.local(port), t.server(), 5*sec, nil); err == nil {
		c.Close()
	}
	t.settle()
}

// fastRetry is a client that is refused and asks again and again, quickly, until
// the service is there.
func fastRetry(t *talk) {
	for range 2 + t.n(4) {
		t.refused(1)
		t.sleep(5*ms, 60*ms)
	}
	c, s := t.connect()
	t.exchange(c, s, 1)
	c.Close()
	s.drain()
	s.Close()
}

// request is an HTTP request with a body of n octets.
func request(method string, n int) string {
	head := fmt.Sprintf("%s / HTTP/1.1\r\nHost: s\r\n", method)
	if n > 0 {
		head += fmt.Sprintf("Content-Length: %d\r\n", n)
	}
	return head + "\r\n"
}

func response(status string, n int, more string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n", status, n, more) + strings.Repeat("x", n)
}

// untilBlank reads the head of a request.
func (c *conn) untilBlank() bool {
	var last string
	for !strings.HasSuffix(last, "\r\n\r\n") {
		b := make([]byte, 1)
		if _, err := io.ReadFull(c.TCPConn, b); err != nil {
			return false
		}
		last += string(b)
	}
	return true
}
