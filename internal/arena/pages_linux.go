//go:build !rstwhy_heap

package arena

import "syscall"

// pages returns n octets of zeroed memory that the garbage collector does not
// know, in huge pages where the system has them: connections are met in no
// order, and with pages of 4 KiB nearly each of them costs a walk through the
// page tables, and its first use a fault. It returns nil when there is none.
func pages(n int) []byte {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil
	}
	syscall.Madvise(b, syscall.MADV_HUGEPAGE) // a kernel without them is only slower
	return b
}

func unmap(b []byte) { syscall.Munmap(b) }
