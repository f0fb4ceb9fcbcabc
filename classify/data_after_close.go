package classify

import "github.com/rstwhy/rstwhy/flows"

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
S > C  R   seq = the ack of that data segment, window 0, no options`,
	Confirm: []string{
		"`nstat -az TcpExtTCPAbortOnData` on the sender grows only when the data crossed the FIN; usually the answer comes from TIME_WAIT state and is not counted there",
		"the program on the closing side: close() before the last data, or a keep-alive timeout that ran out",
	},
	Advice: []string{
		"If requests are sent on idle connections: make the client's idle timeout shorter than the server's keep-alive timeout.",
		"A side that still expects data calls shutdown(SHUT_WR) and reads to end of file, instead of close().",
		"Treat a read of 0 bytes (end of file) as: send nothing more, open a new connection.",
	},
	Refs: []string{
		"RFC 1122, 4.2.2.13; RFC 9293, 3.6.1",
		"Linux: tcp_rcv_state_process (RCV_SHUTDOWN), tcp_timewait_state_process (FIN_WAIT2)",
	},
	Reasons: []string{"TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA", "TCP_FLAGS", "NO_SOCKET"},
	Telling: FINToTrigger,
	Kinds:   kinds(Reply, ReplyACK),
	Match: func(c *Case, f *Findings) Confidence {
		x := c.X
		if !x.Known.Has(flows.SawFIN) || c.Before() || !c.Trigger.Valid() || c.Trigger.Len == 0 {
			return None
		}
		if x.Known.Has(flows.SawAck) && c.Trigger.End().LessEq(x.Ack) {
			return None // it had taken these octets before
		}
		f.Add("{} closes: FIN in {}", end(c.Dir), frame(x.FINWhere))
		if crossed := c.Trigger.Ack.Less(x.FINEnd); crossed {
			f.Add("{} sends {} in {} without having seen the FIN: they crossed on the way", end(c.Dir.Peer()), octets(uint64(c.Trigger.Len)), frame(c.Trigger.Where))
		} else {
			f.Add("{} sends {} in {}, {} after the FIN", end(c.Dir.Peer()), octets(uint64(c.Trigger.Len)), frame(c.Trigger.Where), dur(c.Trigger.Time-x.FINTime))
		}
		f.Add("{} answers that segment {} later", frame(c.RST.Where()), dur(c.RST.Time-c.Trigger.Time))
		if c.Kind != Reply || x.TTLMax != 0 && (c.RST.TTL > x.TTLMax || c.RST.TTL < x.TTLMin) {
			return Likely // another box may have answered
		}
		return Certain
	},
}
