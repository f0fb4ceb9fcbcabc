package classify

// Remedies that several causes share.

var keepAliveLinux = Remedy{"Linux", `For sockets with SO_KEEPALIVE; a program may set the same for one socket (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT):
	sysctl -w net.ipv4.tcp_keepalive_time=60
	sysctl -w net.ipv4.tcp_keepalive_intvl=15
	sysctl -w net.ipv4.tcp_keepalive_probes=4`}

var keepAliveGo = Remedy{"Go", `Go 1.23 and later; the default is a probe after 15 s:
	net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true,
	    Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}}`}

var keepAliveJava = Remedy{"Java", `JDK 11 and later:
	socket.setKeepAlive(true);
	socket.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, 60);`}

var keepAlivePython = Remedy{"Python", `On Linux:
	sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
	sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)`}

var keepAliveNode = Remedy{"Node.js", `In milliseconds:
	socket.setKeepAlive(true, 60_000);`}

var keepAlivePostgreSQL = Remedy{"PostgreSQL clients", `In the connection string of libpq:
	keepalives_idle=60 keepalives_interval=15 keepalives_count=4`}

var drainKubernetes = Remedy{"Kubernetes", `Let an instance that is to stop serve until nobody sends it connections any more (1.30 and later; before, exec of sleep, which the image must have):
	lifecycle:
	  preStop:
	    sleep: {seconds: 10}`}

var socketActivation = Remedy{"systemd", `With a socket unit the listening socket survives restarts of the service, and connections wait in it:
	[Socket]
	ListenStream=8080`}

var reloadNginx = Remedy{"nginx", `A reload keeps the listening sockets, a restart does not:
	nginx -s reload`}
