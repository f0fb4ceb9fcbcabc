package flows

import "time"

// Limits of time, by the clock of the capture.
const (
	// Grace is how long a RST is watched before it settles: time for follow-ups,
	// a challenge ACK, and the SYN tries of systems that repeat a refused one
	// (Windows does, about every half second).
	Grace = 2 * time.Second
	// refusedFor is for how long the refusals of one SYN, sent again and again, are
	// gathered: with each one within Grace of the one before. Own.
	refusedFor = 10 * time.Second
	// closedFor keeps a connection after both FINs, or after a refused SYN that met
	// no earlier connection: longer than the Grace of its RST.
	closedFor = 5 * time.Second
	// resetFor keeps a connection that had more to lose than a SYN after its
	// RST, so that late retransmissions are known for what they are: the longest
	// interval between two is at least that (RFC 6298, 2.5).
	resetFor = 60 * time.Second
	// halfOpenFor keeps a connection whose handshake does not complete after its
	// latest segment: Linux gives up a SYN after 127 s (tcp_syn_retries = 6).
	halfOpenFor = 130 * time.Second
	// firstLook is when it is first asked whether a connection is half open. Most
	// are established or over by then: a SYN has been sent again after 1, 3 and
	// 7 s (RFC 6298, 2 and 5.5).
	firstLook = 8 * time.Second
	// answerPatience is how long a SYN must have been without an answer before it
	// counts as ignored: the initial retransmission timeout (RFC 6298, 2).
	answerPatience = time.Second
	// ShortestPause is the shortest silence that may be a timer's doing: below it
	// lie the pauses of ordinary traffic. Own.
	ShortestPause = 1900 * time.Millisecond
	// copyWindow is how long after a frame another with the same IP ID and the same
	// segment counts as the same packet captured twice (mirror ports, `any`).
	copyWindow = 5 * time.Millisecond
	// reordered is how late a copy of a SYN/ACK may come that was not sent again:
	// half of the initial retransmission timeout (RFC 6298, 2).
	reordered = 500 * time.Millisecond
	// earlyAnswer is how long before a SYN the capture may hold an answer to it: it
	// took another way, or was made by who expected the SYN. Own.
	earlyAnswer = time.Second

	// answerSlack is how much later than a round trip and a half an answer may
	// come: what hosts take to make it.
	answerSlack = time.Millisecond
	// answerUnmeasured is how long after a segment a RST can answer it at most,
	// where answerRounds round trips are not longer: a stack answers at once, and
	// second is the longest round trip that senders allow for before they have
	// measured one (RFC 6298, 2.1).
	answerUnmeasured = time.Second
)

// Limits of number.
const (
	// RecentLen is how many segments a Flow remembers.
	RecentLen = 16
	// HistoryLen is how many letters a history has at most.
	HistoryLen = 14
	// answerRounds is how many round trips of the handshake an answer may take: the
	// path may have got longer since.
	answerRounds = 4
	// FollowUpMax is how many further RSTs one Reset holds. A connection that shows
	// more within the grace begins a new Reset.
	FollowUpMax = 1024
	// waitMax is how many resets wait for their grace at once; beyond it the
	// oldest settles early, which is counted. It is a power of two.
	waitMax = 1 << 14
	// pieceMax resets at most are handed over at once: each is 2 KB, and is judged
	// best while it is in the cache.
	pieceMax = 32
	// halfOpenMax is how many segments a connection can have shown that leaves
	// because its handshake was not completed.
	halfOpenMax = 16
	// evictShare is the part of the connections that leaves at once when there is
	// no room: looking at all of them for each new one would take quadratic time.
	evictShare = 16
	// DefaultMemory is what Config.MaxMemory is when it is 0.
	DefaultMemory = 1 << 30
	// LeastMemory is what Config.MaxMemory is at least.
	LeastMemory = 1 << 24
)
