package classify

import "github.com/rstwhy/rstwhy/flows"

var processDeath = Rule{
	ID:      "process-death",
	Family:  FamilyUnreadData,
	Title:   "the server's process died",
	Summary: "A process ended, killed or crashed, with requests unread on several connections; the kernel reset them all at once.",
	Story:   say("Several connections of {server} on port {port} were reset at the same moment, this one with data of {client} unread: the process that served them ended."),
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
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	<-ctx.Done()
	srv.Shutdown(context.Background())`},
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
	Narrows: "unread-data-on-close",
	Confused: []Confusion{
		{"deliberate-abort", "the process lives on: then a configuration change or `ss -K` ended the connections"},
	},
	Reasons: []string{"TCP_ABORT_ON_CLOSE"},
	Telling: ReceiverDataToRST,
	Kinds:   kinds(Active),
	Given:   FromServer | SenderData,
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		if !c.aborted() || c.Dir != flows.Server || y.Unanswered == 0 || !x.Known.Has(flows.SawData) {
			return None
		}
		burst, span := c.Around.Burst()
		if burst < 2 {
			return None
		}
		f.Add("{} reset {} connections of this port within {}, this one among them", end(c.Dir), number(burst), within(span))
		f.Add("{} of {} were unread, the latest in {}", octets(y.Unanswered), end(c.Dir.Peer()), frame(y.DataWhere))
		abortNumbers(c, f)
		if gone(c, f) || burst > 2 {
			return Likely
		}
		return Possible
	},
}

// within writes a span for a sentence that says "within": rounded up to the
// microseconds that are shown, which is as finely as most captures tell the time.
func within(span int64) Arg {
	const us = 1000
	return dur(max(us, (span+us-1)/us*us))
}

// gone reports whether the server's port refused connections without having
// opened again.
func gone(c *Case, f *Findings) bool {
	if c.Around.Refusals == 0 || c.Around.Reopened != 0 {
		return false
	}
	f.Add("the port refuses connections ({} seen)", number(c.Around.Refusals))
	return true
}
