package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openUnnamed opens a new file without a name in a directory, of which nothing is left when
// the program is killed; nil where the file system has none.
func openUnnamed(dir string) *os.File {
	if unix.Access("/proc/self/fd", unix.R_OK|unix.X_OK) != nil {
		return nil // it could get no name: rights were given up, or /proc is not there
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o666)
	if err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), dir)
}

// linkUnnamed gives such a file a name; fs.ErrExist when there is a file of that name.
func linkUnnamed(f *os.File, name string) error {
	// AT_EMPTY_PATH would need CAP_DAC_READ_SEARCH.
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
}
