package field

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/rstwhy/rstwhy/kernel"
)

// netstackAddr is where gVisor's stack is reached, which runs as the program of
// the module in netstack.
var netstackAddr = netip.MustParseAddr("10.9.3.1")

// netstack is that program while it runs.
type netstack struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ready chan bool

	ask   sync.Mutex // one question at a time
	mu    sync.Mutex // of words
	words []word
	done  sync.WaitGroup
}

// startNetstack runs the program beside the server's interface.
func (w *world) startNetstack(program string) error {
	tun, err := w.newTUN("tun1", "10.9.3.0/24")
	if err != nil {
		return err
	}
	defer tun.Close()
	n := &netstack{ready: make(chan bool, 1)}
	n.cmd = exec.Command(program, netstackAddr.String())
	n.cmd.ExtraFiles = []*os.File{tun}
	stdout, err := n.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if n.stdin, err = n.cmd.StdinPipe(); err != nil {
		return err
	}
	n.cmd.Stderr = os.Stderr
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("field: starting %s: %w", program, err)
	}
	w.netstack = n
	w.closers = append(w.closers, func() {
		n.stdin.Close() // the end of its input is its end
		n.done.Wait()
		n.cmd.Wait()
	})
	n.done.Go(func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if lines.Text() == "ready" {
				n.ready <- true
				continue
			}
			now := time.Now()
			var a struct {
				Local, Remote netip.AddrPort
				Reason        string
				Unread        uint32
				Linger        bool
			}
			if json.Unmarshal(lines.Bytes(), &a) == nil {
				n.mu.Lock()
				n.words = append(n.words, word{Event: kernel.Event{
					Time: now, Sender: a.Local, Receiver: a.Remote, Reason: a.Reason, Active: true, Unread: a.Unread, Linger: a.Linger,
				}})
				n.mu.Unlock()
			}
		}
	})
	return nil
}

// netstack starts a service on the stack that does the same with each
// connection, and connects to it n times.
func (t *talk) netstack(n int, steps ...string) (clients []*conn) {
	s := t.w.netstack
	to := netip.AddrPortFrom(netstackAddr, uint16(firstService+servicePorts*t.N))
	if len(steps) > 0 {
		s.ask.Lock()
		_, err := fmt.Fprintf(s.stdin, "%d %s\n", to.Port(), strings.Join(steps, ","))
		if err == nil {
			select {
			case <-s.ready:
			case <-time.After(patience):
				err = os.ErrDeadlineExceeded
			}
		}
		s.ask.Unlock()
		giveUp(err, "starting a service of netstack")
	}
	for range n {
		c, err := t.try(t.w.client, t.local(t.nextPort()), to, 10*sec, nil)
		if len(steps) > 0 {
			giveUp(err, "connecting")
		}
		if err == nil {
			clients = append(clients, c)
		}
	}
	return clients
}

// netstackScripts are conversations with servers whose TCP is gVisor's.
func netstackScripts() map[string]func(*talk) {
	do := func(what string, n int) string { return fmt.Sprintf("%s:%d", what, n) }
	return map[string]func(*talk){
		"netstack-closed-port": func(t *talk) { t.netstack(1 + t.n(3)) },
		"netstack-unread": func(t *talk) {
			n, m, left := t.size(), t.size(), 1+t.n(5000)
			c := t.netstack(1, do("read", n), do("write", m), do("unread", left), do("sleep", t.n(500)), "close")[0]
			c.send(n)
			c.take(m)
			c.send(left)
			t.settle()
			c.drain()
			c.Close()
		},
		"netstack-abort": func(t *talk) {
			n, m := t.size(), t.size()
			c := t.netstack(1, do("read", n), do("write", m), do("sleep", 500+t.n(3000)), "abort")[0]
			c.send(n)
			c.take(m)
			c.drain()
			c.Close()
			t.settle()
		},
		"netstack-no-answer": func(t *talk) {
			n := t.size()
			c := t.netstack(1, do("read", n), "abort")[0]
			c.send(n)
			c.drain()
			c.Close()
			t.settle()
		},
		"netstack-data-after-close": func(t *talk) {
			n, m := t.size(), t.size()
			c := t.netstack(1, do("read", n), do("write", m), "close")[0]
			c.send(n)
			c.take(m)
			t.settle()
			t.sleep(0, sec)
			c.send(t.size())
			t.settle()
			c.drain()
			c.Close()
		},
	}
}
