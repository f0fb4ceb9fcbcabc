package classify

// rules is the table. Order breaks ties of confidence: the narrower cause
// stands before the wider one.
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

// asked is what decides whether to ask a rule, in few lines of memory.
type asked struct {
	rule  *Rule
	when  Facts
	needs Missing
}

// rulesFor has the rules for each mechanism, in the order of the table.
var rulesFor = func() (of [Abort + 1][]asked) {
	for m := range of {
		for _, r := range rules {
			if r.Mechanisms.Has(Mechanism(m)) {
				of[m] = append(of[m], asked{r, r.When, r.Needs})
			}
		}
	}
	return of
}()

// Rules returns every cause, in the order of the table, and last the one for
// what none of them explains.
func Rules() []*Rule {
	return append(append([]*Rule(nil), rules...), &unclassified)
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
