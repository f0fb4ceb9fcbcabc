//go:build linux

package lab

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/rstwhy/rstwhy/kernel"
)

const captures = "../../testdata/pcaps"

// live skips, and says what is missing, where nothing can be recorded. With
// RSTWHY_LIVE=require the skip is a failure.
func live(t *testing.T) {
	t.Helper()
	if err := Missing(); err != nil {
		if os.Getenv("RSTWHY_LIVE") == "require" {
			t.Fatal(err)
		}
		t.Skip("cannot record here: ", err)
	}
}

// rsts reads the RSTs of a capture with gopacket, which the lab itself does not
// use: frame, time and both ends of each.
func rsts(t *testing.T, path string) []Reset {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out := []Reset{}
	for n := uint64(1); ; n++ {
		b, ci, err := r.ReadPacketData()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatalf("%s: frame %d: %v", path, n, err)
		}
		// gopacket knows no SLL2, so it starts at the IP header.
		b = b[14:]
		if filepath.Base(path) == "any.pcap" {
			b = b[6:]
		}
		first := layers.LayerTypeIPv4
		if b[0]>>4 == 6 {
			first = layers.LayerTypeIPv6
		}
		p := gopacket.NewPacket(b, first, gopacket.NoCopy)
		tcp, ok := p.TransportLayer().(*layers.TCP)
		if !ok {
			t.Fatalf("%s: frame %d is not TCP", path, n)
		}
		if !tcp.RST {
			continue
		}
		end := func(e gopacket.Endpoint, port layers.TCPPort) netip.AddrPort {
			a, _ := netip.AddrFromSlice(e.Raw())
			return netip.AddrPortFrom(a, uint16(port))
		}
		net := p.NetworkLayer().NetworkFlow()
		out = append(out, Reset{
			Frame: n, Time: ci.Timestamp.UTC(),
			Sender: end(net.Src(), tcp.SrcPort), Receiver: end(net.Dst(), tcp.DstPort),
		})
	}
}

// checkRecording holds the files of one recipe against each other and against
// the recipe.
func checkRecording(t *testing.T, dir string, r Recipe) {
	t.Helper()
	for _, v := range r.Vantages {
		base := filepath.Join(dir, r.Name, string(v))
		truth, err := ReadTruth(base + ".truth.json")
		if err != nil {
			t.Error(err)
			continue
		}
		if truth.Recipe != r.Name || truth.About != r.About || truth.Vantage != v || !slices.Equal(truth.Notes, r.Notes) {
			t.Errorf("%s: the truth is of another recipe: %+v", base, truth)
		}
		var bare []Reset
		for _, reset := range truth.Resets {
			reset.Cause = ""
			bare = append(bare, reset)
		}
		if err := r.name(bare, v); err != nil {
			t.Errorf("%s: %v", base, err)
		}
		if d := cmp.Diff(truth.Resets, append([]Reset{}, bare...), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
			t.Errorf("%s: truth is not what the recipe expects (-truth +recipe):\n%s", base, d)
		}
		for i := range bare {
			bare[i].Cause, bare[i].Kernel = "", nil
		}
		equal := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
		if d := cmp.Diff(rsts(t, base+".pcap"), append([]Reset{}, bare...), equal); d != "" {
			t.Errorf("%s: truth does not list the RSTs of the capture (-capture +truth):\n%s", base, d)
		}
	}
}

func TestRecipes(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Recipes() {
		if seen[r.Name] {
			t.Errorf("two recipes are called %s", r.Name)
		}
		seen[r.Name] = true
		if r.About == "" || strings.HasSuffix(r.About, ".") || len(r.Vantages) == 0 {
			t.Errorf("%s: about %q, vantages %v", r.Name, r.About, r.Vantages)
		}
		if got, ok := Find(r.Name); !ok || got.About != r.About {
			t.Errorf("Find(%q) = %q, %v", r.Name, got.About, ok)
		}
	}
	if _, ok := Find("no such recipe"); ok {
		t.Error("found a recipe that is not there")
	}
}

// The captures in the repository are those of the recipes, all of them.
func TestCaptures(t *testing.T) {
	for _, r := range Recipes() {
		t.Run(r.Name, func(t *testing.T) { checkRecording(t, captures, r) })
	}
	dirs, err := os.ReadDir(captures)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if _, ok := Find(d.Name()); d.IsDir() && !ok {
			t.Errorf("%s has no recipe", filepath.Join(captures, d.Name()))
		}
	}
}

// Recording again gives the same causes and the same reasons, and leaves
// nothing behind.
func TestRecord(t *testing.T) {
	live(t)
	before := runtime.NumGoroutine()
	for _, name := range []string{"no-listener", "handshake-abort", "unread-data-on-close-ipv6", "kill-unread-data", "aborted-download"} {
		t.Run(name, func(t *testing.T) {
			r, ok := Find(name)
			if !ok {
				t.Fatal("no such recipe")
			}
			dir := t.TempDir()
			if err := Record(r, dir); err != nil {
				t.Fatal(err)
			}
			checkRecording(t, dir, r)
		})
	}

	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); strings.HasPrefix(to, "net:") || strings.Contains(to, "rstlab-") {
			t.Errorf("%s is still open: %s", fd, to)
		}
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// A recipe that is wrong about the world must not become truth.
func TestRecordRefuses(t *testing.T) {
	live(t)
	good := noListener()
	good.Vantages = []Vantage{AtClient}
	for _, tt := range []struct {
		name   string
		change func(*Recipe)
		want   string
	}{
		{"another reason", func(r *Recipe) { r.Resets[0].Reason = "TCP_FLAGS" }, "the kernel's reason is"},
		{"another side", func(r *Recipe) { r.Resets[0].From = Client }, "which is not the client"},
		{"a note of nothing", func(r *Recipe) { r.Notes = []Note{AcceptQueueFull} }, "nothing in the capture is accept-queue-full"},
		{"a step that fails", func(r *Recipe) {
			r.Steps = func(e *Env) { e.DialFails(closedPort, time.Second, os.ErrNotExist) }
		}, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := good
			r.Resets = slices.Clone(r.Resets)
			tt.change(&r)
			dir := t.TempDir()
			err := Record(r, dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}

// truth is held against a capture of the repository with words of our own.
func TestTruth(t *testing.T) {
	r, _ := Find("stale-connection-service-down")
	b, err := os.ReadFile(filepath.Join(captures, r.Name, "client.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := parsePcap(b)
	if err != nil {
		t.Fatal(err)
	}
	const own = 4026531840 // namespace
	var words []kernel.Event
	for _, reset := range rsts(t, filepath.Join(captures, r.Name, "client.pcap")) {
		words = append(words, kernel.Event{
			Time: reset.Time, Sender: reset.Sender, Receiver: reset.Receiver, Reason: "NO_SOCKET", Netns: own,
		})
	}
	if len(words) != 2 {
		t.Fatalf("%d RSTs, want 2", len(words))
	}
	if _, err := r.truth(c, AtClient, []uint32{own}, words); err != nil {
		t.Error(err)
	}

	late := slices.Clone(words)
	late[0].Time = late[0].Time.Add(time.Second)
	more := append(slices.Clone(words), words[0])
	one, three := r, r
	one.Resets = r.Resets[:1]
	three.Resets = append(slices.Clone(r.Resets), Expect{From: Server, Cause: FollowUp, Reason: "NO_SOCKET"})
	for _, tt := range []struct {
		name   string
		recipe Recipe
		words  []kernel.Event
		want   string
	}{
		{"the kernel is silent", r, words[1:], "the kernel says nothing"},
		{"the kernel speaks of another time", r, late, "the kernel says nothing"},
		{"the kernel speaks of one more", r, more, "not in the capture"},
		{"a RST too many", one, words, "a RST too many"},
		{"a RST too few", three, words, "none that is follow-up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.recipe.truth(c, AtClient, []uint32{own}, tt.words); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestParsePcap(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(captures, "no-listener", "client.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	// A file that grows is read up to its last whole record, at every length.
	for n := range b {
		c, err := parsePcap(b[:n])
		if err != nil || len(c.frames) > 1 {
			t.Fatalf("%d of %d octets: %v", n, len(b), err)
		}
	}
	if c, err := parsePcap(b); err != nil || len(c.frames) != 2 || !c.frames[1].rst {
		t.Errorf("%+v, %v", c, err)
	}
	b[0] ^= 1
	if _, err := parsePcap(b); err == nil {
		t.Error("it reads what is no capture")
	}
}

func TestReadTruth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.truth.json")
	if _, err := ReadTruth(path); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	os.WriteFile(path, []byte("{"), 0o666)
	if _, err := ReadTruth(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}
