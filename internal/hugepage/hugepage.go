package hugepage

import "unsafe"

// Size is a huge page's: 2 MiB, as on amd64, and on arm64 with pages of 4 KiB.
const Size = 2 << 20

// Floats returns arrays of zeros, side by side in memory, each from a cache line on. An array's capacity reaches over those behind it.
func Floats(lengths []int) [][]float32 {
	total := 0
	for _, n := range lengths {
		total += round(n)
	}
	all := make([]float32, total)
	Advise(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(all))), 4*len(all)))
	arrays := make([][]float32, len(lengths))
	for i, n := range lengths {
		arrays[i], all = all[:n], all[round(n):]
	}
	return arrays
}

// round makes an array end where a cache line does.
func round(n int) int { return (n + 15) &^ 15 }
