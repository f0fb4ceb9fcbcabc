package classify

import (
	"testing"

	"github.com/rstwhy/rstwhy/flows"
)

func TestStage(t *testing.T) {
	for _, c := range []struct {
		known       flows.Known
		first, last int64
		want        string
	}{
		{0, 0, 0, ""},
		{flows.SawSYN, 0, 0, "post-syn"},
		{flows.SawSYN | flows.SawPlainAck, 0, 0, "post-ack"},
		{flows.SawSYN | flows.SawPlainAck | flows.SawData, 5, 5, "post-psh"},
		{flows.SawSYN | flows.SawPlainAck | flows.SawData, 5, 9, "later"},
	} {
		r := &flows.Reset{}
		client := &r.Flow.Side[flows.Client]
		client.Known, client.DataFirst, client.DataLast = c.known, c.first, c.last
		if got := stageOf(&Case{Reset: r}).String(); got != c.want {
			t.Errorf("%v: %q, want %q", c.known, got, c.want)
		}
	}
}
