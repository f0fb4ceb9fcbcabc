package field

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rstwhy/rstwhy/kernel"
)

// A seed gives one plan, and another seed another.
func TestPlan(t *testing.T) {
	a, err := NewPlan(7, 130, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	again, _ := NewPlan(7, 130, nil, "")
	other, _ := NewPlan(8, 130, nil, "")
	if !reflect.DeepEqual(a, again) {
		t.Error("one seed, two plans")
	}
	if reflect.DeepEqual(a.Worlds, other.Worlds) {
		t.Error("two seeds, one plan")
	}
	talks := 0
	for _, w := range a.Worlds {
		talks += len(w.Talks)
		if len(w.Talks) > talksPerWorld || len(w.Views) == 0 {
			t.Errorf("world %d: %d talks, %d views", w.N, len(w.Talks), len(w.Views))
		}
	}
	if talks != 130 {
		t.Errorf("%d talks", talks)
	}
	if _, err := NewPlan(1, 1, []string{"no-such-kind"}, ""); err == nil {
		t.Error("it plans a kind that is not there")
	}
}

// The table speaks of every kind, and only of causes that there are.
func TestTable(t *testing.T) {
	page, err := os.ReadFile("../../../docs/causes.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, part := range strings.Split(string(page), `<a id="`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		ids[id] = true
	}
	known := func(cause string) bool { return ids[cause] }
	for _, k := range slices.Concat(kinds, netstackKinds) {
		if _, ok := circumstances[k.name]; !ok {
			t.Errorf("the table does not speak of %s", k.name)
		}
	}
	for name, roles := range circumstances {
		if !slices.ContainsFunc(slices.Concat(kinds, netstackKinds), func(k kind) bool { return k.name == name }) {
			t.Errorf("the table speaks of %s, which nobody does", name)
		}
		for _, causes := range roles {
			for _, c := range causes {
				if !known(c) {
					t.Errorf("%s: no cause is called %s", name, c)
				}
			}
		}
	}
	// Whatever the facts are, what is right of them exists, and something is.
	for _, k := range slices.Concat(kinds, netstackKinds) {
		for _, role := range []Role{Client, Server} {
			for _, trigger := range []string{"", "syn", "synack", "data", "fin", "ack"} {
				for _, reason := range []string{
					"NO_SOCKET", "TCP_FLAGS", "TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA", "TCP_INVALID_ACK_SEQUENCE", "TCP_RFC7323_PAWS",
					"BACKLOG_FULL", "TCP_ABORT_ON_CLOSE", "TCP_ABORT_ON_LINGER", "TCP_ABORT_ON_MEMORY", "TCP_KEEPALIVE_TIMEOUT",
					"TCP_DISCONNECT_WITH_DATA", "RETRANSMISSION_TIMEOUT", "TCP_STATE",
				} {
					for bits := range 64 {
						on := func(n int) bool { return bits>>n&1 != 0 }
						f := &Facts{Kind: k.name, Role: role, By: Kernel, Reason: reason, Trigger: trigger, Active: trigger == "",
							Later: on(0), SenderFIN: on(1), PeerFIN: on(2), Linger: on(3), Gap: on(4), Sent: uint64(bits >> 5)}
						for _, c := range Right(f, View{}) {
							if !known(c) {
								t.Fatalf("%+v: no cause is called %s", f, c)
							}
						}
					}
				}
			}
		}
	}
}

func TestRight(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    Facts
		v    View
		want string
	}{
		{"a closed port", Facts{Kind: "closed-port", Role: Server, By: Kernel, Reason: "NO_SOCKET", Trigger: "syn"}, View{SYN: true}, "no-listener"},
		{"a filter", Facts{Kind: "reject-host", Role: Server, By: Reject, Trigger: "syn"}, View{SYN: true}, "firewall-reject"},
		{"unread, of a server that had answered", Facts{Kind: "unread-server", Role: Server, By: Kernel, Reason: "TCP_ABORT_ON_CLOSE", Active: true, Sent: 9},
			View{SYN: true}, "unread-data-on-close"},
		{"and without SO_LINGER it is nobody's purpose", Facts{Kind: "listener-closed", Role: Server, By: Kernel, Reason: "TCP_STATE", Active: true},
			View{SYN: true}, "listener-closed"},
		{"a request behind the FIN", Facts{Kind: "data-after-close", Role: Server, By: Kernel, Reason: "TCP_TIMEWAIT_SOCKET", Trigger: "data", SenderFIN: true},
			View{SYN: true}, "data-after-close"},
		{"a FIN behind the FIN", Facts{Kind: "data-after-close", Role: Server, By: Kernel, Reason: "TCP_TIMEWAIT_SOCKET", Trigger: "fin", SenderFIN: true},
			View{SYN: true}, "segment-after-close"},
		{"no SYN in the capture", Facts{Kind: "vanished-server", Role: Server, By: Kernel, Reason: "TCP_FLAGS", Trigger: "data"}, View{},
			"mid-stream stale-connection"},
		{"a second forged one", Facts{Kind: "forger-blind", Role: Server, By: Forger, Later: true}, View{SYN: true}, "blind-rst follow-up injected-rst"},
	} {
		if got := strings.Join(Right(&tt.f, tt.v), " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

var (
	aClient = netip.MustParseAddrPort("10.9.0.11:20000")
	aServer = netip.MustParseAddrPort("10.9.1.21:2000")
	noon    = time.Unix(1_800_000_000, 0).UTC()
)

// frameOf is a frame of Ethernet, us after noon.
func frameOf(us int, s segment, payload int) frame {
	b := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, s.packet(make([]byte, payload))...)
	f := frame{time: noon.Add(time.Duration(us) * time.Microsecond), data: b, wire: len(b)}
	f.decode(linkEthernet)
	return f
}

func up(flags uint8, seq, ack uint32) segment {
	return segment{src: aClient, dst: aServer, flags: flags, seq: seq, ack: ack, ttl: 64, df: true, window: 100}
}

func down(flags uint8, seq, ack uint32) segment {
	s := up(flags, seq, ack)
	s.src, s.dst = s.dst, s.src
	return s
}

// conversation is a connection that its server closes, and on which the client
// writes on.
func conversation() *capture {
	return &capture{link: linkEthernet, frames: []frame{
		frameOf(0, up(syn, 99, 0), 0),
		frameOf(100, down(syn|ack, 199, 100), 0),
		frameOf(200, up(ack, 100, 200), 0),
		frameOf(300, up(ack|psh, 100, 200), 50),
		frameOf(400, down(ack|psh, 200, 150), 70),
		frameOf(500, down(ack|fin, 270, 150), 0),
		frameOf(600, up(ack, 150, 271), 0),
		frameOf(900, up(ack|psh, 150, 271), 8),
		frameOf(950, down(rst, 271, 0), 0),
	}}
}

// A file is what it was made of.
func TestCaptureFile(t *testing.T) {
	c := conversation()
	back, err := parseCapture(c.bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, c) {
		t.Errorf("got  %+v\nwant %+v", back, c)
	}
	for n := range c.bytes() {
		if back, err := parseCapture(c.bytes()[:n]); err == nil && len(back.frames) >= len(c.frames) {
			t.Fatalf("%d octets have every frame", n)
		}
	}
	for i := range c.frames {
		if f := &c.frames[i]; sum16(f.data[14:34])%0xffff != 0 {
			t.Errorf("frame %d: the IP checksum is wrong", i+1)
		}
	}
}

// worldOf is the truth of a conversation whose server's kernel said words.
func worldOf(c *capture, words ...kernel.Event) (*truth, int) {
	var server []word
	for _, e := range words {
		server = append(server, word{Event: e})
	}
	is := func(a netip.AddrPort) func(netip.Addr) bool { return func(b netip.Addr) bool { return a.Addr() == b } }
	none := &capture{link: linkSLL2}
	return newTruth(&rawCapture{Client, c, is(aClient), nil, nil}, &rawCapture{Server, c, is(aServer), nil, server},
		&rawCapture{Router, none, func(netip.Addr) bool { return false }, nil, nil}, []string{"data-after-close"})
}

func TestTruth(t *testing.T) {
	said := kernel.Event{Time: noon.Add(940 * time.Microsecond), Sender: aServer, Receiver: aClient, Reason: "TCP_TIMEWAIT_SOCKET"}
	c := conversation()
	tr, left := worldOf(c, said)
	rec := tr.record(c, &World{}, Vantage{At: "server"})
	want := []Reset{{Frame: 9, Facts: Facts{Kind: "data-after-close", Role: Server, By: Kernel, Stack: "Linux", Reason: "TCP_TIMEWAIT_SOCKET",
		Trigger: "data", Octets: 8, SenderFIN: true, Sent: 70, Received: 58, Age: 0.00095}, View: View{SYN: true, First: true}}}
	if !reflect.DeepEqual(rec.Resets, want) || left != 0 || len(rec.Unknown) != 0 {
		t.Errorf("got  %+v, %d words left\nwant %+v", rec.Resets, left, want)
	}

	// Nobody said anything of it: in a script with a filter that was the filter,
	// in another nobody knows. And a word of another connection finds no RST.
	said.Receiver = netip.AddrPortFrom(aClient.Addr(), 20001)
	tr, left = worldOf(c, said)
	if rec := tr.record(c, &World{}, Vantage{At: "server"}); len(rec.Resets) != 0 || !slices.Equal(rec.Unknown, []int{9}) || left != 1 {
		t.Errorf("got %+v, %d words left", rec, left)
	}
	for k := range tr.byKey {
		tr.byKey[k][0].facts.Kind = "reject-midstream"
	}
	if rec := tr.record(c, &World{}, Vantage{At: "server"}); len(rec.Resets) != 1 || rec.Resets[0].By != Reject {
		t.Errorf("got %+v", rec)
	}
}

// What a capture does not have is not seen in it.
func TestFaults(t *testing.T) {
	whole := conversation()
	before := whole.bytes()
	for _, tt := range []struct {
		fault string
		ok    func(c *capture) bool
	}{
		{faultNone, func(c *capture) bool { return len(c.frames) == 9 }},
		{faultOneWay, func(c *capture) bool {
			return len(c.frames) > 0 && !slices.ContainsFunc(c.frames, func(f frame) bool { return f.seg.src != c.frames[0].seg.src })
		}},
		{faultLate, func(c *capture) bool { return len(c.frames) < 9 && !c.frames[0].seg.has(syn) }},
		{faultHoles, func(c *capture) bool { return len(c.frames) < 9 }},
		{faultRewritten, func(c *capture) bool {
			return len(c.frames) == 9 && c.frames[0].seg.src.Addr() != aClient.Addr() && c.frames[0].seg.src.Port() == aClient.Port()
		}},
	} {
		v := Vantage{At: "server", Snaplen: 60, Fault: tt.fault, Seed: 5}
		c := derive(v, whole, whole, whole, 0)
		if !tt.ok(c) {
			t.Errorf("%s: %d frames", tt.fault, len(c.frames))
		}
		for _, f := range c.frames {
			if len(f.data) > 60 || !f.tcp {
				t.Errorf("%s: a frame of %d octets, TCP %v", tt.fault, len(f.data), f.tcp)
			}
		}
	}
	if !bytes.Equal(whole.bytes(), before) {
		t.Error("the fault is in the original")
	}
}

// A verdict is counted once, where it belongs.
func TestScore(t *testing.T) {
	rec := &Record{Vantage: Vantage{At: "server", Fault: faultNone}, Resets: []Reset{
		{Frame: 1, Facts: Facts{Kind: "closed-port", Role: Server, By: Kernel, Reason: "NO_SOCKET", Trigger: "syn"}, View: View{SYN: true, First: true}},
		{Frame: 2, Facts: Facts{Kind: "closed-port", Role: Server, By: Kernel, Reason: "NO_SOCKET", Trigger: "syn", Later: true}, View: View{SYN: true}},
		{Frame: 3, Facts: Facts{Kind: "unread-server", Role: Server, By: Kernel, Reason: "TCP_ABORT_ON_CLOSE", Active: true, Sent: 1}, View: View{SYN: true, First: true}},
		{Frame: 4, Facts: Facts{Kind: "reject-host", Role: Server, By: Reject, Trigger: "syn"}, View: View{SYN: true, First: true}},
		{Frame: 5, Facts: Facts{Kind: "closed-port", Role: Server, By: Kernel, Reason: "NO_SOCKET", Trigger: "syn"}, View: View{SYN: true, First: true}},
	}}
	s := &Score{By: map[string]map[string]*Tally{}}
	s.take("x.pcap", rec, map[int]verdict{
		1: {cause: "no-listener", confidence: "likely", mechanism: "answer", also: []string{"firewall-reject"}},
		2: {cause: "no-listener", confidence: "likely", mechanism: "answer", follows: true},
		3: {cause: "stale-connection", confidence: "certain", mechanism: "answer"},
		4: {cause: "no-listener", confidence: "likely", mechanism: "answer", also: []string{"firewall-reject"}},
	})
	want := Tally{N: 4, First: 1, InSet: 2, Set: 5, Certain: 1, WrongCertain: 1, Likely: 2, Missed: 1, Mechanism: 2, WrongMech: 1}
	if s.All != want {
		t.Errorf("got  %+v\nwant %+v", s.All, want)
	}
	if s.Later.N != 1 || s.Later.First != 1 {
		t.Errorf("later: %+v", s.Later)
	}
	var frames []int
	for _, w := range s.Wrong {
		frames = append(frames, w.Frame)
	}
	if !slices.Equal(frames, []int{3, 5}) {
		t.Errorf("wrong are %v", frames)
	}
}

// A wrong answer is cut down to what makes it wrong. The program that judges says
// something wrong of every FIN it is shown with a RST.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	rstwhy := filepath.Join(dir, "rstwhy")
	script := `#!/bin/sh
n=$(($(wc -c <"$3")))
if od -An -v -tx1 "$3" | tr -d ' \n' | grep -q 5011; then
	rst=$(od -An -v -tx1 "$3" | tr -d ' \n' | grep -o '50[0-9a-f][0-9a-f]0064' | grep -n 5004 | cut -d: -f1)
	echo "{\"type\":\"incident\",\"cause\":\"no-listener\",\"confidence\":\"likely\",\"frames\":[$rst]}"
fi
`
	if err := os.WriteFile(rstwhy, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	c := conversation()
	for i := range c.frames {
		c.frames[i].data[14+20+15] = 100 // the windows, so that the program finds the flags
		c.frames[i].data[14+20+14] = 0
	}
	tr, _ := worldOf(c, kernel.Event{Time: noon.Add(940 * time.Microsecond), Sender: aServer, Receiver: aClient, Reason: "TCP_TIMEWAIT_SOCKET"})
	if err := write(dir, "w", c, tr.record(c, &World{}, Vantage{At: "server"})); err != nil {
		t.Fatal(err)
	}
	score, err := Measure(dir, rstwhy)
	if err != nil {
		t.Fatal(err)
	}
	if len(score.Wrong) != 1 {
		t.Fatalf("%+v", score)
	}
	made, err := Cut(score, dir, rstwhy, 5)
	if err != nil || len(made) != 1 {
		t.Fatal(made, err)
	}
	small, err := readCapture(made[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(small.frames) != 2 || !small.frames[0].seg.has(fin) || !small.frames[1].seg.has(rst) {
		t.Errorf("%d frames are left: %+v", len(small.frames), small.frames)
	}
	if again, err := Measure(filepath.Dir(made[0]), rstwhy); err != nil || again.All.N != 1 || again.All.InSet != 0 {
		t.Errorf("measured again: %+v, %v", again, err)
	}
}
