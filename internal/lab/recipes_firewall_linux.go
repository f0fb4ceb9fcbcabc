package lab

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// rejected is a RST of a packet filter, which the kernel does not speak of.
var rejected = Expect{From: Server, Cause: FirewallReject}

// nearAndMiddle are the vantages that see what a router sends to the client.
var nearAndMiddle = []Vantage{AtClient, AtMiddle}

func rejectInput() Recipe {
	return Recipe{
		Name:     "reject-input",
		About:    "a packet filter on the server rejects the client's SYN with a RST (nft, reject with tcp reset), although a service listens",
		Vantages: bothEnds,
		Resets:   []Expect{rejected},
		Steps: func(e *Env) {
			e.Listen()
			e.Filter("tcp dport 8080 reject with tcp reset")
			e.DialFails(servicePort, time.Second, unix.ECONNREFUSED)
		},
	}
}

// expedited is the type of service of voice traffic (DSCP EF).
const expedited = 46 << 2

// refusedExpedited connects the client, with that type of service, to a port
// that must refuse it.
func (e *Env) refusedExpedited(port uint16) {
	from, to := e.nextClient(), e.service(port)
	check(e.pair.Client.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, expedited); err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: from.Addr().As4(), Port: int(from.Port())}); err != nil {
			return err
		}
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
		if err == unix.ECONNREFUSED {
			return nil
		}
		return fmt.Errorf("connect: %w", err)
	}), "connecting, which should be refused")
}

func rejectInputDSCP() Recipe {
	return Recipe{
		Name:     "reject-input-dscp",
		About:    "a packet filter on the server rejects one port with a RST, whose type of service is 0, and nothing listens at another, whose RST has the SYN's",
		Vantages: []Vantage{AtClient},
		Resets: []Expect{
			{From: Server, Cause: NoListener, Reason: "NO_SOCKET"},
			rejected,
		},
		Steps: func(e *Env) {
			e.Filter("tcp dport 8080 reject with tcp reset")
			e.refusedExpedited(closedPort)
			e.refusedExpedited(servicePort)
		},
	}
}

func rejectInputIptables() Recipe {
	return Recipe{
		Name:     "reject-input-iptables",
		About:    "a packet filter on the server rejects one port with a RST (iptables, REJECT --reject-with tcp-reset) and lets the other through",
		Vantages: bothEnds,
		Needs:    []string{"iptables"},
		Resets:   []Expect{rejected},
		Steps: func(e *Env) {
			e.Command(Server, "iptables", "-A", "INPUT", "-p", "tcp", "--dport", "81", "-j", "REJECT", "--reject-with", "tcp-reset")
			exchange(e.Connect())
			e.DialFails(closedPort, time.Second, unix.ECONNREFUSED)
		},
	}
}

func rejectInputMidstream() Recipe {
	return Recipe{
		Name:     "reject-input-midstream",
		About:    "a packet filter on the server begins to reject a port with a RST (nft) while a connection to it is open",
		Vantages: bothEnds,
		Resets:   []Expect{rejected},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			e.Filter("tcp dport 8080 reject with tcp reset")
			client.Write(100)
			client.AwaitReset()
		},
	}
}

func rejectForward() Recipe {
	return Recipe{
		Name:     "reject-forward",
		About:    "a router lets one port of the server through and rejects another with a RST in the server's name (nft)",
		Link:     Link{Router: true},
		Vantages: nearAndMiddle,
		Resets:   []Expect{rejected},
		Steps: func(e *Env) {
			e.FilterAt(Middle, "forward", "tcp dport 81 reject with tcp reset")
			exchange(e.Connect())
			e.DialFails(closedPort, time.Second, unix.ECONNREFUSED)
		},
	}
}

func rejectForwardMidstream() Recipe {
	return Recipe{
		Name:     "reject-forward-midstream",
		About:    "a router begins to reject a port with a RST (nft) while a connection to it is open; the server knows nothing of that and sends more",
		Link:     Link{Router: true},
		Vantages: nearAndMiddle,
		Resets: []Expect{
			rejected,
			{From: Client, Cause: FollowUp, Reason: "NO_SOCKET"},
		},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			e.FilterAt(Middle, "forward", "tcp dport 8080 reject with tcp reset")
			client.Write(100)
			client.AwaitReset()
			e.Pause(200 * time.Millisecond)
			server.Write(100)
			e.Pause(50 * time.Millisecond)
		},
	}
}

// virtual is an address of the service that only the router knows.
var virtual = netip.MustParseAddrPort("10.7.1.1:80")

// translate makes the router translate virtual into the service's address.
func (e *Env) translate() {
	to := virtual.Addr().String()
	e.Nft(Middle, `table ip lab {
 chain prerouting {
  type nat hook prerouting priority dstnat
  ip daddr `+to+` tcp dport 80 dnat to `+e.service(servicePort).String()+`
 }
}
`)
	e.Command(Client, "ip", "route", "add", to+"/32", "dev", e.pair.Client.Interface)
	e.Command(Client, "ip", "neigh", "replace", to, "lladdr", routerAddrs[0].String(), "dev", e.pair.Client.Interface, "nud", "permanent")
}

// dialVirtual connects the client to the service by way of virtual.
func (e *Env) dialVirtual() *Conn {
	var c *net.TCPConn
	from := e.nextClient()
	check(e.pair.Client.Do(func() error {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(from), Deadline: e.deadline}
		nc, err := d.Dial("tcp4", virtual.String())
		if err == nil {
			c = nc.(*net.TCPConn)
		}
		return err
	}), "connecting to %v", virtual)
	return e.conn(c, Client)
}

func unnattedSegment() Recipe {
	return Recipe{
		Name:     "unnatted-segment",
		About:    "a router that translates the service's address loses its connection table (conntrack -F), and the server's next segment reaches the client with the server's own address",
		Link:     Link{Router: true},
		Vantages: nearAndMiddle,
		Needs:    []string{"ip", "conntrack"},
		Resets:   []Expect{{From: Client, Cause: UnnattedSegment, Reason: "NO_SOCKET"}},
		Steps: func(e *Env) {
			e.translate()
			ln := e.Listen()
			client, server := e.dialVirtual(), ln.Accept()
			exchange(client, server)
			e.Command(Middle, "conntrack", "-F")
			server.Write(300)
			server.AwaitReset()
		},
	}
}

// forgetful makes the router forget connections after 2 s without a segment,
// and takes none for an old one that it does not know.
func (e *Env) forgetful() {
	e.Sysctl(Middle, "net/netfilter/nf_conntrack_tcp_timeout_established", "2")
	e.Sysctl(Middle, "net/netfilter/nf_conntrack_tcp_loose", "0")
}

func middleboxIdleTimeout() Recipe {
	return Recipe{
		Name:     "middlebox-idle-timeout",
		About:    "a firewall on the path forgets a connection that was idle for 2 s, and answers the client's next segment with a RST (nft, ct state invalid reject)",
		Link:     Link{Router: true},
		Vantages: nearAndMiddle,
		Resets:   []Expect{{From: Server, Cause: MiddleboxIdleTimeout}},
		Steps: func(e *Env) {
			e.FilterAt(Middle, "forward", "meta l4proto tcp ct state invalid reject with tcp reset")
			e.forgetful()
			client, server := e.Connect()
			exchange(client, server)
			e.Pause(2500 * time.Millisecond)
			client.Write(100)
			client.AwaitReset()
		},
	}
}

func middleboxIdleTimeoutServer() Recipe {
	return Recipe{
		Name:     "middlebox-idle-timeout-server",
		About:    "a firewall on the path forgets a connection that was idle for 2 s, and answers what the server then sends with a RST in the client's name",
		Link:     Link{Router: true},
		Vantages: []Vantage{AtServer},
		Resets:   []Expect{{From: Client, Cause: MiddleboxIdleTimeout}},
		Steps: func(e *Env) {
			e.FilterAt(Middle, "forward", "meta l4proto tcp ct state invalid reject with tcp reset")
			e.forgetful()
			client, server := e.Connect()
			exchange(client, server)
			e.Pause(2500 * time.Millisecond)
			server.Write(100)
			server.AwaitReset()
		},
	}
}

func middleboxIdleTimeoutFixed() Recipe {
	return Recipe{
		Name:     "middlebox-idle-timeout-fixed",
		About:    "TCP keep-alives every second keep a connection known to a firewall that forgets idle ones after 2 s; no reset",
		Link:     Link{Router: true},
		Vantages: []Vantage{AtClient},
		Steps: func(e *Env) {
			e.FilterAt(Middle, "forward", "meta l4proto tcp ct state invalid reject with tcp reset")
			e.forgetful()
			client, server := e.Connect()
			check(client.tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second}), "client sets SO_KEEPALIVE")
			exchange(client, server)
			e.Pause(3500 * time.Millisecond)
			exchange(client, server)
		},
	}
}

func middleboxIdleTimeoutNAT() Recipe {
	return Recipe{
		Name:     "middlebox-idle-timeout-nat",
		About:    "a router with the service's public address forgets a connection that was idle for 2 s, takes the client's next segment for its own, and knows no socket for it",
		Link:     Link{Router: true},
		Vantages: nearAndMiddle,
		Needs:    []string{"ip"},
		Resets:   []Expect{{From: Server, Cause: MiddleboxIdleTimeout, Reason: "NO_SOCKET"}},
		Steps: func(e *Env) {
			e.translate()
			e.Command(Middle, "ip", "addr", "add", virtual.Addr().String()+"/32", "dev", clientSide)
			e.forgetful()
			ln := e.Listen()
			client, server := e.dialVirtual(), ln.Accept()
			exchange(client, server)
			e.Pause(2500 * time.Millisecond)
			client.Write(100)
			client.AwaitReset()
		},
	}
}
