package capture

import (
	"fmt"

	"github.com/google/gopacket/pcap"
)

// linkTypeName names a LINKTYPE_ value as libpcap does. It is only good for
// messages: a few values mean something else to libpcap than in a file.
func linkTypeName(t uint32) string {
	if name := pcap.DatalinkValToName(int(t)); name != "" {
		return fmt.Sprintf("%d (%s)", t, name)
	}
	return fmt.Sprint(t)
}
