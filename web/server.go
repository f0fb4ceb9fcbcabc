package web

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
)

//go:embed page
var pageFiles embed.FS

const (
	latestMax   = 200             // incidents that the page begins with
	perSecond   = 20              // that it is sent, so that a browser can follow
	readersMax  = 32              // pages that are open at a time
	backlog     = 64              // messages that a slow one may be behind
	aliveEvery  = 2 * time.Second // counts are sent
	shutdownMax = time.Second
)

// Server is a sink that shows what it gets.
type Server struct {
	metrics *metrics
	// Story makes the sentence of an incident, nil for none.
	Story func(*analyzer.Incident) string

	mu      sync.Mutex
	causes  map[string]uint64
	latest  []shown // the oldest first
	readers map[chan []byte]bool
	second  int64
	sent    int
	late    time.Time // when the input was last heard of
	stated  time.Time // when pages were last told how the run is doing

	listener net.Listener
	http     *http.Server
	local    bool
}

// New returns one for that version of rstwhy.
func New(version string) *Server {
	return &Server{metrics: newMetrics(version), causes: map[string]uint64{}, readers: map[chan []byte]bool{}, late: time.Now()}
}

// ErrExposed says that everybody who reaches the address could read what is shown.
var ErrExposed = errors.New("the address is not the host's own (127.0.0.1, ::1), and nothing keeps others from reading it")

// Listen begins to serve at an address and port. An address beyond the host needs a config
// file of the Prometheus exporters, with TLS or passwords, or exposed; else the error is
// ErrExposed.
func (s *Server) Listen(address, config string, exposed bool) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	at, err := netip.ParseAddrPort(l.Addr().String())
	s.local = err == nil && at.Addr().IsLoopback()
	if !s.local && config == "" && !exposed {
		l.Close()
		return ErrExposed
	}
	if err := toolkit.Validate(config); err != nil {
		l.Close()
		return fmt.Errorf("%s: %w", config, err)
	}
	s.local = s.local && config == ""
	s.listener = l
	s.http = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	none := false
	quiet := slog.New(slog.DiscardHandler)
	go toolkit.Serve(l, s.http, &toolkit.FlagConfig{WebSystemdSocket: &none, WebConfigFile: &config}, quiet)
	return nil
}

// Address is where it listens.
func (s *Server) Address() string { return s.listener.Addr().String() }

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /events", s.events)
	for path, file := range map[string]struct{ name, typ string }{
		"GET /{$}":       {"page.html", "text/html; charset=utf-8"},
		"GET /page.js":   {"page.js", "text/javascript; charset=utf-8"},
		"GET /style.css": {"style.css", "text/css; charset=utf-8"},
	} {
		text, err := pageFiles.ReadFile("page/" + file.name)
		if err != nil {
			panic(err) // it is part of the program
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", file.typ)
			w.Write(text)
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if s.local && !ownName(r.Host) {
			// A page of another site may give its own name the address of this host.
			http.Error(w, "this is served to the host itself", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// ownName reports whether a Host field names the host itself.
func ownName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.IsLoopback()
}

// staleAfter is how long nothing may be heard of the input: a quiet interface gives a sign
// several times a second.
const staleAfter = 10 * time.Second

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	late := time.Since(s.late)
	s.mu.Unlock()
	if late > staleAfter {
		http.Error(w, "no packet was looked for in "+late.Round(time.Second).String(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// shown is an incident on the page.
type shown struct {
	Time       string `json:"time"`
	Cause      string `json:"cause"`
	Title      string `json:"title"`
	Confidence string `json:"confidence"`
	Client     string `json:"client"`
	Server     string `json:"server"`
	Sender     string `json:"sender"`
	Harm       string `json:"harm"`
	Story      string `json:"story"`
}

// Incident counts i, and sends it to the pages that are open.
func (s *Server) Incident(i *analyzer.Incident) error {
	s.metrics.incident(i)
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &i.Verdict
	s.causes[v.Rule.ID]++
	if now := time.Now().Unix(); now != s.second {
		s.second, s.sent = now, 0
	}
	if s.sent++; s.sent > perSecond {
		return nil
	}
	ends := &i.Reset.Flow.Ends
	one := shown{
		Time:  time.Unix(0, i.Reset.RST.Time).UTC().Format("2006-01-02T15:04:05.000Z"),
		Cause: v.Rule.ID, Title: v.Rule.Title, Confidence: v.Confidence.String(), Harm: v.Harm.Kind.String(),
		Client: ends[flows.Client].AddrPort().String(), Server: ends[flows.Server].AddrPort().String(), Sender: i.Reset.Dir.String(),
	}
	if s.Story != nil {
		one.Story = s.Story(i)
	}
	if len(s.latest) == latestMax {
		s.latest = append(s.latest[:0], s.latest[1:]...)
	}
	s.latest = append(s.latest, one)
	s.send("incident", one)
	return nil
}

// Note does nothing.
func (s *Server) Note(*flows.Note) error { return nil }

// Close ends the server.
func (s *Server) Close(*analyzer.Summary) error {
	if s.http == nil {
		return nil
	}
	s.mu.Lock()
	for r := range s.readers {
		close(r)
		delete(s.readers, r)
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownMax)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return s.http.Close()
	}
	return nil
}

// Observe takes a turn of a connection.
func (s *Server) Observe(e *flows.Event) { s.metrics.observe(e) }

// Set says how the run is doing.
func (s *Server) Set(now State) {
	s.metrics.set(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = time.Now()
	if s.late.Sub(s.stated) >= aliveEvery {
		s.stated = s.late
		s.send("state", s.stateNow(&now))
	}
}

type stateJSON struct {
	Packets uint64            `json:"packets"`
	Resets  uint64            `json:"resets"`
	Open    int               `json:"open"`
	Dropped uint64            `json:"dropped"`
	Causes  map[string]uint64 `json:"causes"`
}

func (s *Server) stateNow(now *State) stateJSON {
	return stateJSON{now.Frames, now.RSTs, now.Open, now.Counters.Dropped + now.Counters.DroppedByInterface, s.causes}
}

// send writes a message to every page that can take it; s.mu is held.
func (s *Server) send(kind string, what any) {
	if len(s.readers) == 0 {
		return
	}
	message := event(kind, what)
	for r := range s.readers {
		select {
		case r <- message:
		default: // it is too slow: the counts tell what it has missed
		}
	}
}

// event is a server-sent event (HTML, 9.2).
func event(kind string, what any) []byte {
	b, err := json.Marshal(what) // which escapes what is markup
	if err != nil {
		b = []byte("null")
	}
	return append(append([]byte("event: "+kind+"\ndata: "), b...), "\n\n"...)
}

// events streams to one page: what there was, then what comes.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	flush, ok := w.(http.Flusher)
	if !ok {
		http.Error(w, "no stream can be had", http.StatusNotImplemented)
		return
	}
	messages := make(chan []byte, backlog)
	s.mu.Lock()
	if len(s.readers) >= readersMax {
		s.mu.Unlock()
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	s.readers[messages] = true
	s.metrics.mu.Lock()
	now := s.metrics.now
	s.metrics.mu.Unlock()
	first := event("begin", struct {
		State  stateJSON `json:"state"`
		Latest []shown   `json:"latest"`
	}{s.stateNow(&now), append([]shown{}, s.latest...)})
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.readers, messages)
		s.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	for message, ok := first, true; ok; {
		if _, err := w.Write(message); err != nil {
			return
		}
		flush.Flush()
		select {
		case message, ok = <-messages:
		case <-r.Context().Done():
			return
		}
	}
}
