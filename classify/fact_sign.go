package classify

import "math/bits"

// Signs is a set of indicators that another hand than the endpoint's made a RST.
type Signs uint32

// The signs. What each is, what it proves and how it is seen stands in signs.
const (
	CarriedOn Signs = 1 << iota
	AnsweredToo
	AnsweredTwice
	ImpossibleNumber
	ImpossibleTimestamp
	SteppedCopies
	ReservedBits
	BothEnds
	NamesItself

	OtherDistance
	TooEarly
	IDEcho
	FarOff
	BothEndsIdle
	Nearer
	WindowEcho
	NoDF
	NotCopied
	NoTimestamps
	OtherID

	WrongRefusal
	Ahead
	NotAdvanced
	WindowOnAnswer
	Damaged

	CopiedNumber
)

// sign is one indicator. Each looks at the case alone and never at other signs:
// what they mean together is concluded afterwards.
type sign struct {
	bit Signs
	id  string // kebab case, unique
	// proves says that the sign alone proves another hand.
	proves bool
	// weight counts towards enough where nothing proves anything: 2 for a strong
	// hint.
	weight int
	// forger says that the sign speaks of a forger, who has no stack, rather than
	// of another box.
	forger     bool
	doc        string
	mechanisms Mechanisms // of which RSTs it can be seen; 0 for every
	when       Facts      // what holds wherever it is seen
	// see reports whether it is seen, and the sentence that says so; nil where
	// another sign's says it already.
	see func(*Case) (*Sentence, bool)
}

// signs is the table. Reports list what was seen in its order, which means
// nothing else.
//
// Sources: Weaver, Sommer, Paxson, "Detecting Forged TCP Reset Packets", NDSS
// 2009; RFC 9293, 3.5.2 and 3.10.7; the senders' source named at each.
var signs = []*sign{
	&bigIPPayload, &diagnosticPayload, &netScalerWindow,
	&answeredToo, &answeredTwice,
	&reservedBits, &impossibleTimestamp, &impossibleNumber, &ahead, &impossibleAck,
	&steppedCopies, &farCopies, &bothEndsIdle, &bothEnds,
	&otherDistance, &farOff, &nearerThanHost, &otherDistanceThanElsewhere,
	&tooEarly, &tooEarlyForData,
	&idEcho, &windowEcho, &notCopied,
	&noDF, &noTimestamps, &otherID,
	&wrongRefusal, &windowOnAnswer, &notAdvanced, &damaged,
	&carriedOnAndTook, &carriedOn,
	&copiedNumber,
}

// looked is what it takes to look for a sign, in few lines of memory.
type looked struct {
	when   Facts
	bit    Signs
	proves bool
	see    func(*Case) (*Sentence, bool)
}

// signsFor has the signs that can be seen of each mechanism, in the order of the
// table.
var signsFor = func() (of [Abort + 1][]looked) {
	for m := range of {
		for _, s := range signs {
			if s.mechanisms == 0 || s.mechanisms.Has(Mechanism(m)) {
				of[m] = append(of[m], looked{s.when, s.bit, s.proves, s.see})
			}
		}
	}
	return of
}()

// The sets and weights of the table.
var (
	proofSigns, forgerSigns Signs
	signWeights             [32]int
)

func init() {
	for _, s := range signs {
		if s.proves {
			proofSigns |= s.bit
		}
		if s.forger {
			forgerSigns |= s.bit
		}
		signWeights[bits.TrailingZeros32(uint32(s.bit))] = s.weight
	}
}

// Has reports whether every sign of want was found.
func (s Signs) Has(want Signs) bool { return s&want == want }

// Any reports whether one of want was found.
func (s Signs) Any(want Signs) bool { return s&want != 0 }

// Proofs returns those of s that prove another hand, each alone.
func (s Signs) Proofs() Signs { return s & proofSigns }

// weight adds up the hints of s.
func (s Signs) weight() int {
	n := 0
	for left := uint32(s &^ proofSigns); left != 0; left &= left - 1 {
		n += signWeights[bits.TrailingZeros32(left)]
	}
	return n
}
