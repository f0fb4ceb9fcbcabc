package packet_test

import (
	"fmt"

	"github.com/rstwhy/rstwhy/packet"
)

// A server refuses a SYN: the frame holds an IPv4 and a TCP header.
func ExampleDecode() {
	frame := []byte{
		0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, // IPv4, 40 octets, Don't Fragment, TTL 64, TCP
		198, 51, 100, 1, 192, 0, 2, 1, // from, to
		0, 80, 0x9c, 0x40, // from port 80 to 40000
		0, 0, 0, 0, 0, 0, 0x10, 0x01, // sequence number 0, acknowledgment 4097
		0x50, 0x14, 0, 0, 0, 0, 0, 0, // 20 octets of header, RST and ACK, window 0
	}
	var h packet.Header
	if skip := packet.Decode(&h, packet.LinkRaw, frame, len(frame)); skip != packet.Decoded {
		fmt.Println("no TCP segment:", skip)
		return
	}
	fmt.Println(h.Source(), ">", h.Destination(), h.Flags, "ack", h.Ack, "window", h.Window, "ttl", h.TTL)
	fmt.Println("refused:", h.Flags.Has(packet.RST|packet.ACK) && h.Seq == 0)

	// What holds no TCP segment says why.
	frame[9] = 17
	fmt.Println(packet.Decode(&h, packet.LinkRaw, frame, len(frame)))
	// Output:
	// 198.51.100.1:80 > 192.0.2.1:40000 R. ack 4097 window 0 ttl 64
	// refused: true
	// not TCP
}
