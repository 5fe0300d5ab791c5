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
}

var avx512 = kernels{
	mr: 12, nr: 32,
	micro:      microAVX512,
	pack:       packAVX512,
	packBF16:   packBF16AVX512,
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
}

// The kernels in assembly. Each computes what the function of its name in kernels_generic.go does.

// microAVX2 has its whole tiles written by tileAVX2, and copies of the others.
func microAVX2(rows, cols, k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool) {
	const mr, nr = 6, 16
	if rows == mr && cols == nr {
		tileAVX2(k, a, ras, cas, b, ldb, c, ldc, add)
		return
	}
	var tile [mr * nr]float32
	for i := 0; add && i < rows; i++ {
		copy(tile[i*nr:][:cols], c[i*ldc:])
	}
	tileAVX2(k, a, ras, cas, b, ldb, tile[:], nr, add)
	for i := range rows {
		copy(c[i*ldc:][:cols], tile[i*nr:])
	}
}

//go:noescape
func tileAVX2(k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool)

//go:noescape
func microAVX512(rows, cols, k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool)

//go:noescape
func prefetchAVX2(p unsafe.Pointer, stride, rows, n int)

//go:noescape
func dotAVX2(a, b []float32) float32

//go:noescape
func sumAVX2(a []float32) float32

//go:noescape
func maxAVX2(a []float32) float32

//go:noescape
func expAVX2(dst, src []float32)

//go:noescape
func expSumAVX2(dst, src []float32, max float32) float32

//go:noescape
func axpyAVX2(dst []float32, a float32, x []float32)

//go:noescape
func scaleAVX2(dst []float32, a float32)

//go:noescape
func addAVX2(dst, x []float32)

//go:noescape
func mulAVX2(dst, x []float32)

//go:noescape
func mulAddAVX2(dst, a, b []float32)

//go:noescape
func swigluAVX2(dst, gate, up []float32)

//go:noescape
func swigluGradAVX2(dgate, dup, dout, gate, up []float32)

//go:noescape
func widenBF16x8AVX2(dst []float32, src []uint16)

//go:noescape
func widenF16x8AVX2(dst []float32, src []uint16)

//go:noescape
func widen4x8AVX2(dst []float32, codes []byte, values *[16]float32, scale float32)

func widenBF16AVX2(dst []float32, src []uint16) {
	n := len(src) &^ 7
	widenBF16x8AVX2(dst[:n], src[:n])
	widenBF16Generic(dst[n:], src[n:])
}

func widenF16AVX2(dst []float32, src []uint16) {
	n := len(src) &^ 7
	widenF16x8AVX2(dst[:n], src[:n])
	widenF16Generic(dst[n:], src[n:])
}

func widen4AVX2(dst []float32, codes []byte, values *[16]float32, scale float32) {
	n := len(dst) &^ 7
	widen4x8AVX2(dst[:n], codes[:n/2], values, scale)
	widen4Generic(dst[n:], codes[n/2:], values, scale)
}
