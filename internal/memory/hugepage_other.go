//go:build !linux

package memory

// AdviseHuge does nothing here.
func AdviseHuge([]byte) {}
