package kernel

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// readEvery is how often the ring is looked at for events. Nothing wakes who reads it.
const readEvery = 50 * time.Millisecond

const (
	// settled is how long after its time an event is in the ring for sure: the program
	// takes the time first, and hands the record over microseconds later.
	settled = 10 * time.Millisecond
	// idleEvery is how often the ring is read while there is nothing in it.
	idleEvery = 10 * readEvery
	// addressesFor is how long the addresses of the host are taken for the same.
	addressesFor = 2 * time.Second
)

// Listener is a Witness that hears the kernel of the running host, for captures on that
// host, in the network namespace of the process.
type Listener struct {
	Witness
	tracer *Tracer
	stop   chan struct{}
	ended  chan struct{}

	counts sync.Mutex
	heard  uint64 // events of the namespace
	lost   uint64
	err    error // why nothing more is heard
}

// Listen opens a Tracer, and hears it until Close. The errors are those of Open.
func Listen() (*Listener, error) {
	netns, err := ownNetns()
	if err != nil {
		return nil, err
	}
	t, err := Open()
	if err != nil {
		return nil, err
	}
	l := &Listener{tracer: t, stop: make(chan struct{}), ended: make(chan struct{})}
	l.Netns, l.Since, l.Local = []uint32{netns}, time.Now(), hostAddresses()
	go l.listen(netns)
	return l, nil
}

func (l *Listener) listen(netns uint32) {
	defer close(l.ended)
	for {
		at, every := time.Now(), idleEvery
		var heard uint64
		err := l.tracer.Drain(func(e Event) {
			every = readEvery
			if e.Netns == netns {
				heard++
			}
			l.Add(e)
		})
		lost, lostErr := l.tracer.Lost()
		if err == nil {
			err = lostErr
		}
		l.counts.Lock()
		l.heard += heard
		l.lost, l.err = max(l.lost, lost), err
		l.counts.Unlock()
		if err != nil {
			return
		}
		l.Checked(at.Add(-settled), lost)
		select {
		case <-l.stop:
			return
		case <-time.After(every):
		}
	}
}

// Heard returns how many resets the kernel has sent in the namespace, and how many it
// could not tell of because nobody had read the earlier ones. The error is why nothing is
// heard any more.
func (l *Listener) Heard() (events, lost uint64, err error) {
	l.counts.Lock()
	defer l.counts.Unlock()
	return l.heard, l.lost, l.err
}

// Close ends it. What was heard can still be asked for.
func (l *Listener) Close() error {
	close(l.stop)
	<-l.ended
	return l.tracer.Close()
}

// hostAddresses returns a function that knows the addresses of the host, of which some
// may come and go.
func hostAddresses() func(netip.Addr) bool {
	var mu sync.Mutex
	var at time.Time
	known := map[netip.Addr]bool{}
	return func(a netip.Addr) bool {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(at) > addressesFor {
			at = time.Now()
			if addrs, err := net.InterfaceAddrs(); err == nil {
				clear(known)
				for _, n := range addrs {
					if p, err := netip.ParsePrefix(n.String()); err == nil {
						known[p.Addr().Unmap()] = true
					}
				}
			}
		}
		return known[a] || a.IsLoopback()
	}
}
