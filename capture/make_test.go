package capture

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/rstwhy/rstwhy/packet"
)

// LINKTYPE_ values of the tests.
const (
	typeEthernet = 1
	typeRaw      = 101
	typeSLL2     = 276
	typePrivate  = 147 // for private use: not supported
)

// segment is an IPv4 packet with a TCP segment from port 40000 to port, with
// seq as its sequence number and n octets of payload.
func segment(port uint16, seq uint32, n int) []byte {
	b := make([]byte, 40+n)
	b[0] = 0x45
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[8], b[9] = 64, 6
	copy(b[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	binary.BigEndian.PutUint16(b[20:], 40000)
	binary.BigEndian.PutUint16(b[22:], port)
	binary.BigEndian.PutUint32(b[24:], seq)
	b[32], b[33] = 0x50, 0x10
	return b
}

// ethernet puts an Ethernet header before an IPv4 packet, sll2 that of a
// cooked capture.
func ethernet(ip []byte) []byte {
	return append([]byte{12: 0x08, 13: 0x00}, ip...)
}

func sll2(ip []byte) []byte {
	return append([]byte{0: 0x08, 9: 1, 19: 0}, ip...)
}

// record is a frame of a pcap file. The zero lengths are those of the data.
type record struct {
	sec, frac     uint32
	data          []byte
	caplen, wired uint32
}

// pcapFile writes a pcap file.
func pcapFile(order binary.AppendByteOrder, magic, snaplen, linkType uint32, records ...record) []byte {
	b := order.AppendUint32(nil, magic)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	b = order.AppendUint64(b, 0)
	b = order.AppendUint32(b, snaplen)
	b = order.AppendUint32(b, linkType)
	for _, r := range records {
		if r.caplen == 0 {
			r.caplen = uint32(len(r.data))
		}
		if r.wired == 0 {
			r.wired = uint32(len(r.data))
		}
		for _, v := range []uint32{r.sec, r.frac, r.caplen, r.wired} {
			b = order.AppendUint32(b, v)
		}
		b = append(b, r.data...)
	}
	return b
}

const (
	micro = 0xa1b2c3d4
	nano  = 0xa1b23c4d
)

// ng writes a pcapng file, block by block.
type ng struct {
	order binary.AppendByteOrder
	b     []byte
}

func (g *ng) block(typ uint32, body ...any) *ng {
	var b []byte
	for _, part := range body {
		switch v := part.(type) {
		case []byte:
			b = append(b, v...)
			b = append(b, make([]byte, -len(v)&3)...)
		case uint16:
			b = g.order.AppendUint16(b, v)
		case uint32:
			b = g.order.AppendUint32(b, v)
		case uint64:
			b = g.order.AppendUint64(b, v)
		}
	}
	g.b = g.order.AppendUint32(g.b, typ)
	g.b = g.order.AppendUint32(g.b, uint32(len(b)+12))
	g.b = append(g.b, b...)
	g.b = g.order.AppendUint32(g.b, uint32(len(b)+12))
	return g
}

func (g *ng) section(order binary.AppendByteOrder) *ng {
	g.order = order
	return g.block(blockSection, uint32(0x1a2b3c4d), uint16(1), uint16(0), uint64(1<<64-1))
}

// iface describes an interface. resolution is the octet of if_tsresol, or -1.
func (g *ng) iface(linkType uint16, snaplen uint32, resolution int, offset int64) *ng {
	body := []any{linkType, uint16(0), snaplen, uint16(2), uint16(3), []byte("eth")}
	if resolution >= 0 {
		body = append(body, uint16(9), uint16(1), []byte{byte(resolution)})
	}
	if offset != 0 {
		body = append(body, uint16(14), uint16(8), uint64(offset))
	}
	return g.block(blockInterface, append(body, uint32(0))...)
}

func (g *ng) packet(iface uint32, ticks uint64, data []byte) *ng {
	return g.block(blockEnhanced, iface, uint32(ticks>>32), uint32(ticks), uint32(len(data)), uint32(len(data)), data,
		uint16(1), uint16(5), []byte("hello"), uint32(0))
}

func gz(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zst(b []byte) []byte {
	var out bytes.Buffer
	w, _ := zstd.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// file writes b into a file and returns its path.
func file(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// result is everything that came out of a source.
type result struct {
	headers []packet.Header
	frames  uint64
	bytes   uint64
	skipped [packet.NumSkips]uint64
	notes   int
	errs    []error // without the io.EOF at the end
}

func (r *result) err() error {
	if len(r.errs) > 0 {
		return r.errs[0]
	}
	return nil
}

// drain reads f to its end.
func drain(t testing.TB, f *Files) *result {
	t.Helper()
	var r result
	b := packet.Batch{Headers: make([]packet.Header, 0, 7)}
	for range 1_000_000 {
		err := f.Read(&b)
		r.headers = append(r.headers, b.Headers...)
		r.frames += b.Frames
		r.bytes += b.Bytes
		r.notes += len(b.Notes)
		for i, n := range b.Skipped {
			r.skipped[i] += n
		}
		if err == io.EOF {
			f.Close()
			return &r
		}
		if err != nil {
			r.errs = append(r.errs, err)
		}
	}
	t.Fatal("the source does not end")
	return nil
}

// read opens the paths and reads them to their end. An error of Open is one of
// the result.
func read(t testing.TB, config Config, paths ...string) *result {
	t.Helper()
	f, err := Open(paths, config)
	if err != nil {
		return &result{errs: []error{err}}
	}
	return drain(t, f)
}

// seqs returns the sequence numbers, by which the tests know their segments.
func (r *result) seqs() []packet.Seq {
	list := []packet.Seq{}
	for i := range r.headers {
		list = append(list, r.headers[i].Seq)
	}
	return list
}

// readers runs a test for each of the two readers.
func readers(t *testing.T, test func(*testing.T, Config)) {
	t.Run("own", func(t *testing.T) { test(t, Config{}) })
	t.Run("libpcap", func(t *testing.T) { test(t, Config{Libpcap: true}) })
}
