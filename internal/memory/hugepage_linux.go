package memory

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// AdviseHuge asks for huge pages for memory that is not touched yet. It is advice: what the system makes of it changes no result. A system may hold
// whole pages where little is used, so ask only for what will be used whole.
func AdviseHuge(data []byte) {
	if len(data) < HugePage {
		return
	}
	page := unix.Getpagesize()
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(data)))) & (page - 1)
	whole := (len(data) - skip) &^ (page - 1)
	_ = unix.Madvise(data[skip:skip+whole], unix.MADV_HUGEPAGE)
}
