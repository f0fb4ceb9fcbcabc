// Package assistant answers the questions about captures that rstwhy answers on the
// command line to programs that speak the Model Context Protocol. It reads, and only below
// the folders that it is given.
package assistant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/report"
)

const (
	incidentsUsual = 20  // that are listed unless more are asked for
	incidentsMost  = 200 // that are listed at most
	filesMost      = 64  // that are read at once
	idLeast        = 8   // letters of an ID that name an incident
)

// Server answers questions about the captures below its folders.
type Server struct {
	folders []string // without symbolic links
	version string
}

// New returns a server for the captures below these folders, at least one.
func New(version string, folders []string) (*Server, error) {
	s := &Server{version: version}
	for _, f := range folders {
		path, err := filepath.Abs(f)
		if err == nil {
			path, err = filepath.EvalSymlinks(path)
		}
		if err != nil {
			return nil, err
		}
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("%s: not a directory", f)
		}
		s.folders = append(s.folders, path)
	}
	if len(s.folders) == 0 {
		return nil, errors.New("no folder is given")
	}
	return s, nil
}

// Run answers on standard input and output until the other side closes them.
func (s *Server) Run(ctx context.Context) error { return s.server().Run(ctx, &mcp.StdioTransport{}) }

// Connect answers over another transport.
func (s *Server) Connect(ctx context.Context, t mcp.Transport) error {
	_, err := s.server().Connect(ctx, t, nil)
	return err
}

type (
	askCapture struct {
		Files  []string `json:"files" jsonschema:"paths of the captures, pcap or pcapng, below the folders of this server; several are read as one capture"`
		Filter string   `json:"filter,omitempty" jsonschema:"a capture filter in the syntax of tcpdump; let whole connections through, not RSTs alone"`
	}
	askIncidents struct {
		askCapture
		Cause string `json:"cause,omitempty" jsonschema:"only incidents of this cause"`
		Host  string `json:"host,omitempty" jsonschema:"only connections with this address, or network in CIDR notation, at either end"`
		Limit int    `json:"limit,omitempty" jsonschema:"how many at most; 20 unless given, and no more than 200"`
	}
	askCause struct {
		Cause string `json:"cause" jsonschema:"the name of a cause, such as keep-alive-race"`
	}
	askPackets struct {
		askCapture
		Incident string `json:"incident" jsonschema:"the number or the ID of the incident, as list_incidents gives it"`
	}
)

func (s *Server) server() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "rstwhy", Title: "why TCP connections were reset", Version: s.version}, &mcp.ServerOptions{
		Instructions: "Explains TCP resets in packet captures. Every verdict has a confidence (possible, likely, certain) and names what else fits the packets and what would decide: pass these on, and do not call a cause certain that is not.",
	})
	closed := false
	read := func(name, title, what string) *mcp.Tool {
		return &mcp.Tool{Name: name, Title: title, Description: what, Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, OpenWorldHint: &closed}}
	}
	mcp.AddTool(server, read("explain_capture", "Explain a capture", "Says why connections in a capture were reset: causes by what they cost, with totals, the services concerned, how sure each is, and what the capture lacks."),
		answers(s.explainCapture))
	mcp.AddTool(server, read("list_incidents", "List incidents", "Lists single resets with their verdicts: confidence, what else fits, what would decide, then what happened and the evidence with frame numbers."),
		answers(s.listIncidents))
	mcp.AddTool(server, read("explain_cause", "Explain a cause", "Says what a cause is, how it looks on the wire, how to make sure of it, how to fix it, and what it is confused with."),
		answers(s.explainCause))
	mcp.AddTool(server, read("show_packets", "Show the packets of an incident", "Draws the packets around one reset, with times, frames, sequence numbers and flags."),
		answers(s.showPackets))
	return server
}

// answers makes a handler of a function that returns text for a model and the same as data.
func answers[In any](f func(context.Context, In) (string, any, error)) mcp.ToolHandlerFor[In, any] {
	return func(ctx context.Context, _ *mcp.CallToolRequest, in In) (*mcp.CallToolResult, any, error) {
		text, data, err := f(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, data, nil
	}
}

// paths are the files asked for, as far as they lie below the folders.
func (s *Server) paths(files []string) ([]string, error) {
	switch {
	case len(files) == 0:
		return nil, errors.New("files: name at least one capture")
	case len(files) > filesMost:
		return nil, fmt.Errorf("files: %d are more than the %d that are read at once", len(files), filesMost)
	}
	var out []string
	for _, f := range files {
		path := f
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.folders[0], path)
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil || !s.below(real) {
			// Whether a file outside exists is nobody's business.
			return nil, fmt.Errorf("%s: there is no such file below the folders of this server", f)
		}
		info, err := os.Stat(real)
		if err != nil || !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s: not a regular file", f)
		}
		out = append(out, real)
	}
	return out, nil
}

func (s *Server) below(path string) bool {
	for _, f := range s.folders {
		if rel, err := filepath.Rel(f, path); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// read runs a capture through the sinks and closes them.
func (s *Server) read(ctx context.Context, in askCapture, sinks ...analyzer.Sink) error {
	paths, err := s.paths(in.Files)
	if err != nil {
		return err
	}
	files, err := capture.Open(paths, capture.Config{Filter: in.Filter})
	if err != nil {
		return err
	}
	defer files.Close()
	summary, err := analyzer.Run(ctx, files, analyzer.Config{}, sinks...)
	if err != nil {
		return err
	}
	summary.Files, summary.Filter, summary.Held = files.Names(), in.Filter, files.Held()
	for _, sink := range sinks {
		if err := sink.Close(summary); err != nil {
			return err
		}
	}
	return nil
}

// sink returns a report and what it is written to.
func sink(format string, o report.Options) (analyzer.Sink, *bytes.Buffer) {
	f, _ := report.ByName(format)
	var b bytes.Buffer
	return f.New(&b, o), &b
}

func data(b *bytes.Buffer) (any, error) {
	var out any
	err := json.Unmarshal(b.Bytes(), &out)
	return out, err
}

func (s *Server) explainCapture(ctx context.Context, in askCapture) (string, any, error) {
	o := report.Options{Version: s.version, Summary: true, Width: 120}
	text, words := sink("text", o)
	whole, fields := sink("json", o)
	if err := s.read(ctx, in, text, whole); err != nil {
		return "", nil, err
	}
	out, err := data(fields)
	return words.String(), out, err
}

func (s *Server) listIncidents(ctx context.Context, in askIncidents) (string, any, error) {
	limit := min(max(in.Limit, 0), incidentsMost)
	if limit == 0 {
		limit = incidentsUsual
	}
	var selection report.Selection
	var picked []*analyzer.Incident
	var more uint64
	if in.Cause != "" {
		if classify.ByID(in.Cause) == nil {
			return "", nil, fmt.Errorf("no cause is called %q", in.Cause)
		}
		selection.Causes = []string{in.Cause}
	}
	if in.Host != "" {
		p, err := netip.ParsePrefix(in.Host)
		if a, failed := netip.ParseAddr(in.Host); failed == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return "", nil, fmt.Errorf("host: %q is neither an address nor a network", in.Host)
		}
		selection.Hosts = []netip.Prefix{p.Masked()}
	}
	if err := s.read(ctx, in.askCapture, analyzer.IncidentFunc(func(i *analyzer.Incident) error {
		switch {
		case !selection.Incident(i):
		case len(picked) == limit:
			more++
		default:
			picked = append(picked, i.Clone())
		}
		return nil
	})); err != nil {
		return "", nil, err
	}
	var words strings.Builder
	all := []any{}
	for _, i := range picked {
		words.WriteString(inWords(i))
		one, err := inFields(i)
		if err != nil {
			return "", nil, err
		}
		all = append(all, one)
	}
	if len(picked) == 0 {
		words.WriteString("No reset of those asked for.\n")
	}
	if more > 0 {
		fmt.Fprintf(&words, "%d more are not listed.\n", more)
	}
	return words.String(), map[string]any{"incidents": all, "more": more}, nil
}

// inWords says how sure a verdict is, what else fits and what would decide, and then what
// it says.
func inWords(i *analyzer.Incident) string {
	var b strings.Builder
	v := &i.Verdict
	fmt.Fprintf(&b, "Incident %d (frame %d, ID %s): %s that the cause is %s (%s).\n", i.Number, i.Reset.RST.Frame, i.ID()[:12], v.Confidence, v.Rule.ID, v.Rule.Title)
	if len(v.AlsoFits) == 0 {
		b.WriteString("Nothing else fits these packets, as far as rstwhy knows.\n")
	}
	for _, a := range v.AlsoFits {
		fmt.Fprintf(&b, "Could also be %s (%s). What would decide: %s.\n", a.Rule.ID, a.Rule.Title, strings.TrimSuffix(a.Tell, "."))
	}
	b.WriteString(report.Story(i) + "\n")
	for _, e := range report.EvidenceOf(i) {
		b.WriteString("- " + e + "\n")
	}
	b.WriteByte('\n')
	return b.String()
}

// inFields is an incident with the fields of JSON.
func inFields(i *analyzer.Incident) (any, error) {
	lines, b := sink("ndjson", report.Options{Verbose: true})
	if err := lines.Incident(i); err != nil {
		return nil, err
	}
	if err := lines.Close(&analyzer.Summary{}); err != nil {
		return nil, err
	}
	line, err := b.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	return data(bytes.NewBuffer(line))
}

func (s *Server) explainCause(_ context.Context, in askCause) (string, any, error) {
	r := classify.ByID(in.Cause)
	if r == nil {
		return "", nil, fmt.Errorf("no cause is called %q", in.Cause)
	}
	var words, fields bytes.Buffer
	if err := errors.Join(report.WriteCause(&words, "text", r, report.Options{Width: 120}), report.WriteCause(&fields, "json", r, report.Options{})); err != nil {
		return "", nil, err
	}
	out, err := data(&fields)
	return words.String(), out, err
}

func (s *Server) showPackets(ctx context.Context, in askPackets) (string, any, error) {
	var found *analyzer.Incident
	if err := s.read(ctx, in.askCapture, analyzer.IncidentFunc(func(i *analyzer.Incident) error {
		if found == nil && (strconv.FormatUint(i.Number, 10) == in.Incident || len(in.Incident) >= idLeast && strings.HasPrefix(i.ID(), in.Incident)) {
			found = i.Clone()
		}
		return nil
	})); err != nil {
		return "", nil, err
	}
	if found == nil {
		return "", nil, fmt.Errorf("incident: none has the number or ID %q", in.Incident)
	}
	fields, err := inFields(found)
	if err != nil {
		return "", nil, err
	}
	words := fmt.Sprintf("%s, %s. In milliseconds before and after the RST:\n%s\n", found.Verdict.Rule.ID, found.Verdict.Confidence,
		strings.Join(report.Ladder(found, 100), "\n"))
	packets := fields
	if m, ok := fields.(map[string]any); ok {
		packets = map[string]any{"packets": m["packets"], "earlier_packets": m["earlier_packets"]}
	}
	return words, packets, nil
}
