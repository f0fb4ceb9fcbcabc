package classify_test

import (
	"testing"

	"github.com/rstwhy/rstwhy/classify"
)

// Three digits in the natural unit, and thousands held apart.
func TestNumbersForPeople(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{classify.Duration(30_000), "0.030 ms"},
		{classify.Duration(8_100_000), "8.10 ms"},
		{classify.Duration(34_000_000), "34.0 ms"},
		{classify.Duration(700_100_000), "700 ms"},
		{classify.Duration(2_000_030_000), "2.00 s"},
		{classify.Duration(29_840_000_000), "29.8 s"},
		{classify.Duration(115_000_000_000), "115 s"},
		{classify.Duration(604_000_000_000), "10m04s"},
		{classify.Duration(-4_000_000), "-4.00 ms"},
		{classify.Grouped(999), "999"},
		{classify.Grouped(1000), "1,000"},
		{classify.Grouped(1960000), "1,960,000"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
