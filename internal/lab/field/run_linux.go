package field

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rstwhy/rstwhy/kernel"
)

// Missing returns what this host lacks to run a plan, and nil when it lacks
// nothing.
func Missing() error {
	if os.Geteuid() != 0 {
		return errors.New("field: needs root, to make network namespaces")
	}
	for _, program := range []string{"tcpdump", "timeout", "nft", "sleep", "ss"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("field: needs the program %s: %w", program, err)
		}
	}
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("field: needs TUN devices: %w", err)
	}
	tun.Close()
	h, err := newHost()
	if err != nil {
		return err
	}
	h.ns.Close()
	t, err := kernel.Open()
	if err != nil {
		return err
	}
	return t.Close()
}

// atOnce is how many worlds there are at one time. They sleep most of it: two
// cores carry that many.
const atOnce = 8

// Run has the conversations of the plan, and writes what each vantage saw into
// dir: NAME.pcap, and the truth about it as NAME.json. A line for each world goes
// to log. There must be no captures in dir: they would be measured as well.
func Run(p *Plan, dir string, log io.Writer) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if old, err := filepath.Glob(filepath.Join(dir, "*.pcap")); err != nil || len(old) > 0 {
		return errors.Join(err, fmt.Errorf("field: there are %d captures in %s", len(old), dir))
	}
	l, err := listenToKernel()
	if err != nil {
		return err
	}
	defer l.tracer.Close()
	var mu sync.Mutex
	var errs []error
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range p.Worlds {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			start := time.Now()
			line, err := runWorld(&p.Worlds[i], dir, l)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("world %d: %w", i, err))
				return
			}
			fmt.Fprintf(log, "world %d: %s, %.0f s\n", i, line, time.Since(start).Seconds())
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// runWorld makes a world, lets its talks be held, and writes what was seen.
func runWorld(plan *World, dir string, l *listening) (string, error) {
	w, err := newWorld(plan)
	if err != nil {
		return "", err
	}
	closed := false
	defer func() {
		if !closed {
			w.close()
		}
	}()
	for _, at := range []struct {
		h     *host
		iface string
	}{{w.client, ethName}, {w.server, ethName}, {w.router, "any"}} {
		d, err := at.h.tcpdump(at.iface)
		if err != nil {
			return "", err
		}
		w.dumps = append(w.dumps, d)
	}
	var failed []string
	var mu sync.Mutex
	var talks sync.WaitGroup
	for i := range plan.Talks {
		t := &plan.Talks[i]
		talks.Go(func() {
			time.Sleep(t.Start)
			if err := w.hold(t); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Sprintf("%d %s: %v", t.N, t.Kind, err))
			}
		})
	}
	talks.Wait()
	time.Sleep(300*time.Millisecond + w.Path.RTT())
	var captures []*capture
	for _, d := range w.dumps {
		c, err := d.stop()
		if err != nil {
			return "", err
		}
		captures = append(captures, c)
	}
	events := l.of(w.client.inode, w.server.inode, w.router.inode)
	router, outside := captures[2], w.outside
	w.stacks.mu.Lock()
	events[1] = append(events[1], w.stacks.words...)
	w.stacks.mu.Unlock()
	if n := w.netstack; n != nil {
		n.mu.Lock()
		events[1] = append(events[1], n.words...)
		n.mu.Unlock()
	}
	closed = true
	w.close()
	w.work.Wait()

	var clients, servers, routers []netip.Addr
	for _, v6 := range []bool{false, true} {
		for n := range clientAddrs {
			clients = append(clients, clientAddr(n, v6))
		}
		for n := range serverAddrs {
			servers = append(servers, serverAddr(n, v6))
		}
	}
	stack := func(a netip.Addr) string {
		if a == netstackAddr {
			return "gVisor"
		}
		for n := range profiles {
			if stackAddr(n) == a {
				return profiles[n].name
			}
		}
		return ""
	}
	for n := range profiles {
		servers = append(servers, stackAddr(n))
	}
	servers = append(servers, netstackAddr)
	routers = append(append(routers, routerInside[:]...), routerOutside[:]...)
	own := func(addrs []netip.Addr) func(netip.Addr) bool {
		return func(a netip.Addr) bool { return slices.Contains(addrs, a) }
	}
	kinds := make([]string, talksPerWorld)
	for _, t := range plan.Talks {
		kinds[t.N] = t.Kind
	}
	t, unpaired := newTruth(
		&rawCapture{Client, captures[0], own(clients), nil, events[0]},
		&rawCapture{Server, captures[1], own(servers), stack, events[1]},
		&rawCapture{Router, router, own(routers), nil, events[2]}, kinds)
	resets := 0
	for i, v := range plan.Views {
		c := derive(v, captures[0], captures[1], router, outside)
		rec := t.record(c, plan, v)
		rec.Failed = append(rec.Failed, failed...)
		resets += len(rec.Resets)
		if err := write(dir, fmt.Sprintf("w%03d-%d", plan.N, i), c, rec); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d talks, %d ended early, %d RSTs in %d captures, %d words without a RST", len(plan.Talks), len(failed),
		resets, len(plan.Views), unpaired), nil
}

// listening collects what the kernel says, of all namespaces.
type listening struct {
	tracer *kernel.Tracer
	mu     sync.Mutex
	events map[uint32][]kernel.Event
}

func listenToKernel() (*listening, error) {
	tracer, err := kernel.Open()
	if err != nil {
		return nil, err
	}
	l := &listening{tracer: tracer, events: map[uint32][]kernel.Event{}}
	go func() {
		for {
			e, err := tracer.Read()
			if err != nil {
				return
			}
			l.mu.Lock()
			l.events[e.Netns] = append(l.events[e.Netns], e)
			l.mu.Unlock()
		}
	}()
	return l, nil
}

// of returns and forgets what was said in each namespace.
func (l *listening) of(netns ...uint32) (all [][]word) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range netns {
		words := make([]word, len(l.events[n]))
		for i, e := range l.events[n] {
			words[i].Event = e
		}
		all = append(all, words)
		delete(l.events, n)
	}
	return all
}
