package lab

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// openPorts are services of the server for scans to find.
var openPorts = []uint16{21, 22, 25, 80, 110, 143}

// listenOn starts a service on each port; nobody accepts.
func (e *Env) listenOn(ports []uint16) {
	for _, port := range ports {
		check(e.pair.Server.Do(func() error {
			ln, err := net.Listen(e.network(), e.service(port).String())
			if err == nil {
				e.pair.open = append(e.pair.open, ln)
			}
			return err
		}), "listening on %d", port)
	}
}

// scan runs nmap on the client against ports of the server. It neither looks
// whether the host is up nor for its name.
func (e *Env) scan(technique, ports string) {
	args := []string{technique, "-Pn", "-n", "--max-retries", "1", "-e", e.pair.Client.Interface, "-p", ports}
	if e.ipv6 {
		args = append(args, "-6")
	}
	p := e.Start(Client, "nmap", append(args, e.addr(e.pair.Server).String())...)
	if status := p.Wait(); status != 0 || !strings.Contains(p.out.String(), "1 host up") {
		check(fmt.Errorf("status %d: %s", status, p.out.String()), "nmap")
	}
}

// portList writes ports as nmap reads them.
func portList(ports []uint16) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ports), " ", ","), "[]")
}

func nmapSYNOpen() Recipe {
	return Recipe{
		Name:     "nmap-syn-open",
		About:    "nmap -sS finds six open ports: the client's kernel resets each SYN/ACK, because nmap's SYNs were not its own",
		Vantages: bothEnds,
		Needs:    []string{"nmap"},
		Resets:   []Expect{{From: Client, Cause: HalfOpenScan, Reason: "NO_SOCKET", Many: true}},
		Steps: func(e *Env) {
			e.listenOn(openPorts)
			e.scan("-sS", portList(openPorts))
		},
	}
}

func nmapSYNClosed() Recipe {
	return Recipe{
		Name:     "nmap-syn-closed",
		About:    "nmap -sS tries thirty ports where nothing listens",
		Vantages: bothEnds,
		Needs:    []string{"nmap"},
		Resets:   []Expect{{From: Server, Cause: ClosedPortScan, Reason: "NO_SOCKET", Many: true}},
		Steps:    func(e *Env) { e.scan("-sS", "1001-1030") },
	}
}

func nmapConnectClosed() Recipe {
	return Recipe{
		Name:     "nmap-connect-closed",
		About:    "nmap -sT connects to thirty ports where nothing listens, with the kernel's own SYNs",
		Vantages: []Vantage{AtServer},
		Needs:    []string{"nmap"},
		Resets:   []Expect{{From: Server, Cause: ClosedPortScan, Reason: "NO_SOCKET", Many: true}},
		Steps:    func(e *Env) { e.scan("-sT", "1001-1030") },
	}
}

// probeScans are nmap's techniques without SYN, which closed ports answer.
var probeScans = []struct{ name, technique, segment string }{
	{"fin", "-sF", "a FIN"},
	{"null", "-sN", "no flag"},
	{"xmas", "-sX", "FIN, PSH and URG"},
	{"maimon", "-sM", "FIN and ACK"},
	{"ack", "-sA", "an ACK"},
}

// nmapProbes is the scan of probeScans called name.
func nmapProbes(name string) Recipe {
	p := probeScans[slices.IndexFunc(probeScans, func(p struct{ name, technique, segment string }) bool { return p.name == name })]
	return Recipe{
		Name:     "nmap-" + p.name,
		About:    fmt.Sprintf("nmap %s sends segments with %s to ten closed ports, out of the blue", p.technique, p.segment),
		Vantages: []Vantage{AtServer},
		Needs:    []string{"nmap"},
		Resets:   []Expect{{From: Server, Cause: StrayProbe, Reason: "NO_SOCKET", Many: true}},
		Steps:    func(e *Env) { e.scan(p.technique, "1001-1010") },
	}
}

func nmapACKOpen() Recipe {
	return Recipe{
		Name:     "nmap-ack-open",
		About:    "nmap -sA sends an ACK to six ports where services listen, out of the blue",
		Vantages: bothEnds,
		Needs:    []string{"nmap"},
		Resets:   []Expect{{From: Server, Cause: StrayProbe, Reason: "TCP_FLAGS", Many: true}},
		Steps: func(e *Env) {
			e.listenOn(openPorts)
			e.scan("-sA", portList(openPorts))
		},
	}
}

// hping runs hping3 on the client: five segments to a port of the server.
func (e *Env) hping(flags string, port uint16) {
	p := e.Start(Client, "hping3", "-I", e.pair.Client.Interface, flags, "-p", fmt.Sprint(port), "-c", "5", "-i", "u50000", "-q", e.addr(e.pair.Server).String())
	if status := p.Wait(); status != 0 {
		check(fmt.Errorf("status %d: %s", status, p.out.String()), "hping3")
	}
	e.Pause(50 * time.Millisecond)
}

func hpingSYNOpen() Recipe {
	return Recipe{
		Name:     "hping-syn-open",
		About:    "hping3 -S sends five SYNs to an open port: the client's kernel resets each SYN/ACK",
		Vantages: bothEnds,
		Needs:    []string{"hping3"},
		Resets:   []Expect{{From: Client, Cause: HalfOpenScan, Reason: "NO_SOCKET", Many: true}},
		Steps: func(e *Env) {
			e.Listen()
			e.hping("-S", servicePort)
		},
	}
}

func hpingSYNClosed() Recipe {
	return Recipe{
		Name:     "hping-syn-closed",
		About:    "hping3 -S sends five SYNs to one closed port",
		Vantages: []Vantage{AtServer},
		Needs:    []string{"hping3"},
		Resets:   []Expect{{From: Server, Cause: ClosedPortScan, Reason: "NO_SOCKET", Many: true}},
		Steps:    func(e *Env) { e.hping("-S", closedPort) },
	}
}

func hpingACK() Recipe {
	return Recipe{
		Name:     "hping-ack",
		About:    "hping3 -A sends five ACKs to an open port, out of the blue",
		Vantages: []Vantage{AtServer},
		Needs:    []string{"hping3"},
		Resets:   []Expect{{From: Server, Cause: StrayProbe, Reason: "TCP_FLAGS", Many: true}},
		Steps: func(e *Env) {
			e.Listen()
			e.hping("-A", servicePort)
		},
	}
}

func hpingSYNACK() Recipe {
	return Recipe{
		Name:     "hping-syn-ack",
		About:    "hping3 -SA sends five SYN/ACKs to a host that sent no SYN, as the victim of a flood with that host's address would",
		Vantages: bothEnds,
		Needs:    []string{"hping3"},
		Resets:   []Expect{{From: Server, Cause: Backscatter, Reason: "NO_SOCKET", Many: true}},
		Steps:    func(e *Env) { e.hping("-SA", closedPort) },
	}
}
