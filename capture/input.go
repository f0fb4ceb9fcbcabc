package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// maxRecord is the largest frame that a capture can hold, libpcap's
	// MAXIMUM_SNAPLEN. A record that claims more is damaged.
	maxRecord = 262144
	// maxWindow is how far zstd may look back: what the zstd tool itself
	// accepts without being told otherwise.
	maxWindow = 128 << 20
)

// input is one file or stream to read.
type input struct {
	path, name string
	size       int64        // octets of a regular file, else 0
	count      atomic.Int64 // octets read, before decompression
	waits      bool         // a read may wait for whoever writes
	reopen     bool         // it can be closed and opened again

	first      int64 // time of the first frame, when it was asked for
	unreadable error // what Open has found out, for Read to report
	pending    frame // read ahead of its turn
	hasPending bool

	stopped atomic.Bool // Close was called
	file    *os.File
	stream  *stream
	b       *blocks // what r reads
	r       reader
}

// open makes in.r, unless it is there already.
func (in *input) open(f *Files) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return errClosed
	}
	if in.r != nil {
		return nil
	}
	err := in.openReader(f.config)
	if err != nil {
		in.close()
		var link *LinkTypeError
		if errors.As(err, &link) {
			return err
		}
		return &OpenError{in.name, err}
	}
	return nil
}

func (in *input) openReader(config Config) error {
	var src io.Reader
	if in.path == "-" {
		src = config.Stdin
		if src == nil {
			src = os.Stdin
		}
		in.waits = true
	} else {
		file, err := os.Open(in.path)
		if err != nil {
			var path *fs.PathError
			if errors.As(err, &path) {
				return path.Err
			}
			return err
		}
		src, in.file = file, file
	}
	if file, ok := src.(interface{ Stat() (fs.FileInfo, error) }); ok {
		info, err := file.Stat()
		switch {
		case err != nil:
			return err
		case info.IsDir():
			return ErrDirectory
		}
		in.waits = !info.Mode().IsRegular()
		in.reopen = !in.waits && in.path != "-"
		if !in.waits {
			in.size = info.Size()
		}
	}
	in.count.Store(0)
	in.stopped.Store(false)
	src = &counter{src, in}
	if in.waits {
		in.stream = newStream(src)
		src = in.stream
	}
	var err error
	if in.b, err = unpack(newBlocks(src)); err != nil {
		return err
	}
	in.r, err = newReader(in.name, in.b, config.Libpcap)
	return err
}

func (in *input) close() {
	in.interrupt()
	if in.r != nil {
		in.r.close()
		in.r = nil
	}
	in.hasPending = false
	if in.file != nil {
		in.file.Close()
		in.file = nil
	}
}

// interrupt ends a read that waits for input, and every later one.
func (in *input) interrupt() {
	in.stopped.Store(true)
	if in.stream != nil {
		in.stream.interrupt()
	}
}

// counter is what all that is read of an input goes through.
type counter struct {
	r  io.Reader
	in *input
}

func (c *counter) Read(p []byte) (int, error) {
	if c.in.stopped.Load() {
		return 0, errClosed
	}
	n, err := c.r.Read(p)
	c.in.count.Add(int64(n))
	return n, err
}

// unpack looks at the first octets of b and decompresses what is compressed.
func unpack(b *blocks) (*blocks, error) {
	magic, err := b.peek(4)
	if len(magic) == 0 && err == io.EOF {
		return nil, ErrEmpty
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	u := &unpacker{}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		u.format = "gzip"
		u.r, err = gzip.NewReader(bufio.NewReader(b))
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		u.format = "zstd"
		u.r, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	default:
		return b, nil
	}
	if err != nil {
		return nil, u.explain(err)
	}
	return newBlocks(u), nil
}

// unpacker names the compression in errors, so that the end of the compressed
// data is told from the end of what was compressed.
type unpacker struct {
	format string
	r      io.Reader
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && err != io.EOF {
		err = u.explain(err)
	}
	return n, err
}

func (u *unpacker) explain(err error) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the %s data ends early", u.format)
	}
	return fmt.Errorf("the %s data is damaged: %w", u.format, err)
}

// newReader finds out the format of a capture by its first octets.
func newReader(name string, b *blocks, libpcap bool) (reader, error) {
	head, err := b.peek(4)
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case isPcap(head):
		return newPcapReader(name, b, libpcap)
	case bytes.Equal(head, pcapngMagic[:]):
		if libpcap {
			return newLibpcapReader(b)
		}
		return newPcapngReader(b), nil
	}
	head, _ = b.peek(min(512, max(len(b.held()), 4)))
	if bytes.HasPrefix(head, []byte("version https://git-lfs.github.com/spec/")) {
		return nil, fmt.Errorf("%w, but %w", ErrNotCapture, ErrGitLFS)
	}
	if what := lookLike(head); what != "" {
		return nil, fmt.Errorf("%w, but %s", ErrNotCapture, what)
	}
	return nil, ErrNotCapture
}

// lookLike names what people pass for a capture by mistake.
func lookLike(head []byte) string {
	for _, known := range [...]struct{ magic, name string }{
		{"snoop\x00\x00\x00", "a snoop file: convert it with editcap"},
		{"GMBU", "a Microsoft Network Monitor file: convert it with editcap"},
		{"RTSS", "a Microsoft Network Monitor file: convert it with editcap"},
		{"\x34\xcd\xb2\xa1", "a pcap file of Kuznetzov's variant: convert it with editcap"},
		{"\xa1\xb2\xcd\x34", "a pcap file of Kuznetzov's variant: convert it with editcap"},
		{"PK\x03\x04", "a zip archive"},
		{"\xfd7zXZ\x00", "xz data: unpack it first"},
		{"BZh", "bzip2 data: unpack it first"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			return known.name
		}
	}
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && len(head) >= utf8.UTFMax || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return ""
		}
		head = head[n:]
	}
	return "text"
}
