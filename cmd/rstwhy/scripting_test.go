package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

const mixedDay = `A refused connection, data left unread, and a scan.
-- packets --
T = 198.51.100.9:8080
+0      C > S  S  0:0(0) win 64240 <mss 1460,sackOK,TS,nop,wscale 7>
+.00008 S > C  R. 0:0(0) ack 1 win 0
+1      C:40002 > T  S  0:0(0) win 64240 <mss 1460,sackOK,TS,nop,wscale 7>
+.0001  T > C:40002  S. 0:0(0) ack 1 <mss 1460,sackOK,TS,nop,wscale 7>
+.0001  C:40002 > T  .  1 ack 1
+.0001  C:40002 > T  P. 1:101(100) ack 1
+.0001  T > C:40002  .  1 ack 101
+.0001  T > C:40002  R. 1:1(0) ack 101 win 502 <nop,nop,TS>
D = 192.0.2.99:50000
repeat 20 +.01
+0      D > S:{1000+i}  S  0:0(0) win 1024 <mss 1460>
+.0001  S:{1000+i} > D  R. 0:0(0) ack 1 win 0
end
`

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// Every command of docs/scripting.md runs, and answers.
func TestScripting(t *testing.T) {
	if _, err := exec.LookPath("jq"); err != nil {
		t.Skip("SKIPPED: THE COMMANDS OF docs/scripting.md WERE NOT TRIED: jq is not installed")
	}
	doc, err := os.ReadFile("../../docs/scripting.md")
	if err != nil {
		t.Fatal(err)
	}
	var capture bytes.Buffer
	write(t, &capture, mixedDay)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/web.pcap", capture.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	blocks := shellBlock.FindAllSubmatch(doc, -1)
	if len(blocks) < 10 {
		t.Errorf("%d commands, want ten", len(blocks))
	}
	for _, b := range blocks {
		cmd := exec.Command("sh", "-c", "set -e\n"+string(b[1]))
		cmd.Dir = dir
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || strings.TrimSpace(string(out)) == "" || errs.Len() > 0 {
			t.Errorf("%s\n%v\n%s%s", b[1], err, out, &errs)
		}
		if strings.Contains(string(out), "null") {
			t.Errorf("%s\nhas nothing to say for some:\n%s", b[1], out)
		}
	}
}
