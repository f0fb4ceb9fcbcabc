package field

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The addresses of every world. The relay between client and router has none.
func clientAddr(n int, v6 bool) netip.Addr { return nthAddr("10.9.0.11", "fd09::11", n, v6) }
func serverAddr(n int, v6 bool) netip.Addr { return nthAddr("10.9.1.21", "fd09:1::21", n, v6) }

func nthAddr(v4, v6 string, n int, six bool) netip.Addr {
	a := netip.MustParseAddr(v4)
	if six {
		a = netip.MustParseAddr(v6)
	}
	for range n {
		a = a.Next()
	}
	return a
}

// The router's addresses, and the one that it translates into a server's.
var (
	routerInside  = [2]netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("fd09::1")}
	routerOutside = [2]netip.Addr{netip.MustParseAddr("10.9.1.1"), netip.MustParseAddr("fd09:1::1")}
	virtual       = netip.MustParseAddr("10.9.9.9")
)

// Interfaces: each host's only one, and the router's two.
const (
	ethName     = "eth0"
	insideName  = "inside"
	outsideName = "outside"
)

const (
	lifetime = 90 * time.Second // of a program of the lab, at most
	patience = 10 * time.Second // with a program that must start, or end
)

// host is a network namespace.
type host struct {
	ns    *os.File
	inode uint32
}

// do runs fn inside the host's network namespace. A goroutine that fn starts runs
// outside.
func (h *host) do(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(h.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("field: entering a network namespace: %w", err)
			return
		}
		done <- fn()
	}()
	return <-done
}

// run runs a program on the host to its end.
func (h *host) run(stdin string, name string, args ...string) error {
	var said strings.Builder
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &said, &said
	err := h.do(cmd.Start)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("field: %s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return nil
}

func newHost() (*host, error) {
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- result{nil, fmt.Errorf("field: making a network namespace: %w", err)}
			return
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		done <- result{f, err}
	}()
	r := <-done
	if r.err != nil {
		return nil, r.err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(r.f.Fd()), &st); err != nil {
		r.f.Close()
		return nil, err
	}
	return &host{r.f, uint32(st.Ino)}, nil
}

// world is a World that is there.
type world struct {
	*World
	client, relay, router, server *host

	outside  int         // index of the router's interface
	raw      int         // socket of forgers, on the router
	watch    [2]watchers // what passes the relay from the client, from the server
	hubs     *hubs
	stacks   *stacks
	netstack *netstack // or nil
	dumps    []*dump
	closers  []func()

	mu   sync.Mutex
	open []io.Closer // what the talks left open
	work sync.WaitGroup
}

// watchers are told of the segments that pass the relay.
type watchers struct {
	mu  sync.RWMutex
	all map[int]func(segment) // by talk
}

func (w *watchers) see(s segment) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, port := range [2]uint16{s.src.Port(), s.dst.Port()} {
		if n, ok := talkOf(port); ok {
			if fn := w.all[n]; fn != nil {
				fn(s)
			}
			return
		}
	}
}

// keep remembers what is to be closed when the captures are done: a socket that
// was closed earlier might send.
func (w *world) keep(c io.Closer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = append(w.open, c)
}

// newWorld makes the hosts and the links of plan. It needs root.
func newWorld(plan *World) (_ *world, err error) {
	w := &world{World: plan, raw: -1}
	for i := range w.watch {
		w.watch[i].all = map[int]func(segment){}
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	for _, h := range []**host{&w.client, &w.relay, &w.router, &w.server} {
		if *h, err = newHost(); err != nil {
			return nil, err
		}
		w.closers = append(w.closers, func() { (*h).ns.Close() })
	}
	// client - relay - router - server
	for _, cable := range []struct {
		a     *host
		aName string
		b     *host
		bName string
	}{
		{w.relay, "client", w.client, ethName},
		{w.relay, "router", w.router, insideName},
		{w.router, outsideName, w.server, ethName},
	} {
		if err := newVeth(cable.a, cable.aName, cable.b, cable.bName); err != nil {
			return nil, err
		}
	}
	inside, outside := [2]netip.Prefix{}, [2]netip.Prefix{}
	for i := range 2 {
		bits := 24 + 40*i
		inside[i], _ = routerInside[i].Prefix(bits)
		outside[i], _ = routerOutside[i].Prefix(bits)
	}
	var clients, servers []netip.Addr
	for _, v6 := range []bool{false, true} {
		for n := range clientAddrs {
			clients = append(clients, clientAddr(n, v6))
		}
		for n := range serverAddrs {
			servers = append(servers, serverAddr(n, v6))
		}
	}
	for _, l := range []struct {
		h       *host
		name    string
		addrs   []netip.Addr
		gateway *[2]netip.Addr
	}{
		{w.client, ethName, clients, &routerInside},
		{w.server, ethName, servers, &routerOutside},
		{w.router, insideName, routerInside[:], nil},
		{w.router, outsideName, routerOutside[:], nil},
	} {
		if err := configure(l.h, l.name, l.addrs, l.gateway); err != nil {
			return nil, err
		}
	}
	if err := w.neighbours(clients, servers); err != nil {
		return nil, err
	}
	if err := w.settings(); err != nil {
		return nil, err
	}
	if err := w.startRelay(); err != nil {
		return nil, err
	}
	err = w.router.do(func() (err error) {
		w.raw, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("field: raw socket: %w", err)
	}
	w.closers = append(w.closers, func() { unix.Close(w.raw) })
	if w.stacks, err = newStacks(w); err != nil {
		return nil, err
	}
	if plan.Netstack != "" {
		if err := w.startNetstack(plan.Netstack); err != nil {
			return nil, err
		}
	}
	w.hubs, err = newHubs(w)
	return w, err
}

// settings are the sysctls and the packet filters.
func (w *world) settings() error {
	overflow := "0"
	if w.Overflow {
		overflow = "1"
	}
	for _, s := range []struct {
		h           *host
		name, value string
	}{
		{w.router, "net/ipv4/ip_forward", "1"},
		{w.router, "net/ipv6/conf/all/forwarding", "1"},
		{w.server, "net/ipv4/tcp_abort_on_overflow", overflow},
	} {
		if err := s.h.do(func() error { return os.WriteFile("/proc/sys/"+s.name, []byte(s.value), 0) }); err != nil {
			return fmt.Errorf("field: sysctl %s: %w", s.name, err)
		}
	}
	if err := w.server.run("table inet f {\n chain incoming { type filter hook input priority 0; }\n}\n", "nft", "-f", "-"); err != nil {
		return err
	}
	// The box forgets what it is told to forget, and then rejects what is of no
	// connection that it knows.
	if err := w.router.run(`table inet f {
 set boxed { type inet_service; }
 set rejected { type inet_service; }
 set dropped { type inet_service; }
 chain passing { type filter hook forward priority 0;
  tcp dport @dropped drop
  tcp sport @dropped drop
  tcp dport @rejected reject with tcp reset
  tcp dport @boxed ct state invalid reject with tcp reset
  tcp sport @boxed ct state invalid reject with tcp reset
 }
}
table ip n {
 map virtuals { type inet_service : ipv4_addr . inet_service; }
 set hidden { type inet_service; }
 chain pre { type nat hook prerouting priority dstnat; ip daddr 10.9.9.9 dnat to tcp dport map @virtuals; }
 chain post { type nat hook postrouting priority srcnat; tcp dport @hidden masquerade; }
}
`, "nft", "-f", "-"); err != nil {
		return err
	}
	err := w.router.do(func() error {
		return os.WriteFile("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", []byte("0"), 0)
	})
	if err != nil {
		return fmt.Errorf("field: %w", err)
	}
	return nil
}

// startRelay joins client and router.
func (w *world) startRelay() error {
	var sides [2]*os.File
	for i, name := range []string{"client", "router"} {
		nl, err := netlink.NewHandleAt(netns.NsHandle(w.relay.ns.Fd()))
		if err != nil {
			return fmt.Errorf("field: netlink: %w", err)
		}
		dev, err := nl.LinkByName(name)
		if err == nil {
			err = nl.SetPromiscOn(dev) // the frames are for others
		}
		if err == nil {
			err = nl.LinkSetUp(dev)
		}
		nl.Close()
		if err != nil {
			return fmt.Errorf("field: %s: %w", name, err)
		}
		err = w.relay.do(func() (err error) {
			sides[i], err = openFrames(name, dev.Attrs().Index)
			return err
		})
		if err != nil {
			return err
		}
		w.closers = append(w.closers, func() { sides[i].Close() })
	}
	go relay(sides[0], sides[1], w.Path, rand.New(rand.NewPCG(w.Seed, 1)), w.watch[0].see)
	go relay(sides[1], sides[0], w.Path, rand.New(rand.NewPCG(w.Seed, 2)), w.watch[1].see)
	return nil
}

// close takes the world away.
func (w *world) close() {
	for _, d := range w.dumps {
		d.kill()
	}
	w.mu.Lock()
	for _, c := range w.open {
		c.Close()
	}
	w.mu.Unlock()
	for i := len(w.closers) - 1; i >= 0; i-- {
		w.closers[i]()
	}
}

// newVeth makes a cable between two hosts.
func newVeth(a *host, aName string, b *host, bName string) error {
	nl, err := netlink.NewHandleAt(netns.NsHandle(a.ns.Fd()))
	if err != nil {
		return fmt.Errorf("field: netlink: %w", err)
	}
	defer nl.Close()
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: aName, MTU: 1500})
	veth.PeerName, veth.PeerNamespace, veth.PeerMTU = bName, netlink.NsFd(b.ns.Fd()), 1500
	if err := nl.LinkAdd(veth); err != nil {
		return fmt.Errorf("field: making a veth: %w", err)
	}
	return nil
}

func configure(h *host, name string, addrs []netip.Addr, gateway *[2]netip.Addr) error {
	if err := h.do(func() error { return offloadsOff(name) }); err != nil {
		return err
	}
	nl, err := netlink.NewHandleAt(netns.NsHandle(h.ns.Fd()))
	if err != nil {
		return fmt.Errorf("field: netlink: %w", err)
	}
	defer nl.Close()
	if lo, err := nl.LinkByName("lo"); err == nil {
		nl.LinkSetUp(lo)
	}
	dev, err := nl.LinkByName(name)
	if err != nil {
		return fmt.Errorf("field: %s: %w", name, err)
	}
	for _, a := range addrs {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(24, 32)}}
		if a.Is6() {
			addr.Mask, addr.Flags = net.CIDRMask(64, 128), unix.IFA_F_NODAD
		}
		if err := nl.AddrAdd(dev, addr); err != nil {
			return fmt.Errorf("field: address %v: %w", a, err)
		}
	}
	if err := nl.LinkSetUp(dev); err != nil {
		return fmt.Errorf("field: %s up: %w", name, err)
	}
	if gateway == nil {
		return nil
	}
	for i, dst := range []string{"0.0.0.0/0", "::/0"} {
		_, all, _ := net.ParseCIDR(dst)
		if err := nl.RouteAdd(&netlink.Route{LinkIndex: dev.Attrs().Index, Dst: all, Gw: gateway[i].AsSlice()}); err != nil {
			return fmt.Errorf("field: default route: %w", err)
		}
	}
	return nil
}

// neighbours tells everybody who is where: asking would add to the times of the
// first connections.
func (w *world) neighbours(clients, servers []netip.Addr) error {
	hw := map[string]net.HardwareAddr{}
	index := map[string]int{}
	ends := []struct {
		h    *host
		name string
		key  string
	}{
		{w.client, ethName, "client"}, {w.router, insideName, "inside"},
		{w.router, outsideName, "outside"}, {w.server, ethName, "server"},
	}
	with := func(h *host, fn func(nl *netlink.Handle) error) error {
		nl, err := netlink.NewHandleAt(netns.NsHandle(h.ns.Fd()))
		if err != nil {
			return fmt.Errorf("field: netlink: %w", err)
		}
		defer nl.Close()
		return fn(nl)
	}
	for _, e := range ends {
		if err := with(e.h, func(nl *netlink.Handle) error {
			dev, err := nl.LinkByName(e.name)
			if err != nil {
				return err
			}
			hw[e.key], index[e.key] = dev.Attrs().HardwareAddr, dev.Attrs().Index
			return nil
		}); err != nil {
			return err
		}
	}
	w.outside = index["outside"]
	for _, n := range []struct {
		h        *host
		from, to string
		addrs    []netip.Addr
	}{
		{w.client, "client", "inside", routerInside[:]},
		{w.router, "inside", "client", clients},
		{w.router, "outside", "server", servers},
		{w.server, "server", "outside", routerOutside[:]},
	} {
		if err := with(n.h, func(nl *netlink.Handle) error {
			for _, a := range n.addrs {
				if err := nl.NeighSet(&netlink.Neigh{
					LinkIndex: index[n.from], State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: hw[n.to],
				}); err != nil {
					return fmt.Errorf("field: neighbour %v: %w", a, err)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// offloadsOff makes an interface of the calling thread's namespace send frames as
// a wire would carry them.
func offloadsOff(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, cmd := range []uint32{unix.ETHTOOL_SGRO, unix.ETHTOOL_SGSO, unix.ETHTOOL_STSO, unix.ETHTOOL_STXCSUM} {
		value := [2]uint32{cmd, 0} // struct ethtool_value
		var ifreq struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}
		copy(ifreq.name[:unix.IFNAMSIZ-1], name)
		ifreq.data = unsafe.Pointer(&value)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&ifreq))); errno != 0 {
			return fmt.Errorf("field: ethtool command %#x on %s: %w", cmd, name, errno)
		}
	}
	return nil
}

// dump is a running tcpdump.
type dump struct {
	cmd    *exec.Cmd
	file   *os.File
	stderr sync.WaitGroup
	said   strings.Builder // valid after stderr.Wait
}

// tcpdump starts a tcpdump and returns when it listens.
func (h *host) tcpdump(iface string) (_ *dump, err error) {
	d := &dump{}
	if d.file, err = os.CreateTemp("", "rstlab-*.pcap"); err != nil {
		return nil, err
	}
	os.Remove(d.file.Name()) // goes with the last who has it open
	// timeout(1) ends it also when this process is killed and cannot.
	d.cmd = exec.Command("timeout", fmt.Sprint(lifetime.Seconds()), "tcpdump", "-i", iface, "-n", "-U", "--immediate-mode",
		"-B", "16384", "-s", "256", "-w", "-", "tcp or ip6 proto 6")
	d.cmd.Stdout = d.file
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		d.file.Close()
		return nil, err
	}
	if err := h.do(d.cmd.Start); err != nil {
		d.file.Close()
		return nil, fmt.Errorf("field: starting tcpdump: %w", err)
	}
	listening := make(chan bool, 1)
	d.stderr.Go(func() {
		defer close(listening)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			d.said.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "listening on") {
				listening <- true
			}
		}
	})
	select {
	case ok := <-listening:
		if ok {
			return d, nil
		}
		err = fmt.Errorf("field: tcpdump ended: %s", d.said.String())
	case <-time.After(patience):
		err = errors.New("field: tcpdump does not listen")
	}
	d.kill()
	return nil, err
}

// stop ends tcpdump and returns the capture.
func (d *dump) stop() (*capture, error) {
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return nil, err
	}
	d.stderr.Wait()
	if err := d.cmd.Wait(); err != nil {
		return nil, fmt.Errorf("field: tcpdump: %w: %s", err, d.said.String())
	}
	if !strings.Contains(d.said.String(), "\n0 packets dropped by kernel") {
		return nil, fmt.Errorf("field: tcpdump lost packets: %s", d.said.String())
	}
	st, err := d.file.Stat()
	if err != nil {
		return nil, err
	}
	b := make([]byte, st.Size())
	if _, err := d.file.ReadAt(b, 0); err != nil {
		return nil, err
	}
	return parseCapture(b)
}

// kill ends tcpdump, if it runs, and forgets what it captured.
func (d *dump) kill() {
	d.file.Close()
	if d.cmd.ProcessState == nil {
		d.cmd.Process.Signal(syscall.SIGTERM) // timeout(1) passes it on
		d.stderr.Wait()
		d.cmd.Wait()
	}
}
