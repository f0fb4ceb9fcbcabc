//go:build linux

package lab

import (
	"strings"
	"testing"
)

// A fixed recipe is the twin of a mistake, and what it records proves that the
// advice works: truth and capture, which other tests hold against the recipe,
// have no reset.
func TestFixed(t *testing.T) {
	n := 0
	for _, r := range Recipes() {
		name, fixed := strings.CutSuffix(r.Name, "-fixed")
		if !fixed {
			continue
		}
		n++
		if len(r.Resets) > 0 {
			t.Errorf("%s expects %d resets", r.Name, len(r.Resets))
		}
		if mistake, ok := Find(name); !ok || len(mistake.Resets) == 0 {
			t.Errorf("%s fixes no recipe that is reset", r.Name)
		}
	}
	if n < 10 {
		t.Errorf("%d fixed recipes", n)
	}
}
