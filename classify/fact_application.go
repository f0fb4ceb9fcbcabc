package classify

import (
	"bytes"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// applicationFacts are those that the first octets of payload tell.
var applicationFacts = []*Fact{
	{"sender_status", UnitNumber, "the HTTP status that the sender answered with", func(c *Case) int64 { return int64(statusOf(c.Sender)) }},
	{"sender_alert", UnitNumber, "the description of the TLS alert that the sender sent last", func(c *Case) int64 { return int64(lastRecord(c.Sender).body[1]) }},
	{"sender_record_length", UnitOctets, "the length of the TLS record that the sender sent last", func(c *Case) int64 { return int64(lastRecord(c.Sender).length) }},
	{"receiver_record_kind", UnitNumber, "the content type of the TLS record that the receiver sent last", func(c *Case) int64 { return int64(lastRecord(c.Receiver).kind) }},
	{"receiver_record_length", UnitOctets, "its length", func(c *Case) int64 { return int64(lastRecord(c.Receiver).length) }},
	{"receiver_record_whole", UnitOctets, "its length with its header", func(c *Case) int64 { return int64(c.recordWhole()) }},
}

// recordWhole is the length of the receiver's latest TLS record, its header
// included.
func (c *Case) recordWhole() uint64 { return uint64(lastRecord(c.Receiver).length + 5) }

// record is the header of a TLS record (RFC 8446, 5.1) at the start of a
// segment, and the two octets after it.
type record struct {
	kind   byte
	length int
	body   [2]byte // of an alert in the clear: level and description
}

// The kinds of TLS record.
const (
	recordChangeCipher = 0x14
	recordAlert        = 0x15
	recordHandshake    = 0x16
	recordData         = 0x17

	recordHeader = 5 // octets of its header
	changeCipher = 6 // octets of a whole change_cipher_spec
)

// tlsRecord reads the record at the start of a payload of which n octets are
// known. A change_cipher_spec, which TLS 1.3 sends for the sake of old boxes,
// is stepped over. The zero record is none.
func tlsRecord(p *[packet.PeekLen]byte, n uint8) record {
	b := p[:min(int(n), len(p))]
	r := recordAt(b)
	if r.kind == recordChangeCipher && len(b) > 6 {
		if next := recordAt(b[6:]); next.kind != 0 {
			return next
		}
	}
	return r
}

func recordAt(b []byte) record {
	if len(b) < 5 || b[0] < recordChangeCipher || b[0] > recordData || b[1] != 3 || b[2] > 4 {
		return record{}
	}
	r := record{kind: b[0], length: int(b[3])<<8 | int(b[4])}
	copy(r.body[:], b[5:])
	return r
}

func firstRecord(s *flows.Side) record { return tlsRecord(&s.First, s.FirstN) }
func lastRecord(s *flows.Side) record  { return tlsRecord(&s.LastBytes, s.LastN) }

// isAlert reports whether r is an alert, or as short as only an alert is.
func (r record) isAlert() bool {
	return r.kind == recordAlert && r.length <= closeNotifyOld || r.kind == recordData && r.length <= closeNotify13
}

// fatal reports whether r is an alert in the clear other than close_notify.
func (r record) fatal() bool {
	return r.kind == recordAlert && r.length == 2 && r.body[1] != 0
}

var requestMethods = [...][]byte{
	[]byte("GET "), []byte("HEAD "), []byte("POST "), []byte("PUT "), []byte("PATCH "),
	[]byte("DELETE "), []byte("OPTIONS "), []byte("CONNECT "),
}

// The methods from uploads to before notUploads carry a body.
const uploads, notUploads = 2, 5

func method(p *[packet.PeekLen]byte, n uint8) int {
	for i, m := range requestMethods {
		if bytes.HasPrefix(p[:min(int(n), len(p))], m) {
			return i
		}
	}
	return -1
}

// isRequest reports whether p begins an HTTP/1 request.
func isRequest(p *[packet.PeekLen]byte, n uint8) bool { return method(p, n) >= 0 }

// isUpload reports whether p begins an HTTP/1 request that has a body.
func isUpload(p *[packet.PeekLen]byte, n uint8) bool {
	m := method(p, n)
	return m >= uploads && m < notUploads
}

// status is the code in an HTTP/1 status line at the start of p, or 0.
func status(p *[packet.PeekLen]byte, n uint8) int {
	if n < 12 || !bytes.HasPrefix(p[:], []byte("HTTP/1.")) || p[8] != ' ' {
		return 0
	}
	code := 0
	for _, d := range p[9:12] {
		if d < '0' || d > '9' {
			return 0
		}
		code = code*10 + int(d-'0')
	}
	return code
}

// statusOf is the status of the last response that a side began, or of its
// first when the last segment begins none.
func statusOf(s *flows.Side) int {
	if code := status(&s.LastBytes, s.LastN); code != 0 {
		return code
	}
	return status(&s.First, s.FirstN)
}

// tlsPort reports whether a port is one on which TLS is spoken from the first
// octet (IANA service names, and the customary ones for HTTPS).
func tlsPort(port uint16) bool {
	switch port {
	case 443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 2376, 5061, 5671, 5986, 6443, 6514, 8443, 8883, 9443, 10250:
		return true
	}
	return false
}

// keepsConnections reports whether the connection is of a protocol whose clients
// keep connections for their next request: HTTP, TLS but for the terminals and
// mail sessions in it, or one of a service that clients have pools for.
func keepsConnections(c *Case) bool {
	x, y := c.client(), c.server()
	port := c.Flow.Ends[flows.Server].Port
	switch {
	case session(port):
		return false
	case isRequest(&x.First, x.FirstN), isRequest(&x.LastBytes, x.LastN), status(&y.First, y.FirstN) != 0, status(&y.LastBytes, y.LastN) != 0:
		return true
	case bytes.HasPrefix(x.First[:min(int(x.FirstN), packet.PeekLen)], http2Preface):
		return true
	case firstRecord(x).kind == recordHandshake, tlsPort(port):
		return true
	}
	return pooled(port)
}

// asksAgain reports whether what the client sent last is an HTTP/1 request, on a
// connection on which the server had answered one.
func asksAgain(c *Case) bool {
	x, y := c.client(), c.server()
	return isRequest(&x.LastBytes, x.LastN) && status(&y.First, y.FirstN) != 0
}

// session reports whether a port is one on which a connection is one session of a
// user or a program, which nobody uses again (IANA service names): FTP, SSH,
// Telnet, SMTP, POP3, IMAP and these in TLS.
func session(port uint16) bool {
	switch port {
	case 21, 22, 23, 25, 110, 143, 465, 587, 989, 990, 992, 993, 995:
		return true
	}
	return false
}

// pooled reports whether a port is one to whose service clients keep connections
// (IANA service names, and the customary ones): HTTP, RPC, LDAP, SMB, databases,
// caches and brokers.
func pooled(port uint16) bool {
	switch port {
	case 80, 135, 389, 445, 1433, 1521, 1883, 3000, 3128, 3268, 3306, 5000, 5432, 5672, 5984, 6379, 7000, 8000, 8008, 8009, 8080, 8081, 8086, 8088, 8888,
		9000, 9042, 9092, 9200, 11211, 27017, 50000, 50051, 61613, 61616:
		return true
	}
	return false
}
