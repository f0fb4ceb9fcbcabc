package classify_test

import (
	"testing"

	"github.com/rstwhy/rstwhy/classify"
)

// Every way in which a RST can have come about has a cause that stands for it,
// and every way is either left or excluded, with a reason.
func TestEveryWayIsCovered(t *testing.T) {
	all := everyReset(t)
	var judge classify.Judge
	for i := range all {
		v := judge.Verdict(all[i].of())
		stand := v.Rule.Ways
		for _, a := range v.AlsoFits {
			stand |= a.Rule.Ways
		}
		named := v.Possible
		for k := range v.Excluded {
			x := &v.Excluded[k]
			if named&x.Ways != 0 || x.Because.Sentence == nil {
				t.Fatalf("RST of %s, %s: ways %b are left and excluded, or excluded without a reason", all[i].reset.RST.Source(), v.Rule.ID, x.Ways)
			}
			named |= x.Ways
		}
		for w := range classify.NumWays {
			switch {
			case !named.Has(w):
				t.Fatalf("RST of %s, %s: %v is neither left nor excluded", all[i].reset.RST.Source(), v.Rule.ID, w)
			case v.Possible.Has(w) && !stand.Has(w):
				t.Fatalf("RST of %s: nothing stands for %v beside %s", all[i].reset.RST.Source(), w, v.Rule.ID)
			}
		}
	}
}
