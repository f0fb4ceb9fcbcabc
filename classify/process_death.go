package classify

import "github.com/rstwhy/rstwhy/flows"

var processDeath = Rule{
	ID:      "process-death",
	Family:  FamilyUnreadData,
	Title:   "the server's process died",
	Summary: "A process ended, killed or crashed, with requests unread on several connections; the kernel reset them all at once.",
	Story:   always(storyProcessDeath),
	Wire: `C1 > S P.  request        C2 > S P.  request
           (the process is killed)
S > C1 R.                 S > C2 R.  within milliseconds
C3 > S S                  S > C3 R.  nobody listens any more`,
	Confirm: []string{
		"the service manager's log: `journalctl -u UNIT`, `kubectl describe pod` (OOMKilled, exit code 137), `dmesg | grep -i killed`",
		"the process' start time lies just after these resets",
	},
	Advice: []string{
		"Find why it died: out of memory, a crash, a liveness probe that failed, a deployment that does not wait.",
		"Stop it gracefully: on SIGTERM stop accepting, finish the requests, then close (Go: http.Server.Shutdown; nginx: quit; Kubernetes: preStop and terminationGracePeriodSeconds).",
	},
	Remedies: []Remedy{
		{"Kubernetes", `OOMKilled or an exit code, and time to finish:
	kubectl describe pod POD
	terminationGracePeriodSeconds: 60`},
		{"systemd", `Why it ended, and how long it has for finishing:
	journalctl -u UNIT -n 50
	TimeoutStopSec=60`},
		{"Go net/http", `Finish on SIGTERM:
	bg := context.Background()
	ctx, stop := signal.NotifyContext(bg, syscall.SIGTERM)
	defer stop()
	go srv.ListenAndServe()
	<-ctx.Done()
	srv.Shutdown(bg)`},
		{"Node.js", `Finish on SIGTERM:
	process.on("SIGTERM", () => server.close());`},
		{"nginx", `Finish what is being served:
	nginx -s quit`},
		{"Gunicorn", `How long workers have after SIGTERM:
	gunicorn --graceful-timeout 60 ...`},
	},
	Refs: []string{
		"Linux: __tcp_close for every socket at exit; RFC 1122, 4.2.2.13",
	},
	Over: []Over{
		{ID: "unread-data-on-close", Why: "other connections of the port went at the same moment"},
		{ID: "abort-after-response", Why: "other connections of the port went at the same moment"},
		{ID: "deliberate-abort", Why: "other connections of the port went at the same moment, with data unread"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "the process lives on: then a configuration change or `ss -K` ended the connections"},
	},
	Reasons:    []string{"TCP_ABORT_ON_CLOSE"},
	Telling:    ReceiverDataToRST,
	Silence:    IdleBefore,
	Ways:       ways(WayUnread, WayOnPurpose),
	Mechanisms: mechanisms(Abort),
	When:       FromServer | SenderSYN | First,
	Match: func(c *Case, f *Findings) Confidence {
		y := c.Receiver
		if y.Unanswered == 0 {
			return None
		}
		spoke := c.Sender.Known.Has(flows.SawData)
		if !stroke(c) || !spoke && c.Timing.At[IdleBefore] >= ripe && !latestFirst(c) {
			return None // a program that had accepted it would have read it by then
		}
		f.Say(saysResetConnectionsPortWithinOne)
		f.Say(saysUnreadLatest)
		abortNumbers(c, f)
		if latestFirst(c) {
			f.Say(saysLatestFirst)
		}
		if !spoke && (!latestFirst(c) || c.Around.BurstFell+1 < latestFirstLeast) {
			return Possible // it may have waited in the listener's queue
		}
		if gone(c, f) || c.Around.Burst > 2 {
			return Likely
		}
		return Possible
	},
}

var (
	saysResetConnectionsPortWithinOne = sentence("reset-connections-port-within-one", "{sender} reset {burst} connections of this port within {burst_span}, this one among them")
	saysUnreadLatest                  = sentence("unread-latest", "{receiver_unanswered} of {receiver} were unread, the latest in {receiver_data}")
	storyProcessDeath                 = sentence("story-process-death", "Several connections of {server} on port {server_port} were reset at the same moment, this one with data of {client} unread: the process that served them ended.")
)
