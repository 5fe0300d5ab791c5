//go:build unix

package arena

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// obtain returns n bytes of zeros. They take no memory before they are used.
func obtain(n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	data, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("cpu: %d bytes for the buffers of a batch: %w", n, err)
	}
	return data, nil
}

func free(data []byte) error {
	if data == nil {
		return nil
	}
	return unix.Munmap(data)
}
