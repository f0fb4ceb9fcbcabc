package lab

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// proxyPort is where HAProxy listens for clients of its own host.
const proxyPort = 8000

// haproxy starts HAProxy on the client, as the client of the service, with
// lines for the section of that service.
func (e *Env) haproxy(mode, lines string) {
	e.Command(Client, "ip", "link", "set", "lo", "up")
	e.Serve(Client, proxyPort, "haproxy", "-db", "-f", e.File("haproxy.cfg", fmt.Sprintf(`
defaults
	mode %s
	timeout connect 2s
	timeout client 10s
	timeout server 10s
listen lab
	bind 127.0.0.1:%d
	%s
`, mode, proxyPort, lines)))
}

// server is the line of HAProxy's configuration for the service.
func (e *Env) serverLine(options string) string {
	return "server one " + e.service(servicePort).String() + " " + options
}

// six says that x comes six times or more.
func six(x Expect) []Expect {
	out := slices.Repeat([]Expect{x}, 5)
	x.Many = true
	return append(out, x)
}

func haproxyCheck() Recipe {
	return Recipe{
		Name:     "haproxy-check",
		About:    "HAProxy checks every 500 ms whether the service accepts connections, and aborts each instead of the last ACK of its handshake",
		Vantages: bothEnds,
		Needs:    []string{"haproxy", "ip"},
		Resets:   six(Expect{From: Client, Cause: HealthCheck, Reason: "TCP_STATE", Active: true}),
		Steps: func(e *Env) {
			e.Listen()
			e.haproxy("tcp", e.serverLine("check inter 500ms"))
			e.Pause(3300 * time.Millisecond)
		},
	}
}

// answerChecks starts a service that answers n octets with a response, and
// leaves it to the client to end the connection.
func (e *Env) answerChecks(n int, response string) {
	ln := e.Listen()
	go func() {
		for {
			c, err := ln.AcceptTCP()
			if err != nil {
				return
			}
			if _, err := io.ReadFull(c, make([]byte, n)); err == nil {
				io.WriteString(c, response)
				io.Copy(io.Discard, c)
			}
			c.Close()
		}
	}()
}

func haproxyTCPCheck() Recipe {
	return Recipe{
		Name:     "haproxy-tcp-check",
		About:    "HAProxy asks a Redis-like service every 500 ms (option tcp-check: PING, PONG), and aborts each connection after the answer",
		Vantages: []Vantage{AtServer},
		Needs:    []string{"haproxy", "ip"},
		Resets:   six(Expect{From: Client, Cause: HealthCheck, Reason: "TCP_STATE", Active: true}),
		Steps: func(e *Env) {
			e.answerChecks(6, "+PONG\r\n")
			e.haproxy("tcp", `option tcp-check
	tcp-check connect
	tcp-check send PING\r\n
	tcp-check expect string +PONG
	`+e.serverLine("check inter 500ms"))
			e.Pause(3300 * time.Millisecond)
		},
	}
}

func haproxyHTTPCheck() Recipe {
	return Recipe{
		Name:     "haproxy-http-check",
		About:    "HAProxy asks an HTTP service every 500 ms (option httpchk), and aborts each connection after the response",
		Vantages: []Vantage{AtClient},
		Needs:    []string{"haproxy", "ip"},
		Resets:   six(Expect{From: Client, Cause: HealthCheck, Reason: "TCP_STATE", Active: true}),
		Steps: func(e *Env) {
			const request = "GET /health HTTP/1.1\r\nhost: server\r\nconnection: close\r\n\r\n"
			e.answerChecks(len(request), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			e.haproxy("http", `option httpchk
	http-check send meth GET uri /health ver HTTP/1.1 hdr Host server
	`+e.serverLine("check inter 500ms"))
			e.Pause(3300 * time.Millisecond)
		},
	}
}

func haproxyServerClose() Recipe {
	return Recipe{
		Name:     "haproxy-http-server-close",
		About:    "HAProxy aborts its connection to the server after each complete response (option http-server-close)",
		Vantages: bothEnds,
		Needs:    []string{"haproxy", "curl", "ip"},
		Resets:   []Expect{{From: Client, Cause: AbortAfterResponse, Reason: "TCP_STATE", Active: true, Many: true}},
		Steps: func(e *Env) {
			e.goHTTP(&http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })})
			e.haproxy("http", "option http-server-close\n\t"+e.serverLine(""))
			for range 3 {
				e.throughHAProxy()
			}
		},
	}
}

// throughHAProxy asks the service by way of HAProxy.
func (e *Env) throughHAProxy() {
	e.Start(Client, "curl", "-sS", "--noproxy", "*", fmt.Sprintf("http://127.0.0.1:%d/", proxyPort)).Wait()
	e.Pause(50 * time.Millisecond)
}

func haproxyServerTimeout() Recipe {
	return Recipe{
		Name:     "haproxy-timeout-server",
		About:    "the server thinks for 1 s; HAProxy gives up after its timeout server, here 400 ms, and aborts the connection",
		Vantages: bothEnds,
		Needs:    []string{"haproxy", "curl", "python3", "ip"},
		Resets:   []Expect{{From: Client, Cause: DeliberateAbort, Reason: "TCP_STATE", Active: true}},
		Steps: func(e *Env) {
			e.slowPython()
			e.haproxy("http", "timeout server 400ms\n\t"+e.serverLine(""))
			e.throughHAProxy()
			e.Pause(800 * time.Millisecond)
		},
	}
}
