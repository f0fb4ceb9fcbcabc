package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// joinByRelay joins the hosts through a third namespace, where a relay copies
// every frame from one side to the other after the link's delay.
func (p *Pair) joinByRelay() error {
	ns, err := newNamespace()
	if err != nil {
		return err
	}
	p.close = append(p.close, ns.Close)
	middle := &Host{ns: ns, Interface: clientSide}
	p.Middle = middle
	nl, err := netlink.NewHandleAt(netns.NsHandle(ns.Fd()))
	if err != nil {
		return fmt.Errorf("lab: netlink: %w", err)
	}
	defer nl.Close()

	side := func(h *Host, name string) (*os.File, error) {
		if err := newVeth(ns, name, nil, h.ns, h.Interface, h.hardwareAddr); err != nil {
			return nil, err
		}
		dev, err := nl.LinkByName(name)
		if err != nil {
			return nil, fmt.Errorf("lab: %s: %w", name, err)
		}
		// The frames are for the hosts, not for the relay's own addresses.
		if err := nl.SetPromiscOn(dev); err != nil {
			return nil, fmt.Errorf("lab: %s promiscuous: %w", name, err)
		}
		if err := nl.LinkSetUp(dev); err != nil {
			return nil, fmt.Errorf("lab: %s up: %w", name, err)
		}
		var f *os.File
		err = middle.Do(func() (err error) {
			f, err = openFrames(name, dev.Attrs().Index)
			return err
		})
		return f, err
	}
	toClient, err := side(p.Client, clientSide)
	if err != nil {
		return err
	}
	p.close = append(p.close, toClient.Close)
	toServer, err := side(p.Server, serverSide)
	if err != nil {
		return err
	}
	p.close = append(p.close, toServer.Close)

	p.path.to = map[Role]io.Writer{Client: toClient, Server: toServer}
	go relay(toClient, toServer, p.link.Delay, func(b []byte) { p.passed(Client, b) })
	go relay(toServer, toClient, p.link.Delay, func(b []byte) { p.passed(Server, b) })
	return nil
}

// The interfaces of the relay or router, by who is at their other end.
const (
	clientSide = "client"
	serverSide = "server"
)

// openFrames opens a packet socket for the frames that arrive at an interface.
func openFrames(name string, index int) (*os.File, error) {
	all := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff}) // network byte order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("lab: packet socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("lab: packet socket: PACKET_IGNORE_OUTGOING: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("lab: packet socket on %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// relay copies frames from one side to the other, each delay after it came,
// until a side is closed. It shows each to watch when it comes.
func relay(from, to *os.File, delay time.Duration, watch func([]byte)) {
	type held struct {
		frame []byte
		due   time.Time
	}
	queue := make(chan held, 4096)
	go func() {
		for h := range queue {
			time.Sleep(time.Until(h.due))
			if _, err := to.Write(h.frame); errors.Is(err, os.ErrClosed) {
				return
			}
		}
	}()
	defer close(queue)
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if err != nil {
			// A packet socket reports that its interface went down once, and
			// goes on.
			if errors.Is(err, unix.ENETDOWN) {
				continue
			}
			return
		}
		watch(buf[:n])
		select {
		case queue <- held{append([]byte(nil), buf[:n]...), time.Now().Add(delay)}:
		default: // a full queue drops, as a router's does
		}
	}
}
