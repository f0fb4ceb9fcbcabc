package report

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/internal/synth"
)

func endpoint(t *testing.T, s string) flows.Endpoint {
	t.Helper()
	a := netip.MustParseAddrPort(s)
	return flows.Endpoint{Addr: a.Addr().As16(), Port: a.Port()}
}

// The values are those that the specification gives for its example captures.
func TestCommunityID(t *testing.T) {
	for _, tt := range []struct{ client, server, want string }{
		{"128.232.110.120:34855", "66.35.250.204:80", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"66.35.250.204:80", "128.232.110.120:34855", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
	} {
		ends := [2]flows.Endpoint{flows.Client: endpoint(t, tt.client), flows.Server: endpoint(t, tt.server)}
		if got := communityID(&ends); got != tt.want {
			t.Errorf("%s, %s: %s, want %s", tt.client, tt.server, got, tt.want)
		}
	}
}

// refusals are 250 refused connections, with either end the lower in address or port.
const refusals = `-- packets --
repeat 150 +.001
A = 192.0.2.{1+i}:{40000+i}
B = 198.51.100.{100+i}:{1+i}
+0     A > B S  0:0(0) win 64240
+.0001 B > A R. 0:0(0) ack 1 win 0
+.0001 B > A:{100+i} S  0:0(0) win 64240
+.0001 A:{100+i} > B R. 0:0(0) ack 1 win 0
end
repeat 50 +.001
A = [2001:db8::{1+i}]:{40000+i}
B = [2001:db8:1::{1+i}]:443
+0     A > B S  0:0(0) win 64240
+.0001 B > A R. 0:0(0) ack 1 win 0
end
`

// tshark computes the same.
func TestCommunityIDOfTshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("SKIPPED: COMMUNITY IDS WERE NOT COMPARED WITH TSHARK'S: it is not installed")
	}
	path := played(t, refusals)
	out, err := exec.Command("tshark", "-n", "-r", path, "--enable-protocol", "communityid", "-Y", "tcp.flags.reset == 1",
		"-T", "fields", "-e", "frame.number", "-e", "communityid").Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	want := map[string]string{}
	for l := range strings.Lines(string(out)) {
		if frame, id, ok := strings.Cut(strings.TrimSpace(l), "\t"); ok {
			want[frame] = id
		}
	}
	_, c := collect(t, []string{path})
	compared := map[string]bool{}
	for _, i := range c.all {
		got := communityID(&i.Reset.Flow.Ends)
		if id := want[strconv.FormatUint(i.Reset.RST.Frame, 10)]; id != got {
			t.Errorf("frame %d: %s, tshark %q", i.Reset.RST.Frame, got, id)
		}
		compared[got] = true
	}
	if len(compared) < 200 {
		t.Errorf("%d connections were compared, want 200", len(compared))
	}
}

// States and letters are those of Zeek's conn.log.
func TestConnState(t *testing.T) {
	for _, tt := range []struct{ packets, state, history string }{
		{"+0 C > S S 0:0(0) win 64240\n+.1 S > C R. 0:0(0) ack 1 win 0", "REJ", "Sr"},
		{"+0 C > S S 0:0(0) win 64240\n+.1 C > S R 1:1(0)", "RSTOS0", "SR"},
		{"+0 C > S S 0:0(0) win 64240\n+.1 S > C S. 0:0(0) ack 1\n+.1 C > S R 1:1(0)", "RSTO", "ShR"},
		{"+0 C > S S 0:0(0) win 64240\n+.1 S > C S. 0:0(0) ack 1\n+.1 C > S . 1:1(0) ack 1\n+.1 C > S R. 1:1(0) ack 1 win 0", "RSTO", "ShAR"},
		{"+0 C > S S 0:0(0) win 64240\n+.1 S > C S. 0:0(0) ack 1\n+.1 C > S . 1:1(0) ack 1\n+.1 S > C R. 1:1(0) ack 1 win 0", "RSTR", "ShAr"},
		{"+0 C > S S 0:0(0) win 64240\n+.1 C > S . 1:1(0) ack 1\n+.1 C > S R. 1:1(0) ack 1 win 0", "OTH", "SAR"},
		{"+0 C > S P. 1:101(100) ack 1\n+.1 C > S R. 101:101(0) ack 1 win 0", "OTH", "DR"},
		{"+0 S > C S. 0:0(0) ack 1\n+.1 S > C R. 1:1(0) ack 1 win 0", "RSTRH", "hr"},
		{"+0 C > S P. 1:101(100) ack 1\n+.1 S > C R 1:1(0)", "RSTRH", "Dr"},
	} {
		_, c := collect(t, []string{played(t, "-- packets --\n"+tt.packets+"\n")})
		if len(c.all) != 1 {
			t.Fatalf("%d incidents of\n%s", len(c.all), tt.packets)
		}
		if s, h := connState(c.all[0].Reset), history(c.all[0]); s != tt.state || h != tt.history {
			t.Errorf("%s %s, want %s %s, of\n%s", s, h, tt.state, tt.history, tt.packets)
		}
	}
}

// played is the capture of a scenario.
func played(t *testing.T, scenario string) string {
	t.Helper()
	script, err := synth.Parse("scenario", []byte(scenario))
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/a.pcap"
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(script.Write(file, synth.Format{}), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}
