package simd

// cpuid executes the instruction of its name.
func cpuid(leaf, sub uint32) (a, b, c, d uint32)

// hostCaches reads the data caches that CPUID describes: leaf 4 of Intel's processors, leaf 0x8000001D, of the same layout, of AMD's. What a
// processor or a hypervisor doesn't say is taken to be common.
func hostCaches() caches {
	sizes := [4]int{1: 32 << 10, 2: 512 << 10, 3: 8 << 20}
	for _, leaf := range []uint32{4, 0x8000001d} {
		if most, _, _, _ := cpuid(leaf&0x80000000, 0); most < leaf {
			continue
		}
		for i := range uint32(8) {
			a, b, c, _ := cpuid(leaf, i)
			kind, level := a&31, a>>5&7
			if kind == 0 {
				break
			}
			if kind == 2 || level > 3 { // of instructions
				continue
			}
			ways, partitions, line := int(b>>22)+1, int(b>>12&1023)+1, int(b&4095)+1
			sizes[level] = ways * partitions * line * (int(c) + 1)
		}
	}
	return caches{sizes[1], sizes[2], sizes[3]}
}

// pause passes about 100 nanoseconds and leaves the core to its other thread meanwhile.
func pause()
