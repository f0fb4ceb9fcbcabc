package classify

import "github.com/rstwhy/rstwhy/flows"

var downloadAbort = Rule{
	ID:      "download-abort",
	Family:  FamilyUnreadData,
	Mend:    ClientsChoice,
	Title:   "client stopped a download",
	Summary: "The client closed while the server was still sending: a stopped download, a closed tab, a timeout; each segment in flight draws one more reset.",
	Story: func(c *Case) *Sentence {
		if len(c.FollowUps) > 0 {
			return storyDownloadAbort
		}
		return storyDownloadAbort2
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
	Over: []Over{
		{ID: "unread-data-on-close", Why: "it says what was left unread: the rest of a download"},
	},
	Confused: []Confusion{
		{"deliberate-abort", "nstat on the client: TcpExtTCPAbortOnClose grows when data was left unread, also with SO_LINGER 0; TcpExtTCPAbortOnData for SO_LINGER 0 with everything read"},
	},
	Reasons:    []string{"TCP_ABORT_ON_CLOSE"},
	Telling:    Lifetime,
	Silence:    IdleBefore,
	Ways:       ways(WayUnread),
	Mechanisms: mechanisms(Abort),
	When:       FromClient | RolesKnown | First,
	Match: func(c *Case, f *Findings) Confidence {
		y := c.Receiver
		if y.Unanswered < 2*oneSegment {
			return None
		}
		follow := 0
		for i := range c.FollowUps {
			if a := &c.FollowUps[i]; a.RST.Dir == c.Dir && a.Trigger.Len > 0 {
				follow++
			}
		}
		beyond := c.untaken()
		after := c.After.Bytes[c.Dir.Peer()]
		room := c.Sender.WindowEdge.Sub(y.SndNxt)
		full := c.Sender.Known.Has(flows.SawAck) && room < oneSegment
		// More than an answer that fits one window, and the last of it just now: it
		// was still coming.
		coming := y.Unanswered > answerMax && c.Timing.At[ReceiverDataToRST] < soonAfter
		if follow == 0 && beyond == 0 && after == 0 && !full && !coming {
			return None
		}
		f.Say(saysSendingSinceLastSaid)
		abortNumbers(c, f)
		if beyond > 0 {
			f.Say(saysSentThenAcknowledged)
		}
		if after > 0 {
			f.Say(saysCameAfter)
		}
		if follow > 0 {
			f.Say(saysMoreResetsAnswerSegments)
		}
		if coming {
			f.Say(saysLastComeBefore)
		}
		if full {
			f.Say(saysStoppedReadingWindowClosed)
		}
		return Likely
	},
}

var (
	saysSendingSinceLastSaid       = sentence("sending-since-last-said", "{receiver} was sending: {receiver_unanswered} since {sender} last said anything")
	saysSentThenAcknowledged       = sentence("sent-then-acknowledged", "{unacknowledged} that {receiver} had sent by then are not acknowledged by it")
	saysCameAfter                  = sentence("came-after", "{bytes_after} came after it")
	saysMoreResetsAnswerSegments   = sentence("more-resets-answer-segments", "{resets_of_data} more resets answer segments that were in flight")
	saysLastComeBefore             = sentence("last-come-before", "the last of it had come {receiver_data_to_rst} before")
	saysStoppedReadingWindowClosed = sentence("stopped-reading-window-closed", "{sender} had stopped reading: its window was closed")
	storyDownloadAbort             = sentence("story-download-abort", "{client} closed in the middle of what {server} was sending; {server} had more on its way, and each segment of it was answered with one more reset.")
	storyDownloadAbort2            = sentence("story-download-abort-2", "{client} closed in the middle of what {server} was sending.")
)
