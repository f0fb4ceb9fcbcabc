package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var closeNotifyRace = Rule{
	ID:      "close-notify-race",
	Family:  FamilyDataAfterClose,
	Title:   "TLS goodbye after the other side had closed",
	Summary: "One side had closed; the other's TLS close_notify, its goodbye, came after that and was answered with a reset. Nothing was lost.",
	Story:   always(storyCloseNotifyRace),
	Wire: `S > C  F.  the server closes (its own close_notify just before)
C > S  P.  24 to 40 bytes: the client's close_notify
C > S  F.
S > C  R   seq = the ack of those`,
	Confirm: []string{
		"the late data is one short TLS record: type 21 (alert), or in TLS 1.3 type 23 with 19 bytes",
		"the application's log shows no error: its response was complete",
	},
	Advice: []string{
		"Nothing has to be changed: leave these resets out of alarms.",
		"To be rid of them: wait for the peer's close_notify before closing (nginx: lingering_close always; OpenSSL: SSL_shutdown a second time; Java: close the output and read to the end).",
	},
	Remedies: []Remedy{
		{"OpenSSL", `SSL_shutdown returns 0 when it has sent its own close_notify; the second call waits for the peer's:
	if (SSL_shutdown(ssl) == 0) SSL_shutdown(ssl);`},
		{"Go", "On a *tls.Conn: CloseWrite, read until io.EOF, then Close."},
		{"Python", "sslsock.unwrap() sends close_notify and waits for the peer's."},
		{"nginx", `Read on for a while before closing:
	lingering_close always;`},
	},
	Refs: []string{
		"RFC 8446, 6.1: close_notify; RFC 1122, 4.2.2.13",
	},
	Over: []Over{
		{ID: "data-after-close", Why: "the late data is a goodbye"},
		{ID: "early-client-close", Why: "the late data is a goodbye, not an answer"},
		{ID: "unread-data-on-close", Why: "the late data is a goodbye, and came after the FIN"},
	},
	Harm:       harmless,
	Reasons:    []string{"TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA", "TCP_FLAGS", "NO_SOCKET"},
	Telling:    FINToTrigger,
	Benign:     true,
	Silence:    IdleBeforeFIN,
	Ways:       ways(WayAnswer, WayUnread),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Abort),
	When:       SenderFIN | First,
	Match: func(c *Case, f *Findings) Confidence {
		late, confidence := c.dataAfterFIN()
		r := lastRecord(c.Receiver)
		if confidence == None || !r.isAlert() || r.fatal() {
			return None
		}
		// Two alerts may be late, and a box may have split or padded them; more
		// is no goodbye.
		if late > 2*closeNotifyOld || r.kind == recordData && late > closeNotify13+5 {
			return None
		}
		closedBefore(c, f, late)
		f.Say(saysTheseOneShortTls)
		if r.kind == recordData && !c.Receiver.Known.Has(flows.SawFIN) && c.After.First[c.Dir.Peer()].Flags&packet.FIN == 0 {
			return min(confidence, Likely) // two octets of application data look the same
		}
		return confidence
	},
}

var (
	saysTheseOneShortTls = sentence("these-one-short-tls", "these {late} are one short TLS record (type {receiver_record_kind}, {receiver_record_length}), as a close_notify is")
	storyCloseNotifyRace = sentence("story-close-notify-race", "{sender} had closed the TLS connection without waiting for the goodbye (close_notify) of {receiver}; that came afterwards and was refused. Nothing was lost.")
)
