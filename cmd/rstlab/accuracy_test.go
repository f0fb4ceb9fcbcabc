package main

import (
	"os"
	"strings"
	"testing"
)

// The checked-in matrix is that of the rules as they are, and as good as
// promised.
func TestAccuracy(t *testing.T) {
	a, err := measureAccuracy("../../testdata/pcaps")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/accuracy.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), matrixStart+a.markdown()+matrixEnd) {
		t.Error("docs/accuracy.md is not what the rules give now: run make accuracy, and look at what has changed")
	}
	sum, sep := a.total(all), a.total(separable)
	for _, w := range a.wrong {
		t.Error(w)
	}
	if sum.wrongCertain != 0 {
		t.Errorf("%d verdicts are wrong and certain", sum.wrongCertain)
	}
	if sep.first != sep.resets {
		t.Errorf("the verdict is right for %d of %d resets that packets can tell apart", sep.first, sep.resets)
	}
	for what, c := range map[string]*tally{"resets": &sum, "incidents": &a.incidents} {
		if 10*c.first < 9*c.resets {
			t.Errorf("the verdict is right for %d of %d %s", c.first, c.resets, what)
		}
		if c.mean() > 1.6 {
			t.Errorf("verdict and also-fits name %.2f causes on average of %s", c.mean(), what)
		}
	}
}
