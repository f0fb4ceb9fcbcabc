package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// TestProgram builds the program and asks it as an assistant does.
func TestProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "rstwhy-mcp")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx := context.Background()
	cmd := exec.Command(program, "../../testdata/pcaps")
	s, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "v1"}, nil).Connect(ctx, &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "explain_capture", Arguments: map[string]any{"files": []string{"keep-alive-race/client.pcap"}}})
	if err != nil || r.IsError {
		t.Fatal(err, r)
	}
	if text := r.Content[0].(*mcp.TextContent).Text; !strings.Contains(text, "just closed as idle") {
		t.Error(text)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}

	for _, args := range [][]string{nil, {"/no/such/folder"}, {program}} {
		var words bytes.Buffer
		cmd := exec.Command(program, args...)
		cmd.Stderr = &words
		err := cmd.Run()
		var exit *exec.ExitError
		want := exitFailed
		if args == nil {
			want = exitUsage
		}
		if !errors.As(err, &exit) || exit.ExitCode() != want || !strings.HasPrefix(words.String(), "rstwhy-mcp: ") {
			t.Errorf("%q: %v, %s", args, err, &words)
		}
	}
}
