package classify

import (
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

var dataAfterClose = Rule{
	ID:      "data-after-close",
	Family:  FamilyDataAfterClose,
	Title:   "data after the other side had closed",
	Summary: "One side had closed its socket; the other still sent data, which nobody can read any more.",
	Story: func(c *Case) string {
		if c.Timing.Has(FINToTrigger) {
			return "{Y} sent data {m:fin_to_trigger} after {X} had closed the connection; {X} could only answer with a reset."
		}
		return "{X} had closed the connection while data from {Y} was on its way; {X} could only answer with a reset."
	},
	Wire: `S > C  F.  the server has closed both directions, its FIN cannot say so
C > S  .   ack of the FIN
C > S  P.  more data
S > C  R   seq = the ack of that data segment, window 0, no options
           (Windows: R. with window 0, acknowledging that data)`,
	Confirm: []string{
		"`nstat -az TcpExtTCPAbortOnData` on the sender grows only when the data crossed the FIN; usually the answer comes from TIME_WAIT state and is not counted there",
		"the program on the closing side: close() before the last data, or a keep-alive timeout that ran out",
	},
	Advice: []string{
		"If requests are sent on idle connections: make the client's idle timeout shorter than the server's keep-alive timeout.",
		"A side that still expects data calls shutdown(SHUT_WR) and reads to end of file, instead of close().",
		"Treat a read of 0 bytes (end of file) as: send nothing more, open a new connection.",
	},
	Remedies: []Remedy{
		{"Linux sockets", "As long as the peer may send: shutdown(fd, SHUT_WR) in the place of close(fd), then read until it returns 0."},
		{"Go", "On a *net.TCPConn: CloseWrite, read until io.EOF, then Close."},
		{"Java", "Socket.shutdownOutput(), read until -1, then close()."},
		{"Python", "sock.shutdown(socket.SHUT_WR), recv() until it is empty, then close(); with asyncio writer.write_eof()."},
		{"Node.js", "socket.end() sends the FIN and still takes what comes; socket.destroy() refuses it."},
	},
	Refs: []string{
		"RFC 1122, 4.2.2.13; RFC 9293, 3.6.1",
		"Linux: tcp_rcv_state_process (RCV_SHUTDOWN), tcp_timewait_state_process (FIN_WAIT2)",
	},
	Confused: []Confusion{
		{"unread-data-on-close", "the closing program: close() first and data later is this cause; shutdown(SHUT_WR), then close() with the data unread, is the other"},
	},
	Reasons: []string{"TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA", "TCP_FLAGS", "NO_SOCKET"},
	Telling: FINToTrigger,
	Kinds:   kinds(Reply, ReplyACK, Active),
	Given:   SenderFIN,
	Match: func(c *Case, f *Findings) Confidence {
		late, confidence := c.dataAfterFIN()
		if confidence != None {
			closedBefore(c, f, late)
		}
		return confidence
	},
}

// dataAfterFIN returns how many octets reached the RST's sender after it had
// closed, as far as it never acknowledged them, and how sure that is; None when
// the RST is no answer to such data.
func (c *Case) dataAfterFIN() (late uint64, confidence Confidence) {
	x := c.X
	if !x.Known.Has(flows.SawFIN) || c.Before() || c.Trigger.Flags&packet.SYN != 0 {
		return 0, None
	}
	if c.Kind == Active {
		return c.refusedByWindows()
	}
	late = c.late()
	if late == 0 {
		return 0, None
	}
	if c.Kind != Reply || x.TTLMax != 0 && (c.RST.TTL > x.TTLMax || c.RST.TTL < x.TTLMin) {
		return late, Likely // another box may have answered
	}
	return late, Certain
}

// refusedByWindows is dataAfterFIN for Windows, which refuses such data with an
// abort that acknowledges it, with window 0, where others answer without ACK.
func (c *Case) refusedByWindows() (late uint64, confidence Confidence) {
	x, y, rst := c.X, c.Y, &c.RST
	if rst.Window != 0 || rst.Options != 0 || rst.Seq != x.FINEnd || !x.Known.Has(flows.SawAck) ||
		!y.Known.Has(flows.SawData) || y.DataLast < x.FINTime || y.Known.Has(flows.SawFIN) && rst.Ack == y.FINEnd {
		return 0, None
	}
	n := rst.Ack.Sub(x.Ack)
	if n <= 0 || uint64(n) > y.Bytes || rst.Time-y.DataLast > windowsAnswers {
		return 0, None
	}
	return uint64(n), Likely
}

// windowsAnswers is how soon after late data its refusal counts as an answer.
const windowsAnswers = 10e6

// late is how many octets of payload the RST's sender had not acknowledged, up
// to the end of the segment that it answers.
func (c *Case) late() uint64 {
	t := &c.Trigger
	if !t.Valid() {
		return 0
	}
	if !c.X.Known.Has(flows.SawAck) {
		return uint64(t.Len)
	}
	n := t.Seq.Add(t.Len).Sub(c.X.Ack)
	return uint64(max(0, min(int64(n), int64(c.Y.Bytes))))
}

// lateSegment is the segment that brought the late data: the one that the RST
// answers, or for an abort the receiver's last with payload.
func (c *Case) lateSegment() (packet.Where, int64) {
	if c.Trigger.Valid() {
		return c.Trigger.Where, c.Trigger.Time
	}
	return c.Y.DataWhere, c.Y.DataLast
}

// crossed reports whether the segment that the RST answers was sent before its
// sender had seen the FIN.
func (c *Case) crossed() bool {
	return c.Trigger.Valid() && c.Trigger.Ack.Less(c.X.FINEnd)
}

// closedBefore says what makes an answer one to data that came after a close.
func closedBefore(c *Case, f *Findings, late uint64) {
	x := c.X
	where, at := c.lateSegment()
	f.Add("{} closes: FIN in {}", end(c.Dir), frame(x.FINWhere))
	whole := c.Trigger.Valid() && uint64(c.Trigger.Len) == late
	switch {
	case c.crossed() && whole:
		f.Add("{} sends {} in {} without having seen the FIN: they crossed on the way", end(c.Dir.Peer()), octets(late), frame(where))
	case c.crossed():
		f.Add("{} sends {}, the last of them before {}, without having seen the FIN: they crossed on the way", end(c.Dir.Peer()), octets(late), frame(where))
	case whole:
		f.Add("{} sends {} in {}, {} after the FIN", end(c.Dir.Peer()), octets(late), frame(where), dur(at-x.FINTime))
	default:
		f.Add("{} sends {} until {}, {} after the FIN", end(c.Dir.Peer()), octets(late), frame(where), dur(at-x.FINTime))
	}
	if c.Kind == Active {
		f.Add("{} refuses it {} later, with window 0 as Windows does", frame(c.RST.Where()), dur(c.RST.Time-at))
		return
	}
	f.Add("{} answers that segment {} later", frame(c.RST.Where()), dur(c.RST.Time-at))
}
