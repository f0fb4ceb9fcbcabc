package classify

import "github.com/rstwhy/rstwhy/flows"

var dataAfterClose = Rule{
	ID:      "data-after-close",
	Family:  FamilyDataAfterClose,
	Title:   "data after the other side had closed",
	Summary: "One side had closed its socket; the other still sent data, which nobody can read any more.",
	Story: func(c *Case) *Sentence {
		switch {
		case c.unseenAfterFIN() || c.closedUnseen():
			return storyDataAfterCloseUnseen
		case !c.Sender.Known.Has(flows.SawFIN):
			return storyDataAfterCloseMaybe
		}
		if c.Timing.At[FINToTrigger] > 0 && c.Trigger.Len > 0 {
			return storyDataAfterClose
		}
		return storyDataCrossesClose
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
	Over: []Over{
		{ID: "deliberate-abort", Why: "the data came after the FIN, and was refused"},
		{ID: "unread-data-on-close", Why: "the data came after the FIN"},
	},
	Confused: []Confusion{
		{"stale-connection", "a capture beside the sender of the RST: does its FIN leave before the RST?"},
		{"unread-data-on-close", "the closing program: close() first and data later is this cause; shutdown(SHUT_WR), then close() with the data unread, is the other"},
	},
	Reasons:    []string{"TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA", "TCP_FLAGS", "NO_SOCKET"},
	Telling:    FINToTrigger,
	Silence:    IdleBeforeFIN,
	Ways:       ways(WayAnswer, WayUnread),
	Mechanisms: mechanisms(Answer, AnswerWithACK, Abort),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		if unseen := afterUnseenClose(c, f); unseen != None {
			return unseen
		}
		if maybe := afterMaybeClose(c, f); maybe != None {
			return maybe
		}
		late, confidence := c.dataAfterFIN()
		if confidence == None {
			return None
		}
		if r := lastRecord(c.Sender); c.Timing.At[SenderDataToRST] <= alertThenRST {
			switch {
			case r.fatal():
				return None // the alert says all
			case c.mayBeAlert():
				confidence = min(confidence, Likely) // it may have been an alert
			}
		}
		closedBefore(c, f, late)
		if isControl(c.Receiver, late) {
			f.Say(saysTooShort)
			return min(confidence, Likely)
		}
		return confidence
	},
}

var (
	storyDataAfterClose       = sentence("story-data-after-close", "{receiver} sent data {fin_to_trigger} after {sender} had closed the connection; {sender} could only answer with a reset.")
	storyDataAfterCloseUnseen = sentence("story-data-after-close-unseen", "{sender} had closed the connection, and refused what {receiver} sent after that or at the same time; the capture lacks a part of it.")
	storyDataAfterCloseMaybe  = sentence("story-data-after-close-maybe", "{sender} refused what {receiver} sent next, as a host does that has closed the connection; if it did, its FIN was lost or is not in the capture.")
	storyDataCrossesClose     = sentence("story-data-crosses-close", "{sender} had closed the connection while data from {receiver} was on its way; {sender} could only answer with a reset.")
)
