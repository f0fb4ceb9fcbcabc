package assistant

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/rstwhy/rstwhy/internal/synth"
)

const refused = `A client is refused twice, and a server resets what it had answered.
-- packets --
C = 192.0.2.1:40000
D = 192.0.2.1:40001
S = 198.51.100.1:80
T = 198.51.100.2:81
+0      C > S  S  0:0(0) win 64240 <mss 1460,sackOK,TS,nop,wscale 7>
+.00008 S > C  R. 0:0(0) ack 1 win 0
+1      D > T  S  0:0(0) win 64240 <mss 1460,sackOK,TS,nop,wscale 7>
+.0004  T > D  S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS,nop,wscale 7>
+.0001  D > T  .  1 ack 1
+.0001  D > T  P. 1:801(800) ack 1
+.0400  T > D  R. 1:1(0) ack 801 win 502 <nop,nop,TS>
`

// connect starts a server for a folder with a capture, beside one that it must not read,
// and returns a client of the SDK.
func connect(t *testing.T) (session *mcp.ClientSession, outside string) {
	t.Helper()
	script, err := synth.Parse("refused", []byte(refused))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := script.Write(&b, synth.Format{}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	inside := filepath.Join(dir, "captures")
	outside = filepath.Join(dir, "secret.pcap")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(inside, "web.pcap"), outside} {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(inside, "link.pcap")); err != nil {
		t.Fatal(err)
	}
	server, err := New("v1", []string{inside})
	if err != nil {
		t.Fatal(err)
	}
	here, there := mcp.NewInMemoryTransports()
	ctx := context.Background()
	if err := server.Connect(ctx, there); err != nil {
		t.Fatal(err)
	}
	session, err = mcp.NewClient(&mcp.Implementation{Name: "test", Version: "v1"}, nil).Connect(ctx, here, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session, outside
}

func call(t *testing.T, s *mcp.ClientSession, tool string, in map[string]any) (text, fields string, failed bool) {
	t.Helper()
	r, err := s.CallTool(context.Background(), &mcp.CallToolParams{Name: tool, Arguments: in})
	if err != nil {
		return err.Error(), "", true
	}
	for _, c := range r.Content {
		if c, ok := c.(*mcp.TextContent); ok {
			text += c.Text
		}
	}
	b, err := json.Marshal(r.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	return text, string(b), r.IsError
}

func TestTools(t *testing.T) {
	s, _ := connect(t)
	list, err := s.ListTools(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range list.Tools {
		if tool.Annotations == nil || !tool.Annotations.ReadOnlyHint || tool.Description == "" {
			t.Errorf("%s: %+v", tool.Name, tool.Annotations)
		}
	}
	if len(list.Tools) != 4 {
		t.Errorf("%d tools", len(list.Tools))
	}
	files := []string{"web.pcap"}

	text, fields, failed := call(t, s, "explain_capture", map[string]any{"files": files})
	if failed || !strings.Contains(text, "2 resets of 2 causes") || !strings.Contains(fields, `"cause":"unread-data-on-close"`) || strings.Contains(text, "\x1b") {
		t.Errorf("explain_capture: %s\n%s", text, fields)
	}

	text, fields, failed = call(t, s, "list_incidents", map[string]any{"files": files})
	sure, also, story := strings.Index(text, "likely that the cause is"), strings.Index(text, "Could also be"), strings.Index(text, "The server 198.51.100.1:80 refused")
	if failed || sure < 0 || also < sure || story < also || !strings.Contains(text, "What would decide: ") {
		t.Errorf("list_incidents does not say how sure, what else, and what would decide, in this order: %s", text)
	}
	if !strings.Contains(fields, `"confidence":"likely"`) || strings.Count(fields, `"type":"incident"`) != 2 {
		t.Errorf("list_incidents: %s", fields)
	}
	text, _, _ = call(t, s, "list_incidents", map[string]any{"files": files, "host": "198.51.100.2/32"})
	if strings.Contains(text, "198.51.100.1") || !strings.Contains(text, "198.51.100.2:81") {
		t.Errorf("host: %s", text)
	}
	text, _, _ = call(t, s, "list_incidents", map[string]any{"files": files, "limit": 1})
	if !strings.Contains(text, "1 more are not listed") {
		t.Errorf("limit: %s", text)
	}

	text, fields, failed = call(t, s, "show_packets", map[string]any{"files": files, "incident": "1"})
	if failed || !strings.Contains(text, "RST/ACK") || !strings.Contains(fields, `"relative_seq"`) {
		t.Errorf("show_packets: %s\n%s", text, fields)
	}
	text, fields, failed = call(t, s, "explain_cause", map[string]any{"cause": "keep-alive-race"})
	if failed || !strings.Contains(text, "keep-alive-race") || !strings.Contains(fields, `"advice"`) {
		t.Errorf("explain_cause: %s\n%s", text, fields)
	}
}

// TestRefusals asks for what there is not, and for files that are nobody's business.
func TestRefusals(t *testing.T) {
	s, outside := connect(t)
	for name, in := range map[string]map[string]any{
		"outside":     {"files": []string{outside}},
		"up":          {"files": []string{"../secret.pcap"}},
		"link":        {"files": []string{"link.pcap"}},
		"missing":     {"files": []string{"none.pcap"}},
		"the folder":  {"files": []string{"."}},
		"none":        {"files": []string{}},
		"bad filter":  {"files": []string{"web.pcap"}, "filter": "this is none"},
		"other field": {"files": []string{"web.pcap"}, "write": true},
	} {
		text, fields, failed := call(t, s, "explain_capture", in)
		if !failed || strings.Contains(fields, "summary") {
			t.Errorf("%s: %s %s", name, text, fields)
		}
		if strings.Contains(text, "reset") {
			t.Errorf("%s: something was read: %s", name, text)
		}
	}
	for tool, in := range map[string]map[string]any{
		"list_incidents": {"files": []string{"web.pcap"}, "cause": "no-such-cause"},
		"explain_cause":  {"cause": "no-such-cause"},
		"show_packets":   {"files": []string{"web.pcap"}, "incident": "9"},
	} {
		if text, _, failed := call(t, s, tool, in); !failed {
			t.Errorf("%s: %s", tool, text)
		}
	}
	if _, err := New("v1", []string{outside}); err == nil {
		t.Error("a file is taken for a folder")
	}
	if _, err := New("v1", nil); err == nil {
		t.Error("no folder is enough")
	}
}
