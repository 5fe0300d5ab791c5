package simd

import (
	"golang.org/x/sys/cpu"
)

const class = "fma16/2"

func available() []Level {
	have := []Level{Generic}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && hasF16C() {
		have = append(have, AVX2)
		if cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL {
			have = append(have, AVX512)
		}
	}
	return have
}

// hasF16C says whether the processor converts half precision, which x/sys/cpu does not report. All processors with AVX2 do.
func hasF16C() bool {
	_, _, c, _ := cpuid(1, 0)
	return c>>29&1 == 1
}

func tableOf(l Level) *kernels {
	switch l {
	case AVX2:
		return &avx2
	case AVX512:
		return &avx512
	}
	return &generic
}

var avx2 = kernels{
	mr: 6, nr: 16,
	column:     column6x16,
	roundPairs: roundPairsGeneric,
	pack:       packAVX2,
	packBF16:   packBF16AVX2,
	prefetch:   prefetchRows,
	dot:        dotAVX2,
	max:        maxAVX2,
	exp:        expAVX2,
	expSum:     expSumAVX2,
	axpy:       axpyAVX2,
	scale:      scaleAVX2,
	add:        addAVX2,
	mul:        mulAVX2,
	mulAdd:     mulAddAVX2,
	swiglu:     swigluAVX2,
	swigluGrad: swigluGradAVX2,
	widenBF16:  widenBF16AVX2,
	widenF16:   widenF16AVX2,
	widen4:     widen4AVX2,

	addTo:        addToAVX2,
	rotate:       rotateAVX2,
	index:        indexAVX2,
	adamw:        adamwAVX2,
	expScale:     expScaleAVX2,
	expMoments:   expMomentsAVX2,
	softmaxGrad:  softmaxGradAVX2,
	silu:         siluAVX2,
	siluGrad:     siluGradAVX2,
	geluTanh:     geluTanhAVX2,
	geluTanhGrad: geluTanhGradAVX2,
	gelu:         geluAVX2,
	geluGrad:     geluGradAVX2,
	softCap:      softCapAVX2,
	sum64:        sum64AVX2,
	sumSq:        sumSqAVX2,
	normalize:    normalizeAVX2,
	normSums:     normSumsAVX2,
	normGrad:     normGradAVX2,
}

var avx512 = kernels{
	mr: 8, nr: 48, twins: 64,
	column:      columnAVX512,
	columnPairs: columnPairs(),
	roundPairs:  roundPairsAVX512,
	pack:        packAVX512,
	packBF16:    packBF16AVX512,
	packDown:    copy4x8AVX512,
	prefetch:    prefetchRows,
	dot:         dotAVX512,
	max:         maxAVX512,
	exp:         expAVX512,
	expSum:      expSumAVX512,
	axpy:        axpyAVX512,
	scale:       scaleAVX512,
	add:         addAVX512,
	mul:         mulAVX512,
	mulAdd:      mulAddAVX512,
	swiglu:      swigluAVX512,
	swigluGrad:  swigluGradAVX512,
	widenBF16:   widenBF16AVX512,
	widenF16:    widenF16AVX512,
	widen4:      widen4AVX512,

	addTo:        addToAVX512,
	rotate:       rotateAVX512,
	index:        indexAVX512,
	adamw:        adamwAVX512,
	softmaxStep:  softmaxStepAVX512,
	expScale:     expScaleAVX512,
	expMoments:   expMomentsAVX512,
	softmaxGrad:  softmaxGradAVX512,
	silu:         siluAVX512,
	siluGrad:     siluGradAVX512,
	geluTanh:     geluTanhAVX512,
	geluTanhGrad: geluTanhGradAVX512,
	gelu:         geluAVX512,
	geluGrad:     geluGradAVX512,
	softCap:      softCapAVX512,
	sum64:        sum64AVX512,
	sumSq:        sumSqAVX512,
	normalize:    normalizeAVX512,
	normSums:     normSumsAVX512,
	normGrad:     normGradAVX512,
}

// The kernels in assembly. Each computes what the function of its name that ends in Generic does.

//go:noescape
func columnAVX512(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool, next *ahead)

// columnPairs returns the kernel of pairs where the processor has AVX512_BF16.
func columnPairs() columnKernel {
	if !cpu.X86.HasAVX512BF16 {
		return nil
	}
	return columnPairsAVX512
}

//go:noescape
func columnPairsAVX512(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool, next *ahead)

// roundPairsAVX512 rounds sixteen at a time.
func roundPairsAVX512(dst, src []float32) {
	n := len(src) &^ 15
	if n > 0 {
		roundPairs16AVX512(dst[:n/2], src[:n])
	}
	roundPairsGeneric(dst[n/2:], src[n:])
}

//go:noescape
func roundPairs16AVX512(dst, src []float32)

//go:noescape
func prefetchRows(p uintptr, stride, rows, n int)

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
