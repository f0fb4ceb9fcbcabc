package classify

import (
	"bytes"

	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// goodbyeFacts are those of how a side took its leave, and of how far what it
// said had come.
var goodbyeFacts = []*Fact{
	{"receiver_message_missing", UnitOctets, "what of the HTTP/1 message that the receiver began last the capture does not hold, by the length that its head names", func(c *Case) int64 {
		return int64(missingOfMessage(c.Receiver))
	}},
	{"closing_response", UnitFrame, "the end of the sender's latest response, which says that it closes the connection (Connection: close), 0 without that", func(c *Case) int64 {
		if !announcedClose(c) {
			return 0
		}
		return int64(c.Sender.DataFrame)
	}},
}

// farewells are the commands that end a session of SMTP, POP3, FTP, NNTP or
// IRC, and SMTP's answers to one (RFC 5321, 4.2.2).
var farewells = [...][]byte{
	[]byte("QUIT"), []byte("quit"), []byte("Quit"), []byte("BYE"), []byte("exit"), []byte("221 "), []byte("221-"),
}

// goodbyes are messages that end a session, whole, of protocols in octets.
var goodbyes = [...][]byte{
	{0xe0, 0x00}, // MQTT 3.1.1, 3.14: DISCONNECT
	{'X', 0, 0, 0, 4},
	{1, 0, 0, 0, 1}, // MySQL: COM_QUIT
	{1, 0, 0, 0, 0, 0, 4, 0, 10, 0, 51, 0xce}, // AMQP 0-9-1: connection.close-ok
}

// saidGoodbye reports whether a side's last segment is, or begins with, what
// ends a session of its protocol and has no answer that anybody waits for.
func saidGoodbye(s *flows.Side) bool {
	b := lastBytes(s)
	for _, f := range farewells {
		if bytes.HasPrefix(b, f) {
			return true
		}
	}
	for _, g := range goodbyes {
		if bytes.Equal(b, g) {
			return true
		}
	}
	return isUnbind(b) || isCOTP(b) && (b[5] == cotpDisconnectRequest || b[5] == cotpDisconnectConfirm)
}

func lastBytes(s *flows.Side) []byte { return s.LastBytes[:min(int(s.LastN), packet.PeekLen)] }

// isUnbind reports whether b is an LDAP unbind request, which has no answer
// (RFC 4511, 4.3): a sequence of a message ID and [APPLICATION 2] NULL.
func isUnbind(b []byte) bool {
	n := len(b)
	return n >= 7 && n <= 10 && b[0] == 0x30 && int(b[1]) == n-2 && b[2] == 2 && int(b[3]) == n-6 && b[n-2] == 0x42 && b[n-1] == 0
}

// The codes of ISO transport that end a connection, and that of its data (RFC
// 905, 13.1).
const (
	cotpDisconnectRequest = 0x80
	cotpDisconnectConfirm = 0xc0
	cotpData              = 0xf0
)

// isCOTP reports whether b begins with an ISO transport packet (RFC 1006, 6).
func isCOTP(b []byte) bool {
	return len(b) >= 7 && b[0] == 3 && b[1] == 0 && int(b[4])+5 <= int(b[2])<<8|int(b[3])
}

// isControl reports whether all that a side said in n octets, its last, is a
// goodbye, or a frame that carries no answer: too short for one, or of a kind
// that holds none.
func isControl(s *flows.Side, n uint64) bool {
	b := lastBytes(s)
	switch r := lastRecord(s); {
	case n == 0:
		return false
	case r.kind == recordAlert:
		return n <= 2*closeNotifyOld
	case r.kind == recordData && r.isAlert() && n <= uint64(r.length+controlRecord+2*recordHeader):
		return true // a frame such as GOAWAY before it
	case r.kind == recordData:
		return n == uint64(r.length+recordHeader) && r.length <= controlRecord
	case isCOTP(b) && b[5] == cotpData:
		return n == 7 // no user data
	case isControlFrame(b) && n == http2Header+uint64(b[2]), bytes.Equal(b, pingResponse):
		return true
	}
	return n <= farewellMax && saidGoodbye(s)
}

var (
	http2Preface = []byte("PRI * HTTP/2") // RFC 9113, 3.4
	pingResponse = []byte{0xd0, 0x00}     // MQTT 3.1.1, 3.13: PINGRESP
)

const http2Header = 9 // octets of the head of a frame (RFC 9113, 4.1)

// isControlFrame reports whether b begins with a frame of HTTP/2 in the clear that has no
// answer: a short SETTINGS, PING, GOAWAY or WINDOW_UPDATE of the connection (RFC 9113,
// 4.1 and 6).
func isControlFrame(b []byte) bool {
	return len(b) >= http2Header && b[0]|b[1] == 0 && (b[3] == 4 || b[3] == 6 || b[3] == 7 || b[3] == 8) && b[5]|b[6]|b[7]|b[8] == 0
}

var saysTooShort = sentence("too-short-for-an-answer", "these {late} are one message that is too short for an answer, or that holds none: a goodbye or a control frame")

// progress is how far the HTTP/1 message that a side began last has come.
type progress uint8

const (
	noMessage  progress = iota // it began none whose head was seen
	endUnknown                 // its end was not seen, and nothing says where it is
	endCut                     // its end cannot be seen: the capture holds too little of its segments
	partial                    // its end is known, and has not come
	whole                      // its end has come
)

// messageOf measures the last message of s by what s sent.
func messageOf(s *flows.Side) progress {
	if !s.Known.Has(flows.SawMessage) {
		return noMessage
	}
	switch m := s.Message; {
	case m&(packet.MessageLength|packet.MessageLastChunk) != 0:
		switch end := s.StreamEnd(); {
		case end == s.MessageEnd:
			return whole
		case end.Less(s.MessageEnd):
			return partial
		}
		return noMessage // what came after it is another thing
	case m.Has(packet.MessageUntilClose) && s.Known.Has(flows.SawFIN):
		return whole
	case m.Has(packet.MessageCut):
		return endCut
	case m&(packet.MessageChunked|packet.MessageUntilClose) == 0:
		return noMessage // its head came in pieces, and says nothing
	}
	return endUnknown
}

// announcedClose reports whether a server had said, with its latest response, that
// it closes the connection, and the client asked for more after that.
func announcedClose(c *Case) bool {
	x := c.Sender
	return c.Dir == flows.Server && x.Known.Has(flows.SawMessage) && x.Message.Has(packet.MessageClose) &&
		messageOf(x) == whole && c.Receiver.Unanswered > 0
}

// inMidst reports whether the peer's latest payload came in the middle of what s
// was sending, and s has not begun anything new since that it can be known by.
func inMidst(s *flows.Side) bool {
	return s.Known.Has(flows.Crossed) && !isRequest(&s.LastBytes, s.LastN)
}

// responseCut reports whether the capture holds too little of the server's
// response to tell whether it was complete.
func (c *Case) responseCut() bool { return messageOf(c.server()) == endCut }

// mayBeWhole reports whether the last word of an open connection was a response
// whose end the capture cannot show, and which the client had got and taken.
func (c *Case) mayBeWhole() bool {
	x, y := c.Sender, c.Receiver
	if !c.responseCut() || c.Mechanism != Abort || (x.Known | y.Known).Has(flows.SawFIN) || !c.gotAll() || c.undelivered() > 0 {
		return false
	}
	if c.Dir == flows.Client {
		return y.Unanswered > 0 && y.Unanswered <= answerMax && !c.streaming()
	}
	return x.Unanswered > 0 && y.ScaledWindow() > 0 && !inMidst(y) && !c.pipelined()
}

// tookLeave reports whether a side's last word was a goodbye, in words or as a
// TLS alert that is none of refusal, as far as that can be read.
func tookLeave(s *flows.Side) bool {
	r := lastRecord(s)
	return saidGoodbye(s) || r.isAlert() && !r.fatal()
}

// leftWith reports whether the receiver's last word was a goodbye and nothing
// else, and the sender of the RST had got it.
func (c *Case) leftWith() bool {
	y := c.Receiver
	return c.Mechanism == Abort && isControl(y, y.Unanswered) && tookLeave(y) && c.undelivered() == 0 &&
		c.Sender.Known.Has(flows.SawAck) && y.StreamEnd().LessEq(c.Sender.RcvNxt.Max(c.RST.Ack)) && c.After.Bytes[c.Dir.Peer()] == 0
}

// missingOfMessage is what of that message s has not sent, where its length is
// known.
func missingOfMessage(s *flows.Side) uint64 {
	if messageOf(s) != partial {
		return 0
	}
	return uint64(s.MessageEnd.Sub(s.StreamEnd()))
}

// refusedTLS reports whether the last word of s, and its first after the
// handshake of TLS, is an alert that nobody can read: in TLS 1.3 its length gives
// it away, before that its type. A close_notify looks the same; to say nothing
// else is to refuse as well.
func (c *Case) refusedTLS(s *flows.Side, d flows.Dir) bool {
	r := lastRecord(s)
	if firstRecord(s).kind != recordHandshake {
		return false
	}
	if !(r.kind == recordData && r.length == closeNotify13) && !(r.kind == recordAlert && r.length > 2 && r.length <= closeNotifyOld) {
		return false
	}
	n, last := c.turns(d)
	return n == 2 && last <= uint64(r.length)+recordHeader+changeCipher
}

// mayBeAlert reports whether the last word of the RST's sender may have been an
// alert, also where the capture holds too little of it to tell.
func (c *Case) mayBeAlert() bool {
	return c.refusedTLS(c.Sender, c.Dir) || lastRecord(c.Sender).kind == recordChangeCipher
}

// turns is how often d has spoken anew after the other had, with payload, and how
// many octets it said the last time: 0 when the streams are not remembered from
// their start.
func (c *Case) turns(d flows.Dir) (n int, last uint64) {
	var from [2]packet.Seq
	var end packet.Seq
	speaks := d.Peer()
	for s := range c.recent {
		if s.Len == 0 {
			continue
		}
		if s.Dir == d && speaks != d {
			n++
		}
		if speaks = s.Dir; speaks == d && n == 1 {
			if last == 0 {
				end = s.Seq.Add(s.Len)
			}
			last = max(last, uint64(max(0, end.Sub(s.Seq))))
		}
		from[s.Dir] = s.Seq
	}
	for i := range from {
		if o := &c.Flow.Side[i]; !o.Known.Has(flows.SawSYN) || from[i] != o.ISN+1 {
			return 0, 0
		}
	}
	return n, last
}

// streaming reports whether the receiver was writing at a pace when the RST came:
// three times or more since the sender last spoke, with pauses, and the RST came
// no later than the next would have.
func (c *Case) streaming() bool {
	d, pauses := c.Dir.Peer(), 0
	var longest, at int64
	shortest := int64(1) << 62
	for s := range c.recent {
		if s.Len == 0 {
			continue
		}
		if s.Dir != d {
			break
		}
		if at != 0 {
			if pause := at - s.Time; pause >= max(paceLeast, 2*c.roundTrip()) {
				pauses++
				longest, shortest = max(longest, pause), min(shortest, pause)
			}
		}
		at = s.Time
	}
	return pauses >= 2 && longest <= 4*shortest && c.Timing.At[ReceiverDataToRST] <= 2*longest
}
