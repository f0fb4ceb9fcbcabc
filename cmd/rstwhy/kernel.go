package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/rstwhy/rstwhy/kernel"
)

// What --kernel may be.
const (
	kernelAuto    = "auto"
	kernelRequire = "require"
	kernelOff     = "off"
)

var kernels = []string{kernelAuto, kernelRequire, kernelOff}

// ask begins to hear the kernel of the host, where it is asked and can be heard.
func (o *options) ask(in *input) error {
	if !in.live || o.kernel == kernelOff || o.mask != nil {
		return nil
	}
	l, err := kernel.Listen()
	if err == nil {
		in.kernel = l
		return nil
	}
	err = kernelError(err)
	if o.kernel == kernelRequire {
		return err
	}
	tell(os.Stderr, err.Error()+"; verdicts go by the packets alone")
	return nil
}

// kernelError is why the kernel is not heard, for a user.
func kernelError(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return errNoBPF
	case errors.Is(err, kernel.ErrUnsupported):
		return errNoReasons
	}
	return err
}

var (
	errNoBPF     = errors.New("the kernel is not asked why: that needs the capabilities CAP_BPF and CAP_PERFMON")
	errNoReasons = errors.New("the kernel is not asked why: this one does not say (Linux does from 6.12 on, with BTF)")

	errKernelFiles = errors.New("--kernel asks the kernel of this host, which knows nothing of files: it goes with -i")
	errKernelMask  = errors.New("--kernel names programs, which --anonymize takes out: give one of them")
)
