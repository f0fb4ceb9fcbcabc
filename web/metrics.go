// Package web shows a live run to others over HTTP: its counts for Prometheus, whether it
// is well, and a page on which incidents appear as they settle.
//
// It is a sink, and takes nothing from whoever asks. Its metrics have labels of bounded
// number: causes, confidences, harms, senders, and at most 64 services.
package web

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
)

const (
	// servicesMax is how many services have a label of their own. Those that come later
	// share one: whoever scans a host must not make a time series a port.
	servicesMax = 64
	otherLabel  = "other"
)

// latencies are the bounds of the histogram of SYN to SYN/ACK, in seconds: from a host next
// door to the first retransmission of a SYN, which Linux sends after a second.
var latencies = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 3}

// metrics are what Prometheus is told.
type metrics struct {
	registry  *prometheus.Registry
	resets    *prometheus.CounterVec
	incidents *prometheus.CounterVec
	latency   prometheus.Histogram

	mu       sync.Mutex
	services map[flows.Endpoint]string
	now      State
}

// State is how a live run is doing, in counts since its start.
type State struct {
	analyzer.Progress
	Counters  analyzer.Counters // of the capture
	Unwritten uint64            // reports that nobody read in time
}

func newMetrics(version string) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), services: map[flows.Endpoint]string{}}
	labels := []string{"cause", "family", "sender", "service", "confidence", "harm"}
	m.resets = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rstwhy_resets_total", Help: "RSTs that were explained, those that follow the first of an incident too.",
	}, labels)
	m.incidents = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rstwhy_incidents_total", Help: "Incidents: connections that were reset, by the cause that was found.",
	}, labels)
	m.latency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "rstwhy_synack_seconds", Help: "Time from a client's SYN to its SYN/ACK.", Buckets: latencies,
	})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rstwhy_build_info", Help: "1, with the version of rstwhy.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.resets, m.incidents, m.latency, build,
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())
	counter := func(name, help string, of func(*State) uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return m.value(of) }))
	}
	counter("rstwhy_packets_total", "Packets that were read.", func(s *State) uint64 { return s.Frames })
	counter("rstwhy_packet_bytes_total", "Their length on the wire.", func(s *State) uint64 { return s.Bytes })
	counter("rstwhy_rst_packets_total", "RSTs among them, also those that are not explained yet.", func(s *State) uint64 { return s.RSTs })
	counter("rstwhy_connections_total", "Connections that were seen.", func(s *State) uint64 { return s.Connections })
	counter("rstwhy_evicted_connections_total", "Connections that were forgotten for want of memory.", func(s *State) uint64 { return s.Evicted })
	counter("rstwhy_dropped_packets_total", "Packets that the kernel dropped because they came faster than they were read.", func(s *State) uint64 { return s.Counters.Dropped })
	counter("rstwhy_interface_dropped_packets_total", "Packets that the interface or its driver dropped.", func(s *State) uint64 { return s.Counters.DroppedByInterface })
	counter("rstwhy_unwritten_reports_total", "Reports of single resets that were left out of the output because nobody read them.", func(s *State) uint64 { return s.Unwritten })
	kernel := func(name, help string, of func(*analyzer.KernelCounters) uint64) {
		counter(name, help, func(s *State) uint64 {
			if s.Counters.Kernel == nil {
				return 0
			}
			return of(s.Counters.Kernel)
		})
	}
	kernel("rstwhy_kernel_resets_total", "Resets that the kernel of the host told of.", func(k *analyzer.KernelCounters) uint64 { return k.Sent })
	kernel("rstwhy_kernel_lost_total", "Resets that the kernel could not tell of in time.", func(k *analyzer.KernelCounters) uint64 { return k.Lost })
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rstwhy_open_connections", Help: "Connections that are followed now.",
	}, func() float64 { return m.value(func(s *State) uint64 { return uint64(s.Open) }) }))
	return m
}

func (m *metrics) value(of func(*State) uint64) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return float64(of(&m.now))
}

func (m *metrics) set(s State) {
	m.mu.Lock()
	m.now = s
	m.mu.Unlock()
}

func (m *metrics) incident(i *analyzer.Incident) {
	v := &i.Verdict
	sender := i.Reset.Dir.String()
	if i.Reset.Flow.RolesGuessed {
		sender = "unknown"
	}
	labels := []string{v.Rule.ID, string(v.Rule.Family), sender, m.service(i.Server()), v.Confidence.String(), v.Harm.Kind.String()}
	m.incidents.WithLabelValues(labels...).Inc()
	m.resets.WithLabelValues(labels...).Add(float64(1 + len(i.Reset.FollowUps)))
}

// service is the label of a service.
func (m *metrics) service(e flows.Endpoint) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.services[e]; ok {
		return s
	}
	if len(m.services) >= servicesMax {
		return otherLabel
	}
	s := e.AddrPort().String()
	m.services[e] = s
	return s
}

// Observe takes how long handshakes take from the turns of connections.
func (m *metrics) observe(e *flows.Event) {
	if e.Kind == flows.Answered && e.RTT > 0 {
		m.latency.Observe(time.Duration(e.RTT).Seconds())
	}
}
