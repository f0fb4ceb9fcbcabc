package packet

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// octets turns rows of hexadecimal digits into a frame. Spaces are for reading.
func octets(rows ...string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Join(rows, ""), " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// The layers that the rows below are put together from. Checksums are right.
const (
	macs = "020000000002 020000000001"
	ip4  = "45000028 12344000 4006149a 0a000001 0a000002"                                        // 10.0.0.1 to 10.0.0.2, id 0x1234, DF, TTL 64
	ip6  = "602abcde 00140640 20010db8000000000000000000000001 20010db8000000000000000000000002" // class 2, label 0xabcde
	rst4 = "9c400050 00000001 00000002 50140000 ff3a0000"                                        // 40000 to 80, RST and ACK, over ip4
	rst6 = "9c400050 00000001 00000002 50140000 b7c80000"                                        // the same over ip6
	pad6 = "000000000000"                                                                        // to the 60 octets of the shortest Ethernet frame
	head = "9c400050 00000001 00000002"                                                          // a TCP header up to the data offset

	data80211 = "0801 0000 020000000002 020000000001 020000000003 3000" // a data frame to an access point
	pktapRest = "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" + "000000000000000000000000000000000000000000000000"
)

// pktap is a PKTAP header of 108 octets, up to the flags, for a DLT_ value below
// 256.
func pktap(dlt string) string {
	return "6c000000 01000000" + dlt + "000000 656e3000" + strings.Repeat("00", 20)
}

// over4 is what rst4 over ip4 decodes to.
func over4(change ...func(*Header)) Header {
	h := Header{
		Time: 7, Frame: 8, File: 9,
		Src: [16]byte{10: 0xff, 11: 0xff, 12: 10, 15: 1}, Dst: [16]byte{10: 0xff, 11: 0xff, 12: 10, 15: 2},
		SrcPort: 40000, DstPort: 80, Seq: 1, Ack: 2, Flags: RST | ACK,
		Marks: DF, IPID: 0x1234, TTL: 64,
	}
	for _, c := range change {
		c(&h)
	}
	return h
}

// over6 is what rst6 over ip6 decodes to.
func over6(change ...func(*Header)) Header {
	h := over4(change...)
	h.Src, h.Dst = [16]byte{0x20, 1, 0x0d, 0xb8, 15: 1}, [16]byte{0x20, 1, 0x0d, 0xb8, 15: 2}
	h.Marks = h.Marks&^DF | IPv6
	h.IPID, h.TOS, h.FlowLabel = 0, 2, 0xabcde
	return h
}

func marks(m Marks) func(*Header)   { return func(h *Header) { h.Marks |= m } }
func vlan(id uint16) func(*Header)  { return func(h *Header) { h.VLAN = id } }
func opts(o Options) func(*Header)  { return func(h *Header) { h.Options |= o } }
func length(n uint32) func(*Header) { return func(h *Header) { h.Len = n } }
func peek(s string) func(*Header)   { return func(h *Header) { h.PeekN = uint8(copy(h.Peek[:], s)) } }
func zone(h *Header)                { h.Marks |= Tunnelled; h.Zone = math.MaxUint32 } // any but zero
func unset(m Marks) func(*Header)   { return func(h *Header) { h.Marks &^= m } }
func flags(f Flags) func(*Header)   { return func(h *Header) { h.Flags = f } }

func TestDecode(t *testing.T) {
	for _, test := range []struct {
		name    string
		link    Link
		frame   []byte
		missing int // octets that the capture cut off
		want    Header
	}{
		{"Ethernet", LinkEthernet, octets(macs, "0800", ip4, rst4), 0, over4()},
		{"Ethernet IPv6", LinkEthernet, octets(macs, "86dd", ip6, rst6), 0, over6()},
		{"padding is no payload", LinkEthernet, octets(macs, "0800", ip4, rst4, pad6), 0, over4()},
		{"802.1Q", LinkEthernet, octets(macs, "8100 a00c", "0800", ip4, rst4), 0, over4(vlan(12))},
		{"802.1ad", LinkEthernet, octets(macs, "88a8 0064", "8100 000c", "0800", ip4, rst4), 0, over4(vlan(100))},
		{"9100", LinkEthernet, octets(macs, "9100 0064", "8100 000c", "86dd", ip6, rst6), 0, over6(vlan(100))},
		{"priority tag", LinkEthernet, octets(macs, "8100 e000", "0800", ip4, rst4), 0, over4()},
		{"LLC SNAP", LinkEthernet, octets(macs, "0030 aaaa03 000000 0800", ip4, rst4), 0, over4()},
		{"LLC with the SAP of IP", LinkEthernet, octets(macs, "002b 060603", ip4, rst4), 0, over4()},
		{"Cisco MetaData", LinkEthernet, octets(macs, "8909 0101 0001 0007 0800", ip4, rst4), 0, over4()},
		{"Cisco MetaData within a VLAN", LinkEthernet, octets(macs, "8100 000c 8909 0101 0001 ffff 86dd", ip6, rst6), 0, over6(vlan(12))},
		{"PPPoE", LinkEthernet, octets(macs, "8864 11000001002a 0021", ip4, rst4), 0, over4()},
		{"PPPoE IPv6", LinkEthernet, octets(macs, "8864 11000001003e 0057", ip6, rst6), 0, over6()},
		{"PPPoE, compressed protocol", LinkEthernet, octets(macs, "8864 110000010029 21", ip4, rst4), 0, over4()},
		{"MPLS", LinkEthernet, octets(macs, "8847 00010040 00011140", ip4, rst4), 0, over4()},
		{"MPLS IPv6", LinkEthernet, octets(macs, "8848 00011140", ip6, rst6), 0, over6()},
		{"MPLS pseudowire", LinkEthernet, octets(macs, "8847 00011140 00000000", macs, "0800", ip4, rst4), 0, over4()},
		{"SLL", LinkSLL, octets("0000 0001 0006 020000000001 0000 0800", ip4, rst4), 0, over4(marks(Incoming))},
		{"SLL sent", LinkSLL, octets("0004 0001 0006 020000000001 0000 86dd", ip6, rst6), 0, over6(marks(Outgoing))},
		{"SLL of others", LinkSLL, octets("0003 0001 0006 020000000001 0000 0800", ip4, rst4), 0, over4()},
		{"SLL VLAN", LinkSLL, octets("0000 0001 0006 020000000001 0000 8100 000c 0800", ip4, rst4), 0, over4(marks(Incoming), vlan(12))},
		{"SLL LLC", LinkSLL, octets("0000 0001 0006 020000000001 0000 0004 aaaa03 000000 0800", ip4, rst4), 0, over4(marks(Incoming))},
		{"SLL2", LinkSLL2, octets("0800 0000 00000002 0001 00 06 0200000000010000", ip4, rst4), 0, over4(marks(Incoming))},
		{"SLL2 sent", LinkSLL2, octets("86dd 0000 00000002 0001 04 06 0200000000010000", ip6, rst6), 0, over6(marks(Outgoing))},
		{"raw", LinkRaw, octets(ip4, rst4), 0, over4()},
		{"raw IPv6", LinkRaw, octets(ip6, rst6), 0, over6()},
		{"null, little endian", LinkNull, octets("02000000", ip4, rst4), 0, over4()},
		{"null, big endian", LinkNull, octets("00000002", ip4, rst4), 0, over4()},
		{"null macOS IPv6", LinkNull, octets("1e000000", ip6, rst6), 0, over6()},
		{"null FreeBSD IPv6", LinkNull, octets("0000001c", ip6, rst6), 0, over6()},
		{"loop", LinkLoop, octets("00000002", ip4, rst4), 0, over4()},
		{"loop IPv6", LinkLoop, octets("00000018", ip6, rst6), 0, over6()},
		{"FDDI", LinkFDDI, octets("57", macs, "aaaa03 000000 0800", ip4, rst4), 0, over4()},

		{"PPP", LinkPPP, octets("0021", ip4, rst4), 0, over4()},
		{"PPP in HDLC framing", LinkPPP, octets("ff03 0057", ip6, rst6), 0, over6()},
		{"PPP, compressed protocol", LinkPPP, octets("ff03 21", ip4, rst4), 0, over4()},
		{"PPP received, by pppd", LinkPPP, octets("0003 0021", ip4, rst4), 0, over4(marks(Incoming))},
		{"PPP sent, by pppd", LinkPPP, octets("0103 0021", ip4, rst4), 0, over4(marks(Outgoing))},
		{"HDLC of Cisco", LinkPPP, octets("0f00 0800", ip4, rst4), 0, over4()},
		{"PPPoE session", LinkPPPoE, octets("11000001002a 0021", ip4, rst4), 0, over4()},
		{"NFLOG", LinkNFLOG, octets("02 00 0005", "0800 0100 0800 01 00", "0500 0a00 78 000000", "2c00 0900", ip4, rst4), 0, over4(marks(Incoming))},
		{"NFLOG sent, big endian", LinkNFLOG, octets("0a 00 0000", "0008 0001 86dd 03 00", "0040 0009", ip6, rst6), 0, over6(marks(Outgoing))},
		{"NFLOG forwarded", LinkNFLOG, octets("02 00 0000", "0800 0100 0800 02 00", "2c00 0900", ip4, rst4), 0, over4()},
		{"PKTAP, Ethernet", LinkPKTAP, octets(pktap("01"), "01000000", pktapRest, macs, "0800", ip4, rst4), 0, over4(marks(Incoming))},
		{"PKTAP sent, loopback", LinkPKTAP, octets(pktap("00"), "02000000", pktapRest, "1e000000", ip6, rst6), 0, over6(marks(Outgoing))},
		{"PKTAP, raw", LinkPKTAP, octets(pktap("0c"), "00000000", pktapRest, ip4, rst4), 0, over4()},
		{"802.11", Link80211, octets(data80211, "aaaa03 000000 0800", ip4, rst4), 0, over4()},
		{"802.11, QoS", Link80211, octets("8801 0000", data80211[9:], "0000", "aaaa03 000000 0800", ip4, rst4), 0, over4()},
		{"802.11, HT control", Link80211, octets("8881 0000", data80211[9:], "0000 00000000", "aaaa03 000000 86dd", ip6, rst6), 0, over6()},
		{"802.11, four addresses", Link80211, octets("0803 0000", data80211[9:], "020000000004", "aaaa03 000000 0800", ip4, rst4), 0, over4()},
		{"radiotap", LinkRadiotap, octets("0000 0800 00000000", data80211, "aaaa03 000000 0800", ip4, rst4), 0, over4()},
		{"radiotap, padded", LinkRadiotap, octets("0000 1900 03000080 00000000 00000000 1122334455667788 20", "8801 0000", data80211[9:], "0000 0000", "aaaa03 000000 0800", ip4, rst4), 0, over4()},
		{"radiotap with check sequence", LinkRadiotap, octets("0000 0900 02000000 10", data80211, "aaaa03 000000 0800", ip4, rst4, "01020304"), 0, over4()},

		{"IPv4 options", LinkRaw, octets("4600002c 12344000 40060000 0a000001 0a000002 01010100", rst4), 0, over4()},
		{"IPv4 total length zero", LinkRaw, octets("45000000 12344000 40060000 0a000001 0a000002", rst4, "6162"), 100,
			over4(marks(LengthGuessed|Cut), length(102), peek("ab"))},
		{"IPv6 payload length zero", LinkRaw, octets("602abcde 00000640", ip6[18:], rst6, "6162"), 100000,
			over6(marks(LengthGuessed|Cut), length(100002), peek("ab"))},
		{"jumbogram", LinkRaw, octets("602abcde 00000040", ip6[18:], "0600 c204 000186b4", rst6, "6162"), 100000,
			over6(marks(LengthGuessed|Cut), length(100002), peek("ab"))},
		{"first fragment", LinkRaw, octets("4500002a 12342000 40060000 0a000001 0a000002", rst4, "6162"), 0,
			over4(unset(DF), length(2), peek("ab"))},
		{"IPv4 authentication header", LinkRaw, octets("45000040 12344000 40330000 0a000001 0a000002", "06040000 00000001 00000001 000000000000000000000000", rst4), 0, over4()},
		{"IPv6 extension headers", LinkRaw, octets("602abcde 002c0040", ip6[18:],
			"3c00 050200000000", "2b00 0104000000 00", "0600 0000 00000000", rst6), 0, over6()},
		{"IPv6 first fragment", LinkRaw, octets("602abcde 001c2c40", ip6[18:], "06000001 00000001", rst6), 0, over6()},
		{"longer by its header than its frame", LinkRaw, octets("45000100", ip4[9:], rst4), 0, over4(marks(Cut), length(216))},

		{"payload", LinkRaw, octets("4500002d", ip4[9:], "9c400050 00000001 00000002 50140000 b1600000 676f6e6578"), 0, over4(length(5), peek("gonex"))},
		{"payload beyond the peek", LinkRaw, octets("4500003a", ip4[9:], head, "50100000 00000000", hex.EncodeToString([]byte("0123456789abcdefgh"))), 0,
			over4(length(18), peek("0123456789abcdef"), flags(ACK))},
		{"payload cut off", LinkRaw, octets("4500003a", ip4[9:], rst4, "67"), 17, over4(length(18), peek("g"), marks(Cut))},
		{"wrong checksum", LinkRaw, octets(ip4, head, "50140000 ff3b0000"), 0, over4(marks(BadChecksum))},
		{"wrong checksum IPv6", LinkRaw, octets(ip6, head, "50140000 b7c90000"), 0, over6(marks(BadChecksum))},
		{"checksum not yet filled in", LinkRaw, octets(ip4, head, "50140000 141d0000"), 0, over4()},
		{"checksum not yet filled in IPv6", LinkRaw, octets(ip6, head, "50140000 5b8f0000"), 0, over6()},
		{"checksum not yet filled in, with payload", LinkRaw, octets("4500002d", ip4[9:], head, "50140000 14220000 676f6e6578"), 0,
			over4(length(5), peek("gonex"))},
		{"checksum of the addresses alone", LinkRaw, octets(ip4, head, "50140000 14030000"), 0, over4(marks(BadChecksum))},
		{"checksum zero", LinkRaw, octets(ip4, head, "50140000 00000000"), 0, over4(marks(BadChecksum))},
		{"wrong checksum of no RST", LinkRaw, octets(ip4, head, "50100000 00000000"), 0, over4(flags(ACK))},
		{"right checksum of a SYN", LinkRaw, octets(ip4, head, "50020000 ff4c0000"), 0, over4(flags(SYN), marks(RightChecksum))},
		{"wrong checksum of a SYN", LinkRaw, octets(ip4, head, "50020000 ff4d0000"), 0, over4(flags(SYN))},
		{"checksum of a SYN not yet filled in", LinkRaw, octets(ip4, head, "50020000 141d0000"), 0, over4(flags(SYN))},
		{"all flags", LinkRaw, octets(ip4, head, "5ffb0000 00000000"), 0, over4(flags(0xfff &^ RST))},

		{"timestamps", LinkRaw, octets("45000034", ip4[9:], head, "80100000 00000000 0101080a 00000003 00000004"), 0,
			over4(flags(ACK), opts(OptTimestamps), func(h *Header) { h.TSVal, h.TSEcr = 3, 4 })},
		{"options of a SYN", LinkRaw, octets("4500003c", ip4[9:], head, "a0020000 00000000 020405b4 0402 080a0000000300000000 01 030307"), 0,
			over4(flags(SYN), opts(OptMSS|OptScale|OptSACKPerm|OptTimestamps), func(h *Header) { h.TSVal, h.MSS, h.Scale = 3, 1460, 7 })},
		{"SACK", LinkRaw, octets("4500003c", ip4[9:], head, "a0100000 00000000 0101 0512 fffffff000000010 ffffff00ffffff10"), 0,
			over4(flags(ACK), opts(OptSACK), func(h *Header) { h.SACKRight = 0x10 })},
		{"MD5, AO, fast open, other", LinkRaw, octets("45000044", ip4[9:], head, "c0100000 00000000 1312 00000000000000000000000000000000 1d04 0101 2202 fe02 0101"), 0,
			over4(flags(ACK), opts(OptMD5|OptAO|OptFastOpen|OptOther))},
		{"MP_TCPRST", LinkRaw, octets("4500002c", ip4[9:], head, "60140000 512f0000 1e048003"), 0,
			over4(opts(OptMPTCP|OptTCPRST), func(h *Header) { h.MPReason = 3 })},
		{"MP_FASTCLOSE", LinkRaw, octets("45000034", ip4[9:], head, "80140000 00000000 1e0c7000 0102030405060708"), 0,
			over4(opts(OptMPTCP|OptFastClose), marks(BadChecksum))},
		{"end of list", LinkRaw, octets("4500002c", ip4[9:], head, "60100000 00000000 0002ffff"), 0, over4(flags(ACK))},

		{"RST with an option of length zero", LinkRaw, octets("4500002c", ip4[9:], head, "60140000 ec350000 02000101"), 0, over4(opts(OptBroken))},
		{"RST with an option longer than the list", LinkRaw, octets("4500002c", ip4[9:], head, "60140000 e72c0000 080a0000"), 0, over4(opts(OptBroken))},
		{"RST with a wrong length of the scale", LinkRaw, octets("4500002c", ip4[9:], head, "60140000 e52b0000 03040707"), 0, over4(opts(OptBroken))},
		{"RST with the options cut off", LinkRaw, octets("45000034", ip4[9:], head, "80140000 00000000 0101080a 0000"), 6, over4(opts(OptBroken), marks(Cut))},
		{"RST with a data offset beyond its end", LinkRaw, octets(ip4, head, "f0140000 5f3a0000"), 0, over4(opts(OptBroken))},

		{"IP in IP", LinkEthernet, octets(macs, "0800", "4500003c 00010000 40040000 c0000201 c0000202", ip4, rst4), 0, over4(zone)},
		{"6in4", LinkEthernet, octets(macs, "0800", "45000050 00014000 40290000 c0000201 c0000202", ip6, rst6), 0, over6(zone)},
		{"4in6", LinkRaw, octets("6fffffff 00280440", ip6[18:], ip4, rst4), 0, over4(zone)},
		{"GRE", LinkRaw, octets("45000040 00014000 402f0000 c0000201 c0000202", "00000800", ip4, rst4), 0, over4(zone)},
		{"GRE with checksum, key and sequence", LinkRaw, octets("4500004c 00014000 402f0000 c0000201 c0000202", "b0000800 00000000 00000007 00000001", ip4, rst4), 0, over4(zone)},
		{"NVGRE", LinkRaw, octets("45000052 00014000 402f0000 c0000201 c0000202", "20006558 00000701", macs, "0800", ip4, rst4), 0, over4(zone)},
		{"PPTP", LinkRaw, octets("4500004a 00014000 402f0000 c0000201 c0000202", "3001880b 002c0001 00000001 0021", ip4, rst4), 0, over4(zone)},
		{"ERSPAN II", LinkRaw, octets("4500005a 00014000 402f0000 c0000201 c0000202", "100088be 00000001 1000000100000000", macs, "0800", ip4, rst4), 0, over4(zone)},
		{"ERSPAN III", LinkRaw, octets("45000066 00014000 402f0000 c0000201 c0000202", "100022eb 00000001 200000010000000000000001 0000000000000000", macs, "0800", ip4, rst4), 0, over4(zone)},
		{"VXLAN", LinkRaw, octets("4500005a 00014000 40110000 c0000201 c0000202", "c000 12b5 0046 0000 08000000 00000700", macs, "0800", ip4, rst4), 0, over4(zone)},
		{"Teredo", LinkRaw, octets("45000058 00014000 40110000 c0000201 c0000202", "0dd8 c000 0044 0000", ip6, rst6), 0, over6(zone)},
		{"Teredo with authentication and origin", LinkRaw, octets("4500006d 00014000 40110000 c0000201 c0000202", "0dd8 c000 0059 0000",
			"0001 0000 0000000000000000 00", "0000 0000 00000000", ip6, rst6), 0, over6(zone)},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := filled()
			skip := Decode(&h, test.link, test.frame, len(test.frame)+test.missing)
			if skip != Decoded {
				t.Fatalf("skipped: %v", skip)
			}
			if test.want.Zone != 0 && h.Zone != 0 {
				h.Zone = test.want.Zone
			}
			if diff := cmp.Diff(test.want, h); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// filled is a header that was used before: every field of it must be written.
func filled() Header {
	return Header{
		Time: 7, Frame: 8, File: 9,
		Src: [16]byte{1, 15: 1}, Dst: [16]byte{1, 15: 1}, SrcPort: 1, DstPort: 1, Seq: 9, Ack: 9, Len: 9,
		TSVal: 9, TSEcr: 9, SACKRight: 9, FlowLabel: 9, Flags: 0xfff, Window: 9, Options: 0xffff, Marks: 0xffff,
		MSS: 9, IPID: 9, VLAN: 9, Zone: 9, TTL: 9, TOS: 9, Scale: 9, MPReason: 9, PeekN: 9, Peek: [PeekLen]byte{9, 15: 9},
	}
}

func TestSkip(t *testing.T) {
	udp := "45000030 00014000 40110000 c0000201 c0000202 c0000035 001c0000 0000000000000000 0000000000000000 00000000"
	for _, test := range []struct {
		name    string
		link    Link
		frame   []byte
		missing int
		want    Skip
	}{
		{"no link", 0, octets(ip4, rst4), 0, UnknownLink},
		{"link beyond the table", 200, octets(ip4, rst4), 0, UnknownLink},
		{"ARP", LinkEthernet, octets(macs, "0806 0001080006040001"), 0, NotIP},
		{"spanning tree", LinkEthernet, octets(macs, "0026 424203 0000000000"), 0, NotIP},
		{"SNAP of another organisation", LinkEthernet, octets(macs, "0026 aaaa03 00000c 2000", ip4), 0, NotIP},
		{"PPPoE control", LinkEthernet, octets(macs, "8864 110000010004 c021 0101"), 0, NotIP},
		{"netlink", LinkSLL, octets("0004 0338 0000 0000000000000000 0800", ip4, rst4), 0, NotIP},
		{"Novell", LinkSLL, octets("0004 0001 0000 0000000000000000 0001", ip4, rst4), 0, NotIP},
		{"null of another family", LinkNull, octets("07000000", ip4, rst4), 0, NotIP},
		{"FDDI station management", LinkFDDI, octets("41", macs, ip4, rst4), 0, NotIP},
		{"PPP control", LinkPPP, octets("ff03 c021 01010004"), 0, NotIP},
		{"PPP of one octet", LinkPPP, octets("ff"), 0, Malformed},
		{"NFLOG of ARP", LinkNFLOG, octets("03 00 0000", "2c00 0900", ip4, rst4), 0, NotIP},
		{"NFLOG without a packet", LinkNFLOG, octets("02 00 0000", "0800 0100 0800 01 00"), 0, Malformed},
		{"NFLOG cut before its packet", LinkNFLOG, octets("02 00 0000", "0800 0100 0800 01 00"), 44, CutShort},
		{"NFLOG attribute of length 0", LinkNFLOG, octets("02 00 0000", "0000 0100 0800 01 00"), 0, Malformed},
		{"PKTAP in PKTAP", LinkPKTAP, octets("6c000000 01000000 02010000 656e3000", strings.Repeat("00", 20), "00000000", pktapRest, macs), 0, UnknownLink},
		{"PKTAP shorter than it says", LinkPKTAP, octets(pktap("01"), "00000000"), 0, Malformed},
		{"PKTAP of length 4", LinkPKTAP, octets("04000000 01000000 01000000", strings.Repeat("00", 28)), 0, Malformed},
		{"802.11 beacon", Link80211, octets("8000", data80211[4:], macs), 0, NotIP},
		{"802.11 null", Link80211, octets("4801", data80211[4:]), 0, NotIP},
		{"802.11 encrypted", Link80211, octets("0841", data80211[4:], macs), 0, EncryptedPayload},
		{"802.11 later fragment", Link80211, octets(data80211[:len(data80211)-4], "3100", ip4), 0, Fragment},
		{"802.11 aggregate", Link80211, octets("8801", data80211[4:], "8000", macs), 0, NotIP},
		{"802.11 cut in its QoS field", Link80211, octets("8801", data80211[4:], "00"), 40, CutShort},
		{"radiotap longer than the frame", LinkRadiotap, octets("0000 ff00 00000000", data80211), 0, Malformed},
		{"radiotap of length 0", LinkRadiotap, octets("0000 0000 00000000", data80211), 0, Malformed},
		{"UDP", LinkRaw, octets(udp), 0, NotTCP},
		{"ICMP with a RST quoted", LinkRaw, octets("45000044 00014000 40010000 c0000201 c0000202 03010000 00000000", ip4, rst4), 0, NotTCP},
		{"ESP", LinkRaw, octets("45000028 00014000 40320000 c0000201 c0000202", rst4), 0, EncryptedPayload},
		{"no next header", LinkRaw, octets("60000000 00143b40", ip6[18:], rst6), 0, NotTCP},
		{"later fragment", LinkRaw, octets("45000028 00010001 40060000 c0000201 c0000202", rst4), 0, Fragment},
		{"later fragment of UDP", LinkRaw, octets("45000028 00010001 40110000 c0000201 c0000202", rst4), 0, NotTCP},
		{"later fragment of IPv6", LinkRaw, octets("60000000 001c2c40", ip6[18:], "06000008 00000001", rst6), 0, Fragment},
		{"IPv4 version 5", LinkEthernet, octets(macs, "0800 55", ip4[2:], rst4), 0, Malformed},
		{"IPv4 header of 16 octets", LinkRaw, octets("44", ip4[2:], rst4), 0, Malformed},
		{"IPv4 shorter than its header", LinkRaw, octets("45000013", ip4[9:], rst4), 0, Malformed},
		{"IPv6 version 4", LinkEthernet, octets(macs, "86dd 40", ip6[2:], rst6), 0, Malformed},
		{"TCP header of 16 octets", LinkRaw, octets(ip4, head, "40140000 00000000"), 0, Malformed},
		{"14 octets of TCP by the IP header", LinkRaw, octets("45000022", ip4[9:], rst4), 0, Malformed},
		{"14 octets of TCP captured", LinkRaw, octets(ip4, rst4)[:34], 6, CutShort},
		{"14 octets of TCP in the frame", LinkRaw, octets(ip4, rst4)[:34], 0, CutShort},
		{"cut in the IP header", LinkRaw, octets(ip4)[:19], 21, CutShort},
		{"cut in the link header", LinkEthernet, octets(macs), 40, CutShort},
		{"shorter than its link header", LinkEthernet, octets(macs), 0, Malformed},
		{"nothing captured", LinkSLL2, nil, 100, CutShort},
		{"extension header beyond the packet", LinkRaw, octets("60000000 00140040", ip6[18:], "06ff", rst6[4:]), 0, Malformed},
		{"endless extension headers", LinkRaw, octets("60000000 00600040", ip6[18:], strings.Repeat("0000000000000000", 12)), 0, Malformed},
		{"endless tags", LinkEthernet, octets(macs, strings.Repeat("81000001", 12), "0800", ip4, rst4), 0, Malformed},
		{"endless labels", LinkEthernet, octets(macs, "8847", strings.Repeat("00010040", 12), ip4, rst4), 0, Malformed},
		{"tunnels too deep", LinkRaw, octets(strings.Repeat("450000a0 00010000 40040000 c0000201 c0000202", 4), ip4, rst4), 200, NotTCP},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := filled()
			if got := Decode(&h, test.link, test.frame, len(test.frame)+test.missing); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if h.Time != 7 || h.Frame != 8 || h.File != 9 {
				t.Error("time, frame or file were overwritten")
			}
		})
	}
}

// TestZone checks that both directions of a tunnel are one zone, and that
// other identifiers, kinds and nestings are others.
func TestZone(t *testing.T) {
	vxlan := func(outer, vni string) []byte {
		return octets("4500005a 00014000 40110000", outer, "c000 12b5 0046 0000 08000000", vni, "00", macs, "0800", ip4, rst4)
	}
	const there, back = "c0000201 c0000202", "c0000202 c0000201"
	frames := map[string][]byte{
		"VXLAN 7":   vxlan(there, "000007"),
		"VXLAN 8":   vxlan(there, "000008"),
		"IP in IP":  octets("4500003c 00010000 40040000", there, ip4, rst4),
		"twice":     octets("45000050 00010000 40040000", there, "4500003c 00010000 40040000", there, ip4, rst4),
		"GRE":       octets("45000040 00014000 402f0000", there, "00000800", ip4, rst4),
		"GRE key 7": octets("45000044 00014000 402f0000", there, "20000800 00000007", ip4, rst4),
		"outside":   octets(ip4, rst4),
	}
	zones := make(map[uint32]string)
	for name, frame := range frames {
		var h Header
		if skip := Decode(&h, LinkRaw, frame, len(frame)); skip != Decoded {
			t.Fatalf("%s: %v", name, skip)
		}
		if (h.Zone == 0) != (name == "outside") {
			t.Errorf("%s: zone %d", name, h.Zone)
		}
		if other, ok := zones[h.Zone]; ok {
			t.Errorf("%s and %s are one zone", name, other)
		}
		zones[h.Zone] = name
	}
	var h Header
	frame := vxlan(back, "000007")
	Decode(&h, LinkRaw, frame, len(frame))
	if zones[h.Zone] != "VXLAN 7" {
		t.Error("the way back is another zone")
	}
}

func TestLinkFromType(t *testing.T) {
	for typ, want := range map[uint32]Link{
		0: LinkNull, 1: LinkEthernet, 10: LinkFDDI, 12: LinkRaw, 14: LinkRaw, 101: LinkRaw, 228: LinkRaw, 229: LinkRaw,
		108: LinkLoop, 113: LinkSLL, 276: LinkSLL2, 20: 0,
		9: LinkPPP, 50: LinkPPP, 104: LinkPPP, 166: LinkPPP, 51: LinkPPPoE, 239: LinkNFLOG, 258: LinkPKTAP, 127: LinkRadiotap, 105: Link80211, math.MaxUint32: 0,
	} {
		got, ok := LinkFromType(typ)
		if got != want || ok != (want != 0) {
			t.Errorf("LinkFromType(%d) = %v, %v", typ, got, ok)
		}
	}
}

func TestBatchAdd(t *testing.T) {
	b := Batch{Headers: make([]Header, 0, 4)}
	rst := octets("4500002d", ip4[9:], "9c400050 00000001 00000002 50140000 b1600000 676f6e6578")
	arp := octets(macs, "0806 0001080006040001")
	b.Add(20, 1, 3, LinkRaw, octets(ip4, rst4), 40)
	b.Add(10, 2, 3, LinkEthernet, arp, 60)
	b.Add(30, 3, 3, LinkRaw, rst, 45)
	b.Add(25, 4, 3, LinkRaw, octets("4500002d", ip4[9:], head, "50100000 00000000 676f6e6578"), 45)
	if b.Frames != 4 || b.Bytes != 190 || b.First != 20 || b.Last != 30 || b.Skipped[NotIP] != 1 {
		t.Errorf("frames %d, bytes %d, first %d, last %d, skipped %v", b.Frames, b.Bytes, b.First, b.Last, b.Skipped)
	}
	if len(b.Headers) != 3 || b.Headers[1].Frame != 3 || b.Headers[1].Time != 30 || b.Headers[1].File != 3 {
		t.Errorf("headers: %+v", b.Headers)
	}
	if len(b.Notes) != 1 || b.Notes[0].Header != 1 || string(b.Notes[0].Text[:b.Notes[0].N]) != "gonex" {
		t.Errorf("notes: %+v", b.Notes)
	}
	b.Reset()
	if len(b.Headers) != 0 || cap(b.Headers) != 4 || b.Frames != 0 || len(b.Notes) != 0 {
		t.Errorf("after Reset: %+v", b)
	}
}

func TestDecodeAllocates(t *testing.T) {
	frames := map[Link][]byte{
		LinkEthernet: plainSegment(),
		LinkSLL2:     octets("0800 0000 00000002 0001 00 06 0200000000010000", ip4, rst4),
		LinkRaw:      octets("45000058 00014000 40110000 c0000201 c0000202", "0dd8 c000 0044 0000", ip6, rst6),
	}
	for link, frame := range frames {
		var h Header
		if n := testing.AllocsPerRun(100, func() { Decode(&h, link, frame, len(frame)) }); n != 0 {
			t.Errorf("%v: %v allocations a frame", link, n)
		}
	}
}
