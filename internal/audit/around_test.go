package audit

import (
	"testing"

	"github.com/rstwhy/rstwhy/packet"
)

// scan is a client that asks many ports without options, has one conversation, and
// asks a closed port as its operating system does.
func scan() (headers []packet.Header, rst packet.FrameRef) {
	at := int64(100e9)
	add := func(after int64, there bool, from, to uint16, flags packet.Flags, seq, ack packet.Seq, octets uint32, options packet.Options) {
		at += after
		h := packet.Header{
			Time: at, Frame: uint64(len(headers) + 1), Src: [16]byte{1}, Dst: [16]byte{2}, SrcPort: from, DstPort: to,
			Flags: flags, Seq: seq, Ack: ack, Len: octets, Options: options, TTL: 64,
		}
		if !there {
			h.Src, h.Dst, h.SrcPort, h.DstPort = h.Dst, h.Src, to, from
		}
		headers = append(headers, h)
	}
	for i := range uint16(20) {
		add(1e6, true, 4000, 100+i, packet.SYN, 10, 0, 0, 0)
		add(1e6, false, 4000, 100+i, packet.RST|packet.ACK, 0, 11, 0, 0)
	}
	add(1e6, true, 5000, 80, packet.SYN, 50, 0, 0, packet.OptMSS|packet.OptScale)
	add(1e6, false, 5000, 80, packet.RST|packet.ACK, 0, 51, 0, 0)
	rst = headers[len(headers)-1].Ref()
	add(1e6, true, 5001, 80, packet.SYN, 70, 0, 0, packet.OptMSS|packet.OptScale)
	add(7e6, false, 5001, 80, packet.SYN|packet.ACK, 170, 71, 0, packet.OptMSS)
	add(3e6, true, 5001, 80, packet.ACK, 71, 171, 0, 0)
	add(1e6, true, 5001, 80, packet.ACK, 71, 171, 5, 0)
	add(1e6, false, 5001, 80, packet.ACK, 171, 76, 9, 0)
	add(1e6, false, 5001, 80, packet.ACK, 180, 76, 9, 0)
	return headers, rst
}

// What no recording has a case of is held against packets all the same, and what
// is not so is found.
func TestOthersAreCounted(t *testing.T) {
	headers, rst := scan()
	c := New(headers)
	for _, x := range []struct {
		fact  string
		value int64
		want  Answer
	}{
		{"unlike", 20, True},
		{"unlike", 18, True}, // it is an estimate
		{"unlike", 40, False},
		{"asks", 22, True},
		{"asks", 21, False},
		{"asks", 23, False},
		{"client_rtt", 3e6, True},
		{"client_rtt", 4e6, False},
		{"server_rtt", 7e6, True},
		{"server_rtt", 1e6, False},
		{"rst_to_conversed", 12e6, False}, // one side only
		{"rst_to_conversed", 13e6, True},
		{"rst_to_conversed", 14e6, False}, // the second segment of the server
		{"host_hops", 1, False},
		{"leg_syn", int64(rst), False},
		{"leg_syn", 1, False},
		{"pause_survived", 2e9, False},
		{"survivals", 1, False},
		{"fatalities", 1, False},
		{"late_unseen", 1, False},
		{"repeats", 3, False},
		{"deaf_for", 3e6, False},
	} {
		got, known := c.Check(Claim{RST: rst, Client: [16]byte{1}, Port: 5000, Fact: x.fact, Value: x.value})
		if !known || got != x.want {
			t.Errorf("%s of %d is %s, and not %s", x.fact, x.value, got, x.want)
		}
	}
}
