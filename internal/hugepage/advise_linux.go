package hugepage

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Advise asks for huge pages for memory that is not touched yet. It is advice: what the system makes of it changes no result.
func Advise(data []byte) {
	if len(data) < Size {
		return
	}
	page := unix.Getpagesize()
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(data)))) & (page - 1)
	whole := (len(data) - skip) &^ (page - 1)
	_ = unix.Madvise(data[skip:skip+whole], unix.MADV_HUGEPAGE)
}
