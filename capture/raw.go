package capture

import (
	"errors"

	"github.com/rstwhy/rstwhy/packet"
)

// Raw is one frame of a file as it stands there, and the segment in it.
type Raw struct {
	Ref      packet.FrameRef
	Time     int64  // nanoseconds since the Unix epoch
	Data     []byte // what was captured; valid until the next frame
	WireLen  int    // octets on the wire
	LinkType uint32 // LINKTYPE_ value
	// Interface is the name of the interface, "" where the file has none, and Digits how
	// many digits of a second the file counts, at most 9.
	Interface string
	Digits    uint8
	TCP       bool // Header and Segment hold a segment
	Header    packet.Header
	Segment   []byte // what was captured of it, within Data
}

// EachFrame reads the files of names once more, in that order, and calls with for every
// frame that the filter lets through, at most count of them when count is not 0. The
// names are those of Files.Names, and the files must be regular. It ends at the first
// error of with; what is damaged ends one file, as it does for Files.
func EachFrame(names []string, filter string, count uint64, with func(*Raw) error) error {
	f := &Files{config: Config{Filter: filter}}
	matches := newFilter(filter)
	left := limit(count)
	for k, name := range names {
		in := &input{path: name, name: name}
		if err := in.open(f); err != nil {
			var link *LinkTypeError
			if errors.As(err, &link) {
				continue // it was reported when it was read
			}
			return err
		}
		err := eachOf(in, uint32(k), matches, &left, with)
		in.close()
		if err != nil {
			return err
		}
	}
	return nil
}

func eachOf(in *input, file uint32, filter *filter, left *uint64, with func(*Raw) error) error {
	var fr frame
	for number := uint64(1); *left > 0; number++ {
		if ok, _ := next(in.r, &fr); !ok {
			return nil // the end; what is damaged was reported when it was read
		}
		if filter != nil && fr.link != 0 {
			let, err := filter.matches(fr.link, fr.linkType, fr.data, fr.wireLen)
			if err != nil {
				return err
			}
			if !let {
				continue
			}
		}
		*left--
		raw := Raw{Time: fr.time, Data: fr.data, WireLen: fr.wireLen, LinkType: fr.linkType, Interface: fr.iface, Digits: fr.digits}
		h := &raw.Header
		h.Time, h.Frame, h.File = fr.time, number, file
		raw.Ref = h.Ref()
		var skip packet.Skip
		raw.Segment, skip = packet.Segment(h, fr.link, fr.data, fr.wireLen)
		raw.TCP = skip == packet.Decoded
		if err := with(&raw); err != nil {
			return err
		}
	}
	return nil
}
