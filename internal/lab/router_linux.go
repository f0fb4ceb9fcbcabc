package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// routerAddrs are the router's addresses on the client's and the server's link.
var routerAddrs = [2]net.HardwareAddr{{2, 0, 0, 0, 7, 3}, {2, 0, 0, 0, 7, 4}}

// joinByRouter joins the hosts through a third namespace that forwards. It has
// no addresses of its own: the hosts think of each other as neighbours.
func (p *Pair) joinByRouter() error {
	ns, err := newNamespace()
	if err != nil {
		return err
	}
	p.close = append(p.close, ns.Close)
	p.Middle = &Host{ns: ns, Interface: clientSide}
	nl, err := netlink.NewHandleAt(netns.NsHandle(ns.Fd()))
	if err != nil {
		return fmt.Errorf("lab: netlink: %w", err)
	}
	defer nl.Close()
	for i, side := range []struct {
		h    *Host
		name string
	}{{p.Client, clientSide}, {p.Server, serverSide}} {
		if err := newVeth(ns, side.name, routerAddrs[i], side.h.ns, side.h.Interface, side.h.hardwareAddr); err != nil {
			return err
		}
		dev, err := nl.LinkByName(side.name)
		if err != nil {
			return fmt.Errorf("lab: %s: %w", side.name, err)
		}
		if err := nl.LinkSetUp(dev); err != nil {
			return fmt.Errorf("lab: %s up: %w", side.name, err)
		}
		if err := p.Middle.Do(func() error { return offloadsOff(side.name) }); err != nil {
			return err
		}
		index := dev.Attrs().Index
		for _, a := range []netip.Addr{side.h.IPv4, side.h.IPv6} {
			if err := nl.RouteAdd(&netlink.Route{LinkIndex: index, Dst: &net.IPNet{
				IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen()),
			}}); err != nil {
				return fmt.Errorf("lab: route to %v: %w", a, err)
			}
		}
		if err := neighbours(nl, index, side.h.hardwareAddr, side.h.IPv4, side.h.IPv6); err != nil {
			return err
		}
	}
	return p.Middle.Do(func() error {
		for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
			if err := os.WriteFile("/proc/sys/net/"+name, []byte("1"), 0); err != nil {
				return fmt.Errorf("lab: %w", err)
			}
		}
		return nil
	})
}
