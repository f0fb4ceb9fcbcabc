//go:build linux

package lab

import (
	"context"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// recipes is the list. One line is one recipe.
var recipes = []Recipe{
	noListener(),
	overIPv6(noListener()),
	handshakeAbort(),
	slowHandshake(),
	unreadData(),
	overIPv6(unreadData()),
	pipelinedRequests(),
	earlyResponse(),
	abortedDownload(),
	killUnread(),
	dataAfterClose(),
	overIPv6(dataAfterClose()),
	keepAliveRace(),
	killAllRead(),
	lingerZero(),
	lingerZeroNoData(),
	staleServiceUp(),
	staleServiceDown(),
	filteredSYN(),
	acceptQueueFull(),
	handshakeAbortFixed(),
	behindRouter(noListener()),
	handshakeAbortActive(),
	healthCheck(),
	healthCheckConnect(),
	healthCheckFixed(),
	backscatter(),
	backscatterOpen(),
	badACKSYNSent(),
	badACKSYNReceived(),
	overIPv6(badACKSYNReceived()),
	invalidSYN(),
	handshakePAWS(),
	fastOpenAbort(),
	acceptQueueOverflow(),
	overIPv6(acceptQueueOverflow()),
	acceptQueueOverflowFixed(),
	unreadDataFixed(),
	pipelinedRequestsFixed(),
	earlyResponseFixed(),
	unreadAfterShutdown(),
	shutdownRead(),
	processDeath(),
	processDeathFixed(),
	dataAfterCloseFixed(),
	dataAfterCloseTTL(),
	behindRouter(dataAfterClose()),
	keepAliveRaceFixed(),
	shutdownBoth(),
	halfCloseMisuse(),
	halfCloseMisuseFixed(),
	synOnFINWait2(),
	linger2Close(),
	linger2ACK(),
	overIPv6(lingerZero()),
	adminKill(),
	disconnect(),
	disconnectWithData(),
	listenerClosed(),
	listenerClosedRequests(),
	listenerClosedHandshake(),
	listenerClosedFixed(),
	finWait2Timeout(),
	keepAliveTimeout(),
	overIPv6(keepAliveTimeout()),
	keepAliveUserTimeout(),
	staleAfterRetransmissions(),
	behindRouter(staleServiceDown()),
	overIPv6(staleServiceUp()),
	portReuse(),
	overIPv6(portReuse()),
	portReuseTimeWait(),
	resetAhead(),
	mptcpFastclose(),
	mptcpFastcloseLinger(),
	mptcpUnknownToken(),
	mptcpJoinRefused(),
	nginxKeepAliveRace(),
	nginxKeepAliveRaceFixed(),
	nginx413(),
	nginx413Fixed(),
	nginxResetTimedOut(),
	nginxResetTimedOutFixed(),
	nginxResetSlowReader(),
	nginx444(),
	nginx444Upload(),
	nodeKeepAliveRace(),
	nodeKeepAliveRaceFixed(),
	goKeepAliveRace(),
	pythonKeepAliveRace(),
	pythonUnsupportedMethod(),
	curlMaxTime(),
	curlToTheEnd(),
	curlKilled(),
	curlLeavesEarly(),
	curlLeavesEarlyFixed(),
	lingerZeroAfterResponse(),
	lingerZeroAfterResponseFixed(),
	acceptedThenReset(),
	socatWithoutBackEnd(),
	socatWithBackEnd(),
	listenerFlap(),
	haproxyCheck(),
	haproxyTCPCheck(),
	haproxyHTTPCheck(),
	haproxyServerClose(),
	haproxyServerTimeout(),
	tlsClientNeverRead(),
	tlsClientNeverReadFixed(),
	tlsAlertThenRST(),
	tlsAlertThenRSTFixed(),
	plaintextToTLSPort(),
	closeNotifyRace(),
	nmapSYNOpen(),
	nmapSYNClosed(),
	nmapConnectClosed(),
	nmapProbes("fin"),
	nmapProbes("null"),
	nmapProbes("xmas"),
	nmapProbes("maimon"),
	nmapProbes("ack"),
	nmapACKOpen(),
	hpingSYNOpen(),
	hpingSYNClosed(),
	hpingACK(),
	hpingSYNACK(),
	overIPv6(nmapSYNOpen()),
	rejectInput(),
	overIPv6(rejectInput()),
	rejectInputIptables(),
	rejectInputDSCP(),
	rejectInputMidstream(),
	overIPv6(rejectInputMidstream()),
	rejectForward(),
	overIPv6(rejectForward()),
	rejectForwardMidstream(),
	overIPv6(rejectForwardMidstream()),
	unnattedSegment(),
	middleboxIdleTimeout(),
	overIPv6(middleboxIdleTimeout()),
	middleboxIdleTimeoutServer(),
	middleboxIdleTimeoutFixed(),
	middleboxIdleTimeoutNAT(),
	injectOddTTL(),
	injectSameTTL(),
	injectBurst(),
	injectLikeTCPKill(),
	injectBothEnds(),
	injectWrongSeq(),
	injectOnSYN(),
	overIPv6(injectOnSYN()),
	blindRST(),
	overIPv6(blindRST()),
}

var bothEnds = []Vantage{AtClient, AtServer}

func noListener() Recipe {
	return Recipe{
		Name:     "no-listener",
		About:    "the client connects to a port of the server where nothing listens",
		Vantages: []Vantage{AtClient, AtServer, AtAny},
		Nano:     true,
		Resets:   []Expect{{From: Server, Cause: NoListener, Reason: "NO_SOCKET"}},
		Steps: func(e *Env) {
			e.DialFails(closedPort, time.Second, unix.ECONNREFUSED)
		},
	}
}

// slowLink makes a SYN/ACK take 162 ms, as in the dump that began this project.
var slowLink = Link{Delay: 81 * time.Millisecond}

func handshakeAbort() Recipe {
	return Recipe{
		Name:     "handshake-abort",
		About:    "connect() gives up after 100 ms (SO_SNDTIMEO) and the client closes; the SYN/ACK takes 162 ms",
		Link:     slowLink,
		Vantages: bothEnds,
		Nano:     true,
		Resets:   []Expect{{From: Client, Cause: HandshakeAbort, Reason: "NO_SOCKET"}},
		Steps: func(e *Env) {
			e.Listen()
			fd, err := e.connectWithTimeout(unix.SO_SNDTIMEO, 100*time.Millisecond)
			if err != unix.EINPROGRESS {
				check(err, "connecting, which should fail with EINPROGRESS")
			}
			check(unix.Close(fd), "client closes")
		},
	}
}

func slowHandshake() Recipe {
	return Recipe{
		Name:     "slow-handshake",
		About:    "connect() with SO_RCVTIMEO of 100 ms, which does not limit it, succeeds when the SYN/ACK arrives after 162 ms; no reset",
		Link:     slowLink,
		Vantages: []Vantage{AtClient},
		Steps: func(e *Env) {
			ln := e.Listen()
			fd, err := e.connectWithTimeout(unix.SO_RCVTIMEO, 100*time.Millisecond)
			check(err, "connecting, which should succeed")
			f := os.NewFile(uintptr(fd), "client")
			nc, err := net.FileConn(f)
			check(err, "connecting")
			check(f.Close(), "connecting")
			client := e.conn(nc.(*net.TCPConn), Client)
			server := ln.Accept()
			client.Write(100)
			server.Read(100)
			client.Close()
			server.ReadEOF()
			server.Close()
		},
	}
}

// connectWithTimeout connects the client, with blocking system calls, after
// setting the socket option to the time given. The socket is open also when
// connect fails.
func (e *Env) connectWithTimeout(option int, timeout time.Duration) (fd int, connectErr error) {
	return e.connectFD(func(fd int) error {
		tv := unix.NsecToTimeval(int64(timeout))
		return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &tv)
	})
}

// connectFD connects the client to the service with blocking system calls,
// after prepare. The socket is open also when connect fails.
func (e *Env) connectFD(prepare func(fd int) error) (fd int, connectErr error) {
	from, to := e.nextClient(), e.service(servicePort)
	err := e.pair.Client.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := prepare(fd); err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: from.Addr().As4(), Port: int(from.Port())}); err != nil {
			return err
		}
		connectErr = unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
		return nil
	})
	check(err, "preparing to connect")
	return fd, connectErr
}

func unreadData() Recipe {
	return Recipe{
		Name:     "unread-data-on-close",
		About:    "the server reads 4096 of the 5000 octets that the client wrote, and closes",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: UnreadDataOnClose, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			client.Write(5000)
			server.AwaitUnread(5000)
			server.Read(4096)
			server.Close()
			client.AwaitReset()
		},
	}
}

func pipelinedRequests() Recipe {
	return Recipe{
		Name:     "pipelined-requests",
		About:    "the client pipelines two HTTP requests; the server reads one, answers it and closes with the other unread",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: UnreadDataOnClose, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			const first = "GET /one HTTP/1.1\r\nHost: server\r\n\r\n"
			const second = "GET /two HTTP/1.1\r\nHost: server\r\n\r\n"
			client, server := e.Connect()
			client.WriteString(first)
			client.WriteString(second)
			server.AwaitUnread(len(first) + len(second))
			server.Read(len(first))
			server.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\none")
			server.AwaitAcked()
			server.Close()
			client.AwaitReset()
		},
	}
}

func earlyResponse() Recipe {
	return Recipe{
		Name:     "early-response",
		About:    "the server answers 413 after the head of an upload and closes with 60000 octets of it unread; offloads are on",
		Link:     Link{Offloads: true},
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: EarlyResponse, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			const head = "POST /upload HTTP/1.1\r\nHost: server\r\nContent-Length: 60000\r\n\r\n"
			client, server := e.Connect()
			client.WriteString(head + strings.Repeat("x", 60000))
			server.AwaitUnread(len(head) + 60000)
			server.Read(len(head))
			server.WriteString("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			server.AwaitAcked()
			server.Close()
			client.AwaitReset()
		},
	}
}

func abortedDownload() Recipe {
	return Recipe{
		Name:     "aborted-download",
		About:    "the client closes in the middle of the range that it asked for, and every segment still in flight is answered by one more reset",
		Link:     Link{Delay: 20 * time.Millisecond},
		Vantages: bothEnds,
		Resets: []Expect{
			{From: Client, Cause: DownloadAbort, Reason: "TCP_ABORT_ON_CLOSE", Active: true},
			{From: Client, Cause: FollowUp, Reason: "NO_SOCKET", Many: true},
		},
		Steps: func(e *Env) {
			const request = "GET /film HTTP/1.1\r\nHost: server\r\nRange: bytes=500000-599999\r\n\r\n"
			client, server := e.Connect()
			client.WriteString(request)
			server.Read(len(request))
			server.WriteString("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 500000-599999/1000000\r\nContent-Length: 100000\r\n\r\n")
			server.Write(100000) // the socket's buffer takes it all
			client.Read(20000)
			client.AwaitUnread(1)
			client.Close()
			server.AwaitReset()
		},
	}
}

func killUnread() Recipe {
	return Recipe{
		Name:     "kill-unread-data",
		About:    "the server's process is killed (SIGKILL) with 900 of 5000 octets unread",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: UnreadDataOnClose, Reason: "TCP_ABORT_ON_CLOSE", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			process := server.Handover()
			client.Write(5000)
			server.AwaitUnread(5000)
			server.Read(4100)
			process.Kill()
			client.AwaitReset()
		},
	}
}

func killAllRead() Recipe {
	return Recipe{
		Name:     "kill-all-read",
		About:    "the server's process is killed (SIGKILL) with nothing unread, which sends a FIN; the client's next write is reset",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: DataAfterClose, Reason: "TCP_TIMEWAIT_SOCKET"}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			process := server.Handover()
			client.Write(5000)
			server.Read(5000)
			process.Kill()
			client.ReadEOF()
			e.Pause(200 * time.Millisecond)
			client.Write(100)
		},
	}
}

func dataAfterClose() Recipe {
	return Recipe{
		Name:     "data-after-close",
		About:    "the server reads the client's 4096 octets and closes; the client waits 1 s and writes 4096 more",
		Vantages: bothEnds,
		Resets: []Expect{
			{From: Server, Cause: DataAfterClose, Reason: "TCP_TIMEWAIT_SOCKET"},
			{From: Server, Cause: FollowUp, Reason: "TCP_FLAGS", Many: true},
		},
		Steps: func(e *Env) {
			client, server := e.Connect()
			client.Write(4096)
			server.Read(4096)
			server.Close()
			client.ReadEOF()
			e.Pause(time.Second)
			client.Write(4096)
		},
	}
}

func keepAliveRace() Recipe {
	return Recipe{
		Name:  "keep-alive-race",
		About: "the server closes an idle keep-alive connection while the client's next request is on its way: request and FIN cross",
		// The reset is back before the client's delayed ACK of the FIN, 40 ms
		// after it, would be answered by a second one.
		Link:     Link{Delay: 10 * time.Millisecond},
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: KeepAliveRace, Reason: "TCP_ABORT_ON_DATA"}},
		Steps: func(e *Env) {
			const request = "GET / HTTP/1.1\r\nHost: server\r\n\r\n"
			const response = "HTTP/1.1 204 No Content\r\n\r\n"
			client, server := e.Connect()
			client.WriteString(request)
			server.Read(len(request))
			server.WriteString(response)
			client.Read(len(response))
			e.Pause(500 * time.Millisecond)
			server.Close()
			client.WriteString(request)
		},
	}
}

func lingerZero() Recipe {
	return Recipe{
		Name:     "linger-zero",
		About:    "request and answer are read in full, then the client closes with SO_LINGER 0",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: DeliberateAbort, Reason: "TCP_STATE", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			client.Write(100)
			server.Read(100)
			server.Write(200)
			client.Read(200)
			server.AwaitAcked()
			client.Abort()
			server.AwaitReset()
		},
	}
}

func lingerZeroNoData() Recipe {
	return Recipe{
		Name:     "linger-zero-no-data",
		About:    "the client connects and closes with SO_LINGER 0; nobody wrote anything",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Client, Cause: DeliberateAbort, Reason: "TCP_STATE", Active: true}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			client.Abort()
			server.AwaitReset()
		},
	}
}

func staleServiceUp() Recipe {
	return Recipe{
		Name:     "stale-connection-service-up",
		About:    "the server loses the connection in a crash and its service is up again when the client writes",
		Vantages: bothEnds,
		Resets:   []Expect{{From: Server, Cause: StaleConnection, Reason: "TCP_FLAGS"}},
		Steps: func(e *Env) {
			client, server := e.Connect()
			client.Write(100)
			server.Read(100)
			server.Write(200)
			client.Read(200)
			server.AwaitAcked()
			server.Vanish()
			e.Pause(time.Second)
			client.Write(100)
			client.AwaitReset()
		},
	}
}

func staleServiceDown() Recipe {
	return Recipe{
		Name:     "stale-connection-service-down",
		About:    "the server loses the connection in a crash and its service is still down when the client writes, and when it connects again",
		Vantages: bothEnds,
		Resets: []Expect{
			{From: Server, Cause: StaleConnection, Reason: "NO_SOCKET"},
			{From: Server, Cause: ListenerFlap, Reason: "NO_SOCKET"},
		},
		Steps: func(e *Env) {
			ln := e.Listen()
			client, server := e.Dial(), ln.Accept()
			client.Write(100)
			server.Read(100)
			server.Write(200)
			client.Read(200)
			server.AwaitAcked()
			server.Vanish()
			ln.Stop()
			e.Pause(time.Second)
			client.Write(100)
			client.AwaitReset()
			e.DialFails(servicePort, time.Second, unix.ECONNREFUSED)
		},
	}
}

func filteredSYN() Recipe {
	return Recipe{
		Name:     "filtered-syn",
		About:    "a packet filter on the server drops the client's SYNs; the client gives up after 4 s and there is no reset",
		Vantages: bothEnds,
		Notes:    []Note{UnansweredSYN},
		Steps: func(e *Env) {
			e.Listen()
			e.Filter("tcp dport 8080 drop")
			e.DialFails(servicePort, 4*time.Second, context.DeadlineExceeded)
		},
	}
}

func acceptQueueFull() Recipe {
	return Recipe{
		Name:     "accept-queue-full",
		About:    "two connections fill the accept queue but for one place and two more race for it: the server ignores the last one's ACK and repeats its SYN/ACK",
		Link:     Link{Delay: 20 * time.Millisecond},
		Vantages: bothEnds,
		Notes:    []Note{AcceptQueueFull},
		Steps: func(e *Env) {
			e.Sysctl(Server, "net/ipv4/tcp_abort_on_overflow", "0")
			e.Listen().Backlog(2)
			e.overfill()
			e.Pause(3500 * time.Millisecond) // the SYN/ACK comes again after 1 s and 3 s
		},
	}
}
