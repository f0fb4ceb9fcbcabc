package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	httpRequest = "GET / HTTP/1.1\r\nHost: server\r\n\r\n"

	// crossing is the delay of links on which a request and a FIN cross. With
	// little of it the reset is back before the client's delayed ACK of the
	// FIN, which would be answered by a second one.
	crossing = 15 * time.Millisecond
)

// nginx starts nginx on the server with directives for its one virtual server.
func (e *Env) nginx(directives string) { e.nginxAt("", directives) }

// nginxAt is nginx with parameters of its directive listen.
func (e *Env) nginxAt(listen, directives string) {
	conf := e.File("nginx.conf", fmt.Sprintf(`daemon off;
master_process off;
error_log stderr emerg;
pid %[1]s/pid;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]v%[3]s;
		root %[1]s;
%[4]s
	}
}
`, e.dir(), e.service(servicePort), listen, directives))
	e.Serve(Server, servicePort, "nginx", "-p", e.dir(), "-c", conf)
}

// response reads one HTTP response, whose head must say how long it is, and
// returns its status.
func (c *Conn) response() int {
	var head strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		_, err := io.ReadFull(c.tcp, b)
		check(err, "%s reads a response", c.role)
		head.Write(b)
	}
	var status, length int
	_, err := fmt.Sscanf(head.String(), "HTTP/1.1 %d", &status)
	check(err, "%s reads %q", c.role, head.String())
	for line := range strings.Lines(head.String()) {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			_, err := fmt.Sscan(value, &length)
			check(err, "%s reads %q", c.role, head.String())
		}
	}
	c.Read(length)
	return status
}

// raceWith sends a request, and another one while the FIN of a server is on its
// way that keeps connections open for idle.
func (e *Env) raceWith(idle time.Duration) {
	client := e.Dial()
	client.WriteString(httpRequest)
	client.response()
	e.Pause(idle - e.pair.link.Delay)
	client.WriteString(httpRequest)
}

// closesFirst sends a request and another before idle, and closes when idle has
// passed after that.
func (e *Env) closesFirst(idle time.Duration) {
	client := e.Dial()
	client.WriteString(httpRequest)
	client.response()
	e.Pause(idle / 2)
	client.WriteString(httpRequest)
	client.response()
	e.Pause(idle)
	client.Close()
	e.Pause(200 * time.Millisecond)
}

var keepAliveRaced = []Expect{{From: Server, Cause: KeepAliveRace, Reason: "TCP_ABORT_ON_DATA"}}

func nginxKeepAliveRace() Recipe {
	return Recipe{
		Name:     "nginx-keep-alive-race",
		About:    "nginx closes a connection that was idle for its keepalive_timeout, here 1 s, while the client's next request is on its way",
		Link:     Link{Delay: crossing},
		Vantages: bothEnds,
		Needs:    []string{"nginx"},
		Resets:   keepAliveRaced,
		Steps: func(e *Env) {
			e.nginx("keepalive_timeout 1s; location / { return 200 hello; }")
			e.raceWith(time.Second)
		},
	}
}

func nginxKeepAliveRaceFixed() Recipe {
	return Recipe{
		Name:     "nginx-keep-alive-race-fixed",
		About:    "the client closes connections that were idle for 400 ms, before nginx does after its keepalive_timeout of 1 s; no reset",
		Link:     Link{Delay: crossing},
		Vantages: []Vantage{AtClient},
		Needs:    []string{"nginx"},
		Steps: func(e *Env) {
			e.nginx("keepalive_timeout 1s; location / { return 200 hello; }")
			e.closesFirst(400 * time.Millisecond)
		},
	}
}

const uploadHead = "POST /upload HTTP/1.1\r\nHost: server\r\nContent-Length: 100000\r\n\r\n"

func nginx413() Recipe {
	return Recipe{
		Name:     "nginx-413",
		About:    "nginx answers 413 to an upload above client_max_body_size, takes the body for its lingering_time, here 1 s, and closes while the client still sends",
		Vantages: bothEnds,
		Needs:    []string{"nginx"},
		Resets: []Expect{
			{From: Server, Cause: EarlyResponse, Reason: "TCP_ABORT_ON_CLOSE", Active: true},
			{From: Server, Cause: FollowUp, Reason: "TCP_FLAGS", Maybe: true},
		},
		Steps: func(e *Env) {
			e.nginx("client_max_body_size 1k; lingering_time 1s;")
			client := e.Dial()
			client.WriteString(uploadHead)
			for range 100 {
				if _, err := client.tcp.Write(make([]byte, 1000)); err != nil {
					return
				}
				e.Pause(50 * time.Millisecond)
			}
		},
	}
}

func nginx413Fixed() Recipe {
	return Recipe{
		Name:     "nginx-413-fixed",
		About:    "nginx answers 413 to an upload above client_max_body_size, and the client stops sending and closes when it has read that; no reset",
		Vantages: []Vantage{AtServer},
		Needs:    []string{"nginx"},
		Steps: func(e *Env) {
			e.nginx("client_max_body_size 1k; lingering_close always;")
			client := e.Dial()
			client.WriteString(uploadHead)
			client.Write(5000)
			if got := client.response(); got != 413 {
				check(fmt.Errorf("it is %d", got), "client waits for a 413")
			}
			client.Close()
			e.Pause(200 * time.Millisecond)
		},
	}
}

func nginxResetTimedOut() Recipe {
	return Recipe{
		Name:     "nginx-reset-timedout",
		About:    "the client sends half a request; nginx aborts after its client_header_timeout, here 1 s (reset_timedout_connection on)",
		Vantages: bothEnds,
		Needs:    []string{"nginx"},
		Resets:   []Expect{{From: Server, Cause: DeliberateAbort, Reason: "TCP_STATE", Active: true}},
		Steps: func(e *Env) {
			e.nginx("client_header_timeout 1s; reset_timedout_connection on;")
			client := e.Dial()
			client.WriteString("GET / HTTP/1.1\r\nHost: ser")
			client.AwaitReset()
		},
	}
}

func nginxResetTimedOutFixed() Recipe {
	return Recipe{
		Name:     "nginx-reset-timedout-fixed",
		About:    "the client sends half a request; nginx closes after its client_header_timeout, here 1 s, without reset_timedout_connection; no reset",
		Vantages: []Vantage{AtClient},
		Needs:    []string{"nginx"},
		Steps: func(e *Env) {
			e.nginx("client_header_timeout 1s;")
			client := e.Dial()
			client.WriteString("GET / HTTP/1.1\r\nHost: ser")
			client.ReadEOF()
			client.Close()
			e.Pause(100 * time.Millisecond)
		},
	}
}

func nginxResetSlowReader() Recipe {
	return Recipe{
		Name:     "nginx-reset-slow-reader",
		About:    "the client stops reading a response; nginx aborts after its send_timeout, here 1 s (reset_timedout_connection on)",
		Vantages: []Vantage{AtServer},
		Needs:    []string{"nginx"},
		Resets:   []Expect{{From: Server, Cause: DeliberateAbort, Reason: "TCP_STATE", Active: true}},
		Steps: func(e *Env) {
			e.File("film", strings.Repeat("x", 300_000))
			e.Sysctl(Client, "net/ipv4/tcp_rmem", "4096 8192 8192")
			e.Sysctl(Server, "net/ipv4/tcp_wmem", "4096 16384 16384")
			e.nginx("send_timeout 1s; reset_timedout_connection on;")
			client := e.Dial()
			client.WriteString("GET /film HTTP/1.1\r\nHost: server\r\n\r\n")
			client.AwaitUnread(1000)
			e.Pause(1500 * time.Millisecond)
			client.AwaitReset()
		},
	}
}

func nginx444() Recipe {
	return Recipe{
		Name:     "nginx-444",
		About:    "nginx ends a connection without a response (return 444 with reset_timedout_connection on)",
		Vantages: bothEnds,
		Needs:    []string{"nginx"},
		Resets:   []Expect{{From: Server, Cause: DeliberateAbort, Reason: "TCP_STATE", Active: true}},
		Steps: func(e *Env) {
			e.nginx("reset_timedout_connection on; location / { return 444; }")
			client := e.Dial()
			client.WriteString(httpRequest)
			client.AwaitReset()
		},
	}
}

func nginx444Upload() Recipe {
	return Recipe{
		Name:     "nginx-444-upload",
		About:    "nginx ends a connection without a response (return 444) and with most of an upload unread",
		Vantages: []Vantage{AtClient},
		Needs:    []string{"nginx"},
		Resets: []Expect{
			{From: Server, Cause: UnreadDataOnClose, Reason: "TCP_ABORT_ON_CLOSE", Active: true},
			{From: Server, Cause: FollowUp, Reason: "TCP_FLAGS", Maybe: true},
		},
		Steps: func(e *Env) {
			e.nginx("location / { return 444; }")
			client := e.Dial()
			client.WriteString(uploadHead + strings.Repeat("x", 8000))
			client.AwaitReset()
		},
	}
}

// nodeIdle is how long Node 20.20 keeps an idle connection by default: its
// keepAliveTimeout, which it tells the client, and a second that it grants.
// Older versions grant none.
const nodeIdle = (5 + 1) * time.Second

// node starts an HTTP server that answers every request with a greeting.
func (e *Env) node() {
	e.Serve(Server, servicePort, "node", e.File("server.js", fmt.Sprintf(`
const server = require('http').createServer((req, res) => {
	res.writeHead(200, {'Content-Length': 5})
	res.end('hello')
})
server.listen(%d, %q)
`, servicePort, e.addr(e.pair.Server))))
}

func nodeKeepAliveRace() Recipe {
	return Recipe{
		Name:     "node-keep-alive-race",
		About:    "Node's HTTP server closes a connection that was idle for its keepAliveTimeout of 5 s and 1 s of grace, while the client's next request is on its way",
		Link:     Link{Delay: 40 * time.Millisecond},
		Vantages: bothEnds,
		Needs:    []string{"node"},
		Resets:   append(keepAliveRaced, Expect{From: Server, Cause: FollowUp, Reason: "TCP_FLAGS", Maybe: true}),
		Steps: func(e *Env) {
			e.node()
			e.raceWith(nodeIdle)
		},
	}
}

func nodeKeepAliveRaceFixed() Recipe {
	return Recipe{
		Name:     "node-keep-alive-race-fixed",
		About:    "the client closes connections that were idle for 1 s, before Node does after its keepAliveTimeout of 5 s; no reset",
		Link:     Link{Delay: crossing},
		Vantages: []Vantage{AtClient},
		Needs:    []string{"node"},
		Steps: func(e *Env) {
			e.node()
			e.closesFirst(time.Second)
		},
	}
}

// goHTTP serves HTTP on the server within this process.
func (e *Env) goHTTP(s *http.Server) {
	ln := e.Listen()
	go s.Serve(ln.TCPListener)
	e.pair.open = append(e.pair.open, s)
}

func goKeepAliveRace() Recipe {
	return Recipe{
		Name:     "go-keep-alive-race",
		About:    "Go's http.Server closes a connection that was idle for its IdleTimeout, here 1 s, while the client's next request is on its way (IPv6)",
		Link:     Link{Delay: crossing},
		IPv6:     true,
		Vantages: bothEnds,
		Resets:   keepAliveRaced,
		Steps: func(e *Env) {
			e.goHTTP(&http.Server{IdleTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, "hello")
			})})
			e.raceWith(time.Second)
		},
	}
}

// pythonServer runs a script on the server with the address as its arguments.
func (e *Env) pythonServer(script string) {
	e.Serve(Server, servicePort, "python3", e.File("server.py", script), e.addr(e.pair.Server).String(), fmt.Sprint(servicePort))
}

func pythonKeepAliveRace() Recipe {
	return Recipe{
		Name:     "python-keep-alive-race",
		About:    "Python's http.server closes a connection that was idle for its timeout, here 1 s, while the client's next request is on its way",
		Link:     Link{Delay: crossing},
		Vantages: []Vantage{AtServer},
		Needs:    []string{"python3"},
		Resets:   keepAliveRaced,
		Steps: func(e *Env) {
			e.pythonServer(`
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 1
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")
ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Hello).serve_forever()
`)
			e.raceWith(time.Second)
		},
	}
}

func pythonUnsupportedMethod() Recipe {
	return Recipe{
		Name:     "python-501",
		About:    "python3 -m http.server answers 501 to a POST and closes with its body unread",
		Vantages: bothEnds,
		Needs:    []string{"python3"},
		Resets: []Expect{
			{From: Server, Cause: EarlyResponse, Reason: "TCP_ABORT_ON_CLOSE", Active: true},
			{From: Server, Cause: FollowUp, Reason: "TCP_FLAGS", Maybe: true},
		},
		Steps: func(e *Env) {
			e.Serve(Server, servicePort, "python3", "-m", "http.server", "-b", e.addr(e.pair.Server).String(), "-d", e.dir(), fmt.Sprint(servicePort))
			client := e.Dial()
			client.WriteString("POST / HTTP/1.1\r\nHost: server\r\nContent-Length: 12000\r\n\r\n" + strings.Repeat("x", 12000))
		},
	}
}

// slowly answers a request with n octets, a few at a time.
func slowly(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(n))
		for sent := 0; sent < n && req.Context().Err() == nil; {
			k, err := io.WriteString(w, strings.Repeat("x", min(4000, n-sent)))
			if err != nil {
				return
			}
			sent += k
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// url is where a client finds the service.
func (e *Env) url() string { return "http://" + e.service(servicePort).String() + "/" }

// downloadAborted is what a client sends that leaves a download.
var downloadAborted = []Expect{
	{From: Client, Cause: DownloadAbort, Reason: "TCP_ABORT_ON_CLOSE", Active: true},
	{From: Client, Cause: FollowUp, Reason: "NO_SOCKET", Maybe: true},
}

func curlMaxTime() Recipe {
	return Recipe{
		Name:     "curl-max-time",
		About:    "curl gives up in the middle of a download after its --max-time, here 600 ms, with data unread",
		Vantages: bothEnds,
		Needs:    []string{"curl"},
		Resets:   downloadAborted,
		Steps: func(e *Env) {
			e.goHTTP(&http.Server{Handler: slowly(1 << 20)})
			c := e.Start(Client, "curl", "-sS", "-o", "/dev/null", "--noproxy", "*", "--max-time", "0.6", "--limit-rate", "20k", e.url())
			if status := c.Wait(); status != 28 {
				check(fmt.Errorf("%d: %s", status, c.out.String()), "curl should end with 28")
			}
		},
	}
}

func curlKilled() Recipe {
	return Recipe{
		Name:     "curl-killed",
		About:    "curl is killed in the middle of a download, with data unread (IPv6)",
		IPv6:     true,
		Vantages: []Vantage{AtClient},
		Needs:    []string{"curl"},
		Resets:   downloadAborted,
		Steps: func(e *Env) {
			e.goHTTP(&http.Server{Handler: slowly(1 << 20)})
			c := e.Start(Client, "curl", "-sS", "-o", "/dev/null", "--noproxy", "*", "--limit-rate", "10k", e.url())
			e.Pause(500 * time.Millisecond)
			c.Kill()
		},
	}
}

func curlToTheEnd() Recipe {
	return Recipe{
		Name:     "curl-max-time-fixed",
		About:    "curl reads a download to its end, with a --max-time that leaves time for it; no reset",
		Vantages: []Vantage{AtClient},
		Needs:    []string{"curl"},
		Steps: func(e *Env) {
			e.goHTTP(&http.Server{Handler: slowly(10_000)})
			c := e.Start(Client, "curl", "-sS", "-o", "/dev/null", "--noproxy", "*", "--max-time", "10", e.url())
			if status := c.Wait(); status != 0 {
				check(fmt.Errorf("%d: %s", status, c.out.String()), "curl")
			}
			e.Pause(200 * time.Millisecond)
		},
	}
}

func curlLeavesEarly() Recipe {
	return Recipe{
		Name:     "curl-leaves-early",
		About:    "the server thinks for 1 s; curl gives up after its --max-time, here 400 ms, and the response meets a closed socket",
		Vantages: bothEnds,
		Needs:    []string{"curl", "python3"},
		Resets: []Expect{
			{From: Client, Cause: EarlyClientClose, Reason: "TCP_TIMEWAIT_SOCKET"},
			{From: Client, Cause: FollowUp, Reason: "NO_SOCKET", Maybe: true},
		},
		Steps: func(e *Env) {
			e.slowPython()
			e.Start(Client, "curl", "-sS", "--noproxy", "*", "--max-time", "0.4", e.url()).Wait()
			e.Pause(time.Second)
		},
	}
}

// slowPython serves with Python, which does not notice that a client has gone.
func (e *Env) slowPython() {
	e.pythonServer(`
import sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Slow(BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(1)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"sorry")
ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Slow).serve_forever()
`)
}

func curlLeavesEarlyFixed() Recipe {
	return Recipe{
		Name:     "curl-leaves-early-fixed",
		About:    "the server thinks for 1 s, and curl has a --max-time of 5 s; no reset",
		Vantages: []Vantage{AtClient},
		Needs:    []string{"curl", "python3"},
		Steps: func(e *Env) {
			e.slowPython()
			if status := e.Start(Client, "curl", "-sS", "--noproxy", "*", "--max-time", "5", e.url()).Wait(); status != 0 {
				check(fmt.Errorf("status %d", status), "curl")
			}
			e.Pause(200 * time.Millisecond)
		},
	}
}

// answersAll serves three connections with one response each, and ends each
// with end once the client has acknowledged the response.
func (e *Env) answersAll(end func(*Conn)) {
	ln := e.Listen()
	const response = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
	for range 3 {
		client := e.Dial()
		server := ln.Accept()
		client.WriteString(httpRequest)
		server.Read(len(httpRequest))
		server.WriteString(response)
		client.Read(len(response))
		server.AwaitAcked()
		end(server)
		e.Pause(50 * time.Millisecond)
		client.Close()
	}
}

func lingerZeroAfterResponse() Recipe {
	return Recipe{
		Name:     "linger-zero-after-response",
		About:    "the server closes with SO_LINGER 0 after each complete response",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: AbortAfterResponse, Reason: "TCP_STATE", Active: true, Many: true}},
		Steps:    func(e *Env) { e.answersAll((*Conn).Abort) },
	}
}

func lingerZeroAfterResponseFixed() Recipe {
	return Recipe{
		Name:     "linger-zero-after-response-fixed",
		About:    "the server closes without SO_LINGER after each complete response; no reset",
		Vantages: []Vantage{AtClient},
		Steps:    func(e *Env) { e.answersAll((*Conn).Close) },
	}
}

// socat starts a proxy that accepts, and only then connects to its back end, a
// port of the loopback interface.
func (e *Env) socat() {
	e.Command(Server, "ip", "link", "set", "lo", "up")
	e.Serve(Server, servicePort, "socat", fmt.Sprintf("TCP-LISTEN:%d,fork,reuseaddr", servicePort), "TCP:127.0.0.1:3000")
}

func acceptedThenReset() Recipe {
	return Recipe{
		Name:     "proxy-without-back-end",
		About:    "a proxy accepts, finds that its back end refuses, and closes with the client's request unread, as docker-proxy does",
		Vantages: bothEnds,
		Needs:    []string{"ip"},
		Resets:   []Expect{{From: Server, Cause: AcceptedThenReset, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			e.Command(Server, "ip", "link", "set", "lo", "up")
			client, server := e.Connect()
			client.WriteString(httpRequest)
			server.AwaitUnread(len(httpRequest))
			check(e.host(Server).Do(func() error {
				if c, err := net.Dial("tcp4", "127.0.0.1:3000"); !errors.Is(err, unix.ECONNREFUSED) {
					return fmt.Errorf("%v, %w", c, err)
				}
				return nil
			}), "the proxy connects, which should be refused")
			server.Close()
			client.AwaitReset()
		},
	}
}

func socatWithoutBackEnd() Recipe {
	return Recipe{
		Name:     "socat-without-back-end",
		About:    "socat accepts on behalf of a back end that refuses it, shuts down and exits with the client's request unread",
		Vantages: bothEnds,
		Needs:    []string{"socat", "ip"},
		Resets:   []Expect{{From: Server, Cause: AcceptedThenReset, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			e.socat()
			e.Dial().WriteString(httpRequest)
		},
	}
}

func socatWithBackEnd() Recipe {
	return Recipe{
		Name:     "socat-without-back-end-fixed",
		About:    "the back end of socat listens, and curl gets its response; no reset",
		Vantages: []Vantage{AtClient},
		Needs:    []string{"socat", "curl", "python3", "ip"},
		Steps: func(e *Env) {
			e.socat()
			e.Serve(Server, 3000, "python3", "-m", "http.server", "-b", "127.0.0.1", "-d", e.dir(), "3000")
			if status := e.Start(Client, "curl", "-sS", "--noproxy", "*", e.url()).Wait(); status != 0 {
				check(fmt.Errorf("status %d", status), "curl")
			}
			e.Pause(200 * time.Millisecond)
		},
	}
}

func listenerFlap() Recipe {
	return Recipe{
		Name:     "listener-flap",
		About:    "the service answers, is down for a restart and refuses, and answers again",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: ListenerFlap, Reason: "NO_SOCKET", Many: true}},
		Steps: func(e *Env) {
			serve := func(ln *Listener) {
				client, server := e.Dial(), ln.Accept()
				client.Write(100)
				server.Read(100)
				server.Write(200)
				client.Read(200)
				client.Close()
				server.ReadEOF()
				server.Close()
			}
			ln := e.Listen()
			serve(ln)
			e.Pause(300 * time.Millisecond)
			ln.Stop()
			for range 3 {
				e.DialFails(servicePort, time.Second, unix.ECONNREFUSED)
				e.Pause(100 * time.Millisecond)
			}
			serve(e.Listen())
		},
	}
}
