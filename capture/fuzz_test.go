package capture

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rstwhy/rstwhy/packet"
)

// fuzz reads hostile files. The reader must come to an end, and account for
// every frame.
func fuzz(f *testing.F, seeds ...[]byte) {
	for _, b := range seeds {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}) && len(b) > 1<<10 {
			return // a few octets of zstd can be gigabytes
		}
		files, err := Open([]string{"-"}, Config{Stdin: bytes.NewReader(b)})
		if err != nil {
			var open *OpenError
			var link *LinkTypeError
			if !errors.As(err, &open) && !errors.As(err, &link) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		r := drain(t, files)
		decoded := r.frames
		for _, n := range r.skipped {
			decoded -= n
		}
		if decoded != uint64(len(r.headers)) {
			t.Fatalf("%d frames, %v of them skipped, but %d headers", r.frames, r.skipped, len(r.headers))
		}
		last := uint64(0)
		for i := range r.headers {
			h := &r.headers[i]
			if h.Frame <= last || h.Frame > r.frames {
				t.Fatalf("frame %d after frame %d", h.Frame, last)
			}
			last = h.Frame
		}
		if r.skipped[packet.Decoded] != 0 || len(r.errs) > 1 {
			t.Fatalf("skipped %v, errors %v", r.skipped, r.errs)
		}
		var format *FormatError
		var link *LinkTypeError
		if err := r.err(); err != nil && !errors.As(err, &link) && (!errors.As(err, &format) || format.Frame != r.frames+1) {
			t.Fatalf("after %d frames: %v", r.frames, err)
		}
	})
}

func FuzzPcap(f *testing.F) {
	one := record{data: ethernet(segment(80, 1, 0))}
	fuzz(f,
		pcapFile(little, micro, 65535, typeEthernet, one, one),
		pcapFile(big, nano, 65535, typeSLL2, record{data: sll2(segment(80, 1, 9)), wired: 20}),
		gz(pcapFile(little, micro, 65535, typeRaw, record{data: segment(80, 1, 9), caplen: 1 << 20})),
		zst(pcapFile(little, micro, 65535, typeRaw, record{data: segment(80, 1, 9)})),
	)
}

func FuzzPcapng(f *testing.F) {
	g := &ng{}
	g.section(little).iface(typeEthernet, 65535, 9, 1).packet(0, 1, ethernet(segment(80, 1, 0))).
		section(big).iface(typeRaw, 40, 0x80|20, 0).block(blockSimple, uint32(40), segment(80, 2, 0)).
		block(blockPacket, uint16(0), uint16(7), uint64(1), uint32(40), uint32(40), segment(80, 3, 0)).
		block(0xbad, []byte("no one knows this block"))
	fuzz(f, g.b)
}
