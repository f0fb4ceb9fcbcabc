package flows

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rstwhy/rstwhy/packet"
)

// trace says of each item what it is and of which client's port.
func trace(out *Output) (list []string) {
	for item := range out.Items() {
		switch e := item.Event; {
		case e != nil:
			list = append(list, fmt.Sprint([]string{"asked", "answered", "was reset"}[e.Kind], " ", e.Ends[Client].Port))
		case item.Reset != nil:
			list = append(list, fmt.Sprint("settled ", item.Reset.Flow.Ends[Client].Port))
		default:
			list = append(list, fmt.Sprint("note ", item.Note.Ends[Client].Port))
		}
	}
	return list
}

// What came before a reset's grace was over stands before it in the output, and
// the rest behind it.
func TestOutputIsInOrder(t *testing.T) {
	c := conversation{now: 1e18, port: 1}
	c.send(Client, 0, packet.SYN, 100, 0, 0)
	c.send(Server, ms, packet.RST|packet.ACK, 0, 101, 0)
	c.port = 2
	c.send(Client, int64(Grace)-ms, packet.SYN, 100, 0, 0)
	c.port = 3
	c.send(Client, ms, packet.SYN, 100, 0, 0) // the very moment at which the grace ends
	c.port = 2
	c.send(Client, sec, packet.SYN, 200, 0, 0) // not the connection that was tried before
	table := NewTable(Config{})
	out := run(table, &c.batch)
	flush(table, &out)
	want := []string{"asked 1", "was reset 1", "asked 2", "settled 1", "asked 3", "note 2", "asked 2", "note 3"}
	if got := trace(&out); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for item := range out.Items() {
		if item.Event == nil {
			t.Error("the list begins with something else")
		}
		break
	}
	if out.Empty(); len(trace(&out)) != 0 {
		t.Error("something is left")
	}
}
