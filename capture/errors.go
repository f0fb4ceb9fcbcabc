package capture

import (
	"errors"
	"fmt"

	"github.com/rstwhy/rstwhy/packet"
)

// Reasons for which a file cannot be read at all. An *OpenError wraps them, or
// the error of the operating system.
var (
	ErrDirectory  = errors.New("is a directory")
	ErrEmpty      = errors.New("the file is empty")
	ErrNotCapture = errors.New("not a packet capture")
	// ErrGitLFS goes with ErrNotCapture: what is there stands for a file that was
	// not fetched.
	ErrGitLFS = errors.New("a Git LFS pointer: git lfs pull fetches the file that it stands for")
)

// OpenError says why a file gave no frame: nothing of it was analysed.
type OpenError struct {
	File string
	Err  error
}

func (e *OpenError) Error() string { return e.File + ": " + e.Err.Error() }

// Unwrap returns what was wrong with the file.
func (e *OpenError) Unwrap() error { return e.Err }

// FormatError says where a file is damaged. The frames before Frame are good.
type FormatError struct {
	File   string
	Frame  uint64 // number of the frame that could not be read, from 1
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: frame %d: %s", e.File, e.Frame, e.Reason)
}

// LinkTypeError says that a file, or the whole of an interface, has a link
// layer that rstwhy does not read.
type LinkTypeError struct {
	File string // name of the file or of the interface
	Type uint32 // LINKTYPE_ value
}

func (e *LinkTypeError) Error() string {
	return fmt.Sprintf("%s: link type %s is not supported", e.File, linkTypeName(e.Type))
}

// FilterError says what libpcap has against a filter expression.
type FilterError struct {
	Expression string
	Link       packet.Link // the link layer that it was compiled for
	Reason     string      // the words of libpcap
}

func (e *FilterError) Error() string {
	return fmt.Sprintf("filter %q on %v: %s", e.Expression, e.Link, e.Reason)
}

// InterfaceError says why an interface cannot be captured on, or no longer. It
// wraps fs.ErrPermission or ErrNoInterface where that is the reason.
type InterfaceError struct {
	Interface string
	Reason    string
	Err       error // may be nil
}

func (e *InterfaceError) Error() string { return e.Interface + ": " + e.Reason }

// Unwrap returns the kind of the error, or nil.
func (e *InterfaceError) Unwrap() error { return e.Err }

// ErrNoInterface says that there is no interface of that name.
var ErrNoInterface = errors.New("no such interface")
