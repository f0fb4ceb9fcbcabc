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
	given Facts
	needs Lack
}

// rulesFor has the rules for each kind, in the order of the table.
var rulesFor = func() (of [Active + 1][]asked) {
	for k := range of {
		for _, r := range rules {
			if r.Kinds.Has(Kind(k)) {
				of[k] = append(of[k], asked{r, r.Given, r.Needs})
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
