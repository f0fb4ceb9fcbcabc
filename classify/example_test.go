package classify_test

import (
	"fmt"

	"github.com/rstwhy/rstwhy/classify"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// namer writes evidence with "frame 2" and "the server".
type namer struct{}

func (namer) Frame(f packet.FrameRef) string { return fmt.Sprintf("frame %d", f.Frame()) }
func (namer) End(d flows.Dir) string         { return "the " + d.String() }

// Judge a RST by its packets alone, and once more with what the kernel of the
// server says of it.
func ExampleJudge() {
	client := [16]byte{10: 0xff, 11: 0xff, 12: 192, 13: 0, 14: 2, 15: 1}
	server := [16]byte{10: 0xff, 11: 0xff, 12: 198, 13: 51, 14: 100, 15: 1}
	up := packet.Header{Src: client, SrcPort: 40000, Dst: server, DstPort: 80, Window: 64240, TTL: 64}
	down := packet.Header{Src: server, SrcPort: 80, Dst: client, DstPort: 40000, Window: 65160, TTL: 64}

	// A client connects and sends 300 octets; the server resets the connection.
	var capture packet.Batch
	send := func(h packet.Header, flags packet.Flags, seq, ack packet.Seq, payload uint32) {
		h.Frame = uint64(len(capture.Headers) + 1)
		h.Time = int64(h.Frame) * 50_000 // 50 us from one to the next
		h.Flags, h.Seq, h.Ack, h.Len = flags, seq, ack, payload
		capture.Headers = append(capture.Headers, h)
	}
	send(up, packet.SYN, 1000, 0, 0)
	send(down, packet.SYN|packet.ACK, 7000, 1001, 0)
	send(up, packet.ACK, 1001, 7001, 0)
	send(up, packet.PSH|packet.ACK, 1001, 7001, 300)
	send(down, packet.RST|packet.ACK, 7001, 1301, 0)

	table := flows.NewTable(flows.Config{})
	for range table.Add(&capture) {
		// Nothing comes out yet: a RST settles two seconds later, or when the input ends.
	}
	var judge classify.Judge
	for output := range table.Flush() {
		for _, reset := range output.Resets {
			c := classify.Case{Reset: reset}
			v := judge.Verdict(&c)
			fmt.Printf("the packets: %s, %s\n", v.Rule.ID, v.Confidence)
			fmt.Println("  because", v.Evidence[0].Text(namer{}))
			for _, also := range v.AlsoFits {
				fmt.Println("  or", also.Rule.ID)
			}

			c.Kernel = classify.Testimony{Word: classify.Spoke, Reason: "TCP_STATE", Active: true}
			v = judge.Verdict(&c)
			fmt.Printf("the kernel %s: %s, %s\n", v.Kernel, v.Rule.ID, v.Confidence)
		}
	}
	// Output:
	// the packets: unread-data-on-close, likely
	//   because the client had sent 300 bytes in all, the last 0.050 ms before the RST
	//   or deliberate-abort
	// the kernel decides: deliberate-abort, likely
}
