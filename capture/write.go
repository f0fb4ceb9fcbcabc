package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Writer writes a capture as pcapng, in little-endian order. The
// pcapgo of gopacket writes pcapng too, but no comments.
type Writer struct {
	w     io.Writer
	buf   []byte
	links []link // by interface
}

type link struct {
	name     string
	linkType uint32
	digits   uint8 // of a second that its times have
}

// commentMax bounds a comment: an option holds 64 KiB (pcapng, 3.5).
const commentMax = 8 << 10

// The options that are written.
const (
	optComment  = 1
	optUserAppl = 4
	optPacketID = 5
)

// NewWriter begins a capture made by app, with a comment on all of it.
func NewWriter(w io.Writer, app, comment string) (*Writer, error) {
	out := &Writer{w: w}
	b := binary.LittleEndian.AppendUint32(nil, 0x1a2b3c4d)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint64(b, ^uint64(0)) // the length of the section is not given
	b = option(b, optComment, []byte(clip(comment)))
	b = option(b, optUserAppl, []byte(clip(app)))
	return out, out.block(blockSection, endOptions(b))
}

// Interface returns the number of the interface of that name and link type (a LINKTYPE_
// value), whose times have so many digits of a second, 9 at most, and describes it when it
// is new.
func (w *Writer) Interface(name string, linkType uint32, digits uint8) (int, error) {
	this := link{name, linkType, min(digits, nanoDigits)}
	for k, l := range w.links {
		if l == this {
			return k, nil
		}
	}
	if len(w.links) == maxInterfaces {
		return 0, fmt.Errorf("more than %d interfaces", maxInterfaces)
	}
	if linkType > 1<<16-1 {
		return 0, fmt.Errorf("link type %d has no place in pcapng", linkType)
	}
	w.links = append(w.links, this)
	b := binary.LittleEndian.AppendUint16(nil, uint16(linkType))
	b = append(b, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 0) // no limit of a packet
	b = option(b, optInterfaceName, []byte(clip(name)))
	b = option(b, optTimeResolution, []byte{this.digits})
	return len(w.links) - 1, w.block(blockInterface, endOptions(b))
}

// Packet writes a packet of an interface. The time is in nanoseconds since the Unix
// epoch and not before it, and is written to the digits of the interface; wireLen is how
// long the packet was on the wire, id the number under which it is known (epb_packetid).
func (w *Writer) Packet(iface int, time int64, data []byte, wireLen int, id uint64, comments ...string) error {
	if time < 0 {
		return errors.New("a packet from before 1970 has no time in pcapng")
	}
	for range nanoDigits - w.links[iface].digits {
		time /= 10
	}
	b := w.buf[:0]
	b = binary.LittleEndian.AppendUint32(b, uint32(iface))
	b = binary.LittleEndian.AppendUint32(b, uint32(time>>32))
	b = binary.LittleEndian.AppendUint32(b, uint32(time))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, uint32(wireLen))
	b = pad(append(b, data...))
	for _, c := range comments {
		b = option(b, optComment, []byte(clip(c)))
	}
	b = option(b, optPacketID, binary.LittleEndian.AppendUint64(nil, id))
	w.buf = endOptions(b)
	return w.block(blockEnhanced, w.buf)
}

func (w *Writer) block(typ uint32, body []byte) error {
	length := uint32(len(body) + 12)
	head := binary.LittleEndian.AppendUint32(nil, typ)
	head = binary.LittleEndian.AppendUint32(head, length)
	for _, b := range [][]byte{head, body, head[4:8]} {
		if _, err := w.w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func option(b []byte, code uint16, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...))
}

func endOptions(b []byte) []byte { return append(b, 0, 0, 0, 0) }

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// clip cuts a text at a character.
func clip(s string) string {
	if len(s) <= commentMax {
		return s
	}
	n := commentMax
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
