package classify

var keepAliveRace = Rule{
	ID:      "keep-alive-race",
	Family:  FamilyDataAfterClose,
	Title:   "request on a connection just closed as idle",
	Summary: "The server closed an idle keep-alive connection at the moment at which the client used it again; the request found nobody.",
	Story:   always(storyKeepAliveRace),
	Wire: `S > C  P.  the last response
           (silence: the server's keep-alive timeout)
S > C  F.  the server closes
C > S  P.  the next request: it crossed the FIN
S > C  R   seq = the ack of that request, window 0, no options`,
	Confirm: []string{
		"the silence before the FIN is the server's keep-alive timeout: Gunicorn 2 s, Apache and Node up to 25 5 s (6 s on the wire from 24.6 on), nginx 75 s",
		"the client's log: \"connection reset by peer\", \"socket hang up\" or a 502 from a load balancer, always on a reused connection",
	},
	Advice: []string{
		"Make the client's (or load balancer's) idle timeout shorter than the server's keep-alive timeout, or the latter longer: behind an ALB of 60 s more than 60 s.",
		"Node: server.keepAliveTimeout = 65000. Gunicorn: --keep-alive 65, with threads or an asynchronous worker. nginx: keepalive_timeout. Envoy: idle_timeout of the cluster below that of the service.",
		"Go: http.Transport.IdleConnTimeout below the server's; Java: validate or evict idle connections; Python requests: retry on a new connection.",
		"Let clients repeat requests that are safe to repeat; Go does so by itself only for idempotent ones, or with an Idempotency-Key header.",
	},
	Remedies: []Remedy{
		{"AWS ALB", "Its idle timeout (idle_timeout.timeout_seconds, 60 s by default) must be shorter than the keep-alive timeout of every target; otherwise its clients see a 502."},
		{"Google Cloud Application LB", "It keeps connections to back ends for 600 s, and has no setting for that: the keep-alive timeout of back ends must be longer."},
		{"Node.js", `As a server, keep connections longer than the client does; the default was 5 s for years and becomes 65 s (merged for 26), so ask server.keepAliveTimeout; from 24.6 on server.keepAliveTimeoutBuffer, 1 s, comes on top:
	server.keepAliveTimeout = 65_000;`},
		{"Node.js as a client", `Repeat a request that is safe to repeat when its connection was a used one:
	req.on("error", (err) => {
	  if (req.reusedSocket && err.code === "ECONNRESET") retry();
	});`},
		{"Python servers", `2 s by default with Gunicorn, whose sync worker closes after each response whatever is set; 5 s with Uvicorn:
	gunicorn --worker-class gthread --threads 8 --keep-alive 65 ...
	uvicorn --timeout-keep-alive 65 ...`},
		{"Python requests", `Let urllib3 try again, which it does only for methods that are safe to repeat:
	retry = urllib3.util.Retry(total=2)
	session.mount("https://", HTTPAdapter(max_retries=retry))`},
		{"Apache httpd", `5 s by default:
	KeepAliveTimeout 65`},
		{"nginx", `As a server it is keepalive_timeout (75 s); towards back ends it must be shorter than theirs (60 s unless set), 4 s for one that closes after 5 s. From 1.29.7 on (stable 1.30) connections to back ends are kept without being asked for; before, it takes keepalive, proxy_http_version 1.1 and an empty Connection header:
	upstream app {
	    server 10.0.0.5:8080;
	    keepalive 32;
	    keepalive_timeout 4s;
	}`},
		{"HAProxy", `As a server it is timeout http-keep-alive; towards back ends let it send the request once more:
	retry-on conn-failure empty-response
	http-request disable-l7-retry if METH_POST`},
		{"Envoy", `In the cluster's HttpProtocolOptions, an idle timeout below that of the service (3600 s by default):
	common_http_protocol_options:
	  idle_timeout: 4s`},
		{"Go net/http", `As a client, from http.DefaultTransport with its 90 s (a Transport of one's own has no limit, no proxy, and no limit for the TLS handshake); then as a server:
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.IdleConnTimeout = 4 * time.Second
	&http.Server{IdleTimeout: 75 * time.Second}`},
		{"Java", `Apache HttpClient 5, then the JDK's own client, in seconds:
	HttpClients.custom().evictIdleConnections(TimeValue.ofSeconds(4))
	java -Djdk.httpclient.keepalive.timeout=4 ...`},
	},
	Refs: []string{
		"RFC 9112, 9.5 and 9.6: a connection can close at any time while a request is sent",
		"RFC 1122, 4.2.2.13; Linux: tcp_rcv_state_process, tcp_timewait_state_process",
		"Node.js: pull requests 62782 (65 s, merged in April 2026 as semver-major) and 59243 (keepAliveTimeoutBuffer, 24.6.0); 5 s seen with 20",
		"nginx: CHANGES-1.30, keepalive in upstream blocks and HTTP/1.1 to back ends by default since 1.29.7",
		"gunicorn/config.py, Keepalive: the sync worker does not support persistent connections; net/http, Transport and DefaultTransport",
		"Google Cloud documentation, external Application Load Balancers: request distribution, backend keepalive timeout",
	},
	Over: []Over{
		{ID: "data-after-close", Why: "it says why the server had closed"},
	},
	Reasons:    []string{"TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA"},
	Telling:    IdleBeforeFIN,
	Silence:    IdleBeforeFIN,
	Ways:       ways(WayAnswer, WayUnread),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Abort),
	When:       FromServer | SenderData | SenderFIN | First,
	Match: func(c *Case, f *Findings) Confidence {
		late, confidence := c.dataAfterFIN()
		idle := c.Timing.At[IdleBeforeFIN]
		if confidence == None || !keepsConnections(c) || idle < idleBeforeClose && !(asksAgain(c) && idle >= idleBeforeCloseHTTP) {
			return None
		}
		if lastRecord(c.Receiver).isAlert() && late <= closeNotifyOld {
			return None // the client says goodbye, it asks for nothing
		}
		_, at := c.lateSegment()
		patience := c.Flow.RTTClient() + crossingTime
		if !c.crossed() && at-c.Sender.FINTime > patience {
			return None // the client had time to see that the connection is closed
		}
		f.Say(saysConnectionSilentWhenClosed)
		closedBefore(c, f, late)
		return confidence
	},
}

var (
	saysConnectionSilentWhenClosed = sentence("connection-silent-when-closed", "the connection had been silent for {idle_before_fin} when {sender} closed it: its keep-alive timeout")
	storyKeepAliveRace             = sentence("story-keep-alive-race", "{server} closed the connection after {idle_before_fin} of silence, and the next request of {client} came too late to be read: the client keeps idle connections longer than the server does.")
)
