package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"time"
)

// certificate makes one for the server that nobody has signed but itself.
func (e *Env) certificate() (certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err, "making a key")
	t := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "server"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{serverIPv4.AsSlice(), serverIPv6.AsSlice()},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	check(err, "making a certificate")
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	check(err, "making a key")
	certFile = e.File("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	keyFile = e.File("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	return certFile, keyFile
}

// pythonTLS runs a script on the server that has a context for TLS and a
// listener.
func (e *Env) pythonTLS(script string) {
	certFile, keyFile := e.certificate()
	e.Serve(Server, servicePort, "python3", e.File("server.py", `
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[3], sys.argv[4])
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
`+script), e.addr(e.pair.Server).String(), fmt.Sprint(servicePort), certFile, keyFile)
}

// tlsSink is a service that reads what a client sends it over TLS.
const tlsSink = `
connection = context.wrap_socket(listener.accept()[0], server_side=True)
while connection.recv(4096):
    pass
connection.unwrap()
connection.close()
`

// tlsClient connects with TLS 1.3 to a Python service.
func (e *Env) tlsClient(script string) (*Conn, *tls.Conn) {
	e.pythonTLS(script)
	raw := e.Dial()
	client := tls.Client(raw.tcp, &tls.Config{
		InsecureSkipVerify: true,
		// Otherwise the client asks for no ticket.
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	})
	check(client.Handshake(), "TLS handshake")
	return raw, client
}

func tlsClientNeverRead() Recipe {
	return Recipe{
		Name:     "tls-client-never-read",
		About:    "a TLS 1.3 client sends its messages and closes without a single read, so the server's session tickets are unread data",
		Vantages: bothEnds,
		Needs:    []string{"python3"},
		Resets: []Expect{
			{From: Client, Cause: TLSClientNeverRead, Reason: "TCP_ABORT_ON_CLOSE", Active: true},
			{From: Client, Cause: FollowUp, Reason: "NO_SOCKET", Maybe: true},
		},
		Steps: func(e *Env) {
			raw, client := e.tlsClient(tlsSink)
			_, err := client.Write(make([]byte, 500))
			check(err, "client writes")
			raw.AwaitUnread(1)
			check(client.Close(), "client closes")
		},
	}
}

func tlsClientNeverReadFixed() Recipe {
	return Recipe{
		Name:     "tls-client-never-read-fixed",
		About:    "a TLS 1.3 client sends its messages, says that it is done (close_notify), and reads to the end before it closes; no reset",
		Vantages: []Vantage{AtClient},
		Needs:    []string{"python3"},
		Steps: func(e *Env) {
			raw, client := e.tlsClient(tlsSink)
			_, err := client.Write(make([]byte, 500))
			check(err, "client writes")
			check(client.CloseWrite(), "client sends close_notify")
			_, err = io.Copy(io.Discard, client)
			check(err, "client reads to the end")
			raw.Close()
			e.Pause(100 * time.Millisecond)
		},
	}
}

// sServer starts OpenSSL's test server.
func (e *Env) sServer() (certFile string) {
	certFile, keyFile := e.certificate()
	e.Serve(Server, servicePort, "openssl", "s_server", "-accept", e.service(servicePort).String(), "-cert", certFile, "-key", keyFile, "-www", "-quiet")
	return certFile
}

// https runs curl on the client, which must end with a status.
func (e *Env) https(want int, args ...string) {
	p := e.Start(Client, "curl", append(args, "-sS", "-o", "/dev/null", "--noproxy", "*", "--http1.1", strings.Replace(e.url(), "http:", "https:", 1))...)
	if status := p.Wait(); status != want {
		check(fmt.Errorf("it is %d: %s", status, p.out.String()), "curl should end with %d", want)
	}
	e.Pause(100 * time.Millisecond)
}

func tlsAlertThenRST() Recipe {
	return Recipe{
		Name:     "tls-unknown-ca",
		About:    "curl does not know the authority behind the server's certificate, sends an alert and closes with the rest of the server's handshake unread",
		Vantages: bothEnds,
		Needs:    []string{"curl", "openssl"},
		Resets:   []Expect{{From: Client, Cause: TLSAlertThenRST, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			e.sServer()
			e.https(60)
		},
	}
}

func tlsAlertThenRSTFixed() Recipe {
	return Recipe{
		Name:     "tls-unknown-ca-fixed",
		About:    "curl is told the authority behind the server's certificate; no reset",
		Vantages: []Vantage{AtClient},
		Needs:    []string{"curl", "nginx"},
		Steps: func(e *Env) {
			e.https(0, "--cacert", e.nginxTLS("keepalive_timeout 5s; location / { return 200 hello; }"))
		},
	}
}

// nginxTLS starts nginx with TLS.
func (e *Env) nginxTLS(directives string) (certFile string) {
	certFile, keyFile := e.certificate()
	e.nginxAt(" ssl", fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s; %s", certFile, keyFile, directives))
	return certFile
}

func plaintextToTLSPort() Recipe {
	return Recipe{
		Name:     "plaintext-to-tls-port",
		About:    "curl speaks plain HTTP to a TLS service in Python, which reads the first five octets, finds no TLS in them and closes",
		Vantages: bothEnds,
		Needs:    []string{"curl", "python3"},
		Resets:   []Expect{{From: Server, Cause: PlaintextToTLSPort, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			e.pythonTLS(`
connection = listener.accept()[0]
try:
    context.wrap_socket(connection, server_side=True)
except ssl.SSLError:
    connection.close()
listener.accept()
`)
			p := e.Start(Client, "curl", "-sS", "--noproxy", "*", e.url())
			if status := p.Wait(); status != 56 {
				check(fmt.Errorf("it is %d: %s", status, p.out.String()), "curl should end with 56")
			}
		},
	}
}

func closeNotifyRace() Recipe {
	return Recipe{
		Name:     "tls-close-notify-race",
		About:    "nginx ends a complete response with close_notify and closes; the client's own close_notify then meets a closed socket",
		Link:     Link{Delay: 5 * time.Millisecond},
		Vantages: bothEnds,
		Needs:    []string{"nginx"},
		Resets:   []Expect{{From: Server, Cause: CloseNotifyRace, Reason: "TCP_TIMEWAIT_SOCKET"}, {From: Server, Cause: FollowUp, Reason: "TCP_FLAGS", Maybe: true}},
		Steps: func(e *Env) {
			e.nginxTLS("keepalive_timeout 0; lingering_close off; location / { return 200 hello; }")
			client := tls.Client(e.Dial().tcp, &tls.Config{InsecureSkipVerify: true})
			_, err := io.WriteString(client, httpRequest)
			check(err, "client writes")
			_, err = io.Copy(io.Discard, client)
			check(err, "client reads to the end")
			e.Pause(100 * time.Millisecond) // longer than a delayed ACK of the FIN
			check(client.Close(), "client closes")
		},
	}
}
