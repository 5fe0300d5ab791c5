package simd

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

const class = "fma16/1"

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

// hasF16C says whether the processor converts half precision: bit 29 of ECX of leaf 1 of CPUID, which x/sys/cpu does not report. All
// processors with AVX2 do.
func hasF16C() bool

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
	micro:      microAVX2,
	pack:       packAVX2,
	packBF16:   packBF16AVX2,
	prefetch:   prefetchAVX2,
	dot:        dotAVX2,
	sum:        sumAVX2,
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
	softCap:      softCapAVX2,
	sum64:        sum64AVX2,
	sumSq:        sumSqAVX2,
	normalize:    normalizeAVX2,
	normSums:     normSumsAVX2,
	normGrad:     normGradAVX2,
}

var avx512 = kernels{
	mr: 6, nr: 16,
	micro:      microAVX2,
	pack:       packAVX2,
	packBF16:   packBF16AVX2,
	prefetch:   prefetchAVX2,
	dot:        dotAVX512,
	sum:        sumAVX512,
	max:        maxAVX512,
	exp:        expAVX512,
	expSum:     expSumAVX512,
	axpy:       axpyAVX512,
	scale:      scaleAVX512,
	add:        addAVX512,
	mul:        mulAVX512,
	mulAdd:     mulAddAVX512,
	swiglu:     swigluAVX512,
	swigluGrad: swigluGradAVX512,
	widenBF16:  widenBF16AVX512,
	widenF16:   widenF16AVX512,
	widen4:     widen4AVX512,

	addTo:        addToAVX512,
	rotate:       rotateAVX512,
	index:        indexAVX512,
	adamw:        adamwAVX512,
	expScale:     expScaleAVX512,
	expMoments:   expMomentsAVX512,
	softmaxGrad:  softmaxGradAVX512,
	silu:         siluAVX512,
	siluGrad:     siluGradAVX512,
	geluTanh:     geluTanhAVX512,
	geluTanhGrad: geluTanhGradAVX512,
	softCap:      softCapAVX512,
	sum64:        sum64AVX512,
	sumSq:        sumSqAVX512,
	normalize:    normalizeAVX512,
	normSums:     normSumsAVX512,
	normGrad:     normGradAVX512,
}

// The kernels in assembly. Each computes what the function of its name in kernels_generic.go does.

//go:noescape
func microAVX2(k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool)

//go:noescape
func prefetchAVX2(p unsafe.Pointer, stride, rows, n int)

// copy16 and copy6 write k groups of 16 or 6 numbers, stride apart, side by side; transpose16 and transpose6 do it with the transpose, where k
// is a multiple of 4. k is positive.

//go:noescape
func copy16AVX2(dst, src []float32, stride, k int)

//go:noescape
func copy6AVX2(dst, src []float32, stride, k int)

//go:noescape
func transpose16AVX2(dst, src []float32, stride, k int)

//go:noescape
func transpose6AVX2(dst, src []float32, stride, k int)

// The same of bfloat16 numbers; k is a multiple of 8 for the transpose.

//go:noescape
func copy16BF16AVX2(dst []float32, src []uint16, stride, k int)

//go:noescape
func transpose16BF16AVX2(dst []float32, src []uint16, stride, k int)

func packAVX2(dst []float32, w int, src []float32, ras, cas, k int) {
	whole := k &^ 3
	switch {
	case ras == 1 && w == 16:
		copy16AVX2(dst, src, cas, k)
	case ras == 1 && w == 6:
		copy6AVX2(dst, src, cas, k)
	case cas == 1 && (w == 16 || w == 6):
		if whole > 0 && w == 16 {
			transpose16AVX2(dst, src, ras, whole)
		} else if whole > 0 {
			transpose6AVX2(dst, src, ras, whole)
		}
		if whole < k {
			packGeneric(dst[whole*w:], w, src[whole:], ras, cas, k-whole)
		}
	default:
		packGeneric(dst, w, src, ras, cas, k)
	}
}

func packBF16AVX2(dst []float32, w int, src []uint16, ras, cas, k int) {
	whole := k &^ 7
	switch {
	case ras == 1 && w == 16:
		copy16BF16AVX2(dst, src, cas, k)
	case cas == 1 && w == 16:
		if whole > 0 {
			transpose16BF16AVX2(dst, src, ras, whole)
		}
		if whole < k {
			packBF16Generic(dst[whole*w:], w, src[whole:], ras, cas, k-whole)
		}
	default:
		packBF16Generic(dst, w, src, ras, cas, k)
	}
}
