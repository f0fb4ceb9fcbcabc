package lab

import (
	"errors"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// silence makes a host drop every packet that reaches it, after the capture has
// seen it, until the returned function is called.
func (e *Env) silence(role Role) (lift func()) {
	e.Nft(role, "table inet silence {\n chain input {\n  type filter hook input priority 0\n  meta l4proto tcp drop\n }\n}\n")
	return func() { e.Nft(role, "delete table inet silence\n") }
}

// keepAlive turns probes on: the first after a second of silence, then one a
// second.
func (c *Conn) keepAlive(count int) {
	c.control("sets SO_KEEPALIVE", func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	})
	c.setsockopt(unix.TCP_KEEPIDLE, 1)
	c.setsockopt(unix.TCP_KEEPINTVL, 1)
	c.setsockopt(unix.TCP_KEEPCNT, count)
}

// awaitTimeout waits for the kernel to give the connection up.
func (c *Conn) awaitTimeout() {
	_, err := c.tcp.Read(make([]byte, 1))
	if err == nil || err == io.EOF {
		err = errors.New("something came")
	} else if errors.Is(err, unix.ETIMEDOUT) {
		return
	}
	check(err, "%s waits for ETIMEDOUT", c.role)
}

func keepAliveTimeout() Recipe {
	return Recipe{
		Name:     "keep-alive-timeout",
		About:    "the client is cut off; the server's two keep-alive probes, a second apart, get no answer",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: KeepAliveTimeout, Reason: "TCP_KEEPALIVE_TIMEOUT", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			server.keepAlive(2)
			e.silence(Client)
			server.awaitTimeout()
		},
	}
}

func keepAliveUserTimeout() Recipe {
	return Recipe{
		Name:     "keep-alive-user-timeout",
		About:    "the server is cut off; the client would send nine keep-alive probes, but its TCP_USER_TIMEOUT of 2.5 s ends the idle connection",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: KeepAliveTimeout, Reason: "TCP_KEEPALIVE_TIMEOUT", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			client.setsockopt(unix.TCP_USER_TIMEOUT, 2500)
			client.keepAlive(9)
			e.silence(Server)
			client.awaitTimeout()
		},
	}
}

func staleAfterRetransmissions() Recipe {
	return Recipe{
		Name:     "stale-connection-given-up",
		About:    "the client is cut off; the server repeats its data in vain and gives up in silence (TCP_USER_TIMEOUT of 1 s); the client comes back and writes",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: StaleConnection, Reason: "TCP_FLAGS"}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			exchange(client, server)
			server.setsockopt(unix.TCP_USER_TIMEOUT, 1000)
			lift := e.silence(Client)
			server.Write(100)
			server.awaitTimeout()
			e.Pause(300 * time.Millisecond)
			lift()
			client.Write(100)
			client.AwaitReset()
		},
	}
}
