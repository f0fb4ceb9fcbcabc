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

// refusals is a conversation in which n ports are refused at once.
func refusals(n int) *conversation {
	c := &conversation{now: 1e18}
	for i := range n {
		c.port = uint16(1024 + i)
		c.send(Client, 0, packet.SYN, 100, 0, 0)
		c.send(Server, 1, packet.RST|packet.ACK, 0, 101, 0)
	}
	return c
}

// However much is due at once, no piece holds many resets.
func TestPiecesAreSmall(t *testing.T) {
	const n = 500
	c := refusals(n)
	table := NewTable(Config{})
	for range table.Add(&c.batch) {
	}
	resets := 0
	for out := range table.Advance(c.now + int64(Grace) + sec) {
		if len(out.Resets) > pieceMax {
			t.Errorf("%d resets at once", len(out.Resets))
		}
		resets += len(out.Resets)
	}
	if resets != n {
		t.Errorf("%d resets, want %d", resets, n)
	}
}

// Who leaves the loop misses what would have come, and nothing else goes wrong.
func TestLeavingTheLoop(t *testing.T) {
	c := refusals(500)
	table := NewTable(Config{})
	for range table.Add(&c.batch) {
		break
	}
	pieces := 0
	for range table.Advance(c.now + int64(Grace) + sec) {
		pieces++
		break
	}
	if pieces != 1 || table.pending.len() != 0 {
		t.Errorf("%d pieces, %d resets wait", pieces, table.pending.len())
	}
	for out := range table.Flush() {
		if len(out.Resets) > 0 {
			t.Errorf("%d resets come twice", len(out.Resets))
		}
	}
	if table.Live() != 0 {
		t.Errorf("%d connections are left", table.Live())
	}
}
