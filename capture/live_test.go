package capture

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rstwhy/rstwhy/packet"
)

// openLoopback captures on the loopback interface, or skips the test for lack
// of CAP_NET_RAW. With RSTWHY_LIVE=require that is a failure.
func openLoopback(t *testing.T, name string, config LiveConfig) *Live {
	t.Helper()
	live, err := OpenLive(name, config)
	if errors.Is(err, fs.ErrPermission) && os.Getenv("RSTWHY_LIVE") != "require" {
		t.Skipf("SKIPPED: needs CAP_NET_RAW: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { live.Close() })
	return live
}

// refused makes a connection that is refused, and returns its port.
func refused(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	l.Close()
	if conn, err := net.DialTCP("tcp4", nil, addr); err == nil {
		conn.Close()
		t.Skip("SKIPPED: another program listens on the port by now")
	}
	return uint16(addr.Port)
}

func TestLive(t *testing.T) {
	for _, name := range []string{"lo", "any"} {
		t.Run(name, func(t *testing.T) {
			live := openLoopback(t, name, LiveConfig{Filter: "tcp[tcpflags] & tcp-rst != 0", Promiscuous: true})
			port := refused(t)
			var b packet.Batch
			var found *packet.Header
			last := int64(0)
			for end := time.Now().Add(5 * time.Second); found == nil && time.Now().Before(end); {
				if err := live.Read(&b); err != nil {
					t.Fatal(err)
				}
				if b.Last < last && b.Frames == 0 {
					t.Errorf("the clock went back from %d to %d", last, b.Last)
				}
				last = b.Last
				for i := range b.Headers {
					if b.Headers[i].SrcPort == port {
						found = &b.Headers[i]
					}
					if !b.Headers[i].Flags.Has(packet.RST) {
						t.Errorf("a segment that does not match the filter: %+v", b.Headers[i])
					}
				}
			}
			if found == nil {
				t.Fatal("the RST was not captured within 5 s")
			}
			if found.Flags != packet.RST|packet.ACK || found.Source().Addr() != netip.MustParseAddr("127.0.0.1") {
				t.Errorf("%+v", found)
			}
			if age := time.Since(time.Unix(0, found.Time)); age < 0 || age > time.Minute {
				t.Errorf("the RST is %v old", age)
			}
			if err := live.Close(); err != nil {
				t.Error(err)
			}
			stats, err := live.Stats()
			if err != nil || stats.Received == 0 {
				t.Errorf("after Close: %+v, %v", stats, err)
			}
			if err := live.Read(&b); err != io.EOF {
				t.Errorf("Read after Close: %v", err)
			}
		})
	}
}

// TestLiveQuiet checks that time passes without frames, and that Close ends a
// Read that waits.
func TestLiveQuiet(t *testing.T) {
	live := openLoopback(t, "lo", LiveConfig{Filter: "host 192.0.2.1"})
	var b packet.Batch
	before := time.Now().UnixNano()
	if err := live.Read(&b); err != nil {
		t.Fatal(err)
	}
	if b.Frames != 0 || b.First != b.Last || b.Last < before || b.Last > time.Now().UnixNano() {
		t.Errorf("batch of a quiet interface: %+v", b)
	}
	done := make(chan error)
	go func() {
		var err error
		for err == nil {
			err = live.Read(&b)
		}
		done <- err
	}()
	time.Sleep(Poll / 2)
	live.Close()
	select {
	case err := <-done:
		if err != io.EOF {
			t.Errorf("after Close: %v", err)
		}
	case <-time.After(10 * Poll):
		t.Error("Close does not end the waiting")
	}
}

// TestLiveStop checks that what came before the end is read after it, and
// nothing that came later.
func TestLiveStop(t *testing.T) {
	live := openLoopback(t, "lo", LiveConfig{Filter: "tcp[tcpflags] & tcp-rst != 0"})
	want := make(map[uint16]bool)
	for range 20 {
		want[refused(t)] = true
	}
	live.Stop()
	time.Sleep(time.Millisecond)
	after := refused(t)
	began := time.Now()
	var b packet.Batch
	for err := error(nil); err != io.EOF; {
		if err = live.Read(&b); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		for i := range b.Headers {
			if delete(want, b.Headers[i].SrcPort); b.Headers[i].SrcPort == after {
				t.Error("what came after the end was read")
			}
		}
		if time.Since(began) > 10*Poll {
			t.Fatal("there is no end")
		}
	}
	if len(want) > 0 {
		t.Errorf("%d of what came before the end was not read", len(want))
	}
}

func TestLiveErrors(t *testing.T) {
	openLoopback(t, "lo", LiveConfig{})
	_, err := OpenLive("no-such-iface0", LiveConfig{})
	if !errors.Is(err, ErrNoInterface) || err.Error() != "no-such-iface0: no such interface" {
		t.Errorf("no such interface: %v", err)
	}
	var filter *FilterError
	if _, err = OpenLive("lo", LiveConfig{Filter: "tcp port"}); !errors.As(err, &filter) || !strings.Contains(err.Error(), "syntax error") {
		t.Errorf("bad filter: %v", err)
	}
}

func TestInterfaces(t *testing.T) {
	list, err := Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range list {
		if in.Name == "lo" {
			if !in.Loopback || len(in.Addresses) == 0 || !in.Addresses[0].IsLoopback() {
				t.Errorf("%+v", in)
			}
			return
		}
	}
	t.Errorf("no loopback interface in %+v", list)
}
