package classify

import "slices"

// Unlike is the tell of causes between which nothing was declared.
const Unlike = unlike

// NewShuffledJudge returns a Judge over the rules in another order.
func NewShuffledJudge(shuffle func(n int, swap func(i, j int))) *Judge {
	other := slices.Clone(rules)
	shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
	return &Judge{table: newTable(other)}
}
