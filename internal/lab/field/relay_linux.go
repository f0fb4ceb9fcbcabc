package field

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// openFrames opens a packet socket for the frames that arrive at an interface.
func openFrames(name string, index int) (*os.File, error) {
	all := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ALL >> 8, unix.ETH_P_ALL & 0xff}) // network byte order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("field: packet socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("field: packet socket on %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// held is a frame on its way.
type held struct {
	due   time.Time
	n     uint64 // frames of one moment keep their order
	frame []byte
}

type heldFrames []held

func (h heldFrames) Len() int { return len(h) }
func (h heldFrames) Less(i, j int) bool {
	return h[i].due.Before(h[j].due) || h[i].due.Equal(h[j].due) && h[i].n < h[j].n
}
func (h heldFrames) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *heldFrames) Push(x any)   { *h = append(*h, x.(held)) }
func (h *heldFrames) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// relay copies frames from one side to the other as a path would, until a side is
// closed. Each TCP segment is shown to watch when it comes.
func relay(from, to *os.File, p Path, r *rand.Rand, watch func(segment)) {
	in := make(chan held, 4096)
	go func() {
		var queue heldFrames
		timer := time.NewTimer(time.Hour)
		defer timer.Stop()
		for {
			wait := time.Hour
			if len(queue) > 0 {
				wait = time.Until(queue[0].due)
			}
			timer.Reset(wait)
			select {
			case h, ok := <-in:
				if !ok {
					return
				}
				heap.Push(&queue, h)
			case <-timer.C:
			}
			for len(queue) > 0 && !time.Now().Before(queue[0].due) {
				h := heap.Pop(&queue).(held)
				if _, err := to.Write(h.frame); errors.Is(err, os.ErrClosed) {
					for range in { // until its writer sees that a side is closed
					}
					return
				}
			}
		}
	}()
	defer close(in)
	var last time.Time
	var n uint64
	buf := make([]byte, 1<<16)
	for {
		size, err := from.Read(buf)
		if errors.Is(err, unix.ENETDOWN) {
			continue // said once when an interface goes down
		}
		if err != nil {
			return
		}
		frame := append([]byte(nil), buf[:size]...)
		isTCP := false
		if len(frame) > 14 {
			if s, ok := parseIP(frame[14:]); ok {
				isTCP = true
				hops(frame[14:], p.Hops)
				watch(s)
			}
		}
		due := time.Now().Add(p.Delay)
		if p.Jitter > 0 {
			due = due.Add(time.Duration(r.Int64N(int64(p.Jitter))))
		}
		if due.Before(last) {
			due = last // a queue keeps its order
		}
		copies := 1
		if isTCP {
			switch x := r.Float64(); {
			case x < p.Loss:
				continue
			case x < p.Loss+p.Double:
				copies = 2
			}
			if r.Float64() < p.Disorder {
				due = due.Add(2*time.Millisecond + p.Delay/4)
			} else {
				last = due
			}
		}
		for range copies {
			n++
			select {
			case in <- held{due, n, frame}:
			default: // a full queue drops, as a router's does
			}
		}
	}
}

// hops counts the TTL or hop limit of a packet down by n.
func hops(ip []byte, n int) {
	if ip[0]>>4 == 6 {
		ip[7] -= uint8(n)
		return
	}
	ip[8] -= uint8(n)
	fillIPChecksum(ip)
}
