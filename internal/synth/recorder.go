package synth

import (
	"encoding/binary"
	"io"
)

// byteOrder is one of binary.LittleEndian and binary.BigEndian.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// recorder writes a capture file. It is our own and not pcapgo's writer for
// three things that one cannot do: a big-endian file, link types above 255
// (LINKTYPE_LINUX_SLL2), and building the frame in place in the output buffer.
type recorder struct {
	w     io.Writer
	buf   []byte
	env   envelope
	order byteOrder
	ng    bool
	nano  bool
	snap  int // 0 keeps whole frames
	err   error

	frames uint64
	bytes  uint64 // written to w or waiting in buf
}

// flushAt is the fill of the buffer at which it is written out.
const flushAt = 1 << 20

// maxRecord is room enough for one record of the longest frame.
const maxRecord = 1 << 17

// defaultSnap is the snapshot length of a file whose frames are whole: what
// tcpdump writes.
const defaultSnap = 262144

func newRecorder(w io.Writer, f *Format) *recorder {
	r := &recorder{
		w:     w,
		env:   envelope{link: f.Link, vlan: f.VLAN, bigEndian: f.BigEndian},
		order: binary.LittleEndian,
		ng:    f.PcapNG,
		nano:  f.Nano,
		snap:  f.Snaplen,
	}
	if f.BigEndian {
		r.order = binary.BigEndian
	}
	r.buf = make([]byte, 0, 4096)
	r.fileHeader()
	return r
}

func (r *recorder) fileHeader() {
	o, snap := r.order, uint32(defaultSnap)
	if r.snap > 0 {
		snap = uint32(r.snap)
	}
	b := r.buf
	if !r.ng {
		magic := uint32(0xa1b2c3d4)
		if r.nano {
			magic = 0xa1b23c4d
		}
		b = o.AppendUint32(b, magic)
		b = o.AppendUint16(b, 2)
		b = o.AppendUint16(b, 4)
		b = o.AppendUint32(b, 0)
		b = o.AppendUint32(b, 0)
		b = o.AppendUint32(b, snap)
		b = o.AppendUint32(b, uint32(r.env.link.Type()))
	} else {
		// Section Header Block, its length unknown.
		b = o.AppendUint32(b, 0x0a0d0d0a)
		b = o.AppendUint32(b, 28)
		b = o.AppendUint32(b, 0x1a2b3c4d)
		b = o.AppendUint16(b, 1)
		b = o.AppendUint16(b, 0)
		b = o.AppendUint64(b, 1<<64-1)
		b = o.AppendUint32(b, 28)
		// Interface Description Block with if_tsresol.
		b = o.AppendUint32(b, 1)
		b = o.AppendUint32(b, 32)
		b = o.AppendUint16(b, r.env.link.Type())
		b = o.AppendUint16(b, 0)
		b = o.AppendUint32(b, snap)
		b = o.AppendUint16(b, 9)
		b = o.AppendUint16(b, 1)
		resolution := byte(6)
		if r.nano {
			resolution = 9
		}
		b = append(b, resolution, 0, 0, 0)
		b = o.AppendUint32(b, 0)
		b = o.AppendUint32(b, 32)
	}
	r.bytes += uint64(len(b) - len(r.buf))
	r.buf = b
}

// record appends the frame of s, captured at time t in nanoseconds since the
// Unix epoch.
func (r *recorder) record(t int64, s *segment) {
	if len(r.buf) >= flushAt {
		r.flush()
	}
	if cap(r.buf)-len(r.buf) < maxRecord {
		// One growth to the final size, and none for a file of a few frames.
		size := min(2*cap(r.buf)+maxRecord, flushAt+maxRecord)
		r.buf = append(make([]byte, 0, size), r.buf...)
	}
	o, b, start := r.order, r.buf, len(r.buf)
	header := 16
	if r.ng {
		header = 28
	}
	b = b[:start+header]
	b = appendFrame(b, s, &r.env)
	wire := len(b) - start - header
	captured := wire
	if r.snap > 0 && captured > r.snap {
		captured = r.snap
		b = b[:start+header+captured]
	}
	h := b[start:]
	if r.ng {
		for len(b)&3 != start&3 {
			b = append(b, 0)
		}
		ticks := uint64(t)
		if !r.nano {
			ticks /= 1000
		}
		total := uint32(len(b) - start + 4)
		o.PutUint32(h, 6) // Enhanced Packet Block
		o.PutUint32(h[4:], total)
		o.PutUint32(h[8:], 0)
		o.PutUint32(h[12:], uint32(ticks>>32))
		o.PutUint32(h[16:], uint32(ticks))
		o.PutUint32(h[20:], uint32(captured))
		o.PutUint32(h[24:], uint32(wire))
		b = o.AppendUint32(b, total)
	} else {
		fraction := uint32(t % 1e9)
		if !r.nano {
			fraction /= 1000
		}
		o.PutUint32(h, uint32(t/1e9))
		o.PutUint32(h[4:], fraction)
		o.PutUint32(h[8:], uint32(captured))
		o.PutUint32(h[12:], uint32(wire))
	}
	r.bytes += uint64(len(b) - start)
	r.frames++
	r.buf = b
}

// flush writes out the buffer and returns the first error of the writer.
func (r *recorder) flush() error {
	if r.err == nil {
		_, r.err = r.w.Write(r.buf)
	}
	r.buf = r.buf[:0]
	return r.err
}
