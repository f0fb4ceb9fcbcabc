package report

import (
	"context"
	"net/netip"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/capture"
	"github.com/rstwhy/rstwhy/classify"
)

// What is shown and what is left out is all that there is, whatever is asked for.
func TestSelectionAddsUp(t *testing.T) {
	selections := []Selection{
		{},
		{Harmful: true, Words: "--harmful"},
		{Confidence: classify.Likely, Words: "likely"},
		{Families: []classify.Family{classify.FamilyNoListener}, Words: "family"},
		{Causes: []string{"unread-data-on-close", "no-listener"}, Words: "causes"},
		{Hosts: []netip.Prefix{netip.MustParsePrefix("10.7.0.0/24")}, Words: "host"},
		{Ports: []PortRange{{1, 1023}}, Words: "ports"},
	}
	some, none := 0, 0
	for _, paths := range inputs(t) {
		for _, s := range selections {
			src, err := capture.Open(paths, capture.Config{})
			if err != nil {
				t.Fatal(err)
			}
			c := &collected{collector: newCollector(nil), notes: newCollector(nil)}
			chosen := &Chosen{Selection: s, To: []analyzer.Sink{c}}
			sum, err := analyzer.Run(context.Background(), src, analyzer.Config{}, chosen)
			src.Close()
			if err != nil {
				t.Fatal(err)
			}
			chosen.Tell(sum)
			d := c.document(sum, c.notes)
			d.first(1)
			if got := resetsOf(d.Causes) + resetsOf(d.More) + sum.LeftOut.Resets; got != sum.Flows.RSTs {
				t.Errorf("%s, %s: %d resets are shown or left out, there are %d", paths[0], s.Words, got, sum.Flows.RSTs)
			}
			if got := uint64(len(c.all)) + sum.LeftOut.Incidents; got != sum.Incidents {
				t.Errorf("%s, %s: %d incidents are shown or left out, there are %d", paths[0], s.Words, got, sum.Incidents)
			}
			for _, i := range c.all {
				if !s.Incident(i) {
					t.Errorf("%s, %s: frame %d is shown", paths[0], s.Words, i.Reset.RST.Frame)
				}
			}
			if s.All() && sum.LeftOut != (analyzer.LeftOut{}) {
				t.Errorf("%s: %+v is left out when all is asked for", paths[0], sum.LeftOut)
			}
			if sum.LeftOut.Incidents > 0 {
				some++
			} else {
				none++
			}
		}
	}
	if some == 0 || none == 0 {
		t.Errorf("%d selections left something out, %d nothing: want both", some, none)
	}
}
