package simd

import "runtime"

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
	column:     column6x16,
	roundPairs: roundPairsGeneric,
	pack:       packNEON,
	packBF16:   packBF16NEON,
	prefetch:   prefetchRows,
	dot:        dotNEON,
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

//go:noescape
func prefetchRows(p uintptr, stride, rows, n int)

// hostCaches returns the sizes that a server's core commonly has: the architecture lets no program ask.
func hostCaches() caches { return caches{l1: 64 << 10, l2: 1 << 20, l3: 8 << 20} }

// pause passes a moment.
func pause() { runtime.Gosched() }
