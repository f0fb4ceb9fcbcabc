package classify

import (
	"strings"
	"testing"
)

// TestRedact says what is kept of payloads, a tilde standing for an octet that is not.
func TestRedact(t *testing.T) {
	for _, test := range []struct {
		name, payload, want string
		rst                 bool
	}{
		{"nothing", "", "", false},
		{"unknown words", "user acme", "~~~~~~~~~", false},
		{"SMTP", "QUIT now\r\n", "QUIT~~~~~~", false},
		{"answer to it", "221 acme closing\r\n", "221 ~~~~~~~~~~~~~~", false},
		{"MQTT", "\xe0\x00", "\xe0\x00", false},
		{"what only begins like it", "\xe0\x00more", "~~~~~~", false},
		{"LDAP unbind", "\x30\x05\x02\x01\x07\x42\x00", "\x30\x05\x02\x01\x07\x42\x00", false},
		{"LDAP bind", "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", "~~~~~~~~~~~~~~", false},
		{"COTP", "\x03\x00\x00\x0b\x06\x80\x00\x01\x00\x02\x00", "\x03\x00\x00\x0b\x06\x80\x00~~~~", false},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HTTP/2~~~~~~~~~~~~", false},
		{"GOAWAY", "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x05hush", "\x00\x00\x08\x07\x00\x00\x00\x00\x00~~~~~~~~", false},
		{"two records", "\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x04hush\x17\x03\x03\x00\x02hu", "\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x04~~~~\x17\x03\x03\x00\x02~~", false},
		{"alert that is encrypted", "\x15\x03\x03\x00\x12secretsecretsecret", "\x15\x03\x03\x00\x12~~~~~~~~~~~~~~~~~~", false},
		{"alert in the clear", "\x15\x03\x03\x00\x02\x02\x28", "\x15\x03\x03\x00\x02\x02\x28", false},
		{"BIG-IP", "BIG-IP: [0x1a:22] acme Flow expired", "BIG-IP: [xxxx:xx] xxxx Flow expired", true},
		{"text", "Go away, 10.0.0.1!\n", "xx xxxx, xx.x.x.x!~", true},
		{"diagnostic", "\x33\xaa\x00\x07hush", "\x33\xaa\x00\x07~~~~", true},
		{"request in a RST", "GET / HTTP/1.1\r\n", "xxx / xxxx/x.x~~", true},
	} {
		out := make([]byte, len(test.payload))
		Redact(out, []byte(test.payload), test.rst)
		want := strings.ReplaceAll(test.want, "~", "\x00")
		if string(out) != want {
			t.Errorf("%s: %q becomes %q, not %q", test.name, test.payload, out, want)
		}
	}
}
