//go:build unix

package arena

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/steelyard-ml/steelyard/internal/memory"
)

// grow returns n bytes or more in place of data, whatever they hold. What is beyond data takes no memory before it is used. With an error it
// returns what there is then.
func grow(data []byte, n int) (grown []byte, err error) {
	n = (n + memory.HugePage - 1) &^ (memory.HugePage - 1)
	if data == nil {
		grown, err = obtain(n)
	} else {
		grown, err = remap(data, n)
	}
	if err != nil {
		return grown, fmt.Errorf("cpu: %d bytes for the buffers of a batch: %w", n, err)
	}
	memory.AdviseHuge(grown)
	return grown, nil
}

func obtain(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func free(data []byte) error {
	if data == nil {
		return nil
	}
	return unix.Munmap(data)
}
