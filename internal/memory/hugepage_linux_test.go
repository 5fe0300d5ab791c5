package memory

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

// TestAdviseHuge reads in the kernel's list of mappings that large arrays have the flag of huge pages, and small ones don't ask.
func TestAdviseHuge(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage/enabled"); err != nil {
		t.Skip("this kernel has no transparent huge pages: there is nothing to ask for")
	}
	large := Arrays([]int{8 << 20})[0]
	if middle := &large[4<<20]; !flagged(t, uintptr(unsafe.Pointer(middle))) {
		t.Error("32 MiB of numbers are not advised to lie on huge pages")
	}
	AdviseHuge(nil)
	AdviseHuge(make([]byte, 3)) // less than a page
}

// flagged says whether the mapping of an address has the flag hg.
func flagged(t *testing.T, address uintptr) bool {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for _, line := range strings.Split(string(text), "\n") {
		var from, to uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			inside = from <= address && address < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && inside {
			return strings.Contains(flags+" ", " hg ")
		}
	}
	t.Fatalf("no mapping holds %#x", address)
	return false
}
