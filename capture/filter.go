package capture

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/pcap"

	"github.com/rstwhy/rstwhy/packet"
)

// filter is a pcap-filter expression, compiled once for each link type that it
// meets.
type filter struct {
	expression string
	programs   map[uint32]*pcap.BPF
}

// newFilter returns nil for the empty expression, which lets everything pass.
func newFilter(expression string) *filter {
	if expression == "" {
		return nil
	}
	return &filter{expression, make(map[uint32]*pcap.BPF)}
}

func (f *filter) compile(link packet.Link, linkType uint32) (*pcap.BPF, error) {
	handle, err := emptyCapture(linkType)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	program, err := handle.NewBPF(f.expression)
	if err != nil {
		return nil, &FilterError{f.expression, link, err.Error()}
	}
	f.programs[linkType] = program
	return program, nil
}

func (f *filter) matches(link packet.Link, linkType uint32, data []byte, wireLen int) (bool, error) {
	program := f.programs[linkType]
	if program == nil {
		var err error
		if program, err = f.compile(link, linkType); err != nil {
			return false, err
		}
	}
	// gopacket takes the address of the first octet.
	if len(data) == 0 {
		return false, nil
	}
	return program.Matches(gopacket.CaptureInfo{CaptureLength: len(data), Length: wireLen}, data), nil
}
