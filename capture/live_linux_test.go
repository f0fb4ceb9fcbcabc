package capture

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rstwhy/rstwhy/packet"
)

// TestLivePermission gives up the capability on one thread.
func TestLivePermission(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&head, &none[0]); err != nil {
			t.Error(err)
			return
		}
		_, err := OpenLive("lo", LiveConfig{})
		if !errors.Is(err, fs.ErrPermission) || err.Error() != "lo: no permission to capture" {
			t.Errorf("without capabilities: %v", err)
		}
	}()
	<-done
}

// TestLiveWakeUps checks that the kernel gathers frames (TPACKET_V3) rather than
// wake the reader for each, which took a busy host 40 % of what it served.
func TestLiveWakeUps(t *testing.T) {
	openLoopback(t, "lo", LiveConfig{})
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	sockets := 0
	for _, f := range files {
		fd, err := strconv.Atoi(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		version, err := unix.GetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION)
		if err != nil {
			continue
		}
		sockets++
		if version != unix.TPACKET_V3 {
			t.Errorf("version %d of the ring, want %d", version, unix.TPACKET_V3)
		}
	}
	if sockets == 0 {
		t.Error("there is no packet socket")
	}
}

// TestLiveGone deletes the interface that is captured on, and makes it again.
func TestLiveGone(t *testing.T) {
	openLoopback(t, "lo", LiveConfig{}) // or skips
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock: the namespace ends with the thread
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Errorf("a network namespace: %v", err)
			return
		}
		ip := func(args ...string) {
			if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
				t.Errorf("ip %v: %v: %s", args, err, out)
			}
		}
		make := func() {
			ip("link", "add", "rw0", "type", "veth", "peer", "name", "rw1")
			ip("addr", "add", "192.0.2.1/24", "dev", "rw0")
			ip("link", "set", "rw0", "up")
			ip("link", "set", "rw1", "up")
		}
		make()
		var said []error
		live, err := OpenLive("rw0", LiveConfig{Gone: func(err error) { said = append(said, err) }})
		if err != nil {
			t.Error(err)
			return
		}
		defer live.Close()
		var b packet.Batch
		until := func(what string, ok func() bool) {
			for end := time.Now().Add(10 * time.Second); !ok(); {
				if time.Now().After(end) {
					t.Errorf("waited in vain for %s; said %v", what, said)
					return
				}
				if err := live.Read(&b); err != nil {
					t.Error(err)
					return
				}
				if b.Frames == 0 && b.Last == 0 {
					t.Error("time does not pass")
					return
				}
			}
		}
		ip("link", "del", "rw0")
		until("the interface to be missed", func() bool { return len(said) == 1 && said[0] != nil })
		make()
		until("the interface to come back", func() bool { return len(said) == 2 && said[1] == nil })
		// A SYN that nobody answers; the neighbour is made up.
		ip("neigh", "add", "192.0.2.9", "lladdr", "02:00:00:00:00:09", "dev", "rw0")
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(fd)
		unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{192, 0, 2, 9}})
		until("a SYN on the new interface", func() bool { return len(b.Headers) > 0 && b.Headers[0].DstPort == 9 })
		if s, err := live.Stats(); err != nil || s.Received == 0 {
			t.Errorf("%+v, %v", s, err)
		}
		live.Stop()
		for err = nil; err == nil; err = live.Read(&b) {
		}
		if err != io.EOF {
			t.Errorf("after Stop: %v", err)
		}
	}()
	<-done
}
