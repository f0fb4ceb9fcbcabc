// Command netstack is a host whose TCP is gVisor's, on a TUN device that it gets
// as file descriptor 3: another stack to be measured on.
//
// It is a module of its own, since gVisor would more than double what the module
// of rstwhy needs, and nothing but this program needs it.
//
// A line on standard input starts a service: a port, and what to do with each of
// its connections, in words between commas:
//
//	2000 read:100,write:50,sleep:20,unread:10,close
//
// read and write take octets, sleep milliseconds; unread waits until as many
// octets have come and reads none; close, abort (SO_LINGER with a time of 0) and
// drain take nothing. The line "ready" answers. Before a connection is closed or
// aborted with a RST, a line of JSON says so.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	tunFD   = 3
	nic     = 1
	backlog = 64
	patient = 10 * time.Second // with what must come
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: netstack ADDRESS")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "netstack:", err)
		os.Exit(1)
	}
}

func run(address string) error {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return err
	}
	h, err := newHost(addr)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		port, script, _ := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return err
		}
		if err := h.listen(uint16(n), strings.Split(script, ",")); err != nil {
			return err
		}
		h.say("ready")
	}
	return lines.Err()
}

type host struct {
	stack *stack.Stack
	addr  netip.Addr
	mu    sync.Mutex // of standard output
}

func newHost(addr netip.Addr) (*host, error) {
	// The endpoint polls the device itself, and wants it not to block.
	if err := syscall.SetNonblock(tunFD, true); err != nil {
		return nil, err
	}
	link, err := fdbased.New(&fdbased.Options{FDs: []int{tunFD}, MTU: 1500})
	if err != nil {
		return nil, err
	}
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	if err := s.CreateNIC(nic, link); err != nil {
		return nil, fmt.Errorf("NIC: %v", err)
	}
	if err := s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddrFrom4(addr.As4()).WithPrefix(),
	}, stack.AddressProperties{}); err != nil {
		return nil, fmt.Errorf("address: %v", err)
	}
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return &host{stack: s, addr: addr}, nil
}

func (h *host) say(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Println(line)
}

func (h *host) listen(port uint16, script []string) error {
	var wq waiter.Queue
	ep, err := h.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, &wq)
	if err == nil {
		err = ep.Bind(tcpip.FullAddress{Addr: tcpip.AddrFrom4(h.addr.As4()), Port: port})
	}
	if err == nil {
		err = ep.Listen(backlog)
	}
	if err != nil {
		return fmt.Errorf("listening on port %d: %v", port, err)
	}
	entry, ready := waiter.NewChannelEntry(waiter.ReadableEvents)
	wq.EventRegister(&entry)
	go func() {
		for {
			c, cq, err := ep.Accept(nil)
			if _, wait := err.(*tcpip.ErrWouldBlock); wait {
				<-ready
				continue
			}
			if err != nil {
				return
			}
			go h.serve(&conn{c, cq}, port, script)
		}
	}()
	return nil
}

// conn is an accepted connection.
type conn struct {
	tcpip.Endpoint
	wq *waiter.Queue
}

// await runs try until it does not want to wait, or patience is over.
func (c *conn) await(events waiter.EventMask, try func() tcpip.Error) tcpip.Error {
	entry, ready := waiter.NewChannelEntry(events)
	c.wq.EventRegister(&entry)
	defer c.wq.EventUnregister(&entry)
	over := time.After(patient)
	for {
		err := try()
		if _, wait := err.(*tcpip.ErrWouldBlock); !wait {
			return err
		}
		select {
		case <-ready:
		case <-over:
			return err
		}
	}
}

func (c *conn) read(n int) {
	for n > 0 {
		err := c.await(waiter.ReadableEvents, func() tcpip.Error {
			var b bytes.Buffer
			res, err := c.Read(&limited{&b, n}, tcpip.ReadOptions{})
			n -= res.Count
			return err
		})
		if err != nil {
			return
		}
	}
}

// limited is a writer with room for so many octets.
type limited struct {
	w io.Writer
	n int
}

func (l *limited) Write(b []byte) (int, error) {
	if len(b) > l.n {
		b = b[:l.n]
	}
	n, err := l.w.Write(b)
	if l.n -= n; err == nil && l.n == 0 {
		err = io.ErrShortWrite
	}
	return n, err
}

func (c *conn) write(n int) {
	b := bytes.NewReader(make([]byte, n))
	for b.Len() > 0 {
		if err := c.await(waiter.WritableEvents, func() tcpip.Error {
			_, err := c.Write(b, tcpip.WriteOptions{})
			return err
		}); err != nil {
			return
		}
	}
}

func (c *conn) unread() int {
	n, err := c.GetSockOptInt(tcpip.ReceiveQueueSizeOption)
	if err != nil {
		return 0
	}
	return n
}

// abort is a RST that this host is about to send of its own accord.
type abort struct {
	Local, Remote netip.AddrPort
	Reason        string
	Unread        int
	Linger        bool
}

func (h *host) serve(c *conn, port uint16, script []string) {
	a := abort{Local: netip.AddrPortFrom(h.addr, port)}
	if peer, err := c.GetRemoteAddress(); err == nil {
		a.Remote = netip.AddrPortFrom(netip.AddrFrom4(peer.Addr.As4()), peer.Port)
	}
	for _, step := range script {
		what, arg, _ := strings.Cut(step, ":")
		n, _ := strconv.Atoi(arg)
		switch what {
		case "read":
			c.read(n)
		case "write":
			c.write(n)
		case "sleep":
			time.Sleep(time.Duration(n) * time.Millisecond)
		case "unread":
			for until := time.Now().Add(patient); c.unread() < n && time.Now().Before(until); {
				time.Sleep(2 * time.Millisecond)
			}
		case "drain":
			c.read(1 << 30)
		case "close":
			if a.Unread = c.unread(); a.Unread > 0 {
				a.Reason = "TCP_ABORT_ON_CLOSE"
				h.report(a)
			}
			c.Close()
			return
		case "abort":
			a.Reason, a.Unread, a.Linger = "TCP_STATE", c.unread(), true
			h.report(a)
			c.SocketOptions().SetLinger(tcpip.LingerOption{Enabled: true})
			c.Close()
			return
		}
	}
}

func (h *host) report(a abort) {
	b, err := json.Marshal(a)
	if err == nil {
		h.say(string(b))
	}
}
