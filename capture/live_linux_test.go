package capture

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
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
