package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/rstwhy/rstwhy/packet"
)

// How the reading of a pcap file can end.
const (
	atEnd       = "end of the file"
	inHeader    = "the file ends within the header of the record"
	inRecord    = "the file ends within the record"
	tooLong     = "the record says more than a record can hold"
	noFile      = "not a pcap file"
	unsupported = "unsupported link type"
)

// oracle reads pcap files through pcapgo. Where pcapgo is known to differ, it
// gives what is wanted in its place:
//
//   - pcapgo refuses a record that holds more than was on the wire. Some tools
//     write them, libpcap reads them.
//   - pcapgo multiplies the microseconds in 32 bits: those of a damaged record
//     wrap around. As in libpcap they count, as seconds if they are that many.
//   - pcapgo keeps eight bits of the link type, and takes the length of the frame
//     check sequence for a part of it.
//   - pcapgo takes the snapshot length of the file's header for the most that a
//     record may hold, unless it is told another one. Many writers keep to none.
type oracle struct {
	b    []byte
	in   *bufio.Reader
	r    *pcapgo.Reader
	at   int // where the record begins
	link uint32
}

func newOracle(b []byte) (*oracle, string) {
	o := &oracle{b: b, in: bufio.NewReader(bytes.NewReader(b)), at: pcapHeaderLen}
	// pcapgo would unpack gzip, and look no further than at the magic.
	var err error
	if o.r, err = pcapgo.NewReader(o.in); err != nil {
		return nil, noFile
	}
	o.r.SetSnaplen(maxRecord)
	o.link = o.uint32(20) & linkTypeMask
	return o, ""
}

func (o *oracle) uint32(at int) uint32 {
	if big.Uint32(o.b) == micro || big.Uint32(o.b) == nano {
		return big.Uint32(o.b[at:])
	}
	return little.Uint32(o.b[at:])
}

func (o *oracle) next(fr *frame) string {
	data, ci, err := o.r.ZeroCopyReadPacketData()
	if ci.Timestamp.IsZero() {
		if err == io.EOF {
			return atEnd
		}
		return inHeader
	}
	if ci.CaptureLength > maxRecord {
		return tooLong
	}
	if data == nil && ci.CaptureLength > ci.Length {
		data = make([]byte, ci.CaptureLength)
		_, err = io.ReadFull(o.in, data)
	}
	if err != nil {
		return inRecord
	}
	*fr = frame{data: data, wireLen: ci.Length, time: ci.Timestamp.UnixNano(), linkType: o.link}
	sec, frac := int64(o.uint32(o.at)), int64(o.uint32(o.at+4))
	if magic := o.uint32(0); magic == micro && frac*1000 >= 1<<32 {
		fr.time = sec*1e9 + frac*1000
	}
	o.at += recordHeader + len(data)
	return ""
}

// class says how a reader ended.
func class(err error) string {
	var link *LinkTypeError
	switch {
	case err == nil:
		return ""
	case err == io.EOF:
		return atEnd
	case errors.As(err, &link):
		return unsupported
	case errors.Is(err, ErrNotCapture):
		return noFile
	}
	for _, known := range []struct{ words, class string }{
		{"the file ends within the header of the record", inHeader},
		{", the file ends after ", inRecord},
		{", the most that a record can hold is ", tooLong},
	} {
		if strings.Contains(err.Error(), known.words) {
			return known.class
		}
	}
	return err.Error()
}

// compare reads the pcap file b, which comes through r, and says where that
// differs from the oracle.
func compare(b []byte, r io.Reader) error {
	want, wantEnd := newOracle(b)
	got, err := newPcapReader("file", newBlocks(r), false)
	if end := class(err); end != wantEnd {
		link := uint32(0)
		if len(b) >= pcapHeaderLen {
			link = (&oracle{b: b}).uint32(20) & linkTypeMask
		}
		if _, known := packet.LinkFromType(link); end == unsupported && !known {
			return nil
		}
		return fmt.Errorf("%v, but pcapgo: %q", err, wantEnd)
	}
	if err != nil {
		return nil
	}
	if short := layers.LinkType(got.(*pcapReader).linkType); short != want.r.LinkType() {
		return fmt.Errorf("link type %v, but pcapgo: %v", short, want.r.LinkType())
	}
	for n := 1; ; n++ {
		var fr, wantFr frame
		_, err := next(got, &fr)
		end := want.next(&wantFr)
		if class(err) != end {
			return fmt.Errorf("frame %d: %v, but pcapgo: %q", n, err, end)
		}
		if err != nil {
			return nil
		}
		if !bytes.Equal(fr.data, wantFr.data) || fr.time != wantFr.time || fr.wireLen != wantFr.wireLen || fr.linkType != wantFr.linkType {
			return fmt.Errorf("frame %d: %d octets of %d at %d, link type %d; but pcapgo: %d octets of %d at %d, link type %d", n,
				len(fr.data), fr.wireLen, fr.time, fr.linkType, len(wantFr.data), wantFr.wireLen, wantFr.time, wantFr.linkType)
		}
	}
}

func FuzzPcapAgainstPcapgo(f *testing.F) {
	one := record{sec: 1700000000, frac: 999999, data: ethernet(segment(80, 1, 0))}
	for _, b := range [][]byte{
		pcapFile(little, micro, 65535, typeEthernet, one, one),
		pcapFile(big, nano, 65535, typeSLL2, one, record{data: sll2(segment(80, 1, 9)), wired: 20}),
		pcapFile(little, nano, 10, 0x24000001, one, record{}, one),
		pcapFile(big, micro, 1<<32-1, typeEthernet, record{sec: 1<<32 - 1, frac: 1<<32 - 1}, record{frac: 1<<32/1000 + 1}),
		pcapFile(little, micro, 65535, typeRaw, one, record{data: []byte{1}, caplen: 1 << 20}),
		pcapFile(little, micro, 65535, typeRaw, one, record{data: []byte{1}, caplen: maxRecord}),
		pcapFile(little, micro, 65535, typePrivate, one),
		pcapFile(little, micro, 65535, typeRaw, one)[:30],
		pcapFile(little, micro, 65535, typeRaw, one)[:20],
	} {
		f.Add(b)
	}
	version := pcapFile(little, micro, 65535, typeRaw, one)
	version[6] = 3
	f.Add(version)
	f.Fuzz(func(t *testing.T, b []byte) {
		if !isPcap(b) {
			return
		}
		for _, r := range []io.Reader{bytes.NewReader(b), iotest.DataErrReader(bytes.NewReader(b)), iotest.HalfReader(bytes.NewReader(b))} {
			if err := compare(b, r); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// pieces reads up to a random number of octets at once.
type pieces struct {
	r   io.Reader
	rnd *rand.Rand
	max int
}

func (p *pieces) Read(b []byte) (int, error) {
	return p.r.Read(b[:min(len(b), p.rnd.IntN(p.max+1))])
}

// TestBlocks reads files of many blocks, whose records begin and end anywhere in
// them and may be as large as any can be.
func TestBlocks(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		classic := pcapFile(little, micro, 65535, typeRaw)
		g := &ng{}
		g.section(little).iface(typeRaw, 0, 6, 0)
		var sizes []int
		for len(classic) < 8*blockSize {
			size := rnd.IntN(1 << rnd.IntN(15))
			if rnd.IntN(400) == 0 {
				size = maxRecord - rnd.IntN(5)
			}
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(len(sizes) + i)
			}
			classic = append(classic, pcapFile(little, micro, 0, 0, record{sec: uint32(len(sizes)), data: data})[pcapHeaderLen:]...)
			g.packet(0, uint64(len(sizes))*1e6, data)
			sizes = append(sizes, size)
			if rnd.IntN(400) == 0 {
				g.block(0xbad, make([]byte, rnd.IntN(3*margin)))
			}
		}
		for _, cut := range []int{0, 1 + rnd.IntN(100_000)} {
			b := classic[:len(classic)-cut]
			for name, r := range map[string]io.Reader{
				"whole":        bytes.NewReader(b),
				"with the end": iotest.DataErrReader(bytes.NewReader(b)),
				"in pieces":    &pieces{bytes.NewReader(b), rnd, 3000},
				"large pieces": &pieces{bytes.NewReader(b), rnd, 2 * blockSize},
			} {
				if err := compare(b, r); err != nil {
					t.Fatalf("seed %d, %s: %v", seed, name, err)
				}
			}
		}
		for name, r := range map[string]io.Reader{
			"whole":        bytes.NewReader(g.b),
			"in pieces":    &pieces{bytes.NewReader(g.b), rnd, 3000},
			"large pieces": &pieces{bytes.NewReader(g.b), rnd, 2 * blockSize},
		} {
			p := newPcapngReader(newBlocks(r))
			for i, size := range sizes {
				var fr frame
				if _, err := next(p, &fr); err != nil {
					t.Fatalf("seed %d, %s, frame %d: %v", seed, name, i+1, err)
				}
				if len(fr.data) != size || fr.time != int64(i)*1e9 || size > 0 && (fr.data[0] != byte(i) || fr.data[size-1] != byte(i+size-1)) {
					t.Fatalf("seed %d, %s, frame %d: %d octets of %d at %d", seed, name, i+1, len(fr.data), size, fr.time)
				}
			}
			if ok, err := next(p, &frame{}); ok || err != io.EOF {
				t.Fatalf("seed %d, %s: at the end %v", seed, name, err)
			}
		}
	}
}

// nothing gives no octet, time and again.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func TestNoProgress(t *testing.T) {
	p := newPcapngReader(newBlocks(io.MultiReader(bytes.NewReader((&ng{}).section(little).b), nothing{})))
	if _, err := next(p, &frame{}); err != io.ErrNoProgress {
		t.Error(err)
	}
}
