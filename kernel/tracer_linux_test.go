package kernel

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// open returns a Tracer, or skips and says what is missing. With
// RSTWHY_LIVE=require the skip is a failure.
func open(t *testing.T) *Tracer {
	t.Helper()
	tr, err := Open()
	if err != nil {
		if os.Getenv("RSTWHY_LIVE") == "require" {
			t.Fatal(err)
		}
		if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
			t.Skip("cannot trace resets here: ", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// next returns the first event that wanted accepts. Other resets of the host
// pass by.
func next(t *testing.T, tr *Tracer, wanted func(Event) bool) Event {
	t.Helper()
	late := time.AfterFunc(5*time.Second, func() { tr.Close() })
	defer late.Stop()
	for {
		e, err := tr.Read()
		if err != nil {
			t.Fatal("waiting for the reset: ", err)
		}
		t.Log(e)
		if wanted(e) {
			return e
		}
	}
}

func check(t *testing.T, got, want Event, since time.Time) {
	t.Helper()
	if got.Time.Before(since.Add(-time.Second)) || got.Time.After(time.Now().Add(time.Second)) {
		t.Errorf("time %v is not between %v and now", got.Time, since)
	}
	got.Time = time.Time{}
	netns, err := ownNetns()
	if err != nil {
		t.Fatal(err)
	}
	want.Netns = netns
	if want.Active {
		name, err := os.ReadFile("/proc/self/comm")
		if err != nil {
			t.Fatal(err)
		}
		want.Process, want.PID = strings.TrimSpace(string(name)), int32(os.Getpid())
	}
	if got.Process == "" && want.Process != "" || !strings.HasPrefix(want.Process, got.Process) && got.PID == want.PID {
		// A thread of Go's may have a name of its own.
		t.Logf("the thread is called %q, the process %q", got.Process, want.Process)
		got.Process = want.Process
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// pair returns both ends of a connection over loopback, the accepted one second.
func pair(t *testing.T, network, address string) (client, server *net.TCPConn, ln net.Listener) {
	t.Helper()
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	to := ln.Addr().(*net.TCPAddr).AddrPort()
	if network == "tcp" { // one socket for both families, reached over IPv4
		to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to.Port())
	}
	c, err := net.DialTimeout(network, to.String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn), ln
}

func addr(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func TestReply(t *testing.T) {
	for _, tt := range []struct{ name, network, address string }{
		{"IPv4", "tcp4", "127.0.0.1:0"},
		{"IPv6", "tcp6", "[::1]:0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := open(t)
			ln, err := net.Listen(tt.network, tt.address)
			if err != nil {
				t.Skipf("no %s on loopback: %v", tt.name, err)
			}
			closed := addr(ln.Addr())
			ln.Close()

			since := time.Now()
			if c, err := net.Dial(tt.network, closed.String()); err == nil {
				c.Close()
				t.Fatalf("connected to %v where nothing listens", closed)
			}
			got := next(t, tr, func(e Event) bool { return e.Sender == closed })
			if got.Receiver.Addr() != closed.Addr() || got.Receiver.Port() == 0 {
				t.Errorf("receiver is %v", got.Receiver)
			}
			check(t, got, Event{Sender: closed, Receiver: got.Receiver, Reason: "NO_SOCKET"}, since)
		})
	}
}

func TestAbort(t *testing.T) {
	for _, tt := range []struct{ name, network, address string }{
		{"IPv4", "tcp4", "127.0.0.1:0"},
		{"IPv6", "tcp6", "[::1]:0"},
		{"IPv4-mapped", "tcp", ":0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := open(t)
			// The client's port is ephemeral, so close(2) gives it back; the
			// server's socket of the third case is AF_INET6 with IPv4 in it.
			conn, server, _ := pair(t, tt.network, tt.address)
			if tt.network == "tcp" {
				conn = server
			}
			since := time.Now()
			conn.SetLinger(0)
			conn.Close()
			from, to := addr(conn.LocalAddr()), addr(conn.RemoteAddr())
			got := next(t, tr, func(e Event) bool { return e.Sender == from })
			check(t, got, Event{Sender: from, Receiver: to, Reason: "TCP_STATE", Active: true, State: "TCP_CLOSE", Linger: true}, since)
		})
	}
}

// What nobody has read is counted to the octet.
func TestUnread(t *testing.T) {
	tr := open(t)
	client, server, _ := pair(t, "tcp4", "127.0.0.1:0")
	if _, err := client.Write(make([]byte, 99)); err != nil {
		t.Fatal(err)
	}
	server.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(server, make([]byte, 33)); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil { // a FIN is not unread
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // until it has come
	since := time.Now()
	server.Close()
	from, to := addr(server.LocalAddr()), addr(server.RemoteAddr())
	got := next(t, tr, func(e Event) bool { return e.Sender == from })
	check(t, got, Event{Sender: from, Receiver: to, Reason: "TCP_ABORT_ON_CLOSE", Active: true, State: "TCP_CLOSE", Unread: 66}, since)
}

// TestKilled ends a program that has not read all: its kernel says who it was, and by
// which signal it ended.
func TestKilled(t *testing.T) {
	if to := os.Getenv("RSTWHY_TEST_CONNECT"); to != "" {
		c, err := net.Dial("tcp4", to)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		select {} // until it is killed
	}
	tr := open(t)
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	child := exec.Command(os.Args[0], "-test.run", "^TestKilled$")
	child.Env = append(os.Environ(), "RSTWHY_TEST_CONNECT="+ln.Addr().String())
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Process.Kill()
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := server.Write(make([]byte, 77)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // until it has come
	child.Process.Kill()
	child.Wait()
	from := addr(server.RemoteAddr())
	got := next(t, tr, func(e Event) bool { return e.Sender == from })
	if got.Reason != "TCP_ABORT_ON_CLOSE" || got.Unread != 77 || !got.Exiting || got.Signal != 9 || got.PID != int32(child.Process.Pid) {
		t.Errorf("%+v, want 77 octets that process %d, which SIGKILL ended, left unread", got, child.Process.Pid)
	}
}

// A listener's socket names no peer; the event must.
func TestReplyOfListener(t *testing.T) {
	tr := open(t)
	client, server, ln := pair(t, "tcp4", "127.0.0.1:0")
	rc, err := server.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var soErr error
	rc.Control(func(fd uintptr) { soErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_REPAIR, 1) })
	if soErr != nil {
		t.Skip("cannot make a connection vanish: TCP_REPAIR: ", soErr)
	}
	server.Close() // in repair mode it goes without a word

	since := time.Now()
	if _, err := client.Write([]byte("anyone there?")); err != nil {
		t.Fatal(err)
	}
	from, to := addr(ln.Addr()), addr(client.LocalAddr())
	got := next(t, tr, func(e Event) bool { return e.Receiver == to })
	check(t, got, Event{Sender: from, Receiver: to, Reason: "TCP_FLAGS", State: "TCP_LISTEN"}, since)
}

func TestReadAfterClose(t *testing.T) {
	tr := open(t)
	done := make(chan error)
	go func() {
		for {
			if _, err := tr.Read(); err != nil {
				done <- err
				return
			}
		}
	}()
	if n, err := tr.Lost(); n != 0 || err != nil {
		t.Errorf("lost %d, %v", n, err)
	}
	if err := tr.Close(); err != nil {
		t.Error(err)
	}
	select {
	case err := <-done:
		if !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Read still waits after Close")
	}
}
