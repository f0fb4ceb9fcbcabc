package packet

// Link is the kind of link layer that a frame begins with. The zero value is
// none that rstwhy reads.
type Link uint8

// The link layers that Decode reads.
const (
	_            Link = iota
	LinkEthernet      // Ethernet II and 802.3, with or without VLAN tags
	LinkRaw           // no link header: IPv4 or IPv6
	LinkNull          // BSD loopback, address family in the byte order of the host
	LinkLoop          // OpenBSD loopback, address family in network byte order
	LinkSLL           // Linux cooked capture
	LinkSLL2          // Linux cooked capture, version 2
	LinkFDDI          // FDDI with LLC
	LinkPPP           // PPP, with or without HDLC framing, and Cisco's HDLC
	LinkPPPoE         // a PPPoE session without the Ethernet header
	LinkNFLOG         // what netfilter's NFLOG target gives
	LinkPKTAP         // macOS: an interface's own link layer behind a header
	LinkRadiotap      // IEEE 802.11 with a radiotap header
	Link80211         // IEEE 802.11
)

// links holds what Decode has to know of each link layer. To add one: a
// constant above, a line here, a function in link_<name>.go.
//
// strip takes the link header off a frame and returns the EtherType of what
// follows. It returns CutShort for a frame that ends within the header.
var links = [...]struct {
	name  string
	types []uint32 // LINKTYPE_ values, https://www.tcpdump.org/linktypes.html
	strip func(h *Header, b []byte) (proto uint16, rest []byte, skip Skip)
}{
	LinkEthernet: {"Ethernet", []uint32{1}, stripEthernet},
	// 12 and 14 are values of DLT_RAW that some systems write into files.
	LinkRaw:  {"raw IP", []uint32{101, 12, 14, 228, 229}, stripRaw},
	LinkNull: {"BSD null", []uint32{0}, stripNull},
	LinkLoop: {"BSD loop", []uint32{108}, stripLoop},
	LinkSLL:  {"Linux SLL", []uint32{113}, stripSLL},
	LinkSLL2: {"Linux SLL2", []uint32{276}, stripSLL2},
	LinkFDDI: {"FDDI", []uint32{10}, stripFDDI},
	// PPP, PPP in HDLC framing, pppd's record, Cisco's HDLC.
	LinkPPP:      {"PPP", []uint32{9, 50, 166, 104}, stripPPP},
	LinkPPPoE:    {"PPPoE", []uint32{51}, stripPPPoE},
	LinkNFLOG:    {"NFLOG", []uint32{239}, stripNFLOG},
	LinkPKTAP:    {"PKTAP", []uint32{258}, stripPKTAP},
	LinkRadiotap: {"802.11 radiotap", []uint32{127}, stripRadiotap},
	Link80211:    {"802.11", []uint32{105}, strip80211},
}

// LinkFromType returns the link layer for the LINKTYPE_ value of a capture
// file, and whether Decode reads it.
func LinkFromType(linkType uint32) (Link, bool) {
	for l, info := range links {
		for _, t := range info.types {
			if t == linkType {
				return Link(l), true
			}
		}
	}
	return 0, false
}

// String names the link layer.
func (l Link) String() string {
	if l == 0 || int(l) >= len(links) {
		return "unknown link"
	}
	return links[l].name
}
