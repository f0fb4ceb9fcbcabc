package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/flows"
)

// serve returns a server on the loopback address.
func serve(t *testing.T) *Server {
	t.Helper()
	s := New("v1")
	s.Story = func(*analyzer.Incident) string { return "<script>window.hit=1</script>" }
	if err := s.Listen("127.0.0.1:0", "", false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(nil) })
	return s
}

// replay gives the incidents and turns of a recording to s.
func replay(t *testing.T, s *Server, name string) {
	t.Helper()
	files, err := capture.Open([]string{"../testdata/pcaps/" + name}, capture.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	if _, err := analyzer.Run(context.Background(), files, analyzer.Config{Observe: s.Observe}, s); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestMetrics(t *testing.T) {
	s := serve(t)
	replay(t, s, "unread-data-on-close/client.pcap")
	s.Set(State{
		Progress: analyzer.Progress{Frames: 12, RSTs: 1, Open: 3, Evicted: 4}, Unwritten: 5,
		Counters: analyzer.Counters{Dropped: 6, DroppedByInterface: 7, Kernel: &analyzer.KernelCounters{Sent: 8, Lost: 9}},
	})
	_, text := get(t, "http://"+s.Address()+"/metrics")
	for _, want := range []string{
		`rstwhy_incidents_total{cause="unread-data-on-close",confidence="likely",family="unread-data",harm="request-lost",sender="server",service="10.7.0.2:8080"} 1`,
		`rstwhy_resets_total{cause="unread-data-on-close",confidence="likely",family="unread-data",harm="request-lost",sender="server",service="10.7.0.2:8080"} 1`,
		"rstwhy_packets_total 12", "rstwhy_rst_packets_total 1", "rstwhy_open_connections 3", "rstwhy_evicted_connections_total 4",
		"rstwhy_unwritten_reports_total 5", "rstwhy_dropped_packets_total 6", "rstwhy_interface_dropped_packets_total 7",
		"rstwhy_kernel_resets_total 8", "rstwhy_kernel_lost_total 9", "rstwhy_synack_seconds_count 1", `rstwhy_build_info{version="v1"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if code, body := get(t, "http://"+s.Address()+"/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("healthz: %d %s", code, body)
	}
	s.mu.Lock()
	s.late = time.Now().Add(-time.Minute)
	s.mu.Unlock()
	if code, _ := get(t, "http://"+s.Address()+"/healthz"); code != 503 {
		t.Errorf("healthz of an input that was not heard of for a minute: %d", code)
	}
	if code, _ := get(t, "http://"+s.Address()+"/other"); code != 404 {
		t.Errorf("another path: %d", code)
	}
}

// TestServices scans a thousand ports: the label does not take each.
func TestServices(t *testing.T) {
	m := newMetrics("v1")
	labels := map[string]bool{}
	for port := range uint16(1000) {
		labels[m.service(flows.Endpoint{Addr: netip.MustParseAddr("192.0.2.1").As16(), Port: port})] = true
	}
	if len(labels) != servicesMax+1 || !labels[otherLabel] || !labels["192.0.2.1:0"] {
		t.Errorf("%d labels", len(labels))
	}
}

// TestExposed serves nobody but the host, unless that is wanted.
func TestExposed(t *testing.T) {
	s := New("v1")
	if err := s.Listen("0.0.0.0:0", "", false); !errors.Is(err, ErrExposed) {
		t.Errorf("all addresses without a password: %v", err)
	}
	if err := s.Listen("0.0.0.0:0", "", true); err != nil {
		t.Errorf("all addresses, said twice: %v", err)
	}
	s.Close(nil)
	if err := New("v1").Listen("127.0.0.1:0", "/none.yml", false); err == nil {
		t.Error("a configuration that is not there is taken")
	}

	s = serve(t)
	for host, want := range map[string]int{
		"127.0.0.1:9": 200, "[::1]:9": 200, "localhost": 200, "evil.example": 421, "127.0.0.1.evil.example": 421, "192.0.2.1": 421,
	} {
		r, err := http.NewRequest("GET", "http://"+s.Address()+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("asked for as %s: %d, want %d", host, answer.StatusCode, want)
		}
	}
}

// TestPassword has a file of users, as the Prometheus exporters have it.
func TestPassword(t *testing.T) {
	config := filepath.Join(t.TempDir(), "web.yml")
	// The hash is of "test", of little cost.
	text := "basic_auth_users:\n  alice: $2y$04$xjDC0wKfHbCZ9AqW5Lw0nOoL0xIFJEYxL4VKWQWEqDZLYSNoPkg0a\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := New("v1")
	if err := s.Listen("127.0.0.1:0", config, false); err != nil {
		t.Fatal(err)
	}
	defer s.Close(nil)
	if code, _ := get(t, "http://"+s.Address()+"/metrics"); code != 401 {
		t.Errorf("without a password: %d", code)
	}
}

// TestSlowReader keeps the run from nothing.
func TestSlowReader(t *testing.T) {
	s := serve(t)
	r, err := http.Get("http://" + s.Address() + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if line, err := bufio.NewReader(r.Body).ReadString('\n'); line != "event: begin\n" {
		t.Fatalf("%q, %v", line, err)
	}
	done := make(chan struct{})
	go func() {
		for range 2000 {
			replay(t, s, "no-listener/client.pcap")
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("a page that does not read keeps the run waiting")
	}
	if len(s.latest) > latestMax {
		t.Errorf("%d incidents are kept", len(s.latest))
	}
}

// TestPageInBrowser sees an incident appear.
func TestPageInBrowser(t *testing.T) {
	chrome, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: chromium is missing, nobody looked at the page in a browser")
	}
	s := serve(t)
	// Chromium writes into it until it has ended, so that t.TempDir cannot remove it.
	dir, err := os.MkdirTemp("", "rstwhy-browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chrome), chromedp.NoSandbox, chromedp.UserDataDir(dir))
	browser, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, done := chromedp.NewContext(browser)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	defer chromedp.Cancel(ctx)
	faults := make(chan string, 10)
	chromedp.ListenTarget(ctx, func(e any) {
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			faults <- e.ExceptionDetails.Error()
		case *log.EventEntryAdded:
			faults <- e.Entry.Text + " " + e.Entry.URL
		}
	})
	var hit, text, causes string
	if err := chromedp.Run(ctx, log.Enable(), runtime.Enable(), chromedp.Navigate("http://"+s.Address()+"/"),
		chromedp.WaitVisible("#none"), chromedp.Poll(`document.getElementById("state").textContent.includes("packets")`, nil)); err != nil {
		t.Fatal(err)
	}
	s.Set(State{Progress: analyzer.Progress{Frames: 1234567, Open: 89}})
	if err := chromedp.Run(ctx, chromedp.Poll(`document.getElementById("state").textContent.includes("1,234,567 packets, 0 resets, 89 open connections")`, nil)); err != nil {
		t.Fatal("the counts do not reach the page: ", err)
	}
	replay(t, s, "unread-data-on-close/client.pcap")
	if err := chromedp.Run(ctx, chromedp.WaitVisible("#latest li"), chromedp.Text("#latest", &text), chromedp.Text("#causes", &causes),
		chromedp.Evaluate("String(window.hit)", &hit)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"unread-data-on-close", "likely", "10.7.0.1:40000 > 10.7.0.2:8080", "<script>window.hit=1</script>"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if hit != "undefined" {
		t.Error("text was run as a script")
	}
	if !strings.Contains(causes, "unread-data-on-close") {
		t.Errorf("the table of causes is %q", causes)
	}
	if dir := os.Getenv("RSTWHY_SCREENSHOTS"); dir != "" {
		var shot []byte
		if err := chromedp.Run(ctx, chromedp.FullScreenshot(&shot, 100)); err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(dir, "live.png"), shot, 0o600)
	}
	select {
	case f := <-faults:
		t.Error("console: " + f)
	default:
	}
}

// TestPrometheus has a real Prometheus read the counts, and the rules of contrib fire.
func TestPrometheus(t *testing.T) {
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("SKIPPED: prometheus is missing, nobody read the metrics and no alert fired")
	}
	s := serve(t)
	rules, err := filepath.Abs("../contrib/prometheus/rstwhy.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf(`
global: {scrape_interval: 300ms, evaluation_interval: 300ms}
rule_files: [%q]
scrape_configs:
  - {job_name: rstwhy, static_configs: [{targets: [%q]}]}
`, rules, s.Address())
	if err := os.WriteFile(dir+"/p.yml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	// A port that is free now.
	other := serve(t)
	address := other.Address()
	other.Close(nil)
	var out bytes.Buffer
	cmd := exec.Command(prometheus, "--config.file="+dir+"/p.yml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	}()
	for n, end := uint64(0), time.Now().Add(40*time.Second); ; time.Sleep(300 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the alert on dropped packets does not fire")
		}
		n += 10
		s.Set(State{Counters: analyzer.Counters{Dropped: n}})
		r, err := http.Get("http://" + address + "/api/v1/alerts")
		if err != nil {
			continue // it is not up yet
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if strings.Contains(string(b), `"alertname":"RstwhyDropsPackets"`) && strings.Contains(string(b), `"state":"firing"`) {
			return
		}
	}
}
