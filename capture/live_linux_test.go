package capture

import (
	"errors"
	"io/fs"
	"runtime"
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
