package packet

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// fuzz decodes frames of one link type, and compares the result with
// gopacket's layers where both accept the frame. first returns the decoder of
// gopacket for a frame and where it begins.
func fuzz(f *testing.F, link Link, first func([]byte) (gopacket.Decoder, []byte), prefix4, prefix6 []byte) {
	for _, rest := range []string{
		ip4 + rst4,
		"4500002d" + ip4[9:] + rst4 + "676f6e6578",
		"45000034" + ip4[9:] + head + "80100000 00000000 0101080a 00000003 00000004",
		"4500003c" + ip4[9:] + head + "a0020000 00000000 020405b4 0402 080a0000000300000000 01 030307",
		"45000034" + ip4[9:] + head + "80140000 00000000 1e0c7000 0102030405060708",
		"4500005a 00014000 40110000 c0000201 c0000202 c000 12b5 0046 0000 08000000 00000700" + macs + "0800" + ip4 + rst4,
		"45000058 00014000 40110000 c0000201 c0000202 0dd8 c000 0044 0000" + ip6 + rst6,
		"4500005a 00014000 402f0000 c0000201 c0000202 100088be 00000001 1000000100000000" + macs + "0800" + ip4 + rst4,
	} {
		f.Add(append(prefix4[:len(prefix4):len(prefix4)], octets(rest)...), uint16(0))
	}
	for _, rest := range []string{
		ip6 + rst6,
		"602abcde 002c0040" + ip6[18:] + "3c00 050200000000 2b00 0104000000 00 0600 0000 00000000" + rst6,
		"602abcde 00000640" + ip6[18:] + rst6,
	} {
		f.Add(append(prefix6[:len(prefix6):len(prefix6)], octets(rest)...), uint16(0))
	}
	f.Fuzz(func(t *testing.T, frame []byte, missing uint16) {
		h := filled()
		skip := Decode(&h, link, frame, len(frame)+int(missing))
		if h.Time != 7 || h.Frame != 8 || h.File != 9 {
			t.Fatal("time, frame or file were overwritten")
		}
		if skip != Decoded {
			return
		}
		again := Header{Time: 7, Frame: 8, File: 9}
		if Decode(&again, link, frame, len(frame)+int(missing)); again != h {
			t.Fatalf("the result depends on what the header held before:\n%+v\n%+v", h, again)
		}
		if h.Marks.Has(Tunnelled) != (h.Zone != 0) {
			t.Fatalf("zone %d with marks %b", h.Zone, h.Marks)
		}
		if missing != 0 || h.Marks&(Tunnelled|Cut|LengthGuessed) != 0 || h.Options.Has(OptBroken) {
			return
		}
		decoder, frame := first(frame)
		if decoder == nil {
			return
		}
		compare(t, &h, gopacket.NewPacket(frame, decoder, gopacket.DecodeOptions{NoCopy: true}))
	})
}

func compare(t *testing.T, h *Header, p gopacket.Packet) {
	tcp, ok := p.TransportLayer().(*layers.TCP)
	if !ok || p.ErrorLayer() != nil || p.Metadata().Truncated {
		return
	}
	var src, dst []byte
	var tos, ttl uint8
	payload := uint32(len(tcp.Payload))
	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		src, dst, tos, ttl = ip.SrcIP, ip.DstIP, ip.TOS, ip.TTL
		if ip.Id != h.IPID {
			t.Errorf("IP id %d, gopacket %d", h.IPID, ip.Id)
		}
		if df := ip.Flags&layers.IPv4DontFragment != 0; df != h.Marks.Has(DF) {
			t.Errorf("DF in marks %b, gopacket %v", h.Marks, df)
		}
	case *layers.IPv6:
		src, dst, tos, ttl = ip.SrcIP, ip.DstIP, ip.TrafficClass, ip.HopLimit
		if ip.HopByHop != nil {
			// gopacket forgets the payload length then, and takes in the padding.
			payload = h.Len
		}
		if ip.FlowLabel != h.FlowLabel {
			t.Errorf("flow label %d, gopacket %d", h.FlowLabel, ip.FlowLabel)
		}
	}
	from, _ := netip.AddrFromSlice(src)
	to, _ := netip.AddrFromSlice(dst)
	flags := Flags(binary.BigEndian.Uint16(tcp.Contents[12:]) & 0xfff)
	if h.Src != from.As16() || h.SrcPort != uint16(tcp.SrcPort) || h.Dst != to.As16() || h.DstPort != uint16(tcp.DstPort) ||
		h.TOS != tos || h.TTL != ttl ||
		h.Seq != Seq(tcp.Seq) || h.Ack != Seq(tcp.Ack) || h.Window != tcp.Window || h.Flags != flags ||
		h.Len != payload {
		t.Errorf("%v > %v %+v\ngopacket %v:%d > %v:%d, %d octets: %+v", h.Source(), h.Destination(), h,
			from, tcp.SrcPort, to, tcp.DstPort, payload, tcp)
	}
	var options Options
	for _, o := range tcp.Options {
		switch o.OptionType {
		case layers.TCPOptionKindMSS:
			options |= OptMSS
		case layers.TCPOptionKindWindowScale:
			options |= OptScale
		case layers.TCPOptionKindSACKPermitted:
			options |= OptSACKPerm
		case layers.TCPOptionKindTimestamps:
			options |= OptTimestamps
		}
	}
	const known = OptMSS | OptScale | OptSACKPerm | OptTimestamps
	if h.Options&known != options {
		t.Errorf("options %b, gopacket %b", h.Options&known, options)
	}
}

// always is a link layer that gopacket knows too.
func always(d gopacket.Decoder) func([]byte) (gopacket.Decoder, []byte) {
	return func(frame []byte) (gopacket.Decoder, []byte) { return d, frame }
}

func FuzzEthernet(f *testing.F) {
	fuzz(f, LinkEthernet, always(layers.LayerTypeEthernet), octets(macs, "0800"), octets(macs, "8100 000c 86dd"))
}

func FuzzCiscoMetaData(f *testing.F) {
	// gopacket does not know it.
	fuzz(f, LinkEthernet, always(nil), octets(macs, "8909 0101 0001 0007 0800"), octets(macs, "8100 000c 8909 0101 0001 0007 86dd"))
}

func FuzzSLL(f *testing.F) {
	fuzz(f, LinkSLL, always(layers.LayerTypeLinuxSLL),
		octets("0000 0001 0006 020000000001 0000 0800"), octets("0004 0001 0006 020000000001 0000 86dd"))
}

func FuzzSLL2(f *testing.F) {
	// gopacket does not know SLL2.
	fuzz(f, LinkSLL2, func(frame []byte) (gopacket.Decoder, []byte) {
		return layers.EthernetType(binary.BigEndian.Uint16(frame)), frame[20:]
	}, octets("0800 0000 00000002 0001 00 06 0200000000010000"), octets("86dd 0000 00000002 0001 04 06 0200000000010000"))
}

func FuzzRaw(f *testing.F) {
	fuzz(f, LinkRaw, func(frame []byte) (gopacket.Decoder, []byte) {
		if frame[0]>>4 == 4 {
			return layers.LayerTypeIPv4, frame
		}
		return layers.LayerTypeIPv6, frame
	}, nil, nil)
}

func FuzzNull(f *testing.F) {
	fuzz(f, LinkNull, always(layers.LayerTypeLoopback), octets("02000000"), octets("1e000000"))
}

func FuzzLoop(f *testing.F) {
	fuzz(f, LinkLoop, always(layers.LayerTypeLoopback), octets("00000002"), octets("0000001c"))
}

func FuzzFDDI(f *testing.F) {
	fuzz(f, LinkFDDI, always(layers.LayerTypeFDDI),
		octets("57", macs, "aaaa03 000000 0800"), octets("57", macs, "aaaa03 000000 86dd"))
}

func FuzzPPP(f *testing.F) {
	// gopacket knows only the framing that begins with the protocol.
	fuzz(f, LinkPPP, always(nil), octets("ff03 0021"), octets("0103 0057"))
}

func FuzzNFLOG(f *testing.F) {
	// gopacket does not know it.
	fuzz(f, LinkNFLOG, always(nil), octets("02 00 0005 0800 0100 0800 01 00 ffff 0900"), octets("0a 00 0000 0008 0001 86dd 03 00 ffff 0009"))
}

func FuzzPKTAP(f *testing.F) {
	// gopacket does not know it.
	fuzz(f, LinkPKTAP, always(nil), octets(pktap("01"), "01000000", pktapRest, macs, "0800"), octets(pktap("0c"), "02000000", pktapRest))
}

func FuzzRadiotap(f *testing.F) {
	// gopacket takes the frame check sequence for granted.
	fuzz(f, LinkRadiotap, always(nil), octets("0000 0800 00000000", data80211, "aaaa03 000000 0800"),
		octets("0000 1900 03000080 00000000 00000000 1122334455667788 20 8801", data80211[4:], "0000 0000 aaaa03 000000 86dd"))
}
