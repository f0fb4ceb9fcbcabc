package classify

import (
	"slices"
	"time"
)

// Expiry is what happens when an idle timer runs out.
type Expiry uint8

// The ends of an idle connection.
const (
	Closes  Expiry = iota // it is closed with FIN; what is sent at that moment draws a RST
	Resets                // it is reset at once, often at both ends
	Forgets               // nothing is sent; the next segment is dropped or draws a RST
)

// String says what happens, for people.
func (e Expiry) String() string {
	return [...]string{"closes the connection (FIN)", "resets the connection", "forgets the connection without a word"}[e]
}

// Silence is a span of time that ends in a reset and may show a timer.
type Silence uint8

// The silences.
const (
	// SilenceThenClose ended with a FIN, and a segment that came too late for
	// it was reset.
	SilenceThenClose Silence = iota
	// SilenceThenRST ended with the RST itself, which answers nothing.
	SilenceThenRST
	// SilenceThenRefusal ended with a segment that was refused. It says only
	// that somebody forgot the connection before.
	SilenceThenRefusal
	// ConnectPatience is from the SYN to the SYN/ACK that came too late: the
	// client's limit is below it.
	ConnectPatience
)

// String is the word in JSON.
func (s Silence) String() string {
	return [...]string{"idle-then-close", "idle-then-rst", "idle-then-refused", "connect-patience"}[s]
}

// Title is the silence in a few words for people.
func (s Silence) Title() string {
	return [...]string{
		"idle before the connection was closed", "idle before the RST",
		"idle before a segment was refused", "wait for the SYN/ACK that was too long",
	}[s]
}

// Timer is the documented default of an idle timer.
type Timer struct {
	After   time.Duration
	Who     string // the product and its role
	Setting string // what to change, in the words of its documentation
	Owner   string // whose setting it is: server, client, load balancer, firewall
	Expiry  Expiry
	Source  string // where the value is documented
}

// timers is ordered by time. An entry needs a source that was read: a vendor's
// documentation, a source file, an RFC.
var timers = []Timer{
	{2 * time.Second, "Gunicorn", "keepalive (--keep-alive)", "server", Closes, "gunicorn/config.py, Keepalive"},
	// keepAliveTimeoutBuffer adds a second from 24.6 on, which TimerFits allows for.
	{5 * time.Second, "Node.js http.Server", "server.keepAliveTimeout (5 s up to 25)", "server", Closes, "Node.js documentation (20, 22, 25), http: server.keepAliveTimeout, keepAliveTimeoutBuffer"},
	{5 * time.Second, "Apache httpd", "KeepAliveTimeout", "server", Closes, "Apache HTTP Server documentation, core: KeepAliveTimeout"},
	{5 * time.Second, "Uvicorn", "--timeout-keep-alive", "server", Closes, "uvicorn/config.py, timeout_keep_alive"},
	{20 * time.Second, "Puma, older releases", "persistent_timeout", "server", Closes, "puma/lib/puma/configuration.rb of older releases, persistent_timeout"},
	{20 * time.Second, "Tomcat, as shipped", "connectionTimeout and keepAliveTimeout of the Connector", "server", Closes, "Tomcat documentation, The HTTP Connector: the server.xml that is shipped"},
	{60 * time.Second, "AWS Application Load Balancer", "idle_timeout.timeout_seconds", "load balancer", Closes, "AWS documentation, Application Load Balancers: connection idle timeout (1 to 4000 s)"},
	{60 * time.Second, "nginx, to its upstreams", "keepalive_timeout of the upstream block", "client", Closes, "ngx_http_upstream_keepalive_module: keepalive_timeout"},
	{60 * time.Second, "nginx, as a proxy", "proxy_read_timeout, proxy_send_timeout", "client", Closes, "ngx_http_proxy_module: proxy_read_timeout"},
	{60 * time.Second, "Apache httpd, within a request", "Timeout", "server", Closes, "Apache HTTP Server documentation, core: Timeout"},
	{60 * time.Second, "Tomcat, without a setting", "connectionTimeout and keepAliveTimeout of the Connector", "server", Closes, "Tomcat documentation, The HTTP Connector: connectionTimeout"},
	{65 * time.Second, "Node.js http.Server, 26", "server.keepAliveTimeout", "server", Closes, "nodejs/node pull request 62782, merged in April 2026 as semver-major"},
	{65 * time.Second, "Puma", "persistent_timeout", "server", Closes, "puma/lib/puma/configuration.rb, persistent_timeout"},
	{65 * time.Second, "OCI Load Balancer, to clients", "keep-alive settings", "load balancer", Closes, "Oracle Cloud documentation, Load Balancer: HTTP keep-alive settings"},
	{75 * time.Second, "nginx", "keepalive_timeout", "server", Closes, "ngx_http_core_module: keepalive_timeout"},
	{90 * time.Second, "Go net/http client", "Transport.IdleConnTimeout", "client", Closes, "net/http/transport.go, DefaultTransport"},
	{90 * time.Second, "Traefik, to its back ends", "serversTransport.forwardingTimeouts.idleConnTimeout", "client", Closes, "Traefik documentation, serversTransport"},
	{130 * time.Second, "ASP.NET Core Kestrel", "KestrelServerLimits.KeepAliveTimeout", "server", Closes, ".NET documentation, KestrelServerLimits.KeepAliveTimeout"},
	{180 * time.Second, "Traefik", "respondingTimeouts.idleTimeout", "load balancer", Closes, "Traefik documentation, entryPoints: respondingTimeouts"},
	{240 * time.Second, "Azure Load Balancer", "idle timeout of the rule (4 to 100 min)", "load balancer", Forgets, "Azure documentation, Load Balancer TCP reset and idle timeout"},
	{240 * time.Second, "Azure Load Balancer with TCP reset", "idle timeout of the rule (4 to 100 min)", "load balancer", Resets, "Azure documentation, Load Balancer TCP reset and idle timeout"},
	{240 * time.Second, "Azure NAT gateway", "idle timeout (4 to 120 min)", "NAT", Forgets, "Azure documentation, NAT gateway: TCP idle timeout"},
	{300 * time.Second, "F5 BIG-IP", "idle-timeout of the TCP or FastL4 profile; reset-on-timeout", "load balancer", Resets, "F5 documentation, AS3 schema, L4_Profile: idleTimeout, resetOnTimeout"},
	{300 * time.Second, "OCI Load Balancer, to back ends", "idle timeout of the listener", "load balancer", Closes, "Oracle Cloud documentation, Load Balancer: connection timeout"},
	{350 * time.Second, "AWS Network Load Balancer", "tcp.idle_timeout.seconds (60 to 6000; fixed for TLS)", "load balancer", Forgets, "AWS documentation, Network Load Balancers: TCP idle timeout"},
	{350 * time.Second, "AWS NAT gateway", "cannot be changed: send keep-alives", "NAT", Forgets, "AWS documentation, NAT gateways: troubleshooting, connections are dropped after 350 s"},
	{350 * time.Second, "AWS EC2 security groups, Nitro v6", "TcpEstablishedTimeout of the network interface", "firewall", Forgets, "AWS EC2 API reference, ConnectionTrackingConfiguration"},
	{350 * time.Second, "AWS Network Firewall", "TcpIdleTimeoutSeconds (60 to 6000)", "firewall", Forgets, "AWS Network Firewall API reference, FlowTimeouts"},
	{600 * time.Second, "nginx stream proxy", "proxy_timeout", "load balancer", Closes, "ngx_stream_proxy_module: proxy_timeout"},
	{600 * time.Second, "Google Cloud Application Load Balancer, to back ends", "cannot be changed: longer keep-alive in the back end", "client", Closes, "Google Cloud documentation, external Application Load Balancers: request distribution"},
	{600 * time.Second, "Google Cloud VPC firewall", "cannot be changed: send keep-alives", "firewall", Forgets, "Google Compute Engine documentation, networking tips: connection tracking"},
	{900 * time.Second, "Linux IPVS (kube-proxy, Docker Swarm)", "ipvsadm --set", "load balancer", Forgets, "Linux: net/netfilter/ipvs/ip_vs_proto_tcp.c, tcp_timeouts"},
	{1200 * time.Second, "Google Cloud NAT", "TCP established connection idle timeout", "NAT", Forgets, "Google Cloud documentation, Cloud NAT: timeouts"},
	{1200 * time.Second, "Huawei USG", "firewall session aging-time service-set tcp", "firewall", Forgets, "Huawei documentation, USG: session aging time"},
	{1800 * time.Second, "Juniper SRX", "inactivity-timeout of the application", "firewall", Forgets, "Juniper documentation, SRX: inactivity timeouts"},
	{3600 * time.Second, "FortiGate", "config system session-ttl (300 to 604800)", "firewall", Forgets, "Fortinet documentation, session-ttl"},
	{3600 * time.Second, "Cisco ASA", "timeout conn", "firewall", Forgets, "Cisco documentation, ASA: connection settings, default timeouts"},
	{3600 * time.Second, "PAN-OS", "Device > Setup > Session > TCP timeout", "firewall", Forgets, "Palo Alto Networks documentation, Configure Session Timeouts"},
	{3600 * time.Second, "Envoy", "common_http_protocol_options.idle_timeout; idle_timeout of the TCP proxy", "load balancer", Closes, "Envoy documentation, How do I configure timeouts?"},
	{28800 * time.Second, "MySQL, MariaDB", "wait_timeout", "server", Closes, "MySQL reference manual, server system variables: wait_timeout"},
	{432000 * time.Second, "Linux conntrack", "nf_conntrack_tcp_timeout_established", "firewall", Forgets, "Linux: net/netfilter/nf_conntrack_proto_tcp.c, tcp_timeouts"},
	{432000 * time.Second, "AWS EC2 security groups", "TcpEstablishedTimeout of the network interface", "firewall", Forgets, "AWS EC2 API reference, ConnectionTrackingConfiguration"},
}

// Timers returns the known timers, the shortest first.
func Timers() []Timer { return slices.Clone(timers) }

// TimerFits returns the known timers that may explain a silence, the most likely
// first. One that fires does so between its time and two seconds, or two per
// cent, more. One that only forgets is not contradicted by any silence longer
// than its time, so that the list is then a list of suspects.
func TimerFits(silence time.Duration, how Silence) []Timer {
	if int64(silence) < ShortestIdle {
		return nil
	}
	var out []Timer
	switch how {
	case SilenceThenClose:
		out = fires(out, silence, Closes)
	case SilenceThenRST:
		out = fires(fires(out, silence, Resets), silence, Closes)
	case SilenceThenRefusal:
		for i := len(timers) - 1; i >= 0; i-- {
			if t := &timers[i]; t.Expiry == Forgets && silence >= t.After-jitter {
				out = append(out, *t)
			}
		}
	}
	return out
}

func fires(out []Timer, silence time.Duration, e Expiry) []Timer {
	for i := len(timers) - 1; i >= 0; i-- {
		t := &timers[i]
		if t.Expiry == e && silence >= t.After-jitter && silence <= t.After+max(2*time.Second, t.After/50) {
			out = append(out, *t)
		}
	}
	return out
}
