package field

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// appScripts are conversations in HTTP and TLS.
func appScripts() map[string]func(*talk) {
	return map[string]func(*talk){
		"http-413":           http413,
		"http-pipeline":      httpPipeline,
		"http-keep-alive":    httpKeepAlive,
		"http2-goaway":       http2Goaway,
		"tls-never-read":     tlsNeverRead,
		"tls-client-refused": tlsClientRefused,
		"tls-server-refused": tlsServerRefused,
		"tls-clean":          tlsClean,
		"plain-to-tls":       plainToTLS,
	}
}

// http413 refuses an upload that it has not read.
func http413(t *talk) {
	c, s := t.connect()
	n := 20000 + t.n(200000)
	t.w.work.Go(func() {
		guard(func() {
			s.untilBlank()
			t.sleep(0, 30*ms)
			s.say(response("413 Content Too Large", 0, "Connection: close\r\n"))
			s.Close()
		})
	})
	c.say(request("POST", n))
	for range n / 5000 {
		if _, err := c.Write(make([]byte, 5000)); err != nil {
			break
		}
		time.Sleep(2 * ms)
	}
	t.settle()
	c.drain()
	c.Close()
}

// httpPipeline has the server close after the first of several requests.
func httpPipeline(t *talk) {
	c, s := t.connect()
	c.say(strings.Repeat(request("GET", 0), 2+t.n(4)))
	s.untilBlank()
	t.sleep(0, 50*ms)
	s.say(response("200 OK", t.size(), "Connection: close\r\n"))
	s.Close()
	t.settle()
	c.drain()
	c.Close()
}

// httpKeepAlive is a client that uses a connection that the server has closed a
// while ago, or one that leaves in good order.
func httpKeepAlive(t *talk) {
	c, s := t.connect()
	for range 1 + t.n(4) {
		c.say(request("GET", 0))
		s.untilBlank()
		n := t.size()
		answer := response("200 OK", n, "")
		s.say(answer)
		c.take(len(answer))
		t.sleep(0, 400*ms)
	}
	if t.n(2) == 0 {
		c.Close()
		s.drain()
		s.Close()
		return
	}
	t.sleep(0, sec)
	s.Close()
	t.settle()
	t.sleep(0, 2*sec)
	c.say(request("GET", 0))
	t.settle()
	c.drain()
	c.Close()
}

// http2Goaway is net/http on both sides; the client is done with it.
func http2Goaway(t *talk) {
	serverTLS, _ := tlsConfigs()
	l := t.listen()
	srv := &http.Server{
		TLSConfig: serverTLS.Clone(), ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range 1 + t.n(5) {
				w.Write(make([]byte, t.size()))
			}
		}),
	}
	t.w.keep(srv)
	t.w.work.Go(func() { srv.ServeTLS(l.ln, "", "") })
	c := t.dial()
	tc := tls.Client(c.TCPConn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	giveUp(tc.Handshake(), "TLS")
	// The preface, SETTINGS and HEADERS of a GET.
	tc.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" +
		"\x00\x00\x06\x01\x05\x00\x00\x00\x01\x82\x84\x87\x41\x01s"))
	t.settle()
	tc.Read(make([]byte, 4096))
	t.settle()
	tc.Write([]byte("\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")) // GOAWAY
	if t.n(2) == 0 {
		tc.Close() // close_notify, then close(2): with what was not read
	} else {
		c.Close()
	}
	t.settle()
}

// handshake is TLS on a new connection to the talk's service.
func (t *talk) handshake(server, client *tls.Config) (c, s *conn, tc, ts *tls.Conn) {
	c, s = t.connect()
	tc, ts = tls.Client(c.TCPConn, client), tls.Server(s.TCPConn, server)
	done := make(chan error, 1)
	go func() { done <- ts.Handshake() }()
	giveUp(tc.Handshake(), "TLS of the client")
	giveUp(<-done, "TLS of the server")
	return c, s, tc, ts
}

// version is TLS 1.2 or 1.3.
func (t *talk) version(c *tls.Config) *tls.Config {
	c = c.Clone()
	if t.n(2) == 0 {
		c.MaxVersion = tls.VersionTLS12
	}
	return c
}

// tlsNeverRead only sends. Its ticket stays unread.
func tlsNeverRead(t *talk) {
	server, client := tlsConfigs()
	c, s, tc, ts := t.handshake(server, client)
	t.w.work.Go(func() {
		b := make([]byte, 4096)
		for {
			if _, err := ts.Read(b); err != nil {
				break
			}
		}
		s.Close()
	})
	for range 1 + t.n(5) {
		tc.Write(make([]byte, t.size()))
		t.sleep(0, 50*ms)
	}
	t.settle()
	if t.n(2) == 0 {
		tc.Close()
	} else {
		c.Close()
	}
	t.settle()
}

// tlsClientRefused asks for a certificate that the client does not have. With TLS
// 1.3 the client has sent its request by then.
func tlsClientRefused(t *talk) {
	server, client := tlsConfigs()
	server = t.version(server)
	server.ClientAuth = tls.RequireAnyClientCert
	c, s := t.connect()
	tc, ts := tls.Client(c.TCPConn, client), tls.Server(s.TCPConn, server)
	t.w.work.Go(func() {
		ts.Handshake()
		t.sleep(0, 20*ms)
		s.Close()
	})
	if tc.Handshake() == nil {
		tc.Write(make([]byte, t.size()))
		tc.Write(make([]byte, t.size()))
	}
	t.settle()
	c.drain()
	c.Close()
}

// tlsServerRefused is a client that does not trust the server.
func tlsServerRefused(t *talk) {
	server, _ := tlsConfigs()
	c, s := t.connect()
	ts := tls.Server(s.TCPConn, t.version(server))
	t.w.work.Go(func() {
		if ts.Handshake() == nil {
			ts.Write(make([]byte, 100))
		}
		t.sleep(0, 100*ms)
		s.Close()
	})
	tls.Client(c.TCPConn, &tls.Config{ServerName: "s"}).Handshake()
	c.Close()
	t.settle()
}

// tlsClean says goodbye on both sides, at about the same time.
func tlsClean(t *talk) {
	server, client := tlsConfigs()
	_, _, tc, ts := t.handshake(t.version(server), client)
	go func() {
		b := make([]byte, 1000)
		n, _ := ts.Read(b)
		ts.Write(make([]byte, n+1))
	}()
	tc.Write(make([]byte, 500))
	tc.Read(make([]byte, 1000))
	first, second := tc, ts
	if t.n(2) == 0 {
		first, second = ts, tc
	}
	first.Close()
	t.sleep(0, t.w.Path.RTT()+ms)
	second.Close()
	t.settle()
}

func plainToTLS(t *talk) {
	server, _ := tlsConfigs()
	c, s := t.connect()
	t.w.work.Go(func() {
		if t.n(2) == 0 {
			tls.Server(s.TCPConn, server).Handshake()
		} else {
			s.take(5) // a record's header, which this is none
		}
		s.Close()
	})
	c.say("GET / HTTP/1.1\r\nHost: s\r\nUser-Agent: field\r\nAccept: */*\r\n\r\n")
	t.settle()
	c.drain()
	c.Close()
}

// selfSigned makes a certificate.
func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("field: key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "s"}, DNSNames: []string{"s"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("field: certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
