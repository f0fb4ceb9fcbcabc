package capture

import (
	"bufio"
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

// newLibpcapReader has libpcap read a pipe, into which a goroutine copies br.
func newLibpcapReader(br *bufio.Reader) (reader, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p := &libpcapReader{pumped: make(chan error, 1)}
	go func() {
		_, err := io.Copy(w, br)
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

func (p *libpcapReader) next(fr *frame) (bool, error) {
	data, ci, err := p.handle.ZeroCopyReadPacketData()
	switch {
	case err == io.EOF || err == pcap.NextErrorReadError:
		// What libpcap takes for the end may be where unpacking failed.
		select {
		case broken := <-p.pumped:
			if broken != nil {
				return false, broken
			}
		default:
		}
		if err == pcap.NextErrorReadError {
			err = p.handle.Error()
		}
		return false, err
	case err != nil:
		return false, err
	}
	fr.data, fr.wireLen, fr.time = data, ci.Length, ci.Timestamp.UnixNano()
	fr.link, fr.linkType = p.link, p.linkType
	return true, nil
}

// ready is false because libpcap does not tell what it has buffered.
func (p *libpcapReader) ready() bool { return false }

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
