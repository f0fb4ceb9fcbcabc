package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/rstwhy/rstwhy/packet"
)

var (
	little = binary.LittleEndian
	big    = binary.BigEndian
)

func TestPcap(t *testing.T) {
	readers(t, func(t *testing.T, config Config) {
		for _, order := range []binary.AppendByteOrder{little, big} {
			for _, magic := range []uint32{micro, nano} {
				b := pcapFile(order, magic, 65535, typeEthernet,
					record{sec: 1700000000, frac: 123456, data: ethernet(segment(80, 1, 0))},
					record{sec: 1700000001, frac: 5, data: ethernet(segment(80, 2, 9))[:58], wired: 63},
					record{sec: 1700000002, frac: 0, data: []byte{12: 0x08, 13: 0x06}})
				for name, pack := range map[string]func([]byte) []byte{"plain": bytes.Clone, "gzip": gz, "zstd": zst} {
					// The name says nothing about the content.
					r := read(t, config, file(t, "capture.txt", pack(b)))
					if r.err() != nil {
						t.Fatalf("%s: %v", name, r.err())
					}
					unit := int64(1000)
					if magic == nano {
						unit = 1
					}
					if r.frames != 3 || r.bytes != 54+63+14 || r.skipped[packet.NotIP] != 1 || len(r.headers) != 2 {
						t.Fatalf("%s: %+v", name, r)
					}
					one, two := r.headers[0], r.headers[1]
					if one.Time != 1700000000e9+123456*unit || two.Time != 1700000001e9+5*unit {
						t.Errorf("%s %x: times %d and %d", name, magic, one.Time, two.Time)
					}
					if one.Frame != 1 || one.Seq != 1 || one.Marks != 0 || two.Frame != 2 || two.Seq != 2 || two.Len != 9 || two.Marks != packet.Cut {
						t.Errorf("%s: %+v", name, r.headers)
					}
				}
			}
		}
	})
}

// TestLinkType checks that link types of more than eight bits are told from
// those that they end like.
func TestLinkType(t *testing.T) {
	readers(t, func(t *testing.T, config Config) {
		r := read(t, config, file(t, "a", pcapFile(little, micro, 65535, typeSLL2, record{data: sll2(segment(80, 1, 0))})))
		if r.err() != nil || len(r.headers) != 1 {
			t.Errorf("SLL2: %+v", r)
		}
		// The length of a frame check sequence stands in the upper bits.
		r = read(t, config, file(t, "a", pcapFile(little, micro, 65535, 0x24000001, record{data: append(ethernet(segment(80, 1, 0)), 1, 2, 3, 4)})))
		if r.err() != nil || len(r.headers) != 1 || r.headers[0].Len != 0 {
			t.Errorf("with check sequence: %+v", r)
		}
		for typ, want := range map[uint32]string{
			typePrivate: "147",
			20:          "20", // 276 in eight bits
			257:         "257",
		} {
			path := file(t, "a", pcapFile(little, micro, 65535, typ, record{data: sll2(segment(80, 1, 0))}))
			err := read(t, config, path).err()
			var link *LinkTypeError
			if !errors.As(err, &link) || link.Type != typ || !strings.HasPrefix(err.Error(), path+": link type "+want) {
				t.Errorf("link type %d: %v", typ, err)
			}
		}
	})
}

func TestPcapng(t *testing.T) {
	g := &ng{}
	g.section(little).
		iface(typeEthernet, 65535, -1, 0).
		iface(typeRaw, 65535, 9, 0).
		iface(typeSLL2, 65535, 0x80|20, 1700000000). // 2^-20 s
		packet(0, 1700000000_000001, ethernet(segment(80, 1, 0))).
		packet(1, 1700000000_000000002, segment(80, 2, 0)).
		block(0xbad, []byte("no one knows this block")).
		packet(2, 3<<20|1<<19, sll2(segment(80, 3, 0)))
	g.section(big).
		iface(typePrivate, 65535, -1, 0).
		iface(typeRaw, 65535, 3, -10).
		iface(typeRaw, 65535, 0, 0).
		packet(0, 1, []byte{0}).
		packet(1, 1700000010_004, segment(80, 4, 0)).
		block(5, uint32(1), uint64(0)). // statistics
		packet(2, 1700000005, segment(80, 5, 0)).
		block(blockPacket, uint16(1), uint16(7), uint64(1700000010_006), uint32(40), uint32(40), segment(80, 6, 0))
	g.section(little).
		iface(typeRaw, 42, -1, 0).
		packet(0, 1700000007_000000, segment(80, 7, 0)).
		block(blockSimple, uint32(50), segment(80, 8, 10)[:42])
	r := read(t, Config{}, file(t, "a", g.b))
	if r.err() != nil {
		t.Fatal(r.err())
	}
	const s = 1700000000e9
	want := []int64{s + 1000, s + 2, s + 3.5e9, s + 4e6, s + 5e9, s + 6e6, s + 7e9, s + 7e9}
	var got []int64
	for i, h := range r.headers {
		if h.Seq != packet.Seq(i+1) {
			t.Errorf("segment %d: %+v", i+1, h)
		}
		got = append(got, h.Time)
	}
	if !slices.Equal(got, want) {
		t.Errorf("times\n%v, want\n%v", got, want)
	}
	if r.frames != 9 || r.skipped[packet.UnknownLink] != 1 || r.headers[3].Frame != 5 {
		t.Errorf("frames %d, skipped %v, fourth header %+v", r.frames, r.skipped, r.headers[3])
	}
	if h := r.headers[7]; h.Len != 10 || h.PeekN != 2 || h.Marks != packet.Cut {
		t.Errorf("simple packet: %+v", h)
	}
}

func TestPcapngTime(t *testing.T) {
	for _, test := range []struct {
		unit   uint64
		offset int64
		ticks  uint64
		want   int64
	}{
		{1e6, 0, 1700000000_123456, 1700000000_123456000},
		{1e9, 0, 1700000000_123456789, 1700000000_123456789},
		{1e9, 0, 1<<63 - 1, 9223372035e9 + 854775807},
		{1e3, 0, 1<<63 - 1, 9223372035e9 + 807e6},
		{1e6, 0, 0, 0},
		{1e9, -1700000000, 1, -1700000000e9 + 1},
		{1e19, 0, 1e19 - 1, 999999999},
		{1 << 63, 0, 1 << 62, 5e8},
		{1, 0, 1<<64 - 1, 9223372035e9},
		{1, 1<<63 - 1, 1<<64 - 1, 9223372035e9},
		{1, -1 << 63, 0, -9223372035e9},
	} {
		in := iface{unit: test.unit, offset: test.offset}
		in.count()
		if got := in.time(test.ticks); got != test.want {
			t.Errorf("%+v: got %d", test, got)
		}
	}
}

// TestPcapngOracle compares the pcapng reader with that of pcapgo over files
// of random blocks.
func TestPcapngOracle(t *testing.T) {
	types := []uint16{typeEthernet, typeRaw, 113, 0}
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		g := &ng{}
		for range 1 + rnd.IntN(3) {
			g.section([]binary.AppendByteOrder{little, big}[rnd.IntN(2)])
			n := 1 + rnd.IntN(4)
			for range n {
				// pcapgo takes a resolution of 0 for none, and is inexact beyond 2^-9.
				resolution := []int{-1, 3, 6, 9, 12, 0x80 | 3, 0x80 | 9}[rnd.IntN(7)]
				g.iface(types[rnd.IntN(len(types))], 65535, resolution, rnd.Int64N(1e9))
			}
			for range rnd.IntN(20) {
				data := make([]byte, rnd.IntN(100))
				g.packet(uint32(rnd.IntN(n)), rnd.Uint64N(1<<35), data)
				if rnd.IntN(3) == 0 {
					g.block(0xbad, data)
				}
			}
		}
		oracle, err := pcapgo.NewNgReader(bytes.NewReader(g.b), pcapgo.NgReaderOptions{WantMixedLinkType: true})
		if err != nil {
			t.Fatal(err)
		}
		p := newPcapngReader(newBlocks(bytes.NewReader(g.b)))
		for n := 0; ; n++ {
			data, ci, wantErr := oracle.ZeroCopyReadPacketData()
			var fr frame
			_, err := next(p, &fr)
			if wantErr == io.EOF && err == io.EOF {
				break
			}
			if err != nil || wantErr != nil {
				t.Fatalf("seed %d, frame %d: %v, pcapgo %v", seed, n, err, wantErr)
			}
			if !bytes.Equal(data, fr.data) || ci.Length != fr.wireLen || ci.Timestamp.UnixNano() != fr.time ||
				uint32(ci.AncillaryData[0].(layers.LinkType)) != fr.linkType {
				t.Fatalf("seed %d, frame %d: %+v at %v, pcapgo %+v", seed, n, fr, time.Unix(0, fr.time).UTC(), ci)
			}
		}
	}
}

func TestUnusable(t *testing.T) {
	readers(t, func(t *testing.T, config Config) {
		dir := t.TempDir()
		for _, test := range []struct {
			name, path string
			is         error
			says       string
		}{
			{"no file", filepath.Join(dir, "none.pcap"), fs.ErrNotExist, "no such file or directory"},
			{"directory", dir, ErrDirectory, "is a directory"},
			{"empty", file(t, "a", nil), ErrEmpty, "the file is empty"},
			{"text", file(t, "a", []byte("15:01:27.799961 IP 10.0.0.1\n")), ErrNotCapture, "not a packet capture, but text"},
			{"text in gzip", file(t, "a", gz([]byte("hello"))), ErrNotCapture, "not a packet capture, but text"},
			{"three octets", file(t, "a", []byte{0xd4, 0xc3, 0xb2}), ErrNotCapture, "not a packet capture"},
			{"half a header", file(t, "a", pcapFile(little, micro, 65535, 1)[:20]), ErrNotCapture, "not a packet capture: it ends within the file header"},
			{"variant", file(t, "a", pcapFile(little, 0xa1b2cd34, 65535, 1)), ErrNotCapture, "not a packet capture, but a pcap file of Kuznetzov's variant: convert it with editcap"},
			{"snoop", file(t, "a", []byte("snoop\x00\x00\x00\x00\x00\x00\x02")), ErrNotCapture, "not a packet capture, but a snoop file: convert it with editcap"},
			{"half a gzip header", file(t, "a", gz(nil)[:5]), nil, "the gzip data ends early"},
			{"damaged zstd", file(t, "a", []byte("\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff\xff\xff\xff")), nil, "the zstd data is damaged: "},
		} {
			err := read(t, config, test.path).err()
			var open *OpenError
			if !errors.As(err, &open) || open.File != test.path {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%s: %v is not %v", test.name, err, test.is)
			}
			if !strings.HasPrefix(err.Error(), test.path+": "+test.says) {
				t.Errorf("%s: %v, want %q", test.name, err, test.says)
			}
		}
	})
}

func TestDamaged(t *testing.T) {
	good := record{data: segment(80, 1, 0)}
	raw := func(records ...record) []byte { return pcapFile(little, micro, 65535, typeRaw, records...) }
	begin := func() *ng {
		g := &ng{}
		return g.section(little).iface(typeRaw, 65535, -1, 0).packet(0, 1, segment(80, 1, 0))
	}
	tail := func(g *ng, octets ...byte) []byte { return append(g.b, octets...) }
	for _, test := range []struct {
		b      []byte
		reason string
	}{
		{raw(good, record{data: make([]byte, 120), caplen: 90000, wired: 90000}), "record says 90000 bytes, the file ends after 120"},
		{raw(good, record{data: make([]byte, 120), caplen: 90000}), "record says 90000 bytes, the file ends after 120"},
		{raw(good, record{caplen: 90000, wired: 90000}), "record says 90000 bytes, the file ends after 0"},
		{raw(good, record{data: make([]byte, 120), caplen: 1<<32 - 1, wired: 1<<32 - 1}), "record says 4294967295 bytes, the most that a record can hold is 262144"},
		{raw(good, good)[:24+56+7], "the file ends within the header of the record"},
		{gz(raw(good, record{data: make([]byte, 120), caplen: 90000, wired: 90000})), "record says 90000 bytes, the file ends after 120"},

		{tail(begin(), 6, 0, 0), "the file ends within the header of a block"},
		{tail(begin(), 6, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0), "block says 11 bytes, the least is 12"},
		{tail(begin(), 6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0), "block says 4294967295 bytes, the file ends after 12"},
		{tail(begin(), 9, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0), "block says 16 bytes at its beginning, 12 at its end"},
		{begin().packet(1, 1, nil).b, "packet of interface 1, of which there is no description"},
		{begin().block(blockEnhanced, uint32(0)).b, "packet block of 16 bytes has no room for its fields"},
		{begin().block(blockSimple).b, "packet block of 12 bytes has no room for its fields"},
		{begin().block(blockEnhanced, uint32(0), uint64(0), uint32(41), uint32(41), segment(80, 1, 0)).b, "record says 41 bytes, its block has 40"},
		{begin().block(blockEnhanced, uint32(0), uint64(0), uint32(1<<31), uint32(41), segment(80, 1, 0)).b, "record says 2147483648 bytes, the most that a record can hold is 262144"},
		{begin().block(blockInterface, uint32(0)).b, "interface description of 16 bytes has no room for its fields"},
		{begin().block(blockInterface, uint32(1), uint32(0), uint16(9), uint16(5)).b, "option of an interface description says 5 bytes, 0 are left"},
		{begin().block(blockInterface, uint32(1), uint32(0), uint16(9), uint16(0)).b, "time resolution of 0 bytes, it has 1"},
		{begin().block(blockInterface, uint32(1), uint32(0), uint16(9), uint16(1), []byte{20}).b, "time resolution of 10 to the power of -20, finer than can be counted"},
		{begin().block(blockInterface, uint32(1), uint32(0), uint16(9), uint16(1), []byte{0x80 | 64}).b, "time resolution of 2 to the power of -64, finer than can be counted"},
		{begin().block(blockInterface, uint32(1), uint32(0), uint16(14), uint16(4), uint32(1)).b, "time offset of 4 bytes, it has 8"},
		{begin().section(little).block(blockSimple, uint32(0)).b, "packet without any interface description"},
		{begin().block(blockSection, uint32(0x12345678)).b, "section has the unknown byte order 78563412"},
		{begin().block(blockSection, uint32(0x1a2b3c4d)).b, "section header of 16 bytes has no room for its fields"},
		{begin().block(blockSection, uint32(0x1a2b3c4d), uint16(2), uint16(0), uint64(0)).b, "section of pcapng version 2.0, known is 1.0"},
	} {
		path := file(t, "web.pcap", test.b)
		r := read(t, Config{}, path)
		var format *FormatError
		if !errors.As(r.err(), &format) || r.err().Error() != path+": frame 2: "+test.reason || len(r.errs) != 1 {
			t.Errorf("got %q, want %q", r.errs, test.reason)
		}
		if r.frames != 1 || len(r.headers) != 1 {
			t.Errorf("%s: the frame before it is lost", test.reason)
		}
	}
}

// TestOddLengths checks records that contradict their file's header, or
// themselves, and are read nevertheless.
func TestOddLengths(t *testing.T) {
	long := record{data: segment(80, 1, 1000)}
	r := read(t, Config{}, file(t, "a", pcapFile(little, micro, 100, typeRaw, long, long)))
	if r.err() != nil || len(r.headers) != 2 || r.headers[1].Len != 1000 || r.headers[1].Marks != 0 {
		t.Errorf("longer than the snapshot length: %+v", r)
	}
	more := record{data: segment(80, 1, 10), wired: 20}
	readers(t, func(t *testing.T, config Config) {
		r := read(t, config, file(t, "a", pcapFile(big, micro, 65535, typeRaw, more, more, record{data: segment(80, 2, 0)})))
		if r.err() != nil || len(r.headers) != 3 || r.headers[1].Len != 10 || r.headers[2].Seq != 2 {
			t.Errorf("more captured than was on the wire: %+v", r)
		}
		r = read(t, config, file(t, "a", pcapFile(big, micro, 65535, typeRaw, record{}, record{data: segment(80, 2, 0)})))
		if r.err() != nil || len(r.headers) != 1 || r.frames != 2 {
			t.Errorf("an empty frame: %+v", r)
		}
		r = read(t, config, file(t, "a", pcapFile(big, micro, 65535, typeRaw)))
		if r.err() != nil || r.frames != 0 {
			t.Errorf("no frame: %+v", r)
		}
	})
	// The padding of the last block is left out in its length only.
	g := &ng{}
	g.section(little).iface(typeRaw, 65535, -1, 0)
	data := segment(80, 1, 1)
	b := little.AppendUint32(g.b, blockEnhanced)
	b = little.AppendUint32(b, 32+41)
	b = append(b, make([]byte, 12)...)
	b = little.AppendUint64(b, 41<<32|41)
	b = append(append(b, data...), 0, 0, 0)
	b = little.AppendUint32(b, 32+41)
	r = read(t, Config{}, file(t, "a", b))
	if r.err() != nil || len(r.headers) != 1 {
		t.Errorf("block length without the padding: %+v", r)
	}
}

// TestUnknownLinkTypes checks a pcapng file of which no interface is readable.
func TestUnknownLinkTypes(t *testing.T) {
	g := &ng{}
	g.section(little).iface(typePrivate, 65535, -1, 0).packet(0, 1, []byte{0})
	path := file(t, "a", g.b)
	r := read(t, Config{}, path)
	var link *LinkTypeError
	if !errors.As(r.err(), &link) || link.Type != typePrivate || link.File != path || r.skipped[packet.UnknownLink] != 1 {
		t.Errorf("%+v", r)
	}
}

// TestCutAnywhere cuts files short after every octet.
func TestCutAnywhere(t *testing.T) {
	records := []record{{data: segment(80, 1, 0)}, {data: segment(80, 2, 3)}, {data: segment(80, 3, 0)}}
	g := &ng{}
	g.section(big).iface(typeRaw, 65535, 9, 5)
	ends := map[int]uint64{28: 0, len(g.b): 0} // after the section header, and the interface
	for i, r := range records {
		g.packet(0, uint64(i), r.data)
		ends[len(g.b)] = uint64(i + 1)
	}
	classic := pcapFile(little, nano, 65535, typeRaw, records...)
	classicEnds := map[int]uint64{24: 0}
	at := 24
	for i, r := range records {
		at += 16 + len(r.data)
		classicEnds[at] = uint64(i + 1)
	}
	dir := t.TempDir()
	for _, test := range []struct {
		name    string
		b       []byte
		header  int            // octets without which nothing can be read
		ends    map[int]uint64 // where a file may end, and the frames before
		libpcap bool
	}{
		{"pcap", classic, 24, classicEnds, true},
		{"pcapng", g.b, 4, ends, false},
		{"gzip", gz(classic), 0, nil, true},
		{"zstd", zst(g.b), 0, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for n := range test.b {
				path := filepath.Join(dir, fmt.Sprint(test.name, n))
				if err := os.WriteFile(path, test.b[:n], 0o600); err != nil {
					t.Fatal(err)
				}
				configs := []Config{{}}
				if test.libpcap {
					configs = append(configs, Config{Libpcap: true})
				}
				for _, config := range configs {
					r := read(t, config, path)
					frames, clean := test.ends[n]
					if clean {
						if r.err() != nil || r.frames != frames {
							t.Errorf("cut after %d: %d frames, %v", n, r.frames, r.errs)
						}
						continue
					}
					var open *OpenError
					var format *FormatError
					switch {
					case n == 0:
						if !errors.Is(r.err(), ErrEmpty) {
							t.Errorf("empty: %v", r.err())
						}
					case n < test.header:
						if !errors.Is(r.err(), ErrNotCapture) {
							t.Errorf("cut after %d: %v", n, r.err())
						}
					case test.header > 0 && (!errors.As(r.err(), &format) || format.Frame != r.frames+1):
						t.Errorf("cut after %d: %d frames, %v", n, r.frames, r.err())
					case !errors.As(r.err(), &format) && !errors.As(r.err(), &open):
						t.Errorf("cut after %d: %v", n, r.err())
					}
				}
			}
		})
	}
}

// TestOrder reads a rotated set that was given out of order, one of its files
// damaged.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pair := func(sec, seq uint32) []byte {
		return pcapFile(little, micro, 65535, typeRaw, record{sec: sec, data: segment(80, seq, 0)}, record{sec: sec + 1, data: segment(80, seq+1, 0)})
	}
	third := write("a", pair(30, 5))
	empty := write("b", pcapFile(little, micro, 65535, typeRaw))
	first := write("c", gz(pair(10, 1)))
	second := write("d", append(pair(20, 3), 1, 2, 3))
	readers(t, func(t *testing.T, config Config) {
		f, err := Open([]string{third, empty, first, second}, config)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := f.Names(), []string{first, second, third, empty}; !slices.Equal(got, want) {
			t.Fatalf("order %v, want %v", got, want)
		}
		r := drain(t, f)
		if got := r.seqs(); !slices.Equal(got, []packet.Seq{1, 2, 3, 4, 5, 6}) {
			t.Errorf("segments %v", got)
		}
		for i, h := range r.headers {
			if int(h.File) != i/2 || int(h.Frame) != 1+i%2 {
				t.Errorf("segment %d is frame %d of file %d", i+1, h.Frame, h.File)
			}
		}
		var format *FormatError
		if len(r.errs) != 1 || !errors.As(r.err(), &format) || format.File != second || format.Frame != 3 {
			t.Errorf("errors %v", r.errs)
		}
		done, total := f.Progress()
		if done != total || total == 0 {
			t.Errorf("progress %d of %d", done, total)
		}
	})
	config := Config{Stdin: bytes.NewReader(pair(15, 100))}
	r := read(t, config, third, "-", first)
	if got := r.seqs(); !slices.Equal(got, []packet.Seq{1, 2, 100, 101, 5, 6}) {
		t.Errorf("with the standard input: %v", got)
	}
	if err := read(t, Config{}, first, filepath.Join(dir, "none")).err(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("with a missing file: %v", err)
	}
}

// TestStream checks that frames come out as they arrive, and that waiting for
// the next one can be ended.
func TestStream(t *testing.T) {
	g := &ng{}
	g.section(little).iface(typeRaw, 65535, -1, 0)
	head := g.b
	blocks := func(seq uint32) []byte {
		g.b = nil
		g.packet(0, 1, segment(80, seq, 0)).block(5, uint32(0), uint64(0))
		return g.b
	}
	records := func(seq uint32) []byte {
		return pcapFile(little, micro, 65535, typeRaw, record{data: segment(80, seq, 0)})[24:]
	}
	for _, test := range []struct {
		name   string
		head   []byte
		next   func(uint32) []byte
		config Config
	}{
		{"pcap", pcapFile(little, micro, 65535, typeRaw), records, Config{}},
		{"pcapng", head, blocks, Config{}},
		{"libpcap", pcapFile(little, micro, 65535, typeRaw), records, Config{Libpcap: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, w := io.Pipe()
			test.config.Stdin = r
			type read struct {
				seqs []packet.Seq
				err  error
			}
			out := make(chan read)
			opened := make(chan *Files)
			go func() {
				f, err := Open([]string{"-"}, test.config)
				if err != nil {
					t.Error(err)
				}
				opened <- f
				var b packet.Batch
				for {
					err := f.Read(&b)
					one := read{err: err}
					for i := range b.Headers {
						one.seqs = append(one.seqs, b.Headers[i].Seq)
					}
					out <- one
					if err != nil {
						return
					}
				}
			}()
			w.Write(test.head)
			var f *Files
			expect := func(want ...packet.Seq) {
				t.Helper()
				var got []packet.Seq
				for len(got) < len(want) {
					select {
					case one := <-out:
						if one.err != nil {
							t.Fatal(one.err)
						}
						got = append(got, one.seqs...)
					case <-time.After(5 * time.Second):
						t.Fatalf("frames do not arrive: %v of %v", got, want)
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("got %v, want %v", got, want)
				}
			}
			go func() { w.Write(test.next(1)) }()
			f = <-opened
			expect(1)
			w.Write(append(test.next(2), test.next(3)[:30]...))
			expect(2)
			w.Write(test.next(3)[30:])
			expect(3)
			f.Close()
			select {
			case one := <-out:
				if one.err != io.EOF {
					t.Errorf("after Close: %v", one.err)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("Close does not end the waiting")
			}
		})
	}
}

// TestClose ends the reading of a file before its end.
func TestClose(t *testing.T) {
	path := file(t, "a", many(2*batchHeaders))
	readers(t, func(t *testing.T, config Config) {
		f, err := Open([]string{path}, config)
		if err != nil {
			t.Fatal(err)
		}
		var b packet.Batch
		if err := f.Read(&b); err != nil || b.Frames == 0 {
			t.Fatalf("%d frames, %v", b.Frames, err)
		}
		open := f.cur.file
		f.Close()
		if err := f.Read(&b); err != io.EOF || b.Frames != 0 {
			t.Errorf("after Close: %d frames, %v", b.Frames, err)
		}
		if _, err := open.Stat(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("the file is still open: %v", err)
		}
	})
}

// TestCloseUnmatched closes a file of which no frame passes the filter, so that
// Read has nothing to return for a very long time.
func TestCloseUnmatched(t *testing.T) {
	path := file(t, "a", pcapFile(little, micro, 65535, typeRaw, record{}))
	if err := os.Truncate(path, 1<<40); err != nil { // empty records
		t.Skipf("SKIPPED: no large sparse file: %v", err)
	}
	f, err := Open([]string{path}, Config{Filter: "tcp"})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		var b packet.Batch
		ended <- f.Read(&b)
	}()
	for done := int64(0); done < 4*blockSize; done, _ = f.Progress() {
		runtime.Gosched()
	}
	go f.Close()
	select {
	case err := <-ended:
		if err != io.EOF {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("Close does not end the reading")
	}
}

func TestFilter(t *testing.T) {
	var records []record
	for i := range uint32(6) {
		records = append(records, record{sec: i, data: sll2(segment(uint16(80+i%2), i, 0))})
	}
	path := file(t, "a", pcapFile(little, micro, 65535, typeSLL2, records...))
	readers(t, func(t *testing.T, config Config) {
		config.Filter = "tcp dst port 81"
		r := read(t, config, path)
		if r.err() != nil || r.frames != 3 || !slices.Equal(r.seqs(), []packet.Seq{1, 3, 5}) || r.headers[1].Frame != 4 {
			t.Errorf("SLL2: %+v", r)
		}
		config.Filter = "tcp port"
		r = read(t, config, path)
		var filter *FilterError
		if !errors.As(r.err(), &filter) || filter.Expression != "tcp port" || !strings.Contains(r.err().Error(), "syntax error") {
			t.Errorf("bad filter: %v", r.err())
		}
	})
	g := &ng{}
	g.section(little).iface(typeEthernet, 65535, -1, 0).iface(typeRaw, 65535, -1, 0).
		packet(0, 1, ethernet(segment(80, 1, 0))).
		packet(0, 2, ethernet(segment(81, 2, 0))).
		packet(1, 3, segment(80, 3, 0)).
		packet(1, 4, segment(81, 4, 0)).
		packet(1, 5, nil)
	r := read(t, Config{Filter: "port 81"}, file(t, "a", g.b))
	if r.err() != nil || !slices.Equal(r.seqs(), []packet.Seq{2, 4}) {
		t.Errorf("two link types: %+v", r)
	}
}

// many is a capture of n segments.
func many(n int) []byte {
	records := make([]record, n)
	data := ethernet(segment(80, 1, 60))
	for i := range records {
		records[i] = record{sec: uint32(i), data: data}
	}
	return pcapFile(little, micro, 65535, typeEthernet, records...)
}

func TestReadAllocates(t *testing.T) {
	g := &ng{}
	g.section(little).iface(typeEthernet, 65535, -1, 0)
	for range 100_000 {
		g.packet(0, 1, ethernet(segment(80, 1, 60)))
	}
	for name, test := range map[string]struct {
		b      []byte
		config Config
	}{
		"pcap":     {many(100_000), Config{}},
		"pcapng":   {g.b, Config{}},
		"filtered": {many(100_000), Config{Filter: "tcp"}},
	} {
		f, err := Open([]string{file(t, "a", test.b)}, test.config)
		if err != nil {
			t.Fatal(err)
		}
		var b packet.Batch
		n := testing.AllocsPerRun(50, func() {
			if err := f.Read(&b); err != nil || len(b.Headers) != batchHeaders {
				t.Fatalf("%d headers, %v", len(b.Headers), err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations in a batch of %d frames", name, n, batchHeaders)
		}
		f.Close()
	}
}

// TestMemory checks that no length in a file decides how much is allocated.
func TestMemory(t *testing.T) {
	g := &ng{}
	g.section(little).iface(typeRaw, 1<<32-1, -1, 0).
		block(blockEnhanced, uint32(0), uint64(0), uint32(1<<32-1), uint32(1<<32-1))
	for name, b := range map[string][]byte{
		"pcap":   pcapFile(little, micro, 1<<32-1, typeRaw, record{data: segment(80, 1, 0)}, record{caplen: 1<<32 - 1, wired: 1<<32 - 1}),
		"pcapng": g.b,
		"block":  append(g.b[:len(g.b):len(g.b)], 6, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff),
	} {
		path := file(t, "a", b)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		read(t, Config{}, path)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20 {
			t.Errorf("%s: %d bytes allocated", name, n)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	const n = 100_000
	g := &ng{}
	g.section(little).iface(typeEthernet, 65535, -1, 0)
	for i := range uint64(n) {
		g.packet(0, i, ethernet(segment(80, 1, 60)))
	}
	for name, test := range map[string]struct {
		data   []byte
		config Config
	}{
		"pcap":     {many(n), Config{}},
		"pcapng":   {g.b, Config{}},
		"filtered": {many(n), Config{Filter: "tcp port 80"}},
		"libpcap":  {many(n), Config{Libpcap: true}},
	} {
		path := file(b, "a", test.data)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var batch packet.Batch
			for b.Loop() {
				f, err := Open([]string{path}, test.config)
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					err = f.Read(&batch)
				}
				if err != io.EOF {
					b.Fatal(err)
				}
				f.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/frame")
		})
	}
}

// TestSameHeaders compares the two readers, header by header, over every
// capture that there is.
func TestSameHeaders(t *testing.T) {
	var paths []string
	for _, dir := range []string{"../testdata/pcaps", os.Getenv("RSTWHY_CORPUS"), "../../shared/pcaps"} {
		if dir == "" {
			continue
		}
		filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.Contains(filepath.Base(path), ".pcap") {
				paths = append(paths, path)
			}
			return nil
		})
	}
	if len(paths) == 0 {
		t.Skip("SKIPPED: there is no capture in testdata/pcaps, and no corpus: set RSTWHY_CORPUS")
	}
	for _, path := range paths {
		one, two := read(t, Config{}, path), read(t, Config{Libpcap: true}, path)
		signedSeconds(one.headers, two.headers)
		if stopsAtSecondLinkType(two.err()) {
			// What libpcap read is held against ours; what it did not reach cannot be.
			t.Logf("%s: libpcap ends after frame %d of %d, at the second link type", path, two.frames, one.frames)
			rest := slices.IndexFunc(one.headers, func(h packet.Header) bool { return h.Frame > two.frames })
			if rest < 0 || one.err() != nil {
				t.Errorf("%s: libpcap ends after frame %d, ours reads no further: %v", path, two.frames, one.errs)
				continue
			}
			if diff := cmp.Diff(one.headers[:rest], two.headers); diff != "" {
				t.Errorf("%s: %s", path, diff)
			}
			continue
		}
		if diff := cmp.Diff(one.headers, two.headers); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if one.frames != two.frames || one.skipped != two.skipped || one.bytes != two.bytes || len(one.errs) != len(two.errs) {
			t.Errorf("%s: frames %d and %d, skipped %v and %v, errors %v and %v", path,
				one.frames, two.frames, one.skipped, two.skipped, one.errs, two.errs)
		}
	}
}

// stopsAtSecondLinkType reports whether libpcap gave up where a pcapng file goes
// on with an interface of another link type: a handle has one.
func stopsAtSecondLinkType(err error) bool {
	return err != nil && strings.Contains(err.Error(), "different from the type of the first interface")
}

// signedSeconds puts right what libpcap makes of the seconds of a pcap record
// from 2038 on: it reads the 32 bits as signed, so that the time is 2^32 s less.
// Any other difference stays.
func signedSeconds(ours, libpcap []packet.Header) {
	const second = int64(1e9)
	for i := range min(len(ours), len(libpcap)) {
		if ours[i].Time >= 1<<31*second && ours[i].Time-libpcap[i].Time == 1<<32*second {
			libpcap[i].Time = ours[i].Time
		}
	}
}

func TestSignedSeconds(t *testing.T) {
	const second = int64(1e9)
	for _, c := range []struct{ ours, libpcap, want int64 }{
		{1<<31*second + 5, (1<<31-1<<32)*second + 5, 1<<31*second + 5},
		{1<<31*second + 5, (1<<31-1<<32)*second + 6, (1<<31-1<<32)*second + 6}, // not by 2^32 s
		{(1<<31 - 1) * second, (1<<31 - 1 - 1<<32) * second, (1<<31 - 1 - 1<<32) * second},
	} {
		headers := []packet.Header{{Time: c.libpcap}}
		signedSeconds([]packet.Header{{Time: c.ours}}, headers)
		if headers[0].Time != c.want {
			t.Errorf("ours %d, libpcap %d: %d, want %d", c.ours, c.libpcap, headers[0].Time, c.want)
		}
	}
}

// More files than a frame reference can tell apart are refused before any is
// opened.
func TestTooManyFiles(t *testing.T) {
	_, err := Open(make([]string, packet.MaxFiles+1), Config{})
	if err == nil || err.Error() != "16777217 files are more than the 16777216 that can be told apart" {
		t.Errorf("the error is %v", err)
	}
}
