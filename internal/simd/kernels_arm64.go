package simd

import (
	"runtime"
	"unsafe"
)

// NEON should give the bits of fma16/2, and does under emulation. It is a class of its own until tests on hardware have shown it.
const class = "generic/2"

// available returns the levels of every processor of the architecture.
func available() []Level { return []Level{Generic, NEON} }

func tableOf(l Level) *kernels {
	if l == NEON {
		return &neon
	}
	return &generic
}

var neon = kernels{
	mr: 6, nr: 16,
	column:     columnNEON,
	roundPairs: roundPairsGeneric,
	pack:       packNEON,
	packBF16:   packBF16NEON,
	prefetch:   prefetchNEON,
	dot:        dotNEON,
	sum:        sumNEON,
	max:        maxNEON,
	exp:        expNEON,
	expSum:     expSumNEON,
	axpy:       axpyNEON,
	scale:      scaleNEON,
	add:        addNEON,
	mul:        mulNEON,
	mulAdd:     mulAddNEON,
	swiglu:     swigluNEON,
	swigluGrad: swigluGradNEON,
	widenBF16:  widenBF16NEON,
	widenF16:   widenF16NEON,
	widen4:     widen4NEON,

	addTo:        addToNEON,
	rotate:       rotateNEON,
	index:        indexNEON,
	adamw:        adamwNEON,
	expScale:     expScaleNEON,
	expMoments:   expMomentsNEON,
	softmaxGrad:  softmaxGradNEON,
	silu:         siluNEON,
	siluGrad:     siluGradNEON,
	geluTanh:     geluTanhNEON,
	geluTanhGrad: geluTanhGradNEON,
	gelu:         geluGeneric,
	geluGrad:     geluGradGeneric,
	softCap:      softCapNEON,
	sum64:        sum64NEON,
	sumSq:        sumSqNEON,
	normalize:    normalizeNEON,
	normSums:     normSumsNEON,
	normGrad:     normGradNEON,
}

// The kernels in assembly. Each computes what the function of its name in kernels_generic.go does.

// columnNEON has its whole tiles written by tileNEON, and copies of the others.
func columnNEON(rows, cols, k int, a []float32, step, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool) {
	const mr, nr = 6, 16
	for i := 0; i < rows; i += mr {
		tile, m := c[i*ldc:], min(mr, rows-i)
		if next := i + mr; add && next < rows {
			prefetchNEON(unsafe.Pointer(&c[next*ldc]), 4*ldc, min(mr, rows-next), 4*cols)
		}
		if from := a[i/mr*step:]; m == mr && cols == nr {
			tileNEON(k, from, ras, cas, b, ldb, tile, ldc, add)
		} else {
			edgeNEON(m, cols, k, from, ras, cas, b, ldb, tile, ldc, add)
		}
	}
}

// edgeNEON computes a tile of fewer rows or columns.
func edgeNEON(rows, cols, k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool) {
	const mr, nr = 6, 16
	var tile [mr * nr]float32
	for i := 0; add && i < rows; i++ {
		copy(tile[i*nr:][:cols], c[i*ldc:])
	}
	tileNEON(k, a, ras, cas, b, ldb, tile[:], nr, add)
	for i := range rows {
		copy(c[i*ldc:][:cols], tile[i*nr:])
	}
}

//go:noescape
func tileNEON(k int, a []float32, ras, cas int, b []float32, ldb int, c []float32, ldc int, add bool)

//go:noescape
func prefetchNEON(p unsafe.Pointer, stride, rows, n int)

// hostCaches returns the sizes that a server's core commonly has: the architecture lets no program ask.
func hostCaches() caches { return caches{l1: 64 << 10, l2: 1 << 20, l3: 8 << 20} }

// pause passes a moment.
func pause() { runtime.Gosched() }
