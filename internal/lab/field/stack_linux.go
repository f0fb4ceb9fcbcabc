package field

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/rstwhy/rstwhy/kernel"
)

// stackAddr is where the n-th profile is reached: behind the server's host.
func stackAddr(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 9, 2, byte(1 + n)}) }

// stacks are the TCPs in user space of a world, on one TUN device.
type stacks struct {
	tun *os.File

	mu     sync.Mutex
	conns  map[[2]netip.AddrPort]*uconn // local, remote
	ports  map[netip.AddrPort]*uport
	id     [16]uint16 // of IP, by profile
	words  []word
	closed bool
}

// uport is a port on which something listens.
type uport struct {
	room  int // for connections that nobody has accepted
	conns chan *uconn
}

// uconn is one connection of such a stack. It only ever is a server's.
type uconn struct {
	s             *stacks
	p             *profile
	n             int // of the profile
	local, remote netip.AddrPort
	cond          *sync.Cond // on s.mu

	una, nxt, rcv uint32
	unread        int
	peerFIN       bool
	open          bool // established
	finSent       bool
	gone          bool // closed by its program: nobody reads any more
	dead          bool // nothing of it is left
	useTS         bool
	tsEcho        uint32
	queue         []segment // sent and not acknowledged
	tries         int
	timer         *time.Timer
	ackDue        *time.Timer
	started       time.Time
}

const userMSS = 1400

// newStacks starts the stacks.
func newStacks(w *world) (*stacks, error) {
	s := &stacks{conns: map[[2]netip.AddrPort]*uconn{}, ports: map[netip.AddrPort]*uport{}}
	var err error
	if s.tun, err = w.newTUN("tun0", "10.9.2.0/24"); err != nil {
		return nil, err
	}
	w.closers = append(w.closers, s.close)
	go s.run()
	return s, nil
}

// newTUN puts a TUN device beside the server's interface, with the addresses of
// to behind it.
func (w *world) newTUN(name, to string) (tun *os.File, err error) {
	err = w.server.do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		var ifreq struct {
			name  [unix.IFNAMSIZ]byte
			flags uint16
			_     [22]byte
		}
		copy(ifreq.name[:], name)
		ifreq.flags = unix.IFF_TUN | unix.IFF_NO_PI
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&ifreq))); errno != 0 {
			unix.Close(fd)
			return errno
		}
		tun = os.NewFile(uintptr(fd), name)
		return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
	})
	defer func() {
		if err != nil && tun != nil {
			tun.Close()
		}
	}()
	if err != nil {
		return nil, fmt.Errorf("field: TUN device: %w", err)
	}
	_, dst, err := net.ParseCIDR(to)
	if err != nil {
		return nil, err
	}
	for _, r := range []struct {
		h    *host
		name string
		gw   net.IP
	}{{w.server, name, nil}, {w.router, outsideName, serverAddr(0, false).AsSlice()}} {
		nl, err := netlink.NewHandleAt(netns.NsHandle(r.h.ns.Fd()))
		if err != nil {
			return nil, fmt.Errorf("field: netlink: %w", err)
		}
		dev, err := nl.LinkByName(r.name)
		if err == nil {
			err = nl.LinkSetUp(dev)
		}
		if err == nil {
			err = nl.RouteAdd(&netlink.Route{LinkIndex: dev.Attrs().Index, Dst: dst, Gw: r.gw})
		}
		nl.Close()
		if err != nil {
			return nil, fmt.Errorf("field: route to %s: %w", to, err)
		}
	}
	return tun, nil
}

func (s *stacks) close() {
	s.mu.Lock()
	s.closed = true
	for _, c := range s.conns {
		c.remove()
	}
	s.mu.Unlock()
	s.tun.Close()
}

func (s *stacks) run() {
	buf := make([]byte, 1<<16)
	for {
		n, err := s.tun.Read(buf)
		if err != nil {
			return
		}
		b := append([]byte(nil), buf[:n]...)
		if x, ok := parseIP(b); ok && x.dst.Addr().Is4() {
			s.mu.Lock()
			s.take(&x)
			s.mu.Unlock()
		}
	}
}

// take is the arrival of a segment.
func (s *stacks) take(x *segment) {
	n := int(x.dst.Addr().As4()[3]) - 1
	if n < 0 || n >= len(profiles) || s.closed {
		return
	}
	if c := s.conns[[2]netip.AddrPort{x.dst, x.src}]; c != nil {
		c.take(x)
		return
	}
	if x.has(rst) {
		return
	}
	port := s.ports[x.dst]
	switch {
	case x.flags&(syn|ack) == syn && port != nil && len(port.conns) < port.room:
		s.accept(n, port, x)
	case x.has(syn) && port != nil && len(port.conns) >= port.room:
		if profiles[n].fullRefuses {
			s.reply(n, x, nil, "BACKLOG_FULL")
		}
	default:
		s.reply(n, x, nil, "NO_SOCKET")
	}
}

func (s *stacks) accept(n int, port *uport, x *segment) {
	c := &uconn{s: s, p: &profiles[n], n: n, local: x.dst, remote: x.src, cond: sync.NewCond(&s.mu), started: time.Now()}
	c.rcv, c.una = x.seq+1, binary.BigEndian.Uint32([]byte{byte(x.seq >> 3), byte(x.seq), byte(x.id), byte(x.seq >> 11)})
	c.nxt = c.una
	echo, hasTS := timestamp(x.options)
	c.useTS, c.tsEcho = hasTS && c.p.timestamps, echo
	s.conns[[2]netip.AddrPort{x.dst, x.src}] = c
	options := append([]byte(nil), mssOption...)
	if c.p.wscale > 0 {
		options = append(options, 1, 3, 3, c.p.wscale)
	}
	c.push(segment{flags: syn | ack, options: options})
	port.conns <- c
}

// timestamp is the peer's TSval, if the option is there (RFC 7323, 3.2).
func timestamp(options []byte) (val uint32, ok bool) {
	for len(options) > 0 {
		switch {
		case options[0] == 0:
			return 0, false
		case options[0] == 1:
			options = options[1:]
			continue
		case len(options) < 2 || int(options[1]) < 2 || len(options) < int(options[1]):
			return 0, false
		case options[0] == 8 && options[1] == 10:
			return binary.BigEndian.Uint32(options[2:]), true
		}
		options = options[options[1]:]
	}
	return 0, false
}

// put sends a segment of the connection as it is.
func (c *uconn) put(x segment) {
	x.src, x.dst, x.ttl, x.df = c.local, c.remote, c.p.ttl, c.p.df
	if x.has(ack) {
		x.ack = c.rcv
	}
	if !x.has(rst) {
		x.window = c.p.window
		if c.useTS {
			x.options = c.withTS(x.options)
		}
		if x.has(ack) && c.ackDue != nil {
			c.ackDue.Stop()
			c.ackDue = nil
		}
	}
	c.s.write(c.n, &x)
}

func (c *uconn) withTS(options []byte) []byte {
	ts := []byte{1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(ts[4:], uint32(time.Now().UnixMilli()))
	binary.BigEndian.PutUint32(ts[8:], c.tsEcho)
	return append(append([]byte(nil), options...), ts...)
}

func (s *stacks) write(n int, x *segment) {
	if profiles[n].countedID {
		s.id[n]++
		x.id = s.id[n]
	}
	s.tun.Write(x.packet(make([]byte, x.payload)))
}

// push sends something that takes up numbers, and repeats it until it is
// acknowledged.
func (c *uconn) push(x segment) {
	x.seq = c.nxt
	c.nxt = x.next()
	c.queue = append(c.queue, x)
	c.put(x)
	if c.timer == nil {
		c.rearm()
	}
}

func (c *uconn) rearm() {
	c.timer = time.AfterFunc(time.Second<<min(c.tries, 3), func() {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		if c.dead || len(c.queue) == 0 {
			c.timer = nil
			return
		}
		if c.tries++; c.tries > 3 {
			if c.p.giveUpRST {
				c.reset("RETRANSMISSION_TIMEOUT", false)
			}
			c.remove()
			return
		}
		c.put(c.queue[0])
		c.rearm()
	})
}

// take is the arrival of a segment of the connection.
func (c *uconn) take(x *segment) {
	if x.has(rst) {
		if x.seq == c.rcv {
			c.remove()
		}
		return
	}
	if v, ok := timestamp(x.options); ok {
		c.tsEcho = v
	}
	if x.has(syn) {
		c.put(c.queueHead())
		return
	}
	if x.has(ack) && int32(x.ack-c.una) > 0 && int32(x.ack-c.nxt) <= 0 {
		c.una, c.tries, c.open = x.ack, 0, true
		for len(c.queue) > 0 && int32(c.queue[0].next()-c.una) <= 0 {
			c.queue = c.queue[1:]
		}
		if c.timer != nil {
			c.timer.Stop()
			c.timer = nil
		}
		if len(c.queue) > 0 {
			c.rearm()
		}
	}
	switch {
	case x.payload == 0 && !x.has(fin):
	case x.seq != c.rcv: // twice, or beyond a gap
		c.put(segment{seq: c.nxt, flags: ack})
	case x.payload > 0 && c.gone:
		c.s.reply(c.n, x, c, "TCP_ABORT_ON_DATA")
		c.remove()
		return
	default:
		c.rcv += uint32(x.payload)
		c.unread += x.payload
		if x.has(fin) {
			c.rcv++
			c.peerFIN = true
			c.put(segment{seq: c.nxt, flags: ack})
		} else if c.ackDue == nil {
			// Delayed: an abort may be the first to acknowledge.
			c.ackDue = time.AfterFunc(100*time.Millisecond, func() {
				c.s.mu.Lock()
				defer c.s.mu.Unlock()
				if c.ackDue != nil && !c.dead {
					c.put(segment{seq: c.nxt, flags: ack})
				}
			})
		}
	}
	c.cond.Broadcast()
}

func (c *uconn) queueHead() segment {
	if len(c.queue) > 0 {
		return c.queue[0]
	}
	return segment{seq: c.nxt, flags: ack}
}

// remove forgets the connection.
func (c *uconn) remove() {
	c.dead = true
	for _, t := range []*time.Timer{c.timer, c.ackDue} {
		if t != nil {
			t.Stop()
		}
	}
	delete(c.s.conns, [2]netip.AddrPort{c.local, c.remote})
	c.cond.Broadcast()
}

// reset aborts the connection (RFC 9293, 3.10.5), as the profile has it.
func (c *uconn) reset(reason string, linger bool) {
	x := segment{seq: c.nxt, flags: rst}
	if c.p.abortACK {
		x.flags |= ack
	}
	if c.p.abortWindow {
		x.window = c.p.window
	}
	if c.p.abortTimestamps && c.useTS {
		x.options = c.withTS(nil)
	}
	c.s.say(c.local, c.remote, reason, true, x.seq, x.flags, uint32(c.unread), linger)
	c.put(x)
}

// reply refuses a segment (RFC 9293, 3.10.7.1); c is the closed connection, if
// there is one yet.
func (s *stacks) reply(n int, x *segment, c *uconn, reason string) {
	p := &profiles[n]
	r := segment{src: x.dst, dst: x.src, ttl: p.ttl, df: p.df, flags: rst}
	switch {
	case !x.has(ack):
		r.flags, r.ack = rst|ack, x.next()
	case p.replyACK:
		r.flags, r.seq, r.ack = rst|ack, x.ack, x.next()
	default:
		r.seq = x.ack
		if p.replyAckField {
			r.ack = x.next()
		}
	}
	if c != nil && p.replyOwnNext {
		r.seq = c.nxt
	}
	if p.replyWindow {
		r.window = p.window
	}
	s.say(r.src, r.dst, reason, false, r.seq, r.flags, 0, false)
	w := &s.words[len(s.words)-1]
	w.trigger, w.octets = x.word(), x.payload
	s.write(n, &r)
}

// say records why a RST is sent.
func (s *stacks) say(from, to netip.AddrPort, reason string, active bool, seq uint32, flags uint8, unread uint32, linger bool) {
	s.words = append(s.words, word{Event: kernel.Event{
		Time: time.Now(), Sender: from, Receiver: to, Reason: reason, Active: active, Unread: unread, Linger: linger,
	}, exact: true, seq: seq, flags: flags})
}

// listenUser starts a service on the talk's stack.
func (t *talk) listenUser(room int) *uport {
	s := t.w.stacks
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &uport{room, make(chan *uconn, clientPorts)}
	s.ports[t.userServer()] = p
	return p
}

func (t *talk) userServer() netip.AddrPort {
	return netip.AddrPortFrom(stackAddr(t.Stack), uint16(firstService+servicePorts*t.N))
}

// connectUser is connect with a server in user space.
func (t *talk) connectUser() (*conn, *uconn) {
	p := t.listenUser(clientPorts)
	c, err := t.try(t.w.client, t.local(t.nextPort()), t.userServer(), 10*sec, nil)
	giveUp(err, "connecting")
	return c, <-p.conns
}

// do runs fn with the lock of the stacks.
func (c *uconn) do(fn func()) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	fn()
}

// await waits until ok, some seconds at most.
func (c *uconn) await(ok func() bool) {
	for until := time.Now().Add(5 * sec); time.Now().Before(until); time.Sleep(2 * ms) {
		done := false
		c.do(func() { done = c.dead || ok() })
		if done {
			return
		}
	}
}

func (c *uconn) consume(n int) {
	c.await(func() bool { return c.unread >= n })
	c.do(func() { c.unread -= min(n, c.unread) })
}

func (c *uconn) acked() { c.await(func() bool { return len(c.queue) == 0 }) }

func (c *uconn) send(n int) {
	c.do(func() {
		for ; n > 0 && !c.dead; n -= userMSS {
			c.push(segment{flags: psh | ack, payload: min(n, userMSS)})
		}
	})
}

func (c *uconn) close() {
	c.do(func() {
		if c.dead {
			return
		}
		if c.unread > 0 && !c.p.unreadFIN {
			c.reset("TCP_ABORT_ON_CLOSE", false)
			c.remove()
			return
		}
		c.gone, c.finSent = true, true
		c.push(segment{flags: fin | ack})
	})
}

func (c *uconn) abort() {
	c.do(func() {
		if !c.dead {
			c.reset("TCP_STATE", true)
			c.remove()
		}
	})
}

func (c *uconn) vanish() { c.do(func() { c.remove() }) }

// stackScripts are conversations with servers that are not Linux.
func stackScripts() map[string]func(*talk) {
	return map[string]func(*talk){
		"stack-closed-port": func(t *talk) {
			for range 1 + t.n(3) {
				if c, err := t.try(t.w.client, t.local(t.nextPort()), t.userServer(), 5*sec, nil); err == nil {
					c.Close()
				}
				t.sleep(0, sec)
			}
		},
		"stack-queue-full": func(t *talk) {
			t.listenUser(1 + t.n(3))
			for range 4 + t.n(3) {
				c, err := t.try(t.w.client, t.local(t.nextPort()), t.userServer(), 1500*ms, nil)
				if err == nil {
					t.w.keep(c)
				}
			}
		},
		"stack-unread": func(t *talk) {
			c, s := t.connectUser()
			t.talkUser(c, s, t.n(3))
			n := 1 + t.n(5000)
			c.send(n)
			s.await(func() bool { return s.unread >= n })
			t.sleep(0, 500*ms)
			s.close()
			t.settle()
			c.send(t.size())
			t.settle()
			c.drain()
			c.Close()
		},
		"stack-abort": func(t *talk) {
			c, s := t.connectUser()
			t.talkUser(c, s, 1+t.n(3))
			s.acked()
			t.sleep(0, 400*ms)
			s.abort()
			t.settle()
			c.drain()
			c.Close()
		},
		"stack-abort-idle": func(t *talk) {
			c, s := t.connectUser()
			t.talkUser(c, s, 1+t.n(3))
			t.sleep(2*sec, 6*sec)
			s.abort()
			t.settle()
			c.drain()
			c.Close()
		},
		"stack-abort-request": func(t *talk) {
			c, s := t.connectUser()
			t.talkUser(c, s, t.n(2))
			n := t.size()
			c.send(n)
			s.consume(n)
			t.sleep(0, 300*ms)
			s.abort()
			t.settle()
			c.drain()
			c.Close()
		},
		"stack-data-after-close": func(t *talk) {
			c, s := t.connectUser()
			t.talkUser(c, s, 1+t.n(3))
			s.close()
			t.settle()
			t.sleep(0, sec)
			c.send(t.size())
			t.settle()
			c.drain()
			c.Close()
		},
		"stack-vanished": func(t *talk) {
			c, s := t.connectUser()
			t.talkUser(c, s, 1+t.n(3))
			s.acked()
			t.settle()
			s.vanish()
			t.sleep(0, 2*sec)
			c.send(t.size())
			t.settle()
			c.drain()
			c.Close()
		},
		"stack-gives-up": func(t *talk) {
			c, s := t.connectUser()
			t.talkUser(c, s, 1)
			s.acked()
			t.nft(t.w.router, "add element inet f dropped { %d }", t.service)
			s.send(t.size())
			s.await(func() bool { return false })
			time.Sleep(9 * sec)
			c.Close()
		},
	}
}

func (t *talk) talkUser(c *conn, s *uconn, rounds int) {
	for range rounds {
		n, m := t.size(), t.size()
		c.send(n)
		s.consume(n)
		s.send(m)
		c.take(m)
	}
}
