package capture

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/gopacket/pcap"

	"github.com/rstwhy/rstwhy/packet"
)

// Poll is the longest time after which Live.Read returns, with frames or
// without, and how long ago these were captured at most.
const Poll = 250 * time.Millisecond

const (
	// wakeUp is how long the kernel gathers frames before it wakes the reader, and
	// pause how long the reader sleeps before it looks for more, both together Poll. To be
	// woken for each block of frames costs more than to read it: each time Go's own monitor
	// wakes some fifty times as well.
	wakeUp = Poll - pause
	pause  = 50 * time.Millisecond
	// gathering is how long a batch takes frames that are there already.
	gathering = 5 * time.Millisecond
	// gatherCheck is every how many frames the time is looked at for that.
	gatherCheck = 32
)

// stopWithin is how long after Stop frames are read at most.
const stopWithin = 5 * time.Second

// LiveConfig says how to capture on an interface. The zero value captures
// every frame, as much of it as rstwhy needs.
type LiveConfig struct {
	Filter string // pcap-filter expression, applied by the kernel
	Count  uint64 // end after so many frames; 0 is no limit
	// Snaplen is the number of octets to keep of a frame. 0 is enough for every
	// header through tunnels and for the payload that is shown of a RST.
	Snaplen int
	// Promiscuous also captures what is not for this host, where the interface
	// can.
	Promiscuous bool
	// Buffer is the size of the kernel's buffer in octets. 0 is DefaultBuffer.
	Buffer int
	// Gone is called when the interface fails, with the reason, and again with nil when
	// it is back: Read waits for it. Without it Read returns the failure.
	Gone func(error)
	// Record keeps the latest frames; nil keeps none.
	Record *Recorder
}

// DefaultBuffer is room for 40 ms of a million small frames a second, octets.
const DefaultBuffer = 16 << 20

// reopenEvery is how often it is looked whether an interface is back.
const reopenEvery = time.Second

// noTCP is a filter for what has no TCP in it. What has an own header before IP, a tag or a
// tunnel, passes it.
const noTCP = "arp or icmp or icmp6 or (udp and not port 4789 and not port 8472 and not port 3544)"

// defaultSnaplen holds Ethernet, two tags, an overlay with IPv6 outside and
// inside, the longest TCP header, and packet.NoteLen octets.
const defaultSnaplen = 512

// Live is a source that captures on an interface.
type Live struct {
	name   string
	config LiveConfig
	handle *pcap.Handle
	gone   time.Time // when it was last looked whether the interface is back; zero while it is there
	link   packet.Link
	// linkType is that of link as a LINKTYPE_ value.
	linkType uint32
	number   uint64
	left     uint64                    // frames until the limit
	busy     bool                      // the latest Read had a frame
	upTo     time.Time                 // what was captured until then is to be read before Read sleeps
	stop     atomic.Pointer[time.Time] // when Stop was called; nil before

	mu     sync.Mutex // guards the handle's end against Stats
	closed bool
	stats  Stats // of the handles before; of all once closed
}

// Stats are libpcap's counts since the capture began.
type Stats struct {
	Received  uint64 // frames that passed the filter
	Dropped   uint64 // of these, lost because the kernel's buffer was full
	IfDropped uint64 // frames lost by the interface or its driver
}

// OpenLive begins to capture on an interface of the operating system, or on all
// of them, which Linux names "any". The error is an *InterfaceError, a
// *LinkTypeError or a *FilterError.
func OpenLive(name string, config LiveConfig) (*Live, error) {
	live := &Live{name: name, config: config, left: limit(config.Count)}
	if err := live.open(); err != nil {
		return nil, err
	}
	return live, nil
}

func (l *Live) open() error {
	// libpcap cannot be promiscuous on "any", and gopacket fails for it.
	handle, err := activate(l.name, l.config, l.config.Promiscuous && l.name != "any")
	if err == errNotPromiscuous {
		handle, err = activate(l.name, l.config, false)
	}
	if err != nil {
		return err
	}
	linkType := dataLink(handle)
	link, ok := packet.LinkFromType(linkType)
	if !ok {
		handle.Close()
		return &LinkTypeError{l.name, linkType}
	}
	if l.config.Filter != "" {
		if err := handle.SetBPFFilter(l.config.Filter); err != nil {
			handle.Close()
			return &FilterError{l.config.Filter, link, err.Error()}
		}
	} else {
		// Not every link layer knows all of its words; then nothing is filtered.
		_ = handle.SetBPFFilter("not (" + noTCP + ")")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		handle.Close()
		return io.EOF
	}
	l.handle, l.link, l.linkType = handle, link, linkType
	return nil
}

func activate(name string, config LiveConfig, promiscuous bool) (*pcap.Handle, error) {
	inactive, err := pcap.NewInactiveHandle(name)
	if err != nil {
		return nil, &InterfaceError{Interface: name, Reason: err.Error()}
	}
	defer inactive.CleanUp()
	snaplen := config.Snaplen
	if snaplen <= 0 {
		snaplen = defaultSnaplen
	}
	steps := []func() error{
		func() error { return inactive.SetSnapLen(min(snaplen, maxRecord)) },
		func() error { return inactive.SetPromisc(promiscuous) },
		// Without an end to waiting, the handle could not be closed. In immediate
		// mode the kernel would wake the reader for each frame.
		func() error { return inactive.SetTimeout(wakeUp) },
	}
	buffer := config.Buffer
	if buffer <= 0 {
		buffer = DefaultBuffer
	}
	steps = append(steps, func() error { return inactive.SetBufferSize(buffer) })
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, &InterfaceError{Interface: name, Reason: err.Error()}
		}
	}
	handle, err := inactive.Activate()
	if err == nil {
		return handle, nil
	}
	// gopacket does not export the kinds of these errors, only their words.
	switch err.Error() {
	case "No Such Device":
		return nil, &InterfaceError{name, "no such interface", ErrNoInterface}
	case "Permission Denied", "unknown activated error: -11": // PCAP_ERROR_PROMISC_PERM_DENIED
		return nil, &InterfaceError{name, "no permission to capture", fs.ErrPermission}
	case "Interface Not Up":
		return nil, &InterfaceError{name, "the interface is down", nil}
	case cannotSetPromisc:
		return nil, errNotPromiscuous
	}
	return nil, &InterfaceError{name, err.Error(), nil}
}

// errNotPromiscuous stands for an interface that cannot be promiscuous: a
// warning of libpcap, but gopacket, whose words cannotSetPromisc are, loses the
// handle.
var errNotPromiscuous = errors.New("the interface cannot be promiscuous")

const cannotSetPromisc = "Cannot set as promisc"

// Read empties b and fills it with the next frames. It returns after Poll at the
// latest, then perhaps without a frame: b.First and b.Last are the time of the
// host's clock in that case, so that time passes on a quiet interface too. It
// returns io.EOF once the source is closed, and an *InterfaceError if the
// interface fails.
//
// After Stop it returns what was captured before, then io.EOF.
func (l *Live) Read(b *packet.Batch) error {
	b.Reset()
	if cap(b.Headers) == 0 {
		b.Headers = make([]packet.Header, 0, batchHeaders)
	}
	if l.left == 0 {
		return io.EOF
	}
	if !l.gone.IsZero() {
		return l.await(b)
	}
	if l.upTo.IsZero() {
		if l.busy && l.stop.Load() == nil {
			time.Sleep(pause)
		}
		l.upTo = time.Now()
	}
	var first time.Time // when the first frame was read
	for len(b.Headers) < cap(b.Headers) && b.Frames < batchFrames && l.left > 0 {
		data, ci, err := l.handle.ZeroCopyReadPacketData()
		stop := l.stop.Load()
		if err == pcap.NextErrorTimeoutExpired {
			if stop != nil && time.Since(*stop) > Poll {
				return io.EOF // what the kernel still gathered then has come
			}
			l.upTo = time.Time{}
			break
		}
		if err == io.EOF {
			return io.EOF
		}
		if err != nil {
			if err = l.failed(err); err == io.EOF || l.config.Gone == nil {
				return err
			}
			l.lose(err)
			break
		}
		if stop != nil && (ci.Timestamp.After(*stop) || time.Since(*stop) > stopWithin) {
			return io.EOF
		}
		l.number++
		l.left--
		at := ci.Timestamp.UnixNano()
		b.Add(at, l.number, 0, l.link, data, ci.Length)
		if r := l.config.Record; r != nil {
			r.add(at, l.number, l.linkType, data, ci.Length)
		}
		if ci.Timestamp.After(l.upTo) {
			l.upTo = time.Time{}
			break
		}
		if b.Frames == 1 {
			first = time.Now()
		} else if b.Frames%gatherCheck == 0 && time.Since(first) > gathering {
			break
		}
	}
	if l.busy = b.Frames > 0; !l.busy {
		now := time.Now().UnixNano()
		b.First, b.Last = now, now
	}
	return nil
}

// lose gives up the handle of an interface that has failed.
func (l *Live) lose(err error) {
	l.mu.Lock()
	if !l.closed {
		if s, err := l.count(); err == nil {
			l.stats = s
		}
		l.handle.Close()
		l.handle = nil
	}
	l.gone = time.Now()
	l.mu.Unlock()
	l.config.Gone(err)
}

// await waits for the interface to come back, Poll at most. Meanwhile time passes.
func (l *Live) await(b *packet.Batch) error {
	time.Sleep(Poll)
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed || l.stop.Load() != nil {
		return io.EOF
	}
	if time.Since(l.gone) >= reopenEvery {
		l.gone = time.Now()
		switch err := l.open(); {
		case err == nil:
			l.gone = time.Time{}
			l.config.Gone(nil)
		case errors.Is(err, fs.ErrPermission):
			return err // it is back, and the right to open it was given up
		}
	}
	now := time.Now().UnixNano()
	b.First, b.Last = now, now
	return nil
}

// failed asks libpcap for its words, unless the handle was closed meanwhile.
func (l *Live) failed(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return io.EOF
	}
	if err == pcap.NextErrorReadError {
		err = l.handle.Error()
	}
	return &InterfaceError{Interface: l.name, Reason: err.Error()}
}

// Stats returns libpcap's counts, also after Close. It may be called while Read
// runs.
func (l *Live) Stats() (Stats, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.stats, nil
	}
	return l.count()
}

// count adds what libpcap has counted for the handle to what it had for those before.
func (l *Live) count() (Stats, error) {
	if l.handle == nil {
		return l.stats, nil
	}
	s, err := l.handle.Stats()
	if err != nil {
		return Stats{}, &InterfaceError{Interface: l.name, Reason: err.Error()}
	}
	was := &l.stats
	return Stats{was.Received + uint64(s.PacketsReceived), was.Dropped + uint64(s.PacketsDropped), was.IfDropped + uint64(s.PacketsIfDropped)}, nil
}

// Names returns the name of the interface.
func (l *Live) Names() []string { return []string{l.name} }

// Stop ends the capture with what has come until now, of which the kernel may
// hold a part. It may be called while Read runs.
func (l *Live) Stop() {
	now := time.Now()
	l.stop.CompareAndSwap(nil, &now)
}

// Close ends the capture. It may be called while Read runs, which then returns
// io.EOF within Poll.
func (l *Live) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	var err error
	l.stats, err = l.count()
	l.closed = true
	if l.handle != nil {
		l.handle.Close()
	}
	return err
}

// Interface is an interface that OpenLive may be given.
type Interface struct {
	Name        string
	Description string       // may be empty
	Addresses   []netip.Addr // without their networks
	Up          bool
	Loopback    bool
}

// Interfaces lists the interfaces in libpcap's order: the likeliest choice
// first.
func Interfaces() ([]Interface, error) {
	devices, err := pcap.FindAllDevs()
	if err != nil {
		return nil, fmt.Errorf("listing the interfaces: %w", err)
	}
	list := make([]Interface, 0, len(devices))
	for _, d := range devices {
		const loopback, up = 1, 2 // PCAP_IF_LOOPBACK, PCAP_IF_UP
		in := Interface{Name: d.Name, Description: d.Description, Up: d.Flags&up != 0, Loopback: d.Flags&loopback != 0}
		for _, a := range d.Addresses {
			if addr, ok := netip.AddrFromSlice(a.IP); ok {
				in.Addresses = append(in.Addresses, addr.Unmap())
			}
		}
		list = append(list, in)
	}
	return list, nil
}
