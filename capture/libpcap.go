package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/google/gopacket/pcap"

	"github.com/rstwhy/rstwhy/packet"
)

// libpcapReader reads through libpcap what was opened and unpacked for it.
type libpcapReader struct {
	handle   *pcap.Handle
	link     packet.Link
	linkType uint32
	pumped   chan error // how the copying into the pipe ended
}

// newLibpcapReader has libpcap read a pipe, into which a goroutine copies b.
func newLibpcapReader(b *blocks) (reader, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p := &libpcapReader{pumped: make(chan error, 1)}
	go func() {
		_, err := io.Copy(w, b)
		p.pumped <- err
		w.Close()
	}()
	if p.handle, err = openPipe(r); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNotCapture, err)
	}
	p.linkType = dataLink(p.handle)
	p.link, _ = packet.LinkFromType(p.linkType)
	return p, nil
}

// openPipe has libpcap open the reading end of a pipe a second time, so that
// the descriptor of r stays with r.
func openPipe(r *os.File) (*pcap.Handle, error) {
	return pcap.OpenOffline(fmt.Sprintf("/dev/fd/%d", r.Fd()))
}

// dataLink returns the whole DLT_ value of a handle, of which LinkType has but
// eight bits. It is the LINKTYPE_ value, or one that LinkFromType knows as well.
func dataLink(handle *pcap.Handle) uint32 {
	short := uint8(handle.LinkType())
	links, err := handle.ListDataLinks()
	if err == nil {
		for _, l := range links {
			if full := pcap.DatalinkNameToVal(l.Name); uint8(full) == short {
				return uint32(full)
			}
		}
	}
	return uint32(short)
}

func (p *libpcapReader) fill(s *sink) error {
	// libpcap does not tell whether it has a frame or would wait for one.
	for !s.leave() {
		data, ci, err := p.handle.ZeroCopyReadPacketData()
		if err != nil {
			return p.failed(err)
		}
		if !s.add(ci.Timestamp.UnixNano(), p.link, p.linkType, data, ci.Length) {
			return nil
		}
	}
	return nil
}

// failed finds out why libpcap gave no frame.
func (p *libpcapReader) failed(err error) error {
	if err != io.EOF && err != pcap.NextErrorReadError {
		return err
	}
	// What libpcap takes for the end may be where unpacking failed.
	select {
	case broken := <-p.pumped:
		if broken != nil {
			return broken
		}
	default:
	}
	if err == pcap.NextErrorReadError {
		return p.handle.Error()
	}
	return err
}

func (p *libpcapReader) close() { p.handle.Close() }

// emptyCapture makes a handle for compiling filters. pcap.NewBPF takes but
// eight bits of a link type; the header of a file has room for all of them.
func emptyCapture(linkType uint32) (*pcap.Handle, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var head [pcapHeaderLen]byte
	binary.LittleEndian.PutUint32(head[0:], 0xa1b2c3d4)
	binary.LittleEndian.PutUint16(head[4:], 2)
	binary.LittleEndian.PutUint16(head[6:], 4)
	binary.LittleEndian.PutUint32(head[16:], maxRecord)
	binary.LittleEndian.PutUint32(head[20:], linkType)
	_, err = w.Write(head[:])
	w.Close()
	if err != nil {
		return nil, err
	}
	return openPipe(r)
}
