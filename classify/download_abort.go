package classify

import "github.com/rstwhy/rstwhy/flows"

var downloadAbort = Rule{
	ID:      "download-abort",
	Family:  FamilyUnreadData,
	Title:   "client stopped a download",
	Summary: "The client closed while the server was still sending: a stopped download, a closed tab, a timeout; each segment in flight draws one more reset.",
	Story: func(c *Case) string {
		if len(c.Follow) > 0 {
			return "{client} closed in the middle of what {server} was sending; {server} had more on its way, and each segment of it was answered with one more reset."
		}
		return "{client} closed in the middle of what {server} was sending."
	},
	Wire: `S > C  .   data, data, data ...
C > S  R.  the client closes with data unread
S > C  .   still in flight
C > S  R   one for each`,
	Confirm: []string{
		"the client's side: a stopped transfer, curl --max-time, a cancelled request context, a video player that seeks",
		"the server's log: nginx 499 or 206 with fewer bytes than asked for, \"client prematurely closed connection\"",
	},
	Advice: []string{
		"Usually nothing: the client did not want the rest. Leave it out of alarms.",
		"If a timeout stopped it: raise the client's limit for the whole transfer, or limit the time without progress instead (curl --speed-time).",
		"Health checks: ask for something small, or read the answer to its end.",
	},
	Remedies: []Remedy{
		{"curl", `Stop what stalls instead of what is long:
	curl --speed-limit 1 --speed-time 30 -O URL`},
		{"Go net/http", "http.Client.Timeout covers the body too: for long downloads use a context, or Transport.ResponseHeaderTimeout."},
		{"Python requests", "The timeout is per read, not for the whole; with stream=True read to the end before close()."},
		{"Health checks", "Ask for a small page, or use HEAD."},
	},
	Refs: []string{
		"RFC 1122, 4.2.2.13; Linux: __tcp_close, tcp_v4_send_reset",
	},
	Narrows: "unread-data-on-close",
	Confused: []Confusion{
		{"deliberate-abort", "nstat on the client: TcpExtTCPAbortOnClose counts unread data, and stays as it is for SO_LINGER 0"},
	},
	Reasons: []string{"TCP_ABORT_ON_CLOSE"},
	Telling: Lifetime,
	Kinds:   kinds(Active),
	Given:   FromClient,
	Match: func(c *Case, f *Findings) Confidence {
		y := c.Y
		if !c.aborted() || c.Dir != flows.Client || c.Flow.Guessed || y.Unanswered < 2*oneSegment {
			return None
		}
		follow := 0
		for i := range c.Follow {
			if a := &c.Follow[i]; a.RST.Dir == c.Dir && a.Trigger.Len > 0 {
				follow++
			}
		}
		beyond := max(0, y.Max.Sub(c.RST.Ack))
		after := c.After.Bytes[c.Dir.Peer()]
		room := c.X.Edge.Sub(y.Max)
		full := c.X.Known.Has(flows.SawAck) && room < oneSegment
		// More than an answer that fits one window, and the last of it just now: it
		// was still coming.
		coming := y.Unanswered > answerMax && c.Timing.At[ReceiverDataToRST] < soonAfter
		if follow == 0 && beyond == 0 && after == 0 && !full && !coming {
			return None
		}
		f.Add("{} was sending: {} since {} last said anything", end(c.Dir.Peer()), octets(y.Unanswered), end(c.Dir))
		abortNumbers(c, f)
		if beyond > 0 {
			f.Add("{} that {} had sent by then are not acknowledged by it", octets(uint64(beyond)), end(c.Dir.Peer()))
		}
		if after > 0 {
			f.Add("{} came after it", octets(after))
		}
		if follow > 0 {
			f.Add("{} more resets answer segments that were in flight", number(follow))
		}
		if coming {
			f.Add("the last of it had come {} before", dur(c.Timing.At[ReceiverDataToRST]))
		}
		if full {
			f.Add("{} had stopped reading: its window was closed", end(c.Dir))
		}
		return Likely
	},
}
