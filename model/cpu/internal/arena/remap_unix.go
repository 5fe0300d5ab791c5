//go:build unix && !linux

package arena

// remap returns n bytes in place of data, which goes back first. With an error it returns what there is then.
func remap(data []byte, n int) ([]byte, error) {
	if err := free(data); err != nil {
		return data, err
	}
	return obtain(n)
}
