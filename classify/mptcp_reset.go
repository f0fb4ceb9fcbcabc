package classify

import "github.com/rstwhy/rstwhy/packet"

var mptcpReset = Rule{
	ID:      "mptcp-reset",
	Family:  FamilyMPTCP,
	Title:   "Multipath TCP reset one subflow",
	Summary: "A host reset one subflow of a Multipath TCP connection and says why in the option MP_TCPRST; the connection goes on over its other subflows.",
	Story: func(c *Case) *Sentence {
		switch c.RST.MPReason {
		case 1:
			return storyMptcpReset
		case 2:
			return storyMptcpReset2
		case 3:
			return storyMptcpReset3
		case 4:
			return storyMptcpReset4
		case 5:
			return storyMptcpReset5
		case 6:
			return storyMptcpReset6
		}
		return storyMptcpReset7
	},
	Wire: `C > S  S   MP_JOIN
S > C  R.  MP_TCPRST (option 30, subtype 8), reason 1: unknown token
       or, after the handshake, reason 3: not allowed`,
	Confirm: []string{
		"`ip mptcp monitor` on the host while it happens; `nstat -az | grep MPTcpExt`",
		"`ip mptcp limits` and `ip mptcp endpoint` on both hosts",
	},
	Advice: []string{
		"Reason 3: raise `ip mptcp limits set subflows N add_addr_accepted N`, or announce fewer addresses.",
		"Reason 1: the first subflow is gone or went to another server; let a load balancer keep all subflows of a connection together.",
		"Reason 6: a firewall strips or rewrites MPTCP options; allow option 30.",
		"The connection itself usually lives on over its other subflows.",
	},
	Refs: []string{
		"RFC 8684, 3.6: Subflow Reset; tcp(7) and `ip-mptcp`(8)",
	},
	Harm:       harmless,
	Reasons:    []string{"MPTCP_RST_EUNSPEC", "MPTCP_RST_EMPTCP", "MPTCP_RST_ERESOURCE", "MPTCP_RST_EPROHIBIT", "MPTCP_RST_EWQ2BIG", "MPTCP_RST_EBADPERF", "MPTCP_RST_EMIDDLEBOX"},
	Telling:    Lifetime,
	Benign:     true,
	Ways:       ways(WayOnPurpose, WayAnswer, WayUnread, WayTimer, WayRefusal),
	Mechanisms: mechanisms(Abort, Answer, AnswerWithACK, Unexplained),
	When:       First,
	Match: func(c *Case, f *Findings) Confidence {
		if !c.RST.Options.Has(packet.OptTCPRST) || c.RST.Options.Has(packet.OptFastClose) {
			return None
		}
		f.Say(saysCarriesMpTcprstReason)
		if c.Trigger.Valid() {
			f.Say(saysAnswersAfter2)
		}
		return Certain
	},
}

var (
	saysCarriesMpTcprstReason = sentence("carries-mp-tcprst-reason", "{rst} carries MP_TCPRST with reason {rst_mp_reason}")
	saysAnswersAfter2         = sentence("answers-after-2", "it answers {trigger} after {answer_time}")
	storyMptcpReset           = sentence("story-mptcp-reset", "{sender} reset this Multipath TCP subflow because of an error in the protocol, such as a token that it does not know.")
	storyMptcpReset2          = sentence("story-mptcp-reset-2", "{sender} reset this Multipath TCP subflow because it lacks the resources for it.")
	storyMptcpReset3          = sentence("story-mptcp-reset-3", "{sender} reset this Multipath TCP subflow because its policy or limits do not allow it.")
	storyMptcpReset4          = sentence("story-mptcp-reset-4", "{sender} reset this Multipath TCP subflow because too much of its data was outstanding.")
	storyMptcpReset5          = sentence("story-mptcp-reset-5", "{sender} reset this Multipath TCP subflow because it performed badly.")
	storyMptcpReset6          = sentence("story-mptcp-reset-6", "{sender} reset this Multipath TCP subflow because a box on the path interferes with Multipath TCP.")
	storyMptcpReset7          = sentence("story-mptcp-reset-7", "{sender} reset this Multipath TCP subflow without naming a reason.")
)
