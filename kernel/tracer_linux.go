package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// ringSize is the room for events that nobody has read yet: with 8 octets of
// header each, about 35,000 of them, a flood of 140,000 resets a second between two looks
// at an idle ring.
const ringSize = 4 << 20

// Tracer reads the resets of the running host. Read or Drain, and Close, may be called
// from different goroutines; Read and Drain themselves from one at a time.
type Tracer struct {
	reasons map[uint32]string
	linger  uint // bit of sk_flags
	done    uint // the same: the peer's FIN has come
	events  *ebpf.Map
	lost    *ebpf.Map
	prog    *ebpf.Program
	link    link.Link
	reader  *ringbuf.Reader
	record  ringbuf.Record
	// offset is what the wall clock was ahead of CLOCK_MONOTONIC at that time of it.
	offset, offsetAt int64
}

// Open starts to trace: every reset sent after it returns is seen. It needs
// CAP_BPF and CAP_PERFMON, or root, and returns an error that matches
// os.ErrPermission without them. The error matches ErrUnsupported where the
// kernel does not name the reasons of resets.
func Open() (*Tracer, error) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, btf.ErrNotFound) || errors.Is(err, ebpf.ErrNotSupported) {
			return nil, fmt.Errorf("%w (no BTF: %v)", ErrUnsupported, err)
		}
		return nil, fmt.Errorf("kernel: reading its BTF: %w", err)
	}
	l, err := readLayout(spec)
	if err != nil {
		return nil, err
	}
	t := &Tracer{reasons: l.reasons, linger: l.lingerFlag, done: l.doneFlag}
	if err := t.attach(l); err != nil {
		t.Close()
		if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w (%v)", ErrUnsupported, err)
		}
		return nil, fmt.Errorf("kernel: tracing tcp_send_reset: %w", err)
	}
	return t, nil
}

func (t *Tracer) attach(l *layout) (err error) {
	if t.events, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "rst_events", Type: ebpf.RingBuf, MaxEntries: ringSize,
	}); err != nil {
		return err
	}
	if t.lost, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "rst_lost", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1,
	}); err != nil {
		return err
	}
	if t.prog, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name:         "rst_reason",
		Type:         ebpf.RawTracepoint,
		Instructions: program(l, t.events.FD(), t.lost.FD()),
		License:      "Dual MIT/GPL", // bpf_probe_read_kernel is for GPL-compatible programs
	}); err != nil {
		return err
	}
	if t.reader, err = ringbuf.NewReader(t.events); err != nil {
		return err
	}
	t.reader.SetDeadline(time.Now().Add(readEvery))
	t.link, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: "tcp_send_reset", Program: t.prog})
	return err
}

// Read waits for the next reset, of which it learns within 50 ms. After Close it returns
// an error that matches os.ErrClosed.
func (t *Tracer) Read() (Event, error) {
	for {
		e, err := t.next()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return e, err
		}
		t.reader.SetDeadline(time.Now().Add(readEvery))
	}
}

// Drain calls add with the resets that have not been read yet, and does not wait for more.
// After Close it returns an error that matches os.ErrClosed.
func (t *Tracer) Drain(add func(Event)) error {
	t.reader.SetDeadline(time.Now().Add(-time.Second))
	for {
		e, err := t.next()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		add(e)
	}
}

// next is the next event; when there is none at the reader's deadline, an error that
// matches os.ErrDeadlineExceeded.
func (t *Tracer) next() (Event, error) {
	if err := t.reader.ReadInto(&t.record); err != nil {
		return Event{}, fmt.Errorf("kernel: reading events: %w", err)
	}
	b := t.record.RawSample
	if len(b) < recLen {
		return Event{}, fmt.Errorf("kernel: an event of %d octets, want %d", len(b), recLen)
	}
	return t.decode(b)
}

func (t *Tracer) decode(b []byte) (Event, error) {
	wall, err := t.wallClock(int64(binary.NativeEndian.Uint64(b[recTime:])))
	if err != nil {
		return Event{}, err
	}
	n := binary.NativeEndian.Uint32(b[recReason:])
	reason, ok := t.reasons[n]
	if !ok {
		reason = fmt.Sprintf("REASON_%d", n)
	}
	size := 4
	if b[recIPv6] != 0 {
		size = 16
	}
	end := func(addr, port int) netip.AddrPort {
		ip, _ := netip.AddrFromSlice(b[addr : addr+size])
		return netip.AddrPortFrom(ip.Unmap(), binary.BigEndian.Uint16(b[port:]))
	}
	abort := b[recActive] != 0
	e := Event{
		Time:     wall,
		Sender:   end(recSender, recSport),
		Receiver: end(recReceiver, recDport),
		Reason:   reason,
		Active:   abort,
		State:    stateName(b[recState]),
		Netns:    binary.NativeEndian.Uint32(b[recNetns:]),
		Unread:   binary.NativeEndian.Uint32(b[recRcvNxt:]) - binary.NativeEndian.Uint32(b[recCopied:]),
		Linger: abort && binary.NativeEndian.Uint64(b[recFlags:])>>t.linger&1 != 0 &&
			binary.NativeEndian.Uint64(b[recLinger:]) == 0,
	}
	if e.Unread > 0 && binary.NativeEndian.Uint64(b[recFlags:])>>t.done&1 != 0 {
		e.Unread-- // the FIN
	}
	if abort && byProcess(reason, e.State) {
		e.PID = int32(binary.NativeEndian.Uint64(b[recPid:]) >> 32)
		e.Process = string(bytes.TrimRight(b[recComm:recComm+commLen], "\x00"))
		e.Exiting = binary.NativeEndian.Uint32(b[recTask:])&exiting != 0
		if e.Exiting {
			e.Signal = int(binary.NativeEndian.Uint32(b[recExit:]) & 0x7f)
		}
	}
	return e, nil
}

// byProcess reports whether a socket is aborted for that reason by a system call or the
// end of a program. Timers abort for want of memory, or of an answer.
func byProcess(reason, state string) bool {
	switch reason {
	case "TCP_ABORT_ON_CLOSE", "TCP_ABORT_ON_LINGER", "TCP_DISCONNECT_WITH_DATA":
		return true
	case "TCP_STATE":
		return state != "TCP_FIN_WAIT2" // the timer of one that was closed
	}
	return false
}

const (
	commLen = 16  // TASK_COMM_LEN
	exiting = 0x4 // PF_EXITING, include/linux/sched.h
)

// wallClock turns a time of CLOCK_MONOTONIC, in ns, into wall time. Both clocks are read
// once a second, so that a step of the wall clock is followed.
func (t *Tracer) wallClock(mono int64) (time.Time, error) {
	if t.offset == 0 || mono-t.offsetAt > int64(time.Second) {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			return time.Time{}, fmt.Errorf("kernel: reading CLOCK_MONOTONIC: %w", err)
		}
		t.offset, t.offsetAt = time.Now().UnixNano()-ts.Nano(), ts.Nano()
	}
	return time.Unix(0, mono+t.offset), nil
}

// Lost returns how many events were dropped since Open because nobody had read
// the earlier ones.
func (t *Tracer) Lost() (uint64, error) {
	var n uint64
	if err := t.lost.Lookup(uint32(0), &n); err != nil {
		return 0, fmt.Errorf("kernel: counting lost events: %w", err)
	}
	return n, nil
}

// Close stops to trace and ends a Read that waits.
func (t *Tracer) Close() error {
	var errs []error
	if t.link != nil {
		errs = append(errs, t.link.Close())
	}
	if t.reader != nil {
		errs = append(errs, t.reader.Close())
	}
	if t.prog != nil {
		errs = append(errs, t.prog.Close())
	}
	if t.lost != nil {
		errs = append(errs, t.lost.Close())
	}
	if t.events != nil {
		errs = append(errs, t.events.Close())
	}
	return errors.Join(errs...)
}

// ownNetns is the inode number of the network namespace of the process.
func ownNetns() (uint32, error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err != nil {
		return 0, fmt.Errorf("kernel: the network namespace: %w", err)
	}
	return uint32(st.Ino), nil
}
