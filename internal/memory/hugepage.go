package memory

// HugePage is a huge page's size: 2 MiB, as on amd64, and on arm64 with pages of 4 KiB.
const HugePage = 2 << 20

// Arrays returns arrays of zeros on huge pages, each right behind the one before it in memory. An array's capacity reaches over those behind it.
func Arrays(lengths []int) [][]float32 {
	total := 0
	for _, n := range lengths {
		total += n
	}
	all := make([]float32, total)
	AdviseHuge(Bytes(all)) // where that is a copy, the advice is for nothing
	arrays := make([][]float32, len(lengths))
	for i, n := range lengths {
		arrays[i], all = all[:n], all[n:]
	}
	return arrays
}
