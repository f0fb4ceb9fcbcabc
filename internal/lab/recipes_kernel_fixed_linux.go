package lab

import (
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lingeringClose tells the peer that there is no more, reads what the peer
// still sends until it closes too, and only then closes.
func (c *Conn) lingeringClose() {
	c.CloseWrite()
	_, err := io.Copy(io.Discard, c.tcp)
	check(err, "%s reads to the end", c.role)
	c.Close()
}

// inBackground runs fn beside the rest of the steps; wait ends the recipe if fn
// failed.
func inBackground(fn func()) (wait func()) {
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		fn()
	}()
	return func() {
		if v := <-done; v != nil {
			panic(v)
		}
	}
}

func handshakeAbortFixed() Recipe {
	return Recipe{
		Name:     "handshake-abort-fixed",
		About:    "connect() is given 500 ms (SO_SNDTIMEO) for a SYN/ACK that takes 162 ms; no reset",
		Link:     slowLink,
		Vantages: []Vantage{AtClient},
		Steps: func(e *Env) {
			ln := e.Listen()
			fd, err := e.connectWithTimeout(unix.SO_SNDTIMEO, 500*time.Millisecond)
			check(err, "connecting")
			server := ln.Accept()
			check(unix.Close(fd), "client closes")
			server.ReadEOF()
			server.Close()
		},
	}
}

func unreadDataFixed() Recipe {
	return Recipe{
		Name:     "unread-data-on-close-fixed",
		About:    "the server reads 4096 of the 5000 octets that the client wrote, shuts its sending side, reads the rest to the client's end and closes; no reset",
		Vantages: []Vantage{AtServer},
		Steps: func(e *Env) {
			client, server := e.Connect()
			client.Write(5000)
			server.AwaitUnread(5000)
			server.Read(4096)
			done := inBackground(server.lingeringClose)
			client.ReadEOF()
			client.Close()
			done()
		},
	}
}

func pipelinedRequestsFixed() Recipe {
	return Recipe{
		Name:     "pipelined-requests-fixed",
		About:    "the client pipelines two HTTP requests; the server answers one, shuts its sending side, reads the other too and closes after the client; no reset",
		Vantages: []Vantage{AtServer},
		Steps: func(e *Env) {
			const closing = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\none"
			client, server := e.Connect()
			client.WriteString(getRequest + getRequest)
			server.AwaitUnread(2 * len(getRequest))
			server.Read(len(getRequest))
			server.WriteString(closing)
			done := inBackground(server.lingeringClose)
			client.Read(len(closing))
			client.ReadEOF()
			client.Close()
			done()
		},
	}
}

func earlyResponseFixed() Recipe {
	return Recipe{
		Name:     "early-response-fixed",
		About:    "the server answers 413 after the head of an upload, shuts its sending side and reads the upload to its end before it closes; offloads are on; no reset",
		Link:     Link{Offloads: true},
		Vantages: []Vantage{AtServer},
		Steps: func(e *Env) {
			const head = "POST /upload HTTP/1.1\r\nHost: server\r\nContent-Length: 60000\r\n\r\n"
			const tooLarge = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
			client, server := e.Connect()
			client.WriteString(head + strings.Repeat("x", 60000))
			server.AwaitUnread(len(head) + 60000)
			server.Read(len(head))
			server.WriteString(tooLarge)
			done := inBackground(server.lingeringClose)
			client.Read(len(tooLarge))
			client.ReadEOF()
			client.Close()
			done()
		},
	}
}

func processDeathFixed() Recipe {
	return Recipe{
		Name:     "process-death-fixed",
		About:    "the service is told to stop with a request on each of four connections: it stops listening, answers them all and closes; no reset",
		Vantages: []Vantage{AtServer},
		Steps: func(e *Env) {
			ln := e.Listen()
			var clients, servers []*Conn
			for range 4 {
				client := e.Dial()
				server := ln.Accept()
				exchange(client, server)
				client.WriteString(getRequest)
				server.AwaitUnread(len(getRequest))
				clients, servers = append(clients, client), append(servers, server)
			}
			ln.Stop()
			for i, server := range servers {
				server.Read(len(getRequest))
				server.WriteString(noContent)
				server.Close()
				clients[i].Read(len(noContent))
				clients[i].ReadEOF()
				clients[i].Close()
			}
		},
	}
}

func dataAfterCloseFixed() Recipe {
	return Recipe{
		Name:     "data-after-close-fixed",
		About:    "the client sees that the server has closed, closes too, and writes on a new connection; no reset",
		Vantages: []Vantage{AtClient},
		Steps: func(e *Env) {
			ln := e.Listen()
			client, server := e.Dial(), ln.Accept()
			exchange(client, server)
			server.Close()
			client.ReadEOF()
			client.Close()
			client, server = e.Dial(), ln.Accept()
			exchange(client, server)
			server.Close()
			client.ReadEOF()
			client.Close()
		},
	}
}

func keepAliveRaceFixed() Recipe {
	return Recipe{
		Name:     "keep-alive-race-fixed",
		About:    "the client closes a connection that was idle for 300 ms, before the server would after 500 ms, and sends its next request on a new one; no reset",
		Link:     Link{Delay: 10 * time.Millisecond},
		Vantages: []Vantage{AtClient},
		Steps: func(e *Env) {
			ln := e.Listen()
			for range 2 {
				client, server := e.Dial(), ln.Accept()
				client.WriteString(getRequest)
				server.Read(len(getRequest))
				server.WriteString(noContent)
				client.Read(len(noContent))
				e.Pause(300 * time.Millisecond)
				client.Close()
				server.ReadEOF()
				server.Close()
			}
		},
	}
}

func healthCheckFixed() Recipe {
	return Recipe{
		Name:     "health-check-fixed",
		About:    "a check, four times half a second apart, that completes the handshake and closes with a FIN; no reset",
		Vantages: []Vantage{AtServer},
		Steps: func(e *Env) {
			ln := e.Listen()
			for i := range 4 {
				if i > 0 {
					e.Pause(500 * time.Millisecond)
				}
				client, server := e.Dial(), ln.Accept()
				client.Close()
				server.ReadEOF()
				server.Close()
			}
		},
	}
}
