//go:build unix && !linux

package arena

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// grow returns n bytes in place of data, whatever they hold. They take no memory before they are used. With an error it returns what there is then.
func grow(data []byte, n int) ([]byte, error) {
	if err := free(data); err != nil {
		return data, err
	}
	grown, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("cpu: %d bytes for the buffers of a batch: %w", n, err)
	}
	return grown, nil
}

func free(data []byte) error {
	if data == nil {
		return nil
	}
	return unix.Munmap(data)
}
