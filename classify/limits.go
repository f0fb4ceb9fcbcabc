package classify

import (
	"time"

	"github.com/rstwhy/rstwhy/flows"
)

// Limits of time, in nanoseconds. Each has the source of its value; "own" means that it was
// chosen between what was seen on both sides of it.
const (
	// ShortestIdle is the shortest silence that may be a timer's doing.
	ShortestIdle = int64(flows.ShortestPause)

	// disorder is how far apart in time a capture may have put segments that
	// were the other way round: several receive queues, two taps. Own.
	disorder = int64(2 * time.Millisecond)

	// together is how close in time RSTs of one hand are. Own.
	together = int64(100 * time.Millisecond)

	// ripe is how long a connection that waits to be accepted has been silent at
	// least, for its reset to have nothing to do with what its client did. Own.
	ripe = int64(50 * time.Millisecond)

	// longRead is how long after the peer's last data an abort finds it read: a
	// program that serves a connection reads what comes long before. Own.
	longRead = int64(500 * time.Millisecond)

	// soonAfter is how long after its own last data an abort counts as one step
	// with it: write, then close. Own.
	soonAfter = int64(100 * time.Millisecond)

	// lateAnswer is how much longer than two round trips the answer to a
	// handshake's last ACK takes at most. Own.
	lateAnswer = int64(10 * time.Millisecond)

	// askedAgain is how many refusals of one port are more than a scan leaves. Own.
	askedAgain = 3

	// shortestFailover is how soon after a host has spoken another that does not know
	// its connections can stand in its place: BFD finds a dead one after three missed
	// packets of 100 ms.
	shortestFailover = int64(300 * time.Millisecond)

	// aMoment is how long a host that has just acknowledged something cannot have
	// forgotten the connection. Own.
	aMoment = int64(20 * time.Millisecond)

	// latestFirstLeast is how many connections that go in one order do so by no
	// chance: three do one time in six.
	latestFirstLeast = 3

	// windowsAnswers is how soon after late data its refusal by Windows counts
	// as an answer. Own.
	windowsAnswers = int64(10 * time.Millisecond)

	// carriedOnFor is how long after a RST a segment of its receiver proves that
	// the RST had no effect: what was in flight has arrived by then. Own.
	carriedOnFor = int64(100 * time.Millisecond)

	// offloads is the longest way from a host to the capture point that leaves
	// room for the two to be one machine. Own.
	offloads = int64(500 * time.Microsecond)

	// shortPath is the shortest path whose length says anything against the
	// noise of the capture's clock. Own.
	shortPath = int64(time.Millisecond)

	// inFlight is how much longer than two round trips what was on its way draws
	// further RSTs. Own.
	inFlight = int64(50 * time.Millisecond)

	// lateTrigger is how much longer than three round trips a RST may come after
	// what it answers and still not be early for a later copy. Own.
	lateTrigger = int64(200 * time.Millisecond)

	// idleBeforeClose is the shortest silence after which a close is that of a
	// keep-alive timeout: they are set in seconds, and one of a second may look a
	// little shorter. The shortest default known is Gunicorn's, 2 s. Where HTTP
	// itself shows that the connection was to be used again, half of that will do.
	idleBeforeClose     = int64(900 * time.Millisecond)
	idleBeforeCloseHTTP = idleBeforeClose / 2

	// crossingTime is how long after a FIN has arrived a program may still write
	// without being blamed: it was busy. Own.
	crossingTime = int64(50 * time.Millisecond)

	// idleWorthNaming is the shortest idle timeout of a box on the path that is
	// documented: load balancers begin at a minute, half of it leaves room for
	// those that were set lower.
	idleWorthNaming = int64(30 * time.Second)

	// idleWorthSaying is the shortest silence that evidence mentions. Own.
	idleWorthSaying = int64(time.Second)

	// scanPatience is the longest wait for a SYN/ACK after which its RST still
	// looks like a scanner's: a client with a timeout waits longer. Own.
	scanPatience = int64(250 * time.Millisecond)

	// connectPatience is the shortest wait for a SYN/ACK that looks like a
	// timeout: a scanner resets at once. Own.
	connectPatience = int64(50 * time.Millisecond)

	// Intervals at which checks are made: load balancers allow a tenth of a
	// second to some minutes (HAProxy inter, AWS 5 to 300 s).
	checkFastest = int64(100 * time.Millisecond)
	checkSlowest = int64(900 * time.Second)
	// checkLatest is how much longer than it was set a period is at most. Own.
	checkLatest = int64(100 * time.Millisecond)
	// manyGuesses is how many RSTs only who cannot see a connection needs. Own: who
	// sees it sends three or four.
	manyGuesses = 8
	// guessesNear is how far off the number of a RST is, in octets, that somebody may
	// have set who sees the connection: within one window without scaling. Own.
	guessesNear = 1 << 16
	// checkLasts is how long one check takes at most. Own.
	checkLasts = int64(10 * time.Second)
	// checkBare is how long after its SYN/ACK a check without data ends at most,
	// and how long it waits for that. Own.
	checkBare = int64(time.Second)

	// halfOpenFor is how long a server keeps a handshake that does not complete:
	// Linux repeats its SYN/ACK for 63 s (tcp_synack_retries = 5).
	halfOpenFor = int64(63 * time.Second)

	// waitedForFIN is how long after its own FIN an abort counts as the end of a
	// wait for the peer's FIN. Own.
	waitedForFIN = int64(time.Second)

	// finTimeoutLeast and finTimeoutMost are around net.ipv4.tcp_fin_timeout,
	// 60 s unless somebody changed it (ip-sysctl).
	finTimeoutLeast = int64(57 * time.Second)
	finTimeoutMost  = int64(63 * time.Second)

	// atOnce is how soon after its FIN an abort is one step with it. Own.
	atOnce = int64(time.Millisecond)

	// flapWindow is how far away in time an accepted connection may be to say
	// that a port comes and goes, rather than that a service was moved. Own.
	flapWindow = int64(time.Hour)

	// servesFor is how long before a refusal a conversation on the same port may have
	// begun to say that somebody serves it. Own.
	servesFor = int64(time.Minute)

	// loadWindow is how close to a refusal the port must have accepted
	// connections, both before and after, to say that the service was there all
	// the time. Own.
	loadWindow = int64(5 * time.Second)

	// windowsTriesLeast and windowsTriesMost are around the half second after which
	// Windows tries a refused SYN again.
	windowsTriesLeast = int64(300 * time.Millisecond)
	windowsTriesMost  = int64(700 * time.Millisecond)

	// triedFor is the least time for which a system tries again before it gives
	// up: RFC 1122, 4.2.3.5 asks for 100 s, small systems take less.
	triedFor = int64(5 * time.Second)

	// alertThenRST is how soon after an alert the end of the connection is its
	// consequence. Own.
	alertThenRST = int64(5 * time.Second)

	// jitter is how much shorter than a timer the silence that it ended may look:
	// the two ends of the silence need not take the path at the same speed. Own.
	jitter = 50 * time.Millisecond

	// fastestTick is the shortest time between two ticks of a timestamp clock: a
	// microsecond, by Linux's route option tcp_usec_ts (ip-route(8)). RFC 7323, 5.4
	// recommends 1 ms to 1 s.
	fastestTick = int64(time.Microsecond)
	// clockSpan is how far apart two timestamps must be to show the pace of a clock.
	// Own.
	clockSpan = int64(50 * time.Millisecond)

	// gaveUpSilence is how long a sender that had sent segments again must have
	// been silent to have given up. Own.
	gaveUpSilence = int64(200 * time.Millisecond)

	// paceLeast is the shortest pause between two writes of one side that is not
	// that of the path: well above a round trip in a building. Own.
	paceLeast = int64(10 * time.Millisecond)
)

// Limits of octets and counts.
const (
	// slack is how far beyond a window a number must be to count as impossible:
	// the capture may lack the latest window update. Own.
	slack = 1 << 16

	// answerMax is how much an answer may have that a client reads at once. Own.
	answerMax = 64 << 10

	// oneSegment is the payload of an ordinary segment (RFC 9293, 3.7.1, over
	// Ethernet).
	oneSegment = 1460

	// The longest records that can be an encrypted close_notify: of TLS 1.2 and
	// before, with MAC and padding, where the kind of the record says so; of TLS
	// 1.3, where only its length tells (level, description, kind and tag).
	closeNotifyOld = 96
	closeNotify13  = 19

	// Lengths of an encrypted NewSessionTicket, from Go's 120 octets to OpenSSL's
	// 250 with a client certificate in it, and how many a server sends.
	ticketMin, ticketMax, ticketsMax = 60, 400, 4

	// What a health check sends, and what it is answered, at most. Own.
	checkRequestMax, checkAnswerMax = 4 << 10, 12 << 10

	// checkBeats is how many connections of one shape it takes to speak of a beat:
	// three of anything are none. checkSteady is what part of the period their
	// distances vary by at most. Own.
	checkBeats, checkSteady = 4, 20

	// checkLate is by what part of it a period is longer than it was set, at most:
	// HAProxy keeps 500 ms as 507 ms. Own.
	checkLate = 50

	// scanTargets is how many ports that refuse, or are dropped in the
	// handshake, make a scan of it: more than a client with a list of servers
	// would try when all of them are down. Own.
	scanTargets = 16

	// scanKin is how many of them share their address or their port with one try
	// that is taken for one of the scan: a scan is of many ports of a host, or of
	// one port of many. Own.
	scanKin = 4

	// windowsTries is how often Windows sends a refused SYN again at most: two by
	// default, four of late (MaxSynRetransmissions).
	windowsTries = 4

	// floodAsks is how many SYNs to one and the same port in the seconds that are
	// looked at are no scan of it. Own.
	floodAsks = 4

	// gaveUpAfter is how many retransmissions make it likely that a host gave a
	// connection up: Linux reports trouble after three (tcp_retries1).
	gaveUpAfter = 3

	// fewSegments is how many segments of a connection tell nothing of it yet.
	// Own.
	fewSegments = 4

	// guessesMax is how many guesses are looked at: more say nothing more.
	guessesMax = 64

	// followMax is how many further RSTs are looked at for steps.
	followMax = 16

	// baseline is how many segments it takes to know how far away a host is.
	// Own.
	baseline = 3

	// steadyTTL is how far apart the TTLs of a host on one route lie at most. Own.
	steadyTTL = 4

	// farthest is how many hops a packet passes at most; beyond it a program has
	// set the TTL itself. Own.
	farthest = 40

	// ticksSlack is how many ticks a timestamp may be off without saying anything:
	// processors and timers of one host need not agree. Own.
	ticksSlack = 1000

	// farHops is how many hops of difference no change of a route explains. Own.
	farHops = 5

	// priorWindow is how far beyond an old connection a SYN counts as inside of
	// its window: more than a new initial sequence number lands in by chance.
	priorWindow = 1 << 20

	// controlRecord is the longest TLS record that only holds a frame of HTTP/2
	// without an answer in it: GOAWAY and PING have 17 octets (RFC 9113, 6.7 and
	// 6.8), TLS 1.2 with AES-GCM adds 24 (RFC 5288, 3). The head of a response, with
	// a date and a length, is longer.
	controlRecord = 17 + 24

	// farewellMax is how long a goodbye in words is at most: a line of SMTP (RFC
	// 5321, 4.5.3.1.5).
	farewellMax = 512
)
