package field

import (
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// boxScripts are conversations in which something between the two ends, or a
// program on a raw socket, has a part.
func boxScripts() map[string]func(*talk) {
	return map[string]func(*talk){
		"reject-host":       rejectHost,
		"reject-router":     rejectRouter,
		"reject-midstream":  rejectMidstream,
		"drop-host":         dropHost,
		"syn-scan":          synScan,
		"stray-probe":       strayProbe,
		"backscatter":       backscatter,
		"second-syn":        secondSYN,
		"bad-synack":        badSYNACK,
		"bad-last-ack":      badLastACK,
		"forger-to-client":  func(t *talk) { t.forger(forgery{client: true}) },
		"forger-to-both":    func(t *talk) { t.forger(forgery{client: true, server: true}) },
		"forger-burst":      func(t *talk) { t.forger(forgery{client: true, server: true, burst: 3}) },
		"forger-late":       func(t *talk) { t.forger(forgery{client: true, late: true}) },
		"forger-blind":      forgerBlind,
		"nat":               nat,
		"nat-lost-entry":    natLostEntry,
		"idle-box":          idleBox,
		"proxy-no-backend":  proxyNoBackend,
		"proxy-client-left": proxyClientLeft,
	}
}

func rejectHost(t *talk) {
	t.nft(t.w.server, "add rule inet f incoming tcp dport %d reject with tcp reset", t.service)
	t.refused(1 + t.n(3))
}

func rejectRouter(t *talk) {
	t.nft(t.w.router, "add element inet f rejected { %d }", t.service)
	t.refused(1 + t.n(3))
}

// rejectMidstream begins to reject while a connection is open; one direction only.
func rejectMidstream(t *talk) {
	c, s := t.connect()
	t.exchange(c, s, 1+t.n(2))
	c.acked()
	t.settle()
	if t.n(2) == 0 {
		t.nft(t.w.router, "add element inet f rejected { %d }", t.service)
	} else {
		t.nft(t.w.server, "add rule inet f incoming tcp dport %d reject with tcp reset", t.service)
	}
	c.send(t.size())
	t.settle()
	c.drain()
	c.Close()
	if t.n(2) == 0 {
		s.send(t.size())
		t.settle()
	}
}

// dropHost lets nothing through; there is no RST.
func dropHost(t *talk) {
	t.nft(t.w.server, "add rule inet f incoming tcp dport %d drop", t.service)
	if c, err := t.try(t.w.client, t.local(t.nextPort()), t.server(), t.between(sec, 4*sec), nil); err == nil {
		c.Close()
	}
}

// probe is a segment of a scanner.
func (t *talk) probe(port, to uint16, flags uint8) segment {
	s := segment{
		src: netip.AddrPortFrom(clientAddr(t.Client, false), port), dst: netip.AddrPortFrom(serverAddr(t.Server, false), to),
		seq: t.random(), flags: flags, window: 1024, ttl: uint8(37 + t.n(23)), id: uint16(t.random()),
	}
	if flags == syn {
		s.options = mssOption
	}
	if flags&ack != 0 {
		s.ack = t.random()
	}
	return s
}

// synScan is a half-open scan of open and closed ports.
func synScan(t *talk) {
	for i := range 1 + t.n(4) {
		t.listenOn(t.w.server, netip.AddrPortFrom(serverAddr(t.Server, false), t.service+uint16(4*i)))
	}
	send := t.rawClient()
	from := t.nextPort()
	for i := range 12 + t.n(servicePorts-12) {
		send(t.probe(from, t.service+uint16(i), syn))
		t.sleep(0, 20*ms)
	}
	t.settle()
}

// strayProbe sends segments of no connection.
func strayProbe(t *talk) {
	t.listen()
	send := t.rawClient()
	flags := []uint8{ack, fin, 0, fin | psh | urg, fin | ack}[t.n(5)]
	from := t.nextPort()
	for i := range 3 + t.n(12) {
		send(t.probe(from, t.service+uint16(i), flags))
		t.sleep(0, 40*ms)
	}
	t.settle()
}

// backscatter is a SYN/ACK, of somebody whom a flood in this host's name reached.
func backscatter(t *talk) {
	for range 1 + t.n(3) {
		t.forge(segment{
			src: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + t.n(250))}), 443),
			dst: t.local(t.nextPort()), seq: t.random(), ack: t.random(), flags: syn | ack, window: 64240,
			ttl: uint8(40 + t.n(20)), df: true, options: mssOption,
		}, nil)
		t.sleep(20*ms, sec)
	}
	t.settle()
}

// mute keeps the client's kernel from refusing what it does not know of: the
// connection is that of a program with a raw socket.
func (t *talk) mute(port uint16) {
	t.nft(t.w.client, "table inet f { chain outgoing { type filter hook output priority 0; tcp sport %d tcp flags rst drop; }; }", port)
}

// secondSYN has another SYN behind the first, in its window.
func secondSYN(t *talk) {
	t.listen()
	send := t.rawClient()
	for range 1 + t.n(3) {
		port := t.nextPort()
		t.mute(port)
		first := t.probe(port, t.service, syn)
		second := first
		second.seq += uint32(1 + t.n(20000))
		first.ttl, second.ttl, first.df, second.df = 64, 64, true, true
		send(first)
		t.sleep(ms, 300*ms)
		send(second)
		t.sleep(0, sec)
	}
	t.settle()
}

// badSYNACK has something answer the client's SYN in the server's name, with an
// acknowledgment of what the client has not sent.
func badSYNACK(t *talk) {
	var once sync.Once
	t.watch(func(fromClient bool, s segment) {
		if !fromClient || s.flags&(syn|ack) != syn {
			return
		}
		once.Do(func() {
			x := segment{src: s.dst, dst: s.src, seq: t.random(), ack: s.seq + 1 + uint32(1+t.n(1<<20)), flags: syn | ack, window: 64240,
				ttl: 64, df: true, options: mssOption}
			guard(func() { t.forge(x, nil) })
		})
	})
	c, s := t.connect()
	t.exchange(c, s, 1)
	c.Close()
	s.drain()
	s.Close()
	t.settle()
}

// badLastACK ends a handshake with an acknowledgment of another number.
func badLastACK(t *talk) {
	t.listen()
	send := t.rawClient()
	port := t.nextPort()
	t.mute(port)
	var once sync.Once
	t.watch(func(fromClient bool, s segment) {
		if fromClient || !s.has(syn|ack) {
			return
		}
		once.Do(func() {
			x := segment{src: s.dst, dst: s.src, seq: s.ack, ack: s.next() + uint32(1+t.n(100000)), flags: ack, window: 64240, ttl: 64, df: true}
			time.AfterFunc(t.w.Path.Delay, func() { guard(func() { send(x) }) })
		})
	})
	first := t.probe(port, t.service, syn)
	first.ttl, first.df, first.window = 64, true, 64240
	send(first)
	t.settle()
	t.settle()
}

// forgery is how a forger goes about it.
type forgery struct {
	client, server bool // whom it resets
	burst          int
	late           bool // behind the numbers of the connection
}

// make is what the RSTs of one forger have in common.
type makeOf struct {
	ttl    uint8
	id     uint16
	df     bool
	window uint16
	flags  uint8
	step   uint32
}

func (t *talk) makeOf() makeOf {
	m := makeOf{ttl: []uint8{64, 128, 255, uint8(40 + t.n(200))}[t.n(4)], df: t.n(2) == 0, flags: rst}
	if t.n(2) == 0 {
		m.flags |= ack
	}
	if t.n(2) == 0 {
		m.window = uint16(t.random())
	}
	if t.n(2) == 0 {
		m.id = uint16(t.random())
	}
	m.step = []uint32{0, 1460, 2920}[t.n(3)]
	return m
}

// forger resets a connection from the path when it has seen enough of it.
func (t *talk) forger(how forgery) {
	m := t.makeOf()
	after := 1 + t.n(4) // segments with data
	var mu sync.Mutex
	seen, done := 0, false
	t.watch(func(_ bool, s segment) {
		mu.Lock()
		defer mu.Unlock()
		if s.payload == 0 || done {
			return
		}
		if seen++; seen < after {
			return
		}
		done = true
		back := segment{src: s.dst, dst: s.src, seq: s.ack, ack: s.next()}
		forth := segment{src: s.src, dst: s.dst, seq: s.next(), ack: s.ack}
		if how.late {
			back.seq, forth.seq = back.seq-uint32(1+t.n(2000)), forth.seq-uint32(1+t.n(2000))
		}
		toClient, toServer := back, forth
		if _, ok := talkOf(s.src.Port()); !ok {
			toClient, toServer = forth, back
		}
		for i := range max(1, how.burst) {
			for _, x := range []struct {
				on bool
				s  segment
			}{{how.client, toClient}, {how.server, toServer}} {
				if !x.on {
					continue
				}
				x.s.flags, x.s.ttl, x.s.id, x.s.df, x.s.window = m.flags, m.ttl, m.id+uint16(i), m.df, m.window
				x.s.seq += uint32(i) * m.step
				if m.flags&ack == 0 {
					x.s.ack = 0
				}
				guard(func() { t.forge(x.s, nil) })
			}
		}
	})
	c, s := t.connect()
	for range after {
		n, k := t.size(), t.size()
		c.send(n)
		s.take(n)
		s.send(k)
		if !c.take(k) {
			break
		}
		t.sleep(0, 100*ms)
	}
	t.settle()
	c.Close()
	s.drain()
	s.Close()
	t.settle()
}

// forgerBlind guesses numbers, and does not hit.
func forgerBlind(t *talk) {
	m := t.makeOf()
	c, s := t.connect()
	t.exchange(c, s, 1)
	from, to := s.LocalAddr().(addrPorter).AddrPort(), c.LocalAddr().(addrPorter).AddrPort()
	if t.n(2) == 0 {
		from, to = to, from
	}
	unmap := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
	seq := t.random()
	for i := range 5 + t.n(20) {
		t.forge(segment{
			src: unmap(from), dst: unmap(to), seq: seq + uint32(i)*60000, flags: rst,
			ttl: m.ttl, id: uint16(t.random()), df: m.df, window: m.window,
		}, nil)
		t.sleep(0, 10*ms)
	}
	t.settle()
	t.exchange(c, s, 2)
	c.Close()
	s.drain()
	s.Close()
}

type addrPorter interface{ AddrPort() netip.AddrPort }

// nat is a client behind a translation that holds.
func nat(t *talk) {
	t.nft(t.w.router, "add element ip n hidden { %d }", t.service)
	l := t.listen()
	c := t.dial()
	s := l.accept()
	t.exchange(c, s, 1+t.n(3))
	switch t.n(3) {
	case 0:
		s.abort()
	case 1:
		c.send(t.size())
		t.settle()
		s.Close()
	default:
		c.Close()
		s.drain()
		s.Close()
	}
	t.settle()
}

// forget takes the router's entry of the talk's connections away.
func (t *talk) forget(port uint16) {
	nl, err := netlink.NewHandleAt(netns.NsHandle(t.w.router.ns.Fd()), unix.NETLINK_NETFILTER)
	giveUp(err, "netlink")
	defer nl.Close()
	f := &netlink.ConntrackFilter{}
	giveUp(f.AddProtocol(unix.IPPROTO_TCP), "conntrack")
	giveUp(f.AddPort(netlink.ConntrackOrigDstPort, port), "conntrack")
	_, err = nl.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, f)
	giveUp(err, "conntrack")
}

// natLostEntry is a service behind a translated address; the translator forgets
// the connection.
func natLostEntry(t *talk) {
	t.nft(t.w.router, "add element ip n virtuals { %d : %v . %d }", t.service, serverAddr(t.Server, false), t.service)
	l := t.listen()
	c, err := t.try(t.w.client, t.local(t.nextPort()), netip.AddrPortFrom(virtual, t.service), 10*sec, nil)
	giveUp(err, "connecting")
	s := l.accept()
	t.exchange(c, s, 1)
	c.acked()
	s.acked()
	t.settle()
	t.forget(t.service)
	t.sleep(0, 2*sec)
	if t.n(2) == 0 {
		s.send(t.size()) // reaches the client with the server's own address
	} else {
		c.send(t.size()) // of a connection that is not known, to nobody
	}
	t.settle()
	c.Close()
	t.settle()
}

// idleBox forgets an idle connection, and rejects what comes next.
func idleBox(t *talk) {
	t.nft(t.w.router, "add element inet f boxed { %d }", t.service)
	c, s := t.connect()
	t.exchange(c, s, 1)
	c.acked()
	s.acked()
	t.settle()
	t.sleep(2*sec, 6*sec)
	t.forget(t.service)
	if t.n(2) == 0 {
		c, s = s, c
	}
	c.send(t.size())
	t.settle()
	c.drain()
	c.Close()
	t.settle()
}

// proxyListen starts a proxy on the router, before the talk's service.
func (t *talk) proxyListen() (*listener, netip.AddrPort) {
	at := netip.AddrPortFrom(routerInside[0], t.service+servicePorts-1)
	return t.listenOn(t.w.router, at), at
}

// legs gives a client's connection to the proxy, the proxy's end of it, and
// nothing of the other leg.
func (t *talk) legs() (c, p *conn) {
	l, at := t.proxyListen()
	c, err := t.try(t.w.client, t.local(t.nextPort()), at, 10*sec, nil)
	giveUp(err, "connecting")
	return c, l.accept()
}

// proxyNoBackend is a proxy whose server is not there: it ends what it accepted.
func proxyNoBackend(t *talk) {
	c, p := t.legs()
	if t.n(2) == 0 {
		n := t.size()
		c.send(n)
		p.unread(n)
	}
	back, err := t.try(t.w.router, netip.AddrPortFrom(routerOutside[0], t.nextPort()), t.server(), 5*sec, nil)
	if err == nil {
		back.Close()
	}
	if t.n(2) == 0 {
		p.abort()
	} else {
		p.Close()
	}
	t.settle()
	c.drain()
	c.Close()
}

// proxyClientLeft aborts its connection to the server when the client aborts.
func proxyClientLeft(t *talk) {
	l := t.listen()
	c, p := t.legs()
	back, err := t.try(t.w.router, netip.AddrPortFrom(routerOutside[0], t.nextPort()), t.server(), 5*sec, nil)
	giveUp(err, "connecting to the server")
	s := l.accept()
	n := t.size()
	c.send(n)
	p.take(n)
	back.send(n)
	s.take(n)
	t.sleep(50*ms, 2*sec)
	if t.n(2) == 0 {
		c.abort()
		p.drain()
		back.abort()
	} else {
		c.Close()
		p.drain()
		back.Close()
		t.settle()
		s.send(t.size())
	}
	p.Close()
	t.settle()
	s.Close()
}
