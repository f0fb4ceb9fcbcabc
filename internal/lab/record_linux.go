package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rstwhy/rstwhy/kernel"
)

// Missing returns what this host lacks to record, in words, and nil when it
// lacks nothing.
func Missing() error {
	if os.Geteuid() != 0 {
		return errors.New("lab: needs root, to make network namespaces")
	}
	for _, program := range []string{"tcpdump", "timeout", "nft", "sleep"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("lab: needs the program %s: %w", program, err)
		}
	}
	ns, err := newNamespace()
	if err != nil {
		return err
	}
	ns.Close()
	t, err := kernel.Open()
	if err != nil {
		return err
	}
	return t.Close()
}

// snaplen holds the longest headers, and a little payload.
const snaplen = "128"

// lifetime is the longest that a program of the lab runs, in seconds.
const lifetime = "60"

// patience is how long the recorder waits for a program or a packet that must
// come.
const patience = 5 * time.Second

// Record runs r on a Pair of its own and writes dir/r.Name/VANTAGE.pcap and
// VANTAGE.truth.json for each of its vantages. It fails, and writes nothing,
// when the resets on the wire or the kernel's reasons for them are not those
// that r expects.
func Record(r Recipe, dir string) (err error) {
	defer func() {
		if err != nil && !strings.HasPrefix(err.Error(), "lab: "+r.Name) {
			err = fmt.Errorf("lab: %s: %w", r.Name, err)
		}
	}()
	for _, program := range r.Needs {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("needs the program %s (Debian's package %s): %w", program, packageOf(program), err)
		}
	}
	w, err := newWitness()
	if err != nil {
		return err
	}
	defer w.tracer.Close()
	p, err := NewPair(r.Link)
	if err != nil {
		return err
	}
	defer p.Close()
	var dumps []*dump
	defer func() {
		for _, d := range dumps {
			d.kill()
		}
	}()
	for _, v := range r.Vantages {
		d, err := p.tcpdump(v, r.Nano)
		if err != nil {
			return err
		}
		dumps = append(dumps, d)
	}
	if err := r.Run(p); err != nil {
		return err
	}
	spoken := 0
	for _, x := range r.Resets {
		if x.Reason != "" && !x.Maybe {
			spoken++
		}
	}
	if err := w.await(p, spoken); err != nil {
		return err
	}
	// The last packets are on their way, or are about to be answered.
	time.Sleep(100*time.Millisecond + 3*r.Link.Delay)
	if err := p.mark(); err != nil {
		return err
	}
	captures := make([]*pcap, len(dumps))
	for i, d := range dumps {
		if captures[i], err = d.stop(); err != nil {
			return err
		}
	}
	words, err := w.stop(p)
	if err != nil {
		return err
	}
	netns, err := p.netns()
	if err != nil {
		return err
	}
	release, err := kernelVersion()
	if err != nil {
		return err
	}
	truths := make([]*Truth, len(captures))
	for i, c := range captures {
		if truths[i], err = r.truth(c, r.Vantages[i], netns, words); err != nil {
			return fmt.Errorf("at the %s: %w", r.Vantages[i], err)
		}
		truths[i].Kernel = release
	}
	for i, c := range captures {
		if err := write(filepath.Join(dir, r.Name), c, truths[i]); err != nil {
			return err
		}
	}
	return nil
}

// truth pairs the RSTs of a capture with the kernel's words about the namespaces
// netns, and holds both against what r expects at v.
func (r *Recipe) truth(c *pcap, v Vantage, netns []uint32, words []kernel.Event) (*Truth, error) {
	t := &Truth{
		Recipe: r.Name, About: r.About, Vantage: v, LinkType: linkNames[c.link],
		Resets: []Reset{}, Notes: []Note{},
	}
	// Away from the sender a RST comes the delay of the link later, and on a busy
	// machine that of the relay as well.
	w := kernel.Witness{Netns: netns, Tolerance: r.Link.Delay + 10*kernel.Tolerance, Room: 1 + len(words)}
	for _, e := range words {
		w.Add(e)
	}
	for i, f := range c.frames {
		if !f.rst {
			continue
		}
		reset := Reset{Frame: uint64(i + 1), Time: f.time, Sender: f.sender, Receiver: f.receiver}
		if e, ok := w.Event(f.segment()); ok {
			reset.Kernel = &Word{Reason: e.Reason, Active: e.Active, State: e.State}
		}
		t.Resets = append(t.Resets, reset)
	}
	if err := r.name(t.Resets, v); err != nil {
		return nil, fmt.Errorf("%w (%d frames)", err, len(c.frames))
	}
	if left := w.Unpaired(); len(left) > 0 {
		return nil, fmt.Errorf("the kernel sent a RST that is not in the capture: %v", left[0])
	}
	for _, n := range r.Notes {
		if !n.seen(c) {
			return nil, fmt.Errorf("nothing in the capture is %s", n)
		}
		t.Notes = append(t.Notes, n)
	}
	return t, nil
}

// name gives the resets, seen at v, the causes that r expects of them in their
// order.
func (r *Recipe) name(resets []Reset, v Vantage) error {
	var expected []Expect
	for _, x := range r.Resets {
		if x.At == "" || x.At == v {
			expected = append(expected, x)
		}
	}
	next := 0 // of expected
	for i := range resets {
		reset := &resets[i]
		// The one before may stand for many frames.
		if next > 0 && (expected[next-1].Many || expected[next-1].Maybe) && expected[next-1].agrees(reset) == nil {
			reset.Cause = expected[next-1].Cause
			continue
		}
		for next < len(expected) && expected[next].Maybe && expected[next].agrees(reset) != nil {
			next++
		}
		if next == len(expected) {
			return fmt.Errorf("frame %d is a RST too many (kernel: %+v)", reset.Frame, reset.Kernel)
		}
		if err := expected[next].agrees(reset); err != nil {
			return fmt.Errorf("frame %d: %w", reset.Frame, err)
		}
		reset.Cause = expected[next].Cause
		next++
	}
	for _, x := range expected[next:] {
		if !x.Maybe {
			return fmt.Errorf("%d RSTs, and none that is %s", len(resets), x.Cause)
		}
	}
	return nil
}

// agrees reports in which way r is not the RST that was expected.
func (x Expect) agrees(r *Reset) error {
	switch {
	case roleOf(r.Sender) != x.From:
		return fmt.Errorf("a RST from %v, which is not the %s", r.Sender, x.From)
	case x.Reason == "" && r.Kernel == nil:
		return nil
	case x.Reason == "":
		return fmt.Errorf("the kernel says that it sent the RST from %v: %+v", r.Sender, *r.Kernel)
	case r.Kernel == nil:
		return fmt.Errorf("the kernel says nothing of a RST from %v", r.Sender)
	case r.Kernel.Reason != x.Reason || r.Kernel.Active != x.Active:
		return fmt.Errorf("the kernel's reason is %+v, want %s, active %v", *r.Kernel, x.Reason, x.Active)
	}
	return nil
}

// seen reports whether the capture shows what the note says.
func (n Note) seen(c *pcap) bool {
	type conn struct{ client, server netip.AddrPort }
	type counts struct{ syn, fromServer, lateSYNACK, clientACK int }
	all := map[conn]*counts{}
	for _, f := range c.frames {
		k, fromServer := conn{f.sender, f.receiver}, roleOf(f.sender) == Server
		if fromServer {
			k = conn{f.receiver, f.sender}
		}
		s := all[k]
		if s == nil {
			s = new(counts)
			all[k] = s
		}
		switch {
		case fromServer:
			s.fromServer++
			if f.syn && s.clientACK > 0 {
				s.lateSYNACK++
			}
		case f.syn:
			s.syn++
		case f.ack:
			s.clientACK++
		}
	}
	for _, s := range all {
		switch n {
		case UnansweredSYN:
			if s.syn > 1 && s.fromServer == 0 {
				return true
			}
		case AcceptQueueFull:
			if s.lateSYNACK > 1 {
				return true
			}
		}
	}
	return false
}

// write puts a capture and its truth into dir.
func write(dir string, c *pcap, t *Truth) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	b := slices.Clone(c.header)
	for _, f := range c.frames {
		b = append(b, f.record...)
	}
	if err := os.WriteFile(filepath.Join(dir, string(t.Vantage)+".pcap"), b, 0o666); err != nil {
		return err
	}
	j, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, string(t.Vantage)+".truth.json"), append(j, '\n'), 0o666)
}

// kernelVersion is the release of the running kernel without what its builder
// appended.
func kernelVersion() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", err
	}
	v, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	return v, nil
}

// witness collects what the kernel says.
type witness struct {
	tracer *kernel.Tracer
	done   chan struct{}
	mu     sync.Mutex
	events []kernel.Event
	err    error
}

func newWitness() (*witness, error) {
	tracer, err := kernel.Open()
	if err != nil {
		return nil, err
	}
	w := &witness{tracer: tracer, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for {
			e, err := tracer.Read()
			w.mu.Lock()
			if err != nil {
				w.err = err
				w.mu.Unlock()
				return
			}
			w.events = append(w.events, e)
			w.mu.Unlock()
		}
	}()
	return w, nil
}

// netns returns the network namespaces of the hosts.
func (p *Pair) netns() (all []uint32, err error) {
	for _, h := range []*Host{p.Client, p.Server, p.Middle} {
		if h == nil {
			continue
		}
		ns, err := h.Netns()
		if err != nil {
			return nil, err
		}
		all = append(all, ns)
	}
	return all, nil
}

// of returns the resets that the hosts of p sent over the link.
func (w *witness) of(p *Pair) ([]kernel.Event, error) {
	ours, err := p.netns()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var own []kernel.Event
	for _, e := range w.events {
		if slices.Contains(ours, e.Netns) && !e.Sender.Addr().IsLoopback() {
			own = append(own, e)
		}
	}
	return own, nil
}

// await waits until the hosts of p have sent n resets.
func (w *witness) await(p *Pair, n int) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		events, err := w.of(p)
		if err != nil || len(events) >= n {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the kernel sent %d RSTs, want at least %d", len(events), n)
		}
	}
}

// stop ends the tracing and returns every reset that the hosts of p sent.
func (w *witness) stop(p *Pair) ([]kernel.Event, error) {
	lost, err := w.tracer.Lost()
	if err != nil {
		return nil, err
	}
	if lost > 0 {
		return nil, fmt.Errorf("%d events of the kernel were lost", lost)
	}
	w.tracer.Close()
	<-w.done
	if !errors.Is(w.err, os.ErrClosed) {
		return nil, w.err
	}
	return w.of(p)
}

// The end of a capture is marked with a datagram each way: what was sent before
// it is in the capture when both are. The marks are not kept.
const (
	markPort = 9 // discard
	markText = "rstlab: end"
)

func (p *Pair) mark() error {
	for _, h := range []struct{ from, to *Host }{{p.Client, p.Server}, {p.Server, p.Client}} {
		err := h.from.Do(func() error {
			c, err := net.Dial("udp4", netip.AddrPortFrom(h.to.IPv4, markPort).String())
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write([]byte(markText))
			return err
		})
		if err != nil {
			return fmt.Errorf("marking the end: %w", err)
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
func (p *Pair) tcpdump(v Vantage, nano bool) (_ *dump, err error) {
	host := p.Client
	switch v {
	case AtServer:
		host = p.Server
	case AtMiddle:
		host = p.Middle
	}
	iface := host.Interface
	if v == AtAny {
		iface = "any"
	}
	precision := "micro"
	if nano {
		precision = "nano"
	}
	d := &dump{}
	if d.file, err = os.CreateTemp("", "rstlab-*.pcap"); err != nil {
		return nil, err
	}
	os.Remove(d.file.Name()) // goes with the last who has it open
	// Not to a named file: tcpdump gives up root before it would create it.
	// timeout(1) ends it also when this process is killed and cannot.
	d.cmd = exec.Command("timeout", lifetime, "tcpdump", "-i", iface, "-n", "-U", "--immediate-mode", "-s", snaplen,
		"--time-stamp-precision="+precision, "-w", "-", "tcp or udp port 9")
	d.cmd.Stdout = d.file
	stderr, err := d.cmd.StderrPipe()
	if err != nil {
		d.file.Close()
		return nil, err
	}
	if err := host.Start(d.cmd); err != nil {
		d.file.Close()
		return nil, fmt.Errorf("starting tcpdump: %w", err)
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
		err = fmt.Errorf("tcpdump ended: %s", d.said.String())
	case <-time.After(patience):
		err = errors.New("tcpdump does not listen")
	}
	d.kill()
	return nil, err
}

// stop waits for the marks, ends tcpdump and returns the capture without them.
func (d *dump) stop() (*pcap, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, marks, err := d.read()
		if err != nil {
			return nil, err
		}
		if marks < 2 {
			if time.Now().After(deadline) {
				return nil, errors.New("the end of the traffic did not reach tcpdump")
			}
			continue
		}
		if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
			return nil, err
		}
		d.stderr.Wait()
		if err := d.cmd.Wait(); err != nil {
			return nil, fmt.Errorf("tcpdump: %w: %s", err, d.said.String())
		}
		if !strings.Contains(d.said.String(), "\n0 packets dropped by kernel") {
			return nil, fmt.Errorf("tcpdump lost packets: %s", d.said.String())
		}
		return c, nil
	}
}

// read returns what has been captured, and how many marks were among it.
func (d *dump) read() (c *pcap, marks int, err error) {
	st, err := d.file.Stat()
	if err != nil {
		return nil, 0, err
	}
	b := make([]byte, st.Size())
	if _, err := d.file.ReadAt(b, 0); err != nil {
		return nil, 0, err
	}
	if c, err = parsePcap(b); err != nil {
		return nil, 0, err
	}
	c.frames = slices.DeleteFunc(c.frames, func(f frame) bool {
		mark := f.proto == protoUDP && string(f.payload) == markText
		if mark {
			marks++
		}
		return mark
	})
	return c, marks, nil
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
