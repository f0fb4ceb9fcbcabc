package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Link says how the two hosts of a Pair are joined. The zero value is a plain
// veth without offloads.
type Link struct {
	// Delay is how long a frame takes, each way. A relay in user space, in a
	// namespace between the two, holds the frames back.
	Delay time.Duration

	// Offloads leaves checksum and segmentation offload on: captures then show
	// wrong checksums and segments larger than the MTU. It cannot be combined
	// with Delay, whose relay would forward the wrong checksums.
	Offloads bool

	// Router joins the hosts by one that forwards IP packets between them, and
	// counts their TTL down. It has no delay.
	Router bool
}

// Pair is two hosts and the link between them.
type Pair struct {
	Client, Server *Host
	Middle         *Host // the relay or the router between the two, or nil

	link  Link
	path  path
	open  []io.Closer // what recipes left open
	close []func() error
}

// Host is one end of a Pair: a network namespace with one Ethernet interface.
type Host struct {
	Interface    string
	IPv4, IPv6   netip.Addr
	hardwareAddr net.HardwareAddr
	ns           *os.File
}

// Every Pair has these addresses.
var (
	clientIPv4 = netip.MustParseAddr("10.7.0.1")
	clientIPv6 = netip.MustParseAddr("fd07::1")
	serverIPv4 = netip.MustParseAddr("10.7.0.2")
	serverIPv6 = netip.MustParseAddr("fd07::2")
)

// roleOf says in whose name a segment with the address is: whatever is not the
// client acts for the server.
func roleOf(a netip.AddrPort) Role {
	if a.Addr() == clientIPv4 || a.Addr() == clientIPv6 {
		return Client
	}
	return Server
}

// Netns is the inode number of the host's network namespace, as kernel.Event
// has it.
func (h *Host) Netns() (uint32, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(h.ns.Fd()), &st); err != nil {
		return 0, fmt.Errorf("lab: namespace: %w", err)
	}
	return uint32(st.Ino), nil
}

// Do runs fn inside the host's network namespace: sockets that fn makes, and
// programs that it starts, belong there. A goroutine that fn starts runs
// outside.
func (h *Host) Do(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and no other
		// goroutine can run in the namespace by mistake.
		runtime.LockOSThread()
		if err := unix.Setns(int(h.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("lab: entering a network namespace: %w", err)
			return
		}
		done <- fn()
	}()
	return <-done
}

// Start starts cmd inside the host's network namespace.
func (h *Host) Start(cmd *exec.Cmd) error { return h.Do(cmd.Start) }

// NewPair makes two hosts and joins them. It needs root.
func NewPair(link Link) (_ *Pair, err error) {
	if link.Delay > 0 && (link.Offloads || link.Router) {
		return nil, errors.New("lab: a link with delay and something else")
	}
	p := &Pair{
		link: link,
		Client: &Host{
			Interface:    "eth0",
			IPv4:         clientIPv4,
			IPv6:         clientIPv6,
			hardwareAddr: net.HardwareAddr{2, 0, 0, 0, 7, 1},
		},
		Server: &Host{
			Interface:    "eth0",
			IPv4:         serverIPv4,
			IPv6:         serverIPv6,
			hardwareAddr: net.HardwareAddr{2, 0, 0, 0, 7, 2},
		},
	}
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	for _, h := range []*Host{p.Client, p.Server} {
		if h.ns, err = newNamespace(); err != nil {
			return nil, err
		}
		p.close = append(p.close, h.ns.Close)
	}
	toServer, toClient := p.Server.hardwareAddr, p.Client.hardwareAddr // next hops
	switch {
	case link.Delay > 0:
		err = p.joinByRelay()
	case link.Router:
		err = p.joinByRouter()
		toServer, toClient = routerAddrs[0], routerAddrs[1]
	default:
		err = newVeth(p.Client.ns, p.Client.Interface, p.Client.hardwareAddr,
			p.Server.ns, p.Server.Interface, p.Server.hardwareAddr)
	}
	if err != nil {
		return nil, err
	}
	if err := p.Client.configure(p.Server, toServer, link); err != nil {
		return nil, err
	}
	if err := p.Server.configure(p.Client, toClient, link); err != nil {
		return nil, err
	}
	return p, nil
}

// Close closes what recipes left open, and takes the hosts and their link away.
func (p *Pair) Close() error {
	var errs []error
	for _, c := range p.open {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for i := len(p.close) - 1; i >= 0; i-- {
		errs = append(errs, p.close[i]())
	}
	p.open, p.close = nil, nil
	return errors.Join(errs...)
}

// newNamespace makes a network namespace that lives as long as the returned
// file is open, or somebody is in it.
func newNamespace() (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // never unlocked, as in Do
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- result{nil, fmt.Errorf("lab: making a network namespace: %w", err)}
			return
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		done <- result{f, err}
	}()
	r := <-done
	return r.f, r.err
}

// newVeth makes a pair of interfaces that are a cable between two namespaces.
func newVeth(aNS *os.File, aName string, aAddr net.HardwareAddr, bNS *os.File, bName string, bAddr net.HardwareAddr) error {
	nl, err := netlink.NewHandleAt(netns.NsHandle(aNS.Fd()))
	if err != nil {
		return fmt.Errorf("lab: netlink: %w", err)
	}
	defer nl.Close()
	veth := netlink.NewVeth(netlink.LinkAttrs{Name: aName, HardwareAddr: aAddr, MTU: 1500})
	veth.PeerName, veth.PeerHardwareAddr, veth.PeerNamespace = bName, bAddr, netlink.NsFd(bNS.Fd())
	veth.PeerMTU = 1500
	if err := nl.LinkAdd(veth); err != nil {
		return fmt.Errorf("lab: making a veth: %w", err)
	}
	return nil
}

// configure gives h its addresses and tells it that peer is behind via. Neighbours are
// entered by hand: resolving them would add to the time of the first
// connection.
func (h *Host) configure(peer *Host, via net.HardwareAddr, link Link) error {
	if !link.Offloads {
		if err := h.Do(func() error { return offloadsOff(h.Interface) }); err != nil {
			return err
		}
	}
	nl, err := netlink.NewHandleAt(netns.NsHandle(h.ns.Fd()))
	if err != nil {
		return fmt.Errorf("lab: netlink: %w", err)
	}
	defer nl.Close()
	dev, err := nl.LinkByName(h.Interface)
	if err != nil {
		return fmt.Errorf("lab: %s: %w", h.Interface, err)
	}
	for _, a := range []netip.Addr{h.IPv4, h.IPv6} {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(24, 32)}}
		if a.Is6() {
			addr.Mask = net.CIDRMask(64, 128)
			addr.Flags = unix.IFA_F_NODAD // usable at once
		}
		if err := nl.AddrAdd(dev, addr); err != nil {
			return fmt.Errorf("lab: address %v: %w", a, err)
		}
	}
	if err := nl.LinkSetUp(dev); err != nil {
		return fmt.Errorf("lab: %s up: %w", h.Interface, err)
	}
	return neighbours(nl, dev.Attrs().Index, via, peer.IPv4, peer.IPv6)
}

// neighbours enters where addresses are on a link.
func neighbours(nl *netlink.Handle, link int, at net.HardwareAddr, addrs ...netip.Addr) error {
	for _, a := range addrs {
		if err := nl.NeighSet(&netlink.Neigh{
			LinkIndex: link, State: netlink.NUD_PERMANENT,
			IP: a.AsSlice(), HardwareAddr: at,
		}); err != nil {
			return fmt.Errorf("lab: neighbour %v: %w", a, err)
		}
	}
	return nil
}

// offloadsOff makes the interface called name, in the namespace of the calling
// thread, send frames as a wire would carry them.
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
			return fmt.Errorf("lab: ethtool command %#x on %s: %w", cmd, name, errno)
		}
	}
	return nil
}
