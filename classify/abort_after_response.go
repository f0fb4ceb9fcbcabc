package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var abortAfterResponse = Rule{
	ID:      "abort-after-response",
	Family:  FamilyDeliberate,
	Title:   "aborted when everything had been said",
	Summary: "A side ended the connection with a reset instead of a FIN after the response was complete, or after the other had closed: quick, and harmless.",
	Story: func(c *Case) string {
		if c.Y.Known.Has(flows.SawFIN) {
			return "{Y} had closed the connection; {X} ended its side with a reset instead of a FIN. Everything had been delivered."
		}
		return "{X} ended the connection with a reset as soon as the response was complete, instead of a FIN. Everything had been delivered."
	},
	Wire: `C > S  P.  request
S > C  P.  the whole response
C > S  .   ack of it
C > S  R.  (HAProxy to a server) or S > C R. (Windows, SO_LINGER 0)`,
	Confirm: []string{
		"the application's log shows a complete response",
		"HAProxy in front of the server: option http-server-close or httpclose aborts each connection to the server by design",
	},
	Advice: []string{
		"Nothing has to be changed: leave these resets out of alarms.",
		"To be rid of them: close with FIN (no SO_LINGER 0); HAProxy: option http-keep-alive, or option forceclose removed.",
	},
	Remedies: []Remedy{
		{"HAProxy", `Keeping the connections to the servers open costs no RST for each request:
	option http-keep-alive`},
		{"Go", "Remove conn.SetLinger(0)."},
		{"Java", "Remove socket.setSoLinger(true, 0)."},
		{"nginx", "reset_timedout_connection off is the default."},
	},
	Refs: []string{
		"HAProxy configuration manual: option http-server-close",
		"RFC 9293, 3.10.5: the ABORT call",
	},
	Narrows: "deliberate-abort",
	Confused: []Confusion{
		{"stale-connection", "does the sender's log show the connection until its end? Then it knew it"},
		{"unread-data-on-close", "nstat on the sender: TcpExtTCPAbortOnClose grows when something, perhaps only a TLS close_notify, was left unread"},
	},
	Harm:    harmless,
	Reasons: []string{"TCP_STATE", "TCP_ABORT_ON_CLOSE"},
	Telling: SenderDataToRST,
	Kinds:   kinds(Active, ReplyACK, Unexplained),
	Match: func(c *Case, f *Findings) Confidence {
		x, y := c.X, c.Y
		if c.Before() || !x.Known.Has(flows.SawAck) || !y.Known.Has(flows.SawAck) || c.After.Bytes[c.Dir.Peer()] > 0 {
			return None
		}
		if y.ScaledWindow() == 0 && c.Dir == flows.Server {
			return None // the client had stopped reading in the middle
		}
		if y.Known.Has(flows.SawFIN) {
			return afterPeerClosed(c, f)
		}
		if c.Kind != Active || x.Known.Has(flows.SawFIN) || !c.gotAll() || c.Undelivered() > 0 {
			return None
		}
		switch {
		case c.Dir == flows.Client && statusOf(y) != 0 && y.Unanswered > 0 && y.Unanswered <= answerMax:
			f.Add("{} had sent its response, {}, the last in {}", end(c.Dir.Peer()), octets(y.Unanswered), frame(y.DataWhere))
		case c.Dir == flows.Server && statusOf(x) != 0 && x.Unanswered > 0 && !c.pipelined():
			if code := statusOf(x); code >= 400 && isUpload(&y.First, y.FirstN) {
				return None // refused in the middle of an upload
			}
			f.Add("{} had sent its response, {}, the last in {}", end(c.Dir), octets(x.Unanswered), frame(x.DataWhere))
		default:
			return None
		}
		f.Add("all of it was acknowledged before {}, and nothing came after", frame(c.RST.Where()))
		return Likely
	},
}

// afterPeerClosed recognises an abort in place of the second FIN. Windows does
// it without the ACK flag as well.
func afterPeerClosed(c *Case, f *Findings) Confidence {
	x, y, rst := c.X, c.Y, &c.RST
	if x.Known.Has(flows.SawFIN) || !c.closedWith(y.FINEnd) {
		return None
	}
	ahead := rst.Seq.Sub(x.Max)
	if ahead < 0 || ahead > 2*closeNotifyOld {
		return None
	}
	// A goodbye may lie unread or undelivered; anything else is data lost.
	if c.Undelivered() > 0 && !lastRecord(x).isAlert() {
		return None
	}
	f.Add("{} had closed: FIN in {}", end(c.Dir.Peer()), frame(y.FINWhere))
	if rst.Flags&packet.ACK == 0 {
		f.Add("{} stands where {}'s stream had come to, without ACK: Windows and some older systems abort like this", frame(rst.Where()), end(c.Dir))
	} else {
		f.Add("{} acknowledges that FIN and stands where {}'s stream had come to: an abort in place of a FIN", frame(rst.Where()), end(c.Dir))
	}
	if ahead > 0 {
		f.Add("it counts {} more than the capture holds of {}: a goodbye that was not captured", octets(uint64(ahead)), end(c.Dir))
		return Possible
	}
	if c.Kind == Unexplained || y.Unanswered > 0 && c.Dir == flows.Server && !lastRecord(y).isAlert() {
		return Possible
	}
	return Likely
}

// closedWith reports whether the RST's sender had got the FIN that ends at end.
func (c *Case) closedWith(end packet.Seq) bool {
	if c.RST.Flags&packet.ACK != 0 {
		return c.RST.Ack == end
	}
	return c.X.Ack == end || c.Kind == Unexplained && c.RST.Seq != c.X.Max
}
