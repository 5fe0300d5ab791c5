package arena

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/steelyard-ml/steelyard/internal/hugepage"
)

// grow returns n bytes or more in place of data, on the pages that data has: the system is slow to provide others, above all to a virtual machine.
// What is beyond data takes no memory before it is used. With an error it returns what there is then.
func grow(data []byte, n int) (grown []byte, err error) {
	n = (n + hugepage.Size - 1) &^ (hugepage.Size - 1)
	if data == nil {
		grown, err = unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	} else {
		grown, err = unix.Mremap(data, n, unix.MREMAP_MAYMOVE)
	}
	if err != nil {
		return data, fmt.Errorf("cpu: %d bytes for the buffers of a batch: %w", n, err)
	}
	hugepage.Advise(grown)
	return grown, nil
}

func free(data []byte) error {
	if data == nil {
		return nil
	}
	return unix.Munmap(data)
}
