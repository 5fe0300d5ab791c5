package arena

import "golang.org/x/sys/unix"

// remap returns n bytes on the pages that data has, and more: the system is slow to provide others, above all to a virtual machine. With an error it
// returns data.
func remap(data []byte, n int) ([]byte, error) {
	grown, err := unix.Mremap(data, n, unix.MREMAP_MAYMOVE)
	if err != nil {
		return data, err
	}
	return grown, nil
}
