// Package classify says why a connection was reset. Its input is a settled
// flows.Reset, its output a Verdict: the cause, how sure that is, the evidence,
// and what else fits.
//
// It first settles the kind of the RST: an answer to a segment, an abort by the
// sender's own decision, or neither (kind.go). Then every rule of that kind is
// asked; the strongest answer wins, the order of the table in rules.go breaks
// ties, and the other rules that matched become "also fits". A rule is a value
// with its documentation beside its predicate, one file each. Rules are pure:
// they see one Case, print nothing, and know nothing of each other's order.
package classify
