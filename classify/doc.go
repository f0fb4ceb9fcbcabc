// Package classify says why a connection was reset. Its input is a Case: a
// settled flows.Reset, what other connections show around it, and the word of the
// kernel that may have sent it. Its output is a Verdict: the cause, how sure that
// is, the evidence, what else fits, who sent the RST, what its receiver did with
// it and what it cost.
//
// A Judge first measures the case: the mechanism of the RST (an answer to a
// segment, an abort by the sender's own decision, or neither), its facts, and the
// signs that another hand than the endpoint's made it. Then it asks every rule of
// that mechanism whose facts hold. A kernel's word takes out the rules for which
// it leaves no room. Of those that are left the surest is the verdict; between
// equals, the one that goes before the other by Rule.Over; and what packets may
// not tell from it (Rule.Confused) also fits. The order of the rules means
// nothing.
//
// A Rule is a value with its documentation beside its predicate, one file each.
// Rules are pure: they see one Case and print nothing. What they say is a
// Sentence, a template over named facts, and becomes text when it is printed.
//
// Read case.go, then rule.go and any cause, then judge.go.
package classify
