//go:build !linux

package kernel

// Tracer is only there on Linux.
type Tracer struct{}

// Open returns ErrUnsupported.
func Open() (*Tracer, error) { return nil, ErrUnsupported }

// Read returns ErrUnsupported.
func (*Tracer) Read() (Event, error) { return Event{}, ErrUnsupported }

// Drain returns ErrUnsupported.
func (*Tracer) Drain(func(Event)) error { return ErrUnsupported }

// Lost is always 0.
func (*Tracer) Lost() (uint64, error) { return 0, nil }

// Close does nothing.
func (*Tracer) Close() error { return nil }

func ownNetns() (uint32, error) { return 0, ErrUnsupported }
