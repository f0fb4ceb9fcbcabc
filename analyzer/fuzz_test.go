package analyzer_test

import (
	"context"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/rstwhy/rstwhy/analyzer"
	"github.com/rstwhy/rstwhy/flows"
	"github.com/rstwhy/rstwhy/packet"
)

// segments is a source of headers made of raw bytes: few addresses, ports and
// numbers, so that they meet, and any flags, options and times.
type segments struct {
	data []byte
	now  int64
	n    uint64
	rsts int
}

const segmentLen = 20

func (s *segments) Read(b *packet.Batch) error {
	b.Reset()
	for len(s.data) >= segmentLen && len(b.Headers) < cap(b.Headers) {
		d := s.data[:segmentLen]
		s.data = s.data[segmentLen:]
		s.n++
		s.now += int64(binary.LittleEndian.Uint16(d)) << (d[2] & 31)
		if d[2]&0x80 != 0 {
			s.now -= 3e6
		}
		h := packet.Header{
			Time: 1e18 + s.now, Frame: s.n, Len: uint32(d[4]), TTL: d[5], TOS: d[6], IPID: uint16(d[7]),
			Seq: packet.Seq(int8(d[8])) + packet.Seq(d[9])<<24, Ack: packet.Seq(int8(d[10])) + packet.Seq(d[11])<<24,
			Flags: packet.Flags(binary.LittleEndian.Uint16(d[12:])) & 0xfff, Window: uint16(d[14]) << (d[3] >> 4),
			Options: packet.Options(binary.LittleEndian.Uint16(d[15:])), Marks: packet.Marks(d[17]),
			TSVal: uint32(d[18]), TSEcr: uint32(d[19]), MPReason: d[19], PeekN: min(packet.PeekLen, d[4]),
			SrcPort: 40000 + uint16(d[3]&1), DstPort: 80,
		}
		h.Src[15], h.Dst[15] = 1, 2
		if d[3]&2 != 0 {
			h.Src, h.Dst, h.SrcPort, h.DstPort = h.Dst, h.Src, h.DstPort, h.SrcPort
		}
		copy(h.Peek[:], d[4:])
		if h.Flags&packet.RST != 0 {
			s.rsts++
		}
		b.Headers = append(b.Headers, h)
		b.Frames++
		b.First, b.Last = 1e18, max(b.Last, h.Time)
	}
	if len(b.Headers) == 0 {
		return io.EOF
	}
	return nil
}

// whole checks that an incident can be written out.
type whole struct {
	t    *testing.T
	rsts int
}

func (w *whole) Incident(i *analyzer.Incident) error {
	w.rsts += len(i.Frames())
	v := &i.Verdict
	if v.Rule == nil || v.Confidence == 0 || v.Story.Sentence == nil || len(v.Evidence) == 0 {
		w.t.Errorf("frame %d: rule %v, confidence %v, story %v, %d lines of evidence", i.Reset.RST.Frame, v.Rule, v.Confidence, v.Story, len(v.Evidence))
		return nil
	}
	n := plainNamer{i.Reset}
	for k := range v.Evidence {
		e := &v.Evidence[k]
		if text := e.Text(n); text == "" || strings.ContainsAny(text, "{}") {
			w.t.Errorf("%s: evidence with a gap: %q", v.Rule.ID, text)
		}
	}
	for _, a := range v.AlsoFits {
		if a.Rule == v.Rule || a.Tell == "" {
			w.t.Errorf("%s: also fits %s: %q", v.Rule.ID, a.Rule.ID, a.Tell)
		}
	}
	return nil
}

func (w *whole) Note(*flows.Note) error        { return nil }
func (w *whole) Close(*analyzer.Summary) error { return nil }

// Whatever segments come: every RST stands in one incident, and every incident
// can be told in full.
func FuzzVerdicts(f *testing.F) {
	f.Add([]byte("\x00\x10\x00\x00\x00@\x00\x01\x00\x00\x00\x00\x02\x00\xff\x00\x00\x02\x00\x00" +
		"\x00\x10\x00\x02\x00@\x00\x01\x00\x00\x01\x00\x14\x00\x00\x00\x00\x02\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		src := &segments{data: data}
		w := &whole{t: t}
		if _, err := analyzer.Run(context.Background(), src, analyzer.Config{Batch: 64}, w); err != nil {
			t.Fatal(err)
		}
		if w.rsts != src.rsts {
			t.Errorf("%d RSTs in incidents, %d went in", w.rsts, src.rsts)
		}
	})
}
