package classify

import (
	"slices"
	"strings"
)

// rules is the table. Its order means nothing.
var rules = []*Rule{
	&blindRST,
	&injectedRST,
	&mptcpFastclose,
	&mptcpReset,
	&followUp,
	&synOnFINWait2,
	&healthCheck,
	&portReuseChallenge,
	&badACKSYNSent,
	&badACKSYNReceived,
	&handshakePAWS,
	&halfOpenScan,
	&handshakeAbortActive,
	&handshakeAbort,
	&plaintextToTLSPort,
	&tlsAlertThenRST,
	&closeNotifyRace,
	&keepAliveRace,
	&earlyClientClose,
	&backscatter,
	&fastOpenAbort,
	&dataAfterClose,
	&linger2,
	&segmentAfterClose,
	&keepAliveTimeout,
	&retransmissionTimeout,
	&listenerClosed,
	&processDeath,
	&tlsClientNeverRead,
	&earlyResponse,
	&downloadAbort,
	&disconnectWithData,
	&finWait2Timeout,
	&memoryPressure,
	&abortAfterResponse,
	&acceptedThenReset,
	&unnattedSegment,
	&backendRehash,
	&staleConnection,
	&middleboxIdleTimeout,
	&unreadDataOnClose,
	&deliberateAbort,
	&acceptQueueOverflow,
	&firewallReject,
	&invalidSYN,
	&closedPortScan,
	&refusalUnderLoad,
	&listenerFlap,
	&noListener,
	&strayProbe,
	&midStream,
	&noContext,
}

// Rules returns every cause by its ID, and last the one for what none of them
// explains.
func Rules() []*Rule {
	out := slices.Clone(rules)
	slices.SortFunc(out, func(a, b *Rule) int { return strings.Compare(a.ID, b.ID) })
	return append(out, &unclassified)
}

// ByID returns the rule of a cause, or nil.
func ByID(id string) *Rule {
	for _, r := range Rules() {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// What of a connection a rule cannot do without, by the facts that hold wherever it
// matches.
const (
	needHandshake = SenderSYN | ReceiverSYN | ClientSYN | Refusal | SYNACKDropped
	needSender    = SenderSpoke | SenderSYN | SenderData | SenderFIN
	needReceiver  = ReceiverSYN | ReceiverAck | ReceiverFIN | AnswersSegment | Refusal
)

// Untold returns the causes that nobody can tell from a connection that lacks all of m,
// by their IDs.
func Untold(m Missing) []*Rule {
	var out []*Rule
	for _, r := range rules {
		lacks := func(part Missing, needs Facts) bool { return m.Has(part) && (r.Needs.Has(part) || r.When&needs != 0) }
		if lacks(MissingHandshake, needHandshake) || lacks(MissingSender, needSender) || lacks(MissingReceiver, needReceiver) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *Rule) int { return strings.Compare(a.ID, b.ID) })
	return out
}
