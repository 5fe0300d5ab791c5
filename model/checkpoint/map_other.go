//go:build !unix

package checkpoint

import (
	"io"
	"os"
)

// release does nothing where there is no mmap.
func release([]byte) error { return nil }

// mapFile reads a file where there is no mmap.
func mapFile(f *os.File) ([]byte, func() error, error) {
	data, err := io.ReadAll(f)
	return data, func() error { return nil }, err
}
